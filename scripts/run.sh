#!/usr/bin/env bash
# `make run`: from a fresh checkout to an agent at work. Ctrl-C ends the daemon and its agents; ./.aether keeps their state.
# AETHER_PORT, AETHER_STATE_DIR and AETHER_SKIP_BUILD=1 change where it listens, where it keeps things, and skip the build;
# AETHER_BIN_DIR names finished binaries.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

root="$PWD"
port="${AETHER_PORT:-3001}"
base="${AETHER_STATE_DIR:-$root/.aether}"
case "$base" in
  /*) ;;
  *) base="$root/$base" ;;
esac

# A socket's path has at most 107 bytes; agents' sockets are `agents/<id>.sock` beside the daemon's own.
run_dir="$base/run"
if [ "${#run_dir}" -gt 60 ]; then
  run_dir="/run/aether-$(printf '%s' "$base" | cksum | cut -d ' ' -f 1)"
fi
socket="$run_dir/aether.sock"

if [ "${AETHER_SKIP_BUILD:-0}" = 1 ] || [ -n "${AETHER_BIN_DIR:-}" ]; then
  require_toolchain
else
  scripts/build.sh
fi
bin="${AETHER_BIN_DIR:-$root/target/release}"

mkdir -p "$base"
$SUDO mkdir -p "$run_dir"
log="$base/aetherd.log"
pid_file="$base/aetherd.pid"
config="$base/aetherd.toml"
rm -f "$pid_file"

# Debian and Ubuntu give every person a group of their own: through it they may use the socket without sudo.
client=()
if [ -n "$SUDO" ]; then
  if [ "$(id -gn)" = "$(id -un)" ]; then
    [ -e "$config" ] || printf '[service]\ngroup = "%s"\n' "$(id -gn)" >"$config"
  else
    client=("$SUDO")
  fi
fi
[ -e "$config" ] || : >"$config"

# Where systemd owns a pure cgroup v2 tree, the daemon gets a scope of its own with the controllers delegated to it.
scope=()
if [ -d /run/systemd/system ] && [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  scope=(systemd-run --scope --quiet --collect -p Delegate=yes --)
fi

# The shell writes its pid, then becomes the daemon: a signal by that pid reaches the daemon through sudo or without it.
# shellcheck disable=SC2016 # expanded by the inner shell
$SUDO "${scope[@]}" sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$pid_file" \
  "$bin/aetherd" --config "$config" --state "$base/state" --socket "$socket" --listen "127.0.0.1:$port" --stop-agents-on-exit >"$log" 2>&1 &
child=$!

stop() {
  trap '' INT TERM
  local pid
  pid="$(cat "$pid_file" 2>/dev/null || true)"
  if [ -n "$pid" ] && [ -d "/proc/$child" ]; then
    printf '\nStopping Aether and its agents ...\n'
    $SUDO kill -TERM "$pid" 2>/dev/null || true
    wait "$child" || true
    printf 'Stopped. Homes and history stay in %s\n' "$base"
  fi
  $SUDO rm -f "$pid_file"
  case "$run_dir" in /run/aether-*) $SUDO rmdir --ignore-fail-on-non-empty "$run_dir/agents" "$run_dir" 2>/dev/null || true ;; esac
}
# The way to end it, and no failure: make would call 130 an error.
trap 'stop; exit 0' INT
trap 'stop; exit 143' TERM
trap stop EXIT

aether=("${client[@]}" "$bin/aether" --socket "$socket")

for _ in $(seq 1 150); do
  "${aether[@]}" ps >/dev/null 2>&1 && break
  # (Not `kill -0`: a person may not signal root's processes.)
  if [ ! -d "/proc/$child" ]; then
    cat "$log" >&2
    fail "aetherd ended before it was ready (its log is above)" "when the port is taken: AETHER_PORT=3002 make run"
  fi
  sleep 0.2
done
link="$("${aether[@]}" signin)" || {
  cat "$log" >&2
  fail "aetherd did not answer on $socket (its log is above)" "$(printf '%s ' "${aether[@]}")doctor"
}

if ! "${aether[@]}" inspect first-agent >/dev/null 2>&1; then
  "${aether[@]}" run -d --name first-agent --goal "Inspect this machine and write a report" >/dev/null
fi

prefix="${client[*]:+sudo }${bin#"$root"/}/aether --socket ${socket#"$root"/}"
cat <<TEXT

Aether is running. The first agent inspects its machine and writes ~/report.md.

  Mission Control   $link
                    (this link signs you in once, within 15 minutes)

Try in another terminal, in this directory:

  $prefix logs -f first-agent
  $prefix cp first-agent:/home/agent/report.md .
  $prefix run -it --rm -- bash

Ctrl-C stops everything. The daemon's log is $log
TEXT

wait "$child"
