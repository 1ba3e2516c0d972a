#!/usr/bin/env bash
# `make test-faults`: kills at 200 random moments, and faults at some 900 system calls of an agent's life, of the service's start and of a
# person's work at a terminal. Ends in about 45 minutes. Writes docs/RELIABILITY.md from what came of them. `make test` runs a slice of the same tests.
# AETHER_FAULT_TIMES=N: N times as many of each kind as in `make test` (10), chosen by names and AETHER_FAULT_SEED; AETHER_FAULT_EVERY=1: every call there
# is with every error, which takes a day.
# `scripts/faults.sh page DIR` writes the page from reports that are in DIR already (AETHER_FAULT_REPORT, and soak.log); what is not there stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

before=''
if [ "${1:-}" = page ]; then
  report="${2:?page DIR}" before="$(cat docs/RELIABILITY.md)"
else
  require_toolchain
  require_packages gcc libc6-dev ca-certificates strace python3 btrfs-progs e2fsprogs
  [ -n "${AETHER_BIN_DIR:-}" ] || scripts/build.sh
  report="$(mktemp -d)"
  trap 'rm -rf "$report"' EXIT
fi
# table NAME TITLE WORDS: one section, when that test came to an end.
table() {
  printf '\n## %s\n\n%s\n\n' "$2" "$3"
  if [ -f "$report/$1.md" ]; then
    cat "$report/$1.md"
  elif [ -n "$before" ]; then
    # As it was: the table, without its words.
    TITLE="## $2" awk '/^## / { on = $0 == ENVIRON["TITLE"]; seen = 0 } on && /^\|/ { seen = 1 } on && seen' <<<"$before" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
  else
    printf 'Not run to its end.\n'
  fi
}

export AETHER_FAULT_REPORT="$report"
export AETHER_FAULT_TIMES="${AETHER_FAULT_TIMES:-10}"
runner=()
[ -z "$SUDO" ] || runner=("$SUDO" -E env "PATH=$PATH")
status=0
if [ "${1:-}" != page ]; then
  # Beside the others: it needs sockets alone.
  AETHER_FAULT_EVERY=1 cargo test --locked -p aether-runtime --test model_faults >"$report/models.log" 2>&1 &
  models=$!
  for suite in faults faults_points faults_start repair; do
    binary="$(cargo test --locked -p aether-tests --test "$suite" --no-run --message-format=json 2>/dev/null |
      sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)"
    # Few enough for all of them.
    [ "$suite" != repair ] || export AETHER_FAULT_EVERY=1
    "${runner[@]}" "$binary" --test-threads=1 --nocapture || status=$?
  done
  wait "$models" || { cat "$report/models.log"; status=1; }
  scripts/soak.sh | tee "$report/soak.log" || status=1
fi

# Three sections are written by scripts/test-vm.sh, and one by hand.
machine="$(awk '/^## / { keep = /^## (The power fails|The package is upgraded|An older version is replaced|Where each fault is tried)$/ } keep' docs/RELIABILITY.md)"
if grep -q '^| what' "$report/soak.log" 2>/dev/null; then
  sed -n '/^| what/,/ seconds\.$/p' "$report/soak.log" >"$report/soak.md"
fi

{
  printf '# Reliability\n\n'
  printf 'What Aether does when it is killed or when a call of it fails. Written by scripts/faults.sh (make test-faults); every figure is counted\n'
  printf 'by the tests, on Linux %s. A point that came to anything else than a row here is a failure of the test.\n' "$(uname -r | cut -d- -f1 | cut -d. -f1,2)"
  table random 'Killed at random moments' \
    'Ten agents are at work and others are created, used and removed meanwhile. After each kill: the ten have the pids they had, every agent is listed once
and can be removed, and no process, cgroup, mount, file, descriptor or loop device is left. At the end no line of output is missing.'
  table spawner-errors 'A call of the spawner or of a new sandbox fails' \
    'Calls of each name, chosen by a fixed rule where not all are tried, fail with each error while an agent is created, used and removed. A refusal names its reason; what runs has
every layer that an undisturbed agent has: filters, capabilities, namespaces, mounts, limits.'
  table spawner-looks 'A look at a file fails' 'The calls of statx(2) alone, by which it is decided what of /proc has to be covered.'
  table spawner-kills 'The spawner or a new sandbox is killed at a call' 'The same points, and the process is killed there.'
  table daemon-kills 'The daemon is killed at a call' 'As before, for every thread of aetherd.'
  table daemon-errors 'A call of the daemon fails' 'Each error at calls of every thread of aetherd.'
  table ahead-errors 'A call fails where sandboxes are built ahead' 'As for the spawner, with two sandboxes that wait for their agents.'
  table ahead-kills 'The spawner or a sandbox built ahead is killed at a call' 'The same.'
  table terminal-errors 'A call fails while somebody is at a terminal' \
    'Attach, resize, type, detach, attach again, end. Whatever fails, the client shows what was asked for or ends.'
  table terminal-daemon-kills 'The daemon is killed while somebody is at a terminal' 'The same.'
  table soak 'A mixed load with faults' \
    'make soak: three clients, every ninth command of which is killed, and SIGKILL of some process of a sandbox every 1.5 seconds, pooled
sandboxes included. Figures are taken whenever the service rests; the first third is warm-up. The state grows by events and output that are kept.'
  table start-errors 'A call of a start fails' 'Each error at calls of aetherd and its spawner while they start, with ten agents to take over. Whatever comes of it, the ten live, the next start
has them all within three seconds, and nothing is left.'
  table start-kills 'A start is killed at a call' 'The same.'
  table goal-kills 'The daemon is killed while the built-in agent is at work' 'Its loop goes on with the next daemon, and the goal is reached.'
  table models 'A provider of models fails' \
    'Each of these faults, 25 times with each of the five interfaces, over real sockets, in the middle of a goal with three effects: at each of three answers, once,
twice or for ever, and with the loop cut off at each of its writes and begun again. A goal is reached where the provider recovers in time; the limits are
short here, so on a busy machine more goals end at one.'
  [ -z "$machine" ] || printf '\n%s\n' "$machine"
} >docs/RELIABILITY.md
exit "$status"
