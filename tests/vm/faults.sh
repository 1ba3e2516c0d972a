#!/bin/bash
# Runs in the virtual machine: the service as people install it on a machine whose clock jumps, and where it gets too little memory and too few descriptors,
# while agents are at work. /host: aether.deb and this folder. Ends with `N passed, N failed`.
# shellcheck disable=SC2016,SC2317,SC2329  # most functions are called by name
set -u
# shellcheck source=tests/vm/steps.sh
. "$(dirname "$0")/steps.sh"

# at_work: the first processes of the agents, as one line.
at_work() {
  local name
  for name in plain net timed; do
    first "$name"
  done | tr '\n' ' '
}

# restarts: how often systemd has started the service anew by itself.
restarts() {
  value aetherd.service NRestarts
}

# jump BY: sets the clock.
jump() {
  date -s "@$(($(date +%s) + $1))" >/dev/null
}

# sane WHAT: after that, everybody is at work, nothing was started anew, and everything works.
sane() {
  holds "$1: agents go on" prints "$before" at_work
  holds "$1: the service is the same" prints "$main" value aetherd.service MainPID
  holds "$1: an agent runs" prints hello aether run --rm -- echo hello
  holds "$1: one that is told to end has its time, and no more" ended_in_order
  holds "$1: nobody's budget is used up by it" prints running state timed
  holds "$1: the list is whole" lists plain aether ps
  holds "$1: the chain of the audit holds" aether audit verify
}

# ended_in_order: SIGTERM, a second to end, and what it wrote last is kept.
ended_in_order() {
  aether run -d --name leaver -- sh -c 'trap "sleep 1; echo left in order; exit 3" TERM; echo up; while :; do sleep 0.1; done' >/dev/null || return
  soon lists up aether logs leaver || return
  aether stop leaver || return
  lists 'left in order' aether logs leaver && aether rm leaver
}

# too_many: connections that nobody uses, more than the service has descriptors for.
too_many() {
  setpriv --reuid nobody --regid aether --clear-groups python3 -c '
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
held = []
for n in range(600):
    s = socket.socket(socket.AF_UNIX); s.setblocking(False)
    try:
        s.connect("/run/aether/aether.sock")
    except OSError:
        break
    held.append(s)
print(len(held), flush=True)
time.sleep(float(sys.argv[1]))' "$1"
}

holds 'the package installs' installed
holds 'the service is up' prints active value aetherd.service ActiveState
if [ "$failed" -gt 0 ]; then
  journalctl -u aetherd --no-pager -n 20
  counted
  exit
fi
aether run -d --name plain -- sh -c 'while :; do date; sleep 1; done' >/dev/null
aether run -d --name net --allow allowed.example -- sleep 100000 >/dev/null
aether run -d --name timed --budget wall=50m -- sleep 100000 >/dev/null
before="$(at_work)" main="$(value aetherd.service MainPID)"

printf -- '\n-- the clock jumps\n'
for by in 3600 -7200 31536000 -63072000 31539600; do
  holds "the clock is set by $by s" jump "$by"
  sane "$by s"
done
holds 'the watchdog did not bite' prints 0 restarts

printf -- '\n-- little memory\n'
systemctl set-property --runtime aetherd.service MemoryMax=128M MemorySwapMax=0
holds 'with 128 MiB it works' soon aether run --rm -- true
for number in $(seq 1 20); do
  aether run --rm -- sh -c 'seq 100000' >/dev/null 2>>"$kept/little" &
  [ $((number % 5)) -ne 0 ] || wait -n
done
wait
holds 'under load, too' prints "$main" value aetherd.service MainPID
systemctl set-property --runtime aetherd.service MemoryMax=4M
holds 'with far too little it is killed' soon test "$(restarts)" -gt 0 -o "$(value aetherd.service MainPID)" != "$main"
systemctl set-property --runtime aetherd.service MemoryMax=infinity
systemctl reset-failed aetherd.service
systemctl start aetherd.service
holds 'with enough it is back' soon prints running state plain
holds 'and no agent was hurt' prints "$before" at_work

printf -- '\n-- few descriptors\n'
mkdir -p /run/systemd/system/aetherd.service.d
printf '[Service]\nLimitNOFILE=256\n' >/run/systemd/system/aetherd.service.d/few.conf
systemctl daemon-reload
holds 'restart with 256' systemctl restart aetherd
holds 'takes everybody over' prints "$before" at_work
too_many 20 >"$kept/held" &
held=$!
soon test -s "$kept/held"
holds 'while others hold more than there are, root gets in' aether ps
holds 'agents go on' prints "$before" at_work
wait "$held"
holds 'afterwards everything works' soon aether run --rm -- true
rm -r /run/systemd/system/aetherd.service.d
systemctl daemon-reload

holds 'nothing panicked' sh -c '! journalctl -u aetherd --no-pager | grep panicked'
holds 'purge' dpkg -P aether
holds 'ends every process' nothing_runs
holds 'leaves no cgroup' no_cgroup
holds 'leaves no mount' nothing_mounted
counted
