#!/usr/bin/env bash
# Installs, upgrades and removes the rpm (its path is the argument) in a root of its own with an rpm database of its own. The root borrows /usr of
# this machine below an overlay, so that scripts run and the programs start. Needs root. Ends with `N passed, N failed`.
# Not covered: a machine whose systemd and libraries come from rpm packages, presets of a distribution, SELinux.
# shellcheck disable=SC2317,SC2329  # functions are called by name
set -u
# shellcheck source=tests/vm/holds.sh
. "$(dirname "$0")/holds.sh"
package="$(realpath "$1")"
[ "${2:-}" = inside ] || exec unshare --mount --propagation private -- "$0" "$package" inside

root="$(mktemp -d)"
trap 'umount -R "$root" && rmdir "$root"' EXIT
mount -t tmpfs none "$root"
mkdir "$root"/{upper,work,root}
mount -t overlay none -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root" || exit 1
root="$root/root"
mount -t proc proc "$root/proc"
mount -t tmpfs none "$root/run"
mount -t tmpfs none "$root/var/lib"
trap 'umount -R "${root%/root}" && rmdir "${root%/root}"' EXIT
cp "$package" "$root/run/aether.rpm"

inside() {
  chroot "$root" "$@"
}
# --nodeps: what it needs (systemd, libc) is there, but not in this database.
with_rpm() {
  inside rpm --dbpath /var/lib/rpm --nodeps "$@"
}
absent() {
  [ ! -e "$root/$1" ]
}
says() {
  local wanted="$1"
  shift
  "$@" | grep -F -- "$wanted"
}

holds 'a database of its own' inside rpm --dbpath /var/lib/rpm --initdb
holds 'the rpm installs, and its scripts run' with_rpm -i /run/aether.rpm
holds 'every file is as packaged' with_rpm -V aether
holds 'the user aether exists' says aether inside getent passwd aether
holds 'aetherd starts' says aetherd inside /usr/sbin/aetherd --version
holds 'the configuration is right' inside /usr/sbin/aetherd --check-config
holds 'aether starts' says aether inside /usr/bin/aether --version
holds 'the units are there' test -f "$root/usr/lib/systemd/system/aetherd.service"
echo '# mine' >>"$root/etc/aether/aether.toml"
holds 'it is replaced by itself' with_rpm -U --replacepkgs /run/aether.rpm
holds 'which leaves the configuration alone' grep -q '# mine' "$root/etc/aether/aether.toml"
holds 'it is removed' with_rpm -e aether
holds 'with its programs' absent usr/sbin/aetherd
holds 'its units' absent usr/lib/systemd/system/aetherd.service
holds 'but not with a configuration that was changed' test -f "$root/etc/aether/aether.toml.rpmsave"
counted
