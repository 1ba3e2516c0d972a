#!/usr/bin/env bash
# `make test-vm`: the suites whose results depend on systemd, pure cgroup v2 and the age of Landlock, in a virtual machine of their own.
# The machine: tests/vm. Its kernel and file system are built when they are first needed (minutes) and kept in AETHER_VM_CACHE (default
# ~/.cache/aether-vm); AETHER_VM_KERNEL names a ready kernel. AETHER_BIN_DIR: the binaries to test (default target/release).
# AETHER_UPDATE=1 writes docs/ISOLATION-v2.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
require_packages gcc libc6-dev e2fsprogs

tests=(churn exposure lifecycle profile unified)
binaries="${AETHER_BIN_DIR:-target/release}"
for name in aetherd aether aether-init; do
  [ -x "$binaries/$name" ] || fail "$binaries/$name is missing" "make build"
done

mkdir -p target/vm
share="$(mktemp -d target/vm/share-XXXXXX)"
trap 'rm -rf "$share"' EXIT
mkdir "$share/bin" "$share/tests" "$share/probes" "$share/out"
cp "$binaries"/{aetherd,aether,aether-init} "$share/bin"
cp -r tests/vm "$share/vm"
cp -r tests/fixtures "$share/fixtures"

# built PACKAGE OPTIONS...: lines of `NAME PATH`, a test executable each.
built() {
  cargo test --locked --no-run "$@" 2>&1 | tee "$share/build.log" |
    sed -n 's|^ *Executable [a-z]*/\([a-z_]*\)\.rs (\(.*\))$|\1 \2|p'
  if grep -q '^error' "$share/build.log"; then
    cat "$share/build.log" >&2
    return 1
  fi
}
options=()
for name in "${tests[@]}"; do
  options+=(--test "$name")
done
built -p aether-tests "${options[@]}" >"$share/built"
while read -r name path; do
  cp "$path" "$share/tests/$name"
done <"$share/built"
for name in "${tests[@]}"; do
  [ -x "$share/tests/$name" ] || fail "the test $name was not built" "cargo test -p aether-tests --test $name --no-run"
done
boundary="$(built -p aether-boundary | cut -d ' ' -f 2)"
cp "$boundary" "$share/boundary"
"$boundary" --compile-probes "$share/probes"

status=0
tests/vm/exec.sh -s "$share" -o "$share/out" -t 1500 -- "AETHER_PROJECT=$PWD AETHER_UPDATE=${AETHER_UPDATE:-} bash /host/vm/inside.sh" |
  tee "$share/log" || status=$?

printf '\n-- power\n'
mkdir "$share/power"
truncate -s 256M "$share/disk"
mke2fs -q -t ext4 -F "$share/disk" >/dev/null
for part in before after; do
  options=()
  [ "$part" = after ] || options=(-p 'the power fails')
  tests/vm/exec.sh -s "$share" -o "$share/power" -d "$share/disk" -t 300 "${options[@]}" -- "bash /host/vm/power.sh $part" |
    tee -a "$share/log" || status=$?
done

if [ -f "$share/out/ISOLATION-v2.md" ]; then
  sed 's|AETHER_UPDATE=1 cargo test -p aether-boundary|AETHER_UPDATE=1 make test-vm|' "$share/out/ISOLATION-v2.md" >docs/ISOLATION-v2.md
fi
awk '/^test result:/ { p += $4; f += $6 } /^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3 }
  END { printf "\nin the virtual machine: %d passed, %d failed\n", p, f }' "$share/log" >"$share/sum"
cat "$share/sum"
[ "$status" -eq 0 ] || fail "the suites in the virtual machine ended with status $status" "the first FAILED line above says where"
grep -q ', 0 failed' "$share/sum"
