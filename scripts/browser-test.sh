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
# Pids of the network that the tests of egress have.
world=""
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
  # shellcheck disable=SC2086 # several pids
  [ -z "$world" ] || $SUDO kill $world 2>/dev/null || true
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
[ -n "${AETHER_REDUCED:-}${AETHER_NETWORK:-}" ] || node webui/e2e/run.mjs

stop() {
  $SUDO kill -TERM "$(cat "$work/pid")"
  wait "$child" || true
}

# A service in a network of its own, and a far side with a public address: egress, approvals, secrets and models.
if [ -z "${AETHER_REDUCED:-}" ]; then
  stop
  $SUDO unshare --net sleep 3600 &
  host=$!
  $SUDO unshare --net sleep 3600 &
  far=$!
  world="$host $far"
  for each in "$host" "$far"; do
    until [ "$(readlink "/proc/$each/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
  done
  in_host() { $SUDO nsenter --net="/proc/$host/ns/net" "$@"; }
  in_far() { $SUDO nsenter --net="/proc/$far/ns/net" "$@"; }
  in_host ip link add cable type veth peer name cable netns "$far"
  in_host ip addr add 11.0.0.1/24 dev cable
  in_host ip link set cable up
  in_host ip link set lo up
  in_far ip addr add 11.0.0.2/24 dev cable
  in_far ip link set cable up
  in_far ip link set lo up
  in_far ip addr add 93.184.216.34/32 dev lo
  in_host ip route add default via 11.0.0.2
  echo "127.0.0.1 localhost" >"$work/hosts"
  echo "93.184.216.34 allowed.test held.test other.test bad.test else.test" >>"$work/hosts"
  echo "hosts: files" >"$work/nsswitch"
  printf '[models.ollama]\nbase_url = "http://93.184.216.34:11434"\n[models.prices."small"]\ninput = 1.0\noutput = 4.0\n[llm.ollama]\nbase_url = "http://93.184.216.34:11434"\nmodel = "small"\n' >"$work/aether.toml"
  # Without the function: its shell would be what is ended, and not the server.
  $SUDO nsenter --net="/proc/$far/ns/net" node webui/e2e/far.mjs 93.184.216.34 >"$work/far" &
  server=$!
  world="$world $server"
  until grep -q ready "$work/far"; do
    [ -d "/proc/$server" ] || fail "the far side's server did not start" "see its message above"
    sleep 0.1
  done
  # shellcheck disable=SC2016 # expanded by the inner shell
  start nsenter --net="/proc/$host/ns/net" unshare --mount sh -c 'mount --bind "$0/hosts" /etc/hosts &&
    mount --bind "$0/nsswitch" /etc/nsswitch.conf && exec "$@"' "$work" "$bin/aetherd" --config "$work/aether.toml"
  ready
  $SUDO "$bin/aether" --socket "$socket" run -d --name quiet -- sleep 900
  AETHER_NETWORK=1 AETHER_FAR=93.184.216.34 in_host node webui/e2e/run.mjs
  stop
  [ -z "${AETHER_NETWORK:-}" ] || exit 0
  start "$bin/aetherd"
  ready
fi

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
