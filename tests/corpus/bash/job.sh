# Job control of an interactive kind, in a shell of its own; process ids differ from run to run.
bash --norc <<'BASH' 2>errors | sed -E 's/\b[0-9]{5,}$/PID/'
set -m
sleep 100 &
jobs | tr -s ' '
kill -STOP %1; until jobs | grep -q Stopped; do sleep 0.05; done; jobs | tr -s ' '
bg %1 >/dev/null; jobs | tr -s ' '
kill %1; wait %1 2>/dev/null; echo "ended $?"
(exit 3) & wait -n; echo "wait -n $?"
sh -c 'kill -STOP $$; echo continued' & until jobs | grep -q Stopped; do sleep 0.05; done; fg %% >/dev/null; echo "fg $?"
trap 'echo trapped' USR1; kill -USR1 $$; trap 'echo leaving' EXIT
coproc upper { tr a-z A-Z; }; echo coprocess >&"${upper[1]}"; eval "exec ${upper[1]}>&-"; cat <&"${upper[0]}"
diff <(seq 3) <(seq 4)
mapfile -t lines < <(printf '%s\n' a b c); echo "${#lines[@]}"
exec 7<>/dev/tcp/127.0.0.1/1
echo "tcp $?"
ulimit -n 256; ulimit -n
timeout 0.1 sleep 5; echo "timeout $?"
(ulimit -t 1; while :; do :; done) 2>/dev/null; echo "cpu limit $?"
nohup true; setsid -w sh -c 'exit 5'; echo "setsid $?"
printf '%s\n' {1..5} | xargs -P 4 -I{} sh -c 'echo {}' | sort | tr '\n' ' '; echo
exec -a other bash -c 'echo "$0"; exit 9'
BASH
echo "exit $?"
sed -E '/Killed|Terminated/,/^\)/d; s/^ +[0-9]+/PID/' errors
