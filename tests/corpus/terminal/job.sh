# A terminal made inside: script(1), stty, tmux, less, a program that draws.
script -qec 'test -t 0 && test -t 1 && echo terminal; stty rows 33 cols 99; stty size; stty -a | grep -o "intr = ^C"' /dev/null </dev/null | tr -d '\r'
script -qec 'exit 7' /dev/null </dev/null; echo "script $?"
script -qec 'sh -c "trap \"echo interrupted; exit 3\" INT; kill -INT \$\$; sleep 1"' /dev/null </dev/null | tr -d '\r'
tmux -L corpus -f /dev/null new-session -d -x 80 -y 24 'exec sh -i'
tmux -L corpus send-keys 'PS1=; clear; tput cols; echo in the $((1 + 1))nd' Enter
i=0; until tmux -L corpus capture-pane -p | grep -q 2nd; do i=$((i + 1)); [ $i -lt 100 ] || break; sleep 0.1; done
tmux -L corpus capture-pane -p | grep -v '^$' | tail -n 2
tmux -L corpus split-window 'sleep 100'; tmux -L corpus list-panes -F '#{pane_index} #{pane_width}x#{pane_height}'
tmux -L corpus kill-server; echo "tmux $?"
script -qec 'printf "a\nb\nc\n" | more | cat; tput bold | od -c | head -n 1; tty | grep -c pts' /dev/null </dev/null | tr -d '\r'
