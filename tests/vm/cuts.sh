#!/usr/bin/env bash
# Cuts the virtual machine's power again and again: `tests/vm/cuts.sh SHARE OUT CUTS`. SHARE has bin and vm, OUT is empty. The moments come from
# AETHER_VM_SEED (default 1); what the machine does at each is chance. The disk keeps what the machine had written to it when it was gone: a disk that
# loses what it has acknowledged is not part of this.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
share="$1" out="$2" cuts="$3"
truncate -s 3G "$out/disk"
mke2fs -q -t ext4 -F "$out/disk" >/dev/null
RANDOM="${AETHER_VM_SEED:-1}"
status=0
for cut in $(seq 0 "$cuts"); do
  # One of five finds the service starting, so that what it does after a loss of power is cut as well.
  when=work span=6000
  if [ $((cut % 5)) -eq 4 ]; then
    when=start span=3000
  fi
  moment=$(((RANDOM * 32768 + RANDOM) % span + 100))
  seconds="$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  options=(-p 'the power fails')
  if [ "$cut" -eq "$cuts" ]; then
    seconds=never
    options=()
  fi
  "$here/exec.sh" -s "$share" -o "$out" -d "$out/disk" -t 300 "${options[@]}" -- "bash /host/vm/power.sh $cut $seconds $when" || status=$?
  [ "$seconds" = never ] || printf '%s %s\n' "$cut" "$when" >>"$out/cuts"
done
exit "$status"
