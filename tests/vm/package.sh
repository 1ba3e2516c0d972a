#!/bin/bash
# Runs in the virtual machine: the package as people install it. /host: aether.deb, its newer versions in newer/, and this folder.
# The machine restarts in between: what is done is on its disk. `package.sh all` does what `package.sh short` leaves out as well.
# shellcheck disable=SC2016,SC2317,SC2329  # most functions are called by name
set -u
# shellcheck source=tests/vm/steps.sh
. "$(dirname "$0")/steps.sh"

# inits: of the agents that write a diary. Their other processes come and go.
inits() {
  first diary-1 && first diary-2 && first diary-3
}

# died: how many of those that were at work do not run any more.
died() {
  local name count=0
  for name in limited connected diary-1 diary-2 diary-3; do
    [ "$(state "$name")" = running ] || count=$((count + 1))
  done
  echo "$count"
}

# throttled NAME: did the kernel hold it back?
throttled() {
  local times
  times="$(sed -n 's/^nr_throttled //p' "$(cgroup "$1")/cpu.stat")"
  echo "throttled $times times"
  [ "$times" -gt 0 ]
}

# policies: what happens to the units when an agent is out of memory.
policies() {
  echo "$(value aetherd.service OOMPolicy) $(value aether-agents.service OOMPolicy)"
}

# keeps_asking: asks for the service's health fifty times a second, and writes the moment of each answer down.
keeps_asking() {
  exec python3 -c '
import socket, time
while True:
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(60)
            line.connect("/run/aether/aether.sock")
            line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := line.recv(4096):
                answer += piece
        if answer.startswith(b"HTTP/1.1 200"):
            print(time.monotonic(), flush=True)
    except OSError:
        pass
    time.sleep(0.02)' >>"$kept/answers"
}

# spent: how long systemd waited for the service to stop, and to start, at most, seconds.
spent() {
  journalctl -u aetherd --no-pager -o short-unix | awk '
    / Stopping aetherd/ { from = $1 } / Stopped aetherd/ && from && $1 - from > stop { stop = $1 - from }
    / Starting aetherd/ { from = $1 } / Started aetherd/ && $1 - from > start { start = $1 - from }
    END { printf "of it at most %.1f s to stop and %.1f s to start\n", stop, start }'
}

# keeps_working: creates and uses agents without a pause, and writes down how each went.
keeps_working() {
  while :; do
    if [ "$(aether run --rm -- echo hello 2>>"$kept/refusals")" = hello ]; then
      echo "done" >>"$kept/work"
    else
      echo failed >>"$kept/work"
    fi
  done
}

# widest: the longest time between two answers is at most five seconds.
widest() {
  local gap
  gap="$(awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.1f", gap }' "$kept/answers")"
  printf '| %s | 5 | %s | %s s | %s | %s | %s |\n' "$(find /host/newer -name '*.deb' | wc -l)" "$(died)" "$gap" \
    "$(wc -l <"$kept/answers")" "$(grep -c "done" "$kept/work")" "$(grep -c failed "$kept/work")" >/out/upgrades
  spent
  cat /out/upgrades "$kept/refusals"
  awk -v gap="$gap" 'END { exit gap > 5 || NR < 20 }' "$kept/answers"
}

# older: to put an older version over a newer one.
older() {
  dpkg -i /host/aether.deb
}

# field NAME VALUE: is there a record of the service's own in the journal with that field?
field() {
  journalctl _SYSTEMD_UNIT=aetherd.service _COMM=aetherd -o json --no-pager | FIELD="$1" VALUE="$2" python3 -c '
import json, os, sys
said = {str(r[os.environ["FIELD"]]) for r in map(json.loads, sys.stdin) if os.environ["FIELD"] in r}
print(said); sys.exit(os.environ["VALUE"] not in said)'
}

# finding NAME WORDS: is the doctor content with that, in these words?
finding() {
  aether doctor --json | NAME="$1" WORDS="$2" python3 -c '
import json, os, sys
found = next(f for f in json.load(sys.stdin)["findings"] if f["name"] == os.environ["NAME"])
print(found)
sys.exit(found["status"] != "ok" or os.environ["WORDS"] not in found["detail"])'
}

# the_world: a host outside, which serves a page. It has two names.
the_world() {
  ip netns add world
  ip link add w0 type veth peer name w1 netns world
  ip addr add 93.184.215.1/24 dev w0
  ip link set w0 up
  ip -n world addr add 93.184.215.14/24 dev w1
  ip -n world link set w1 up
  echo '93.184.215.14 allowed.example other.example' >>/etc/hosts
  mkdir -p /root/www
  echo from the world >/root/www/page
  (cd /root/www && exec ip netns exec world python3 -m http.server 80 >/dev/null 2>&1) &
  soon reaches 'from the world' allowed.example python3 -c "$get"
}

get='
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(f"http://{sys.argv[1]}/page", timeout=20).read().decode())
except urllib.error.HTTPError as refusal:
    print(refusal.code, refusal.read().decode())
except OSError as error:
    print(error)'
