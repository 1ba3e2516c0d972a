#!/usr/bin/env bash
# Prints the path of a root file system for the virtual machine: this distribution's own release with systemd as PID 1, from this
# machine's own package sources. Built once for each version of this script and its guest (about 40 s), and kept in AETHER_VM_CACHE.
set -euo pipefail
# shellcheck source=tests/vm/cache.sh
. "$(dirname "$0")/cache.sh"

# The programs under test were linked here: inside has to be the same release.
suite="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
if [ -z "$suite" ] || ! command -v apt-get >/dev/null; then
  fail "the virtual machine's file system is made by mmdebstrap, which this machine cannot run" "use Debian 12 or Ubuntu 24.04"
fi

# systemd asks for dbus to start transient units; gcc, libc6-dev and python3 are what the tests use in their sandboxes.
packages=systemd,systemd-sysv,dbus,iproute2,procps,util-linux,e2fsprogs,gcc,libc6-dev,python3

key="$(cat "$here/rootfs.sh" "$here/guest.sh" <(echo "$suite") | sha256sum | cut -c 1-16)"
image="$cache/rootfs-$key.ext4"
if [ -f "$image" ]; then
  printf '%s\n' "$image"
  exit
fi

one_builder rootfs
if [ -f "$image" ]; then
  printf '%s\n' "$image"
  exit
fi
require_packages mmdebstrap e2fsprogs >&2
printf 'Building a root file system of %s\n' "$suite" >&2
work="$(mktemp -d "$cache/root-XXXXXX")"
trap '$SUDO rm -rf "$work"' EXIT
chmod 755 "$work"
root="$work/root"
sources=()
for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/ubuntu.sources; do
  [ ! -s "$list" ] || sources+=("$list")
done
$SUDO mmdebstrap --quiet --variant=apt --mode=root --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$suite" "$root" "${sources[@]}" >&2

# put MODE PATH: standard input becomes a file of the guest.
put() {
  $SUDO install -D -m "$1" /dev/stdin "$root/$2"
}
echo vm | put 644 etc/hostname
printf '127.0.0.1 localhost vm\n' | put 644 etc/hosts
put 644 etc/fstab </dev/null
echo 0123456789abcdef0123456789abcdef | put 444 etc/machine-id
printf '[Journal]\nStorage=volatile\n' | put 644 etc/systemd/journald.conf.d/vm.conf
put 755 usr/local/sbin/vm-guest <"$here/guest.sh"
put 644 etc/systemd/system/vm-guest.service <<'UNIT'
[Unit]
Description=The command that the host asked for
After=basic.target dbus.socket
Requires=dbus.socket
[Service]
ExecStart=/usr/local/sbin/vm-guest
KillMode=process
UNIT
$SUDO ln -sf ../vm-guest.service "$root/etc/systemd/system/multi-user.target.wants/vm-guest.service"
$SUDO ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
# Nothing here has a console, hardware, a clock to set or packages to update: masked, the machine is up in seconds.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty.target getty@tty1.service serial-getty@ttyS0.service console-getty.service \
  systemd-timesyncd.service systemd-random-seed.service systemd-update-utmp.service systemd-pstore.service \
  systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-update-done.service \
  systemd-udevd.service systemd-udev-trigger.service systemd-udev-settle.service \
  systemd-udevd-kernel.socket systemd-udevd-control.socket \
  dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
  modprobe@.service kmod-static-nodes.service systemd-modules-load.service \
  systemd-remount-fs.service systemd-fsck-root.service systemd-machine-id-commit.service; do
  $SUDO ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# Never in a journal's way: what must survive a lost supply of power lies on a second disk.
$SUDO mke2fs -q -t ext4 -O ^has_journal -d "$root" -F "$work/image" 2G >/dev/null
$SUDO chown "$(id -u):$(id -g)" "$work/image"
mv "$work/image" "$image"
printf '%s\n' "$image"
