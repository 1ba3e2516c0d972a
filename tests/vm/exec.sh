#!/usr/bin/env bash
# Boots the virtual machine, runs one command in it as root, gives its output and its status (125: the machine failed).
#
#   tests/vm/exec.sh [OPTIONS] -- COMMAND...      COMMAND is a line for bash
#     -s DIR       read-only at /host             -o DIR    writable at /out
#     -d IMAGE     a second disk at /disk: what is written there stays; every boot starts with the same first disk
#     -p LINE      when the command prints LINE the power fails: the machine is gone at once, and the status is 0
#     -m MB        memory (default 2048)          -t SECS   limit of time (default 600)
#
# systemd is PID 1, cgroups are version 2 only. System calls cost 25 times what they cost here: nothing in it may be timed.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
share='' out='' disk='' power='' memory=2048 limit=600
while getopts s:o:d:p:m:t: option; do
  case $option in
    s) share="$(realpath "$OPTARG")" ;;
    o) out="$(realpath "$OPTARG")" ;;
    d) disk="$(realpath "$OPTARG")" ;;
    p) power="$OPTARG" ;;
    m) memory="$OPTARG" ;;
    t) limit="$OPTARG" ;;
    *) exit 125 ;;
  esac
done
shift $((OPTIND - 1))
kernel="$("$here/kernel.sh")" || exit 125
rootfs="$("$here/rootfs.sh")" || exit 125

work="$(mktemp -d)"
machine=''
# shellcheck disable=SC2317  # called by the trap
end() {
  # Its own session: the kernel, and each process of the guest, which is a process here.
  [ -z "$machine" ] || kill -KILL -- "-$machine" 2>/dev/null || true
  # Waited for, so that the shell does not report what it killed.
  wait "$machine" "${watch:-}" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
mkdir "$work/control"
printf '%s\n' "$*" >"$work/control/command"
nonce="$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')"
printf '%s\n' "$nonce" >"$work/control/nonce"
mkfifo "$work/output"
exec 9<>"$work/output"

disks=(ubd0="$work/cow,$rootfs")
[ -z "$disk" ] || disks+=(ubd1="$disk")
# The guest's memory is a file, and it executes programs out of it: a tmpfs without noexec.
# Two processors only where the kernel can (7.x, with seccomp=auto); older ones do not know the words and have one.
TMPDIR="$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)" setsid "$kernel" \
  umid="${work##*/}" uml_dir="$work" mem="${memory}M" ncpus=2 seccomp=auto "${disks[@]}" \
  root=/dev/ubda rw rootfstype=ext4 con=null con0=null,fd:1 ssl=null ssl0=null,fd:3 console=tty0 quiet loglevel=4 \
  lsm=landlock,yama psi=1 systemd.unified_cgroup_hierarchy=1 systemd.show_status=0 audit=0 net.ifnames=0 \
  vm.control="$work/control" vm.share="${share:-$work/control}" vm.out="$out" \
  </dev/null >"$work/console" 2>&1 3>"$work/output" 9<&- &
machine=$!
(
  end=$((SECONDS + limit))
  while kill -0 "$machine" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.2; done
  printf '\nVM-GONE-%s\n' "$nonce" >&9
) &
watch=$!

status=125
# Empty lines are held back by one: the line before the status is ours.
empty=''
while IFS= read -r line <&9; do
  case "$line" in
    "VM-EXIT-$nonce "*)
      status="${line##* }"
      break
      ;;
    "VM-GONE-$nonce")
      printf 'error: the virtual machine ended, or took more than %s s\n' "$limit" >&2
      tail -n 40 "$work/console" >&2
      break
      ;;
    '')
      [ -z "$empty" ] || echo
      empty=yes
      continue
      ;;
  esac
  [ -z "$empty" ] || echo
  empty=''
  printf '%s\n' "$line"
  if [ -n "$power" ] && [ "$line" = "$power" ]; then
    status=0
    break
  fi
done
kill "$watch" 2>/dev/null || true
exit "$status"
