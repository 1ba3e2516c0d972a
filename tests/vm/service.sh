#!/bin/bash
# Runs in the virtual machine: `aether doctor` and the daemon as a unit of systemd, on pure cgroup v2. Ends with `N passed, N failed`.
# shellcheck disable=SC2317  # most functions are called by name
set -u
export AETHER_SOCKET=/run/aether-unit/a.sock PATH="/opt/aether/real:$PATH"
# shellcheck source=tests/vm/holds.sh
. "$(dirname "$0")/holds.sh"

# finding NAME STATUS WORDS: does the doctor find that?
finding() {
  aether doctor --json | NAME="$1" STATUS="$2" WORDS="$3" python3 -c '
import json, os, sys
wanted = os.environ
found = next(f for f in json.load(sys.stdin)["findings"] if f["name"] == wanted["NAME"])
print(found)
sys.exit(found["status"] != wanted["STATUS"] or wanted["WORDS"] not in found["detail"])'
}

# prints WORDS COMMAND...: does it succeed and print exactly that?
prints() {
  local wanted="$1" said
  shift
  said="$("$@")"
  printf 'status %s, printed: %s\n' "$?" "$said"
  [ "$said" = "$wanted" ]
}

# ends STATUS COMMAND...
ends() {
  local wanted="$1" status=0
  shift
  "$@" || status=$?
  echo "status $status"
  [ "$status" -eq "$wanted" ]
}

# value PROPERTY: of the unit.
value() {
  systemctl show --value -p "$1" aether-unit.service
}

# the_same PID: is the service still that process?
the_same() {
  systemctl status --no-pager aether-unit.service | head -n 12
  [ "$(value ActiveState)" = active ] && [ "$(value MainPID)" = "$1" ]
}

# start PROPERTY...: the daemon as a unit. KillMode=mixed: by default systemd sends SIGTERM to the spawner and to the agents' inits as well.
start() {
  local properties=() property
  for property in "$@"; do
    properties+=(-p "$property")
  done
  systemd-run --quiet --unit aether-unit -p Type=notify -p Delegate=yes -p KillMode=mixed "${properties[@]}" \
    aetherd --state /var/tmp/aether-unit --socket "$AETHER_SOCKET" --listen 127.0.0.1:0 --stop-agents-on-exit
}

# unloaded: has systemd forgotten it, as it does a transient unit that did not fail?
unloaded() {
  journalctl --no-pager -q -u aether-unit.service -n 20
  systemctl show -p LoadState -p ActiveState -p Result -p ExecMainStatus aether-unit.service
  [ "$(value LoadState)" = not-found ]
}

# ended: is the unit gone, or about to be?
ended() {
  local tries=0
  while [ "$(value ActiveState)" = active ] && [ $((tries += 1)) -lt 100 ]; do sleep 0.2; done
  [ "$(value Result)" = oom-kill ]
}

# hog: an agent that takes four times the memory it has.
hog() {
  aether run --rm --memory 48M -- sh -c 'head -c 200M /dev/zero | tail -c 200M >/dev/null'
}

# cgroups_are_well: everything the doctor says of the cgroups.
cgroups_are_well() {
  local name
  finding cgroup-layout ok 'version 2' || return
  finding cgroup ok '' || return
  for name in memory pids cpu; do
    finding "$name" ok 'cgroup v2' || return
  done
}

holds 'doctor without a daemon: status 0' ends 0 aether doctor
holds 'doctor without a daemon: says so' finding daemon skipped 'cannot reach'
holds 'doctor without a daemon: every limit by cgroup v2' cgroups_are_well

holds 'a unit with Type=notify and Delegate=yes starts' start
pid="$(value MainPID)"
holds 'it is ready when systemd says so' aether ps
holds 'an agent runs in it' prints hello aether run --rm -- echo hello
holds 'doctor with the daemon: status 0' ends 0 aether doctor
holds 'doctor with the daemon: every limit by cgroup v2' cgroups_are_well
holds 'an agent out of memory ends with 137' ends 137 hog
holds 'the unit goes on, by the default of a delegated one' the_same "$pid"
holds 'that default is OOMPolicy=continue' prints continue value OOMPolicy
holds 'an agent runs after it' prints hello aether run --rm -- echo hello
holds 'it stops' systemctl stop aether-unit.service
holds 'without a failure' unloaded

# The opposite, to show that the property is what decides.
holds 'a unit with OOMPolicy=stop starts' start OOMPolicy=stop
hog >/dev/null 2>&1
holds 'there an agent out of memory takes the unit along' ended
systemctl stop aether-unit.service 2>/dev/null
systemctl reset-failed aether-unit.service 2>/dev/null
rm -rf /var/tmp/aether-unit

counted
