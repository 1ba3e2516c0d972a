#!/bin/bash
# Runs in the virtual machine once systemd is up: mounts what the host shares, runs the command, says how it ended, powers off.
set -u

# asked NAME: the value of vm.NAME on the kernel's command line.
asked() {
  tr ' ' '\n' </proc/cmdline | sed -n "s/^vm\.$1=//p"
}

# A terminal that changes no byte of the output.
exec 3>/dev/ttyS0
stty -F /dev/ttyS0 raw -echo
mkdir -p /host /out /run/vm
mount -t hostfs -o "ro,$(asked control)" none /run/vm
mount -t hostfs -o "ro,$(asked share)" none /host
if [ -n "$(asked out)" ]; then
  mount -t hostfs -o "$(asked out)" none /out
fi
if [ -e /dev/ubdb ]; then
  mkdir -p /disk
  mount /dev/ubdb /disk
fi
ip link set lo up

cd /root || exit
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
  bash /run/vm/command >&3 2>&3 </dev/null
status=$?
umount /out 2>/dev/null
sync
printf '\nVM-EXIT-%s %s\n' "$(cat /run/vm/nonce)" "$status" >&3
systemctl poweroff --force --force
