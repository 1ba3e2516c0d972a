#!/usr/bin/env bash
# Starts a daemon of its own and lets webui/e2e/run.mjs use Mission Control in Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

bin="${AETHER_BIN_DIR:-$PWD/target/release}"
work="$(mktemp -d /tmp/aether-browser-XXXXXX)"
socket="$work/run/aether.sock"
log="$work/aetherd.log"

child=""
# start COMMAND...: the daemon, by this command; its pid is kept before anything becomes it.
start() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  $SUDO sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$work/pid" "$@" \
    --state "$work/state" --socket "$socket" --listen 127.0.0.1:0 --stop-agents-on-exit >>"$log" 2>&1 &
  child=$!
}

finish() {
  local status=$?
  $SUDO kill -TERM "$(cat "$work/pid")" 2>/dev/null || true
  wait "$child" || true
  [ "$status" -eq 0 ] || tail -n 60 "$log" >&2
  $SUDO rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# ready: waits for it, and says to the tests where it is.
ready() {
  local link=""
  for _ in $(seq 1 150); do
    link="$($SUDO "$bin/aether" --socket "$socket" signin 2>/dev/null)" && break
    [ -d "/proc/$child" ] || fail "aetherd ended before it was ready" "its log follows"
    sleep 0.2
  done
  [ -n "$link" ] || fail "aetherd did not become ready within 30 s" "its log follows"
  export AETHER_SIGNIN="$link"
  AETHER_URL="$(printf '%s' "$link" | sed 's#^\(https\{0,1\}://[^/]*\).*#\1#')"
  export AETHER_URL
  AETHER_TOKEN="$($SUDO cat "$work/state/token")"
  export AETHER_TOKEN
}

export AETHER_SOCKET="$socket"
export AETHER_CHROMIUM="${AETHER_CHROMIUM:-/usr/bin/chromium}"
export AETHER_BIN_DIR="$bin"
start "$bin/aetherd"
ready
[ -n "${AETHER_REDUCED:-}" ] || node webui/e2e/run.mjs

# The same service as on a host without Landlock: an agent from before has every layer, later ones lack one.
aether() {
  $SUDO "$bin/aether" --socket "$socket" "$@"
}
gcc -o "$work/without-landlock" tests/fixtures/without_landlock.c
aether run -d --name full -- sleep 600
$SUDO kill -KILL "$(cat "$work/pid")"
wait "$child" 2>/dev/null || true
start "$work/without-landlock" "$bin/aetherd"
ready
aether run -d --name bare --allow-reduced landlock -- sleep 600
aether run --name bare-before --allow-reduced landlock -- true
AETHER_REDUCED=1 node webui/e2e/run.mjs
