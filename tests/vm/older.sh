#!/usr/bin/env bash
# Prints the path of the package of an older version: that of the commit which is the argument. Built once, without optimisation, and kept in AETHER_VM_CACHE;
# AETHER_VM_OLDER_BIN names binaries of that commit that are finished already.
set -euo pipefail
# shellcheck source=tests/vm/cache.sh
. "$(dirname "$0")/cache.sh"
project="$(realpath "$here/../..")"
commit="$(git -C "$project" rev-parse --short=12 "$1^{commit}")"
package="$cache/older-$commit.deb"
if [ -f "$package" ]; then
  printf '%s\n' "$package"
  exit
fi
one_builder older
work="$(mktemp -d)"
trap 'git -C "$project" worktree remove --force "$work/tree" >&2 || true; rm -rf "$work"' EXIT
git -C "$project" worktree add --quiet --detach "$work/tree" "$commit" >&2
cd "$work/tree"
mkdir -p target "$project/target/tools"
ln -s "$project/target/tools" target/tools
binaries="${AETHER_VM_OLDER_BIN:-}"
if [ -z "$binaries" ]; then
  printf 'Building the version of %s\n' "$(git log -1 --format=%cd)" >&2
  CARGO_PROFILE_DEV_DEBUG=0 cargo build --locked -p aether-supervisor -p aether-cli >&2
  CARGO_PROFILE_DEV_DEBUG=0 scripts/build-init.sh dev >&2
  binaries="$work/tree/target/debug"
fi
AETHER_PACKAGE_FAST=1 AETHER_BIN_DIR="$binaries" scripts/package.sh deb >&2
# The same number as ever: what is packaged for people counts up.
dpkg-deb -R target/package/aether_*.deb "$work/package"
sed -i 's/^Version: .*/&~older/' "$work/package/DEBIAN/control"
dpkg-deb -Zgzip -z1 --root-owner-group -b "$work/package" "$package.new" >&2
mv "$package.new" "$package"
printf '%s\n' "$package"
