# shellcheck shell=bash
# Sourced by what tries the package in the virtual machine: what it asks of the service, of an agent, and of the machine afterwards.
# shellcheck disable=SC2016,SC2154,SC2317,SC2329  # called by name, from files that name what is kept
# shellcheck source=tests/vm/holds.sh
. "$(dirname "${BASH_SOURCE[0]}")/holds.sh"
kept=/root/package-test
mkdir -p "$kept"
export DEBIAN_FRONTEND=noninteractive
# How agents are run here; a kernel may lack a layer.
run=(aether run)

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

# fails WORDS COMMAND...: does it fail, and say that?
fails() {
  local words="$1" said
  shift
  if said="$("$@" 2>&1)"; then
    printf 'it did not fail: %s\n' "$said"
    return 1
  fi
  printf '%s\n' "$said"
  [[ "$said" == *"$words"* ]]
}

# soon COMMAND...: does it succeed within a minute?
soon() {
  local end=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -gt $end ]; then
      "$@"
      return
    fi
    sleep 0.2
  done
}

# value UNIT PROPERTY
value() {
  systemctl show --value -p "$2" "$1"
}

# state NAME: of an agent.
state() {
  aether ps -a --json | NAME="$1" python3 -c '
import json, os, sys
print(next(a["state"] for a in json.load(sys.stdin) if a["name"] == os.environ["NAME"]))'
}

# cgroup NAME: where the processes of an agent are.
cgroup() {
  aether inspect --json "$1" | python3 -c '
import glob, json, sys
agent = json.load(sys.stdin)
print(glob.glob("/sys/fs/cgroup/aether.slice/aether-agents.service/aether-*/" + agent["id"])[0])'
}

# pids NAME: of its processes, as the machine sees them.
pids() {
  sort -n "$(cgroup "$1")/cgroup.procs" | tr '\n' ' '
}

# first NAME: its init.
first() {
  sort -n "$(cgroup "$1")/cgroup.procs" | head -n 1
}

# the_same_pids NAME PIDS...
the_same_pids() {
  prints "$2" pids "$1"
}

installed() {
  dpkg -i /host/aether.deb
}

# lists WORDS COMMAND...: is there a line with these words in what it prints?
lists() {
  local words="$1"
  shift
  "$@" | tee /dev/stderr | grep -qF -- "$words"
}

hog() {
  "${run[@]}" --rm --memory 48M -- sh -c 'head -c 200M /dev/zero | tail -c 200M >/dev/null'
}

# forks: how many of forty processes an agent with room for twenty can start.
forks() {
  "${run[@]}" --rm --pids 20 -- sh -c 'n=0; while [ $n -lt 40 ]; do sleep 3 & n=$((n + 1)); done' 2>&1 | grep -qi 'fork'
}

# limit NAME FILE VALUE
limit() {
  prints "$3" cat "$(cgroup "$1")/$2"
}

# nothing_runs: no process of a sandbox or of the service.
nothing_runs() {
  local found
  found="$(for exe in /proc/[0-9]*/exe; do readlink "$exe"; done 2>/dev/null | grep aether)"
  printf '%s\n' "$found"
  [ -z "$found" ] && ! pgrep -x 'aether.*'
}

nothing_mounted() {
  ! grep -h aether /proc/[0-9]*/mountinfo
}

no_cgroup() {
  prints '' find /sys/fs/cgroup -name '*aether*'
}

# no_file: of the package, its configuration or its state; where dpkg keeps what it knows of packages does not count.
no_file() {
  prints '' find / -xdev -name '*aether*' -not -path "/host/*" -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path "$kept*" \
    -not -path '/proc/*' -not -path '/root/lent*'
}
