#!/bin/bash
# Runs in the virtual machine, once for each cut of its power: `power.sh CUT SECONDS WHEN`. What the second disk kept is compared with what was
# acknowledged before; then agents, files and secrets come and go at once, until the power fails SECONDS after the work (WHEN: work) or the
# service (WHEN: start) began. With SECONDS `never` nothing begins after the comparison.
#   /disk: all that the service keeps. /out: outside the machine, what was asked for and what was acknowledged, a line each
set -u
export AETHER_SOCKET=/run/aether-power/a.sock PATH="/disk/bin:$PATH"
cut="$1" seconds="$2" when="$3" state=/disk/state

# fuse: the line at which the machine is gone.
fuse() {
  (sleep "$seconds" && echo 'the power fails') &
}

# note WORDS...: written through when it returns.
note() {
  printf '%s\n' "$*" >>"/out/said-$cut-$BASHPID"
}

# value: a random number.
value() {
  printf '%s' "$SRANDOM"
}

creates() {
  local number id
  for number in $(seq 1000); do
    if ! id="$(aether run -d --name "kept-$cut-$number" -- sleep 100000)"; then
      echo "FAILED  kept-$cut-$number was refused"
      return
    fi
    note created "$id" "kept-$cut-$number"
    # Another may have removed it meanwhile.
    # shellcheck disable=SC2016  # the agent's own
    aether exec "$id" -- sh -c 'echo "$0" >proof && sync proof .' "$id" 2>/dev/null && note wrote "$id"
  done
}

# ends: removes what there is above eight, from whatever time, and kills one of the others.
ends() {
  local all live id
  while sleep 0.1; do
    mapfile -t all < <(aether ps -aq | shuf)
    [ "${#all[@]}" -gt 8 ] || continue
    all=("${all[@]:8}")
    for id in "${all[@]}"; do note removing "$id"; done
    if aether rm -f "${all[@]}" >/dev/null; then
      for id in "${all[@]}"; do note removed "$id"; done
    fi
    mapfile -t live < <(aether ps -q | shuf)
    [ "${#live[@]}" -gt 3 ] || continue
    note killing "${live[0]}"
    aether kill "${live[0]}" >/dev/null 2>&1 && note killed "${live[0]}"
  done
}

keeps_secrets() {
  local number name
  for number in $(seq 1000); do
    name="KEY_${cut}_$number"
    value | aether secret set "$name" >/dev/null && note set "$name"
    [ $((number % 2)) -eq 0 ] || continue
    note dropping "$name"
    aether secret rm "$name" >/dev/null && note dropped "$name"
  done
}

copies() {
  local number
  for number in $(seq 1000); do
    aether backup "/disk/copies/$cut-$number" >/dev/null && note copied "$cut-$number"
    aether run --rm -- sh -c 'head -c 1000000 /dev/urandom >noise; sync noise' >/dev/null
  done
}

# unsynced: the control. What nobody waited for is lost, or the cuts prove nothing.
unsynced() {
  local number
  for number in $(seq 1000); do
    echo "$cut-$number" >"/disk/unsynced/$cut-$number"
    note unsynced "$cut-$number"
    sleep 0.5
  done
}

[ "$when" != start ] || fuse
mkdir -p /disk/copies /disk/unsynced /tmp/copy
if [ ! -d /disk/bin ]; then
  mkdir /disk/bin
  cp /host/bin/* /disk/bin/
  sync
fi
# The daemon shall find its database as the power left it.
[ ! -d "$state" ] || cp "$state"/aether.db* /tmp/copy/
if ! systemd-run --quiet --unit aether-power -p Type=notify -p Delegate=yes -p KillMode=mixed \
  aetherd --state "$state" --socket "$AETHER_SOCKET" --listen 127.0.0.1:0 || ! aether ps >/dev/null; then
  echo 'FAILED  the service does not start'
  journalctl --no-pager -q -u aether-power -n 30
  exit 1
fi
read -r uptime _ </proc/uptime
python3 /host/vm/power.py kept "$cut" "$uptime" || exit
rm -f /disk/copies/* /disk/unsynced/*
[ "$seconds" != never ] || exit 0
[ "$when" != work ] || fuse
creates &
ends &
keeps_secrets &
copies &
unsynced &
wait