# reaches WORDS HOST COMMAND...: what the command, which is given the name of a host, reads there.
reaches() {
  local words="$1" host="$2"
  shift 2
  lists "$words" "$@" "$host"
}

# ahead: does a sandbox wait for an agent?
ahead() {
  local known group
  known="$(aether ps -a --json | python3 -c 'import json, sys; print(*(agent["id"] for agent in json.load(sys.stdin)), sep="\n")')"
  for group in /sys/fs/cgroup/aether.slice/aether-agents.service/aether-*/*/; do
    group="${group%/}"
    grep -qxF "${group##*/}" <<<"$known" || [ -z "$(cat "$group/cgroup.procs")" ] || return 0
  done
  return 1
}

declare_agent() {
  mkdir -p /etc/aether/agents.d
  printf '[program]\ntype = "command"\nargv = ["sh", "-c", "while :; do echo tick; sleep 1; done"]\n' >/etc/aether/agents.d/clock.toml
}

if [ ! -e "$kept/restarted" ]; then
  printf -- '-- install\n'
  holds 'the package installs' installed
  holds 'the service is up' prints active value aetherd.service ActiveState
  if [ "$failed" -gt 0 ]; then
    journalctl -u aetherd --no-pager -n 20
    counted
    exit
  fi
  holds 'its socket, too' prints active value aetherd.socket ActiveState
  holds 'systemd finds nothing wrong with the units' systemd-analyze verify --man=no aetherd.service aetherd.socket aether-agents.service aether.slice
  holds 'the service has a user of its own' prints aether stat -c %U /var/lib/aether/aether.db
  holds 'an agent runs' prints hello aether run --rm -- echo hello
  holds 'doctor finds nothing wrong' ends 0 aether doctor
  mkdir -p /root/lent
  holds 'a directory can be lent' ends 0 aether run --rm --mount /root/lent:/mnt/lent -- touch /mnt/lent/file
  holds 'and what the agent wrote is there' test -f /root/lent/file

  printf -- '\n-- limits\n'
  id="$(aether run -d --name limited --memory 64M --pids 20 --cpus 0.2 -- sh -c 'while :; do :; done')"
  holds "an agent's cgroup is below the place of agents" cgroup limited
  holds 'memory is limited there' limit limited memory.max 67108864
  holds 'processes, too' limit limited pids.max 20
  holds 'processors, too' limit limited cpu.max '20000 100000'
  holds 'its home, too, by a volume that the service made' lists 'by project quota, ext4 volume' aether inspect limited
  holds 'the kernel holds it back' soon throttled limited
  holds 'an agent that forks without end is refused processes' forks
  before="$(pids limited)"
  holds 'an agent out of memory ends with 137' ends 137 hog
  holds 'its neighbour goes on' the_same_pids limited "$before"
  holds 'and so does the service' prints active value aetherd.service ActiveState
  holds 'systemd-cgls shows agents in one slice' lists "$id" systemd-cgls --no-pager --unit aether.slice

  printf -- '\n-- network\n'
  holds 'every connection can be relayed' finding network-relay sk_lookup
  holds 'a host outside answers' the_world
  net=(aether run --rm --allow allowed.example -- python3 -c "$get")
  holds 'an agent reaches what it is allowed' reaches 'from the world' allowed.example "${net[@]}"
  holds 'and is told about the rest' reaches 'no rule allows it' other.example "${net[@]}"
  holds 'such as addresses of networks of ours' reaches 'is a private address' 10.0.0.1 "${net[@]}"
  holds 'another agent reaches nothing' reaches 'name resolution' allowed.example aether run --rm -- python3 -c "$get"
  aether run -d --name connected --allow allowed.example -- sleep 100000 >/dev/null
  connected="$(pids connected)"
  online=(aether exec connected -- python3 -c "$get")
  holds 'sandboxes wait ahead' soon ahead
  holds 'an agent takes one' ends 0 aether run --rm -- true
  holds 'and there is another' soon ahead

  printf -- '\n-- restarts\n'
  main="$(value aetherd.service MainPID)"
  holds 'systemctl daemon-reload' systemctl daemon-reload
  holds 'leaves agents alone' the_same_pids limited "$before"
  holds 'systemctl restart' systemctl restart aetherd
  holds 'is another process' test "$(value aetherd.service MainPID)" != "$main"
  holds 'with the same agents' the_same_pids limited "$before"
  holds 'that it knows' prints running state limited
  holds 'one with a network, too' the_same_pids connected "$connected"
  holds 'it reaches what it is allowed' reaches 'from the world' allowed.example "${online[@]}"
  holds 'and nothing else' reaches 'no rule allows it' other.example "${online[@]}"
  systemctl kill --signal KILL --kill-whom main aetherd
  holds 'after kill -9 it is back' soon prints running state limited
  holds 'with the same agents' the_same_pids limited "$before"
  holds 'systemctl stop' systemctl stop aetherd.service
  holds 'leaves agents running' the_same_pids limited "$before"
  holds 'a call wakes the service by its socket' prints running state limited
  holds 'and it is up' prints active value aetherd.service ActiveState
  systemctl kill --signal KILL --kill-whom main aether-agents
  holds 'without the process that keeps their place agents go on' the_same_pids limited "$before"
  holds 'and others can be started' prints hello aether run --rm -- echo hello
  holds 'systemctl restart' systemctl restart aetherd
  holds 'takes over, as ever' prints running state limited
  holds 'systemctl reload' systemctl reload aetherd
  holds 'an agent out of memory does not end a unit' prints 'continue continue' policies
  holds 'the journal has fields of the service' field F_ACTION service.start

  printf -- '\n-- a declared agent\n'
  declare_agent
  holds 'systemctl start aether-agent@clock' systemctl start aether-agent@clock
  holds 'it runs' prints running state clock
  holds 'systemctl status tells its state' lists running systemctl status --no-pager aether-agent@clock
  holds 'journalctl has its output' soon lists tick journalctl --no-pager -u aether-agent@clock -o cat
  before_clock="$(first clock)"
  holds 'systemctl restart aetherd' systemctl restart aetherd
  holds 'leaves it alone' prints "$before_clock" first clock
  holds 'and the unit is up' prints active value aether-agent@clock ActiveState
  holds 'systemctl restart starts it anew' systemctl restart aether-agent@clock
  holds 'it runs' prints running state clock
  holds 'systemctl stop' systemctl stop aether-agent@clock
  holds 'ends it' test "$(state clock)" != running
  holds 'an agent that nobody declared is not started' test "$(systemctl start aether-agent@nobody; value aether-agent@nobody ActiveState)" = inactive

  printf -- '\n-- upgrades\n'
  for number in 1 2 3; do
    aether run -d --name "diary-$number" -- sh -c 'while :; do date; sleep 1; done' >/dev/null
  done
  before_diaries="$(inits)"
  keeps_asking &
  asking=$!
  keeps_working &
  working=$!
  for package in /host/newer/*.deb; do
    holds "upgrade to $(dpkg-deb -f "$package" Version)" dpkg -i "$package"
  done
  sleep 2
  kill "$asking" "$working"
  wait "$asking" "$working" 2>/dev/null
  holds 'agents live through it' the_same_pids limited "$before"
  holds 'one with a network, too' the_same_pids connected "$connected"
  holds 'and those that write' prints "$before_diaries" inits
  holds 'none died' prints 0 died
  holds 'the API answers at least every five seconds' widest
  holds 'and can be worked with' prints hello aether exec limited -- echo hello
  holds 'an older version is refused' fails 'is older' older
  holds 'which leaves the service alone' prints active value aetherd.service ActiveState
  holds 'and its agents' the_same_pids limited "$before"
  holds 'the package is whole' prints 'ii ' dpkg-query -W -f '${db:Status-Abbrev}' aether

  if [ "${1:-all}" = all ]; then
    printf -- '\n-- exposure\n'
    systemd-analyze security --no-pager aetherd.service >/out/security-aetherd.txt
    systemd-analyze security --no-pager aether-agent@clock.service >/out/security-agent.txt
    holds 'the exposure is what docs/INSTALL.md explains' lists 'aetherd.service: 6.9' cat /out/security-aetherd.txt
    holds 'of a declared agent, too' lists 'aether-agent@clock.service: 0.4' cat /out/security-agent.txt
    holds 'aether-agent@clock starts with the machine' systemctl enable --now aether-agent@clock
    holds 'it runs' prints running state clock
    echo "$passed $failed" >"$kept/restarted"
    sync
    printf -- '\n-- restart of the machine\n'
    systemctl reboot
    exec sleep 600
  fi
else
  read -r passed failed <"$kept/restarted"
  holds 'the service comes back with the machine' soon prints active value aetherd.service ActiveState
  holds 'a declared agent returns' soon prints running state clock
  holds 'another is said to have ended' test "$(state limited)" != running
  holds 'by its cause' lists 'its sandbox ended' aether inspect limited
fi

printf -- '\n-- removal\n'
aether run -d --name last -- sh -c 'trap "echo in time >saved; exit" TERM; while :; do sleep 0.2; done' >/dev/null
holds 'remove' dpkg -r aether
holds 'ends every process' nothing_runs
holds 'leaves no cgroup' no_cgroup
holds 'leaves no mount' nothing_mounted
holds 'keeps the state' test -f /var/lib/aether/aether.db
holds 'it can be installed again' dpkg -i "$(printf '%s\n' /host/newer/*.deb | tail -n 1)"
holds 'and knows its agents' test "$(state last)" != running
holds 'which were asked before they were ended' prints 'in time' aether cp last:saved -
holds 'systemctl stop aether-agents' systemctl stop aether-agents
holds 'is no failure' prints success value aether-agents Result
holds 'purge' dpkg -P aether
holds 'ends every process' nothing_runs
holds 'leaves no cgroup' no_cgroup
holds 'leaves no mount' nothing_mounted
holds 'leaves no file' no_file
holds 'leaves what was lent' test -f /root/lent/file
holds 'leaves no unit' prints '' systemctl list-units --no-legend --all 'aether*'

counted
