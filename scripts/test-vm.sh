#!/usr/bin/env bash
# `make test-vm`: the suites whose results depend on systemd, pure cgroup v2 and the age of Landlock, in a virtual machine of their own.
# The machine: tests/vm. Its kernel and file system are built when they are first needed (minutes) and kept in AETHER_VM_CACHE (default
# ~/.cache/aether-vm); AETHER_VM_KERNEL names a ready kernel. AETHER_BIN_DIR: the binaries to test (default target/release).
# AETHER_UPDATE=1 writes docs/ISOLATION-v2.md, and three sections of docs/RELIABILITY.md. AETHER_VM_CUTS: how often the power fails (default 5).
# AETHER_VM_OLDER: the commit whose package is upgraded (default: the last one whose database had an older schema).
# `scripts/test-vm.sh PART...` runs only these: suites, crowd (ten thousand connections of one agent), power, package, faults (clock, memory and
# descriptors of the service), versions (an older package is replaced by this one), or package-short, which leaves twenty upgrades and the restart out. `make test`
# runs `slice`: the package in a machine with the kernel that the distribution ships ready-made, which is there at once, but has no Landlock.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
require_packages gcc libc6-dev e2fsprogs

parts=" ${*:-suites crowd power package faults versions} "
for name in $parts; do
  case "$name" in
    suites | crowd | power | package | package-short | faults | versions | slice) ;;
    *) fail "there is no part $name" "suites, crowd, power, package, package-short, faults, versions, slice" ;;
  esac
done
# wanted PART: shall it run?
wanted() {
  [[ "$parts" == *" $1 "* ]]
}

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
status=0
if wanted suites; then
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

  tests/vm/exec.sh -s "$share" -o "$share/out" -t 1500 -- "AETHER_PROJECT=$PWD AETHER_UPDATE=${AETHER_UPDATE:-} bash /host/vm/inside.sh" |
    tee -a "$share/log" || status=$?
fi

# recorded TITLE FILE: with AETHER_UPDATE=1, the section of docs/RELIABILITY.md with that title is what the file has. scripts/faults.sh, which
# writes the others, knows the titles.
recorded() {
  local others
  [ -n "${AETHER_UPDATE:-}" ] || return 0
  others="$(TITLE="## $1" awk '/^## / { skip = $0 == ENVIRON["TITLE"] } !skip' docs/RELIABILITY.md)"
  { printf '%s\n\n## %s\n\n' "$others" "$1" && cat "$2"; } >"$share/reliability"
  cp "$share/reliability" docs/RELIABILITY.md
}

if wanted crowd; then
  printf '\n-- crowd\n'
  crowd="$(built -p aether-tests --test egress_limits | cut -d ' ' -f 2)"
  cp "$crowd" "$share/crowd"
  tests/vm/exec.sh -s "$share" -m 4096 -t 1200 -- 'bash /host/vm/crowd.sh' | tee -a "$share/log" || status=$?
fi

if wanted power; then
  printf '\n-- power\n'
  mkdir "$share/power"
  tests/vm/cuts.sh "$share" "$share/power" "${AETHER_VM_CUTS:-5}" | tee "$share/cuts.log" | tee -a "$share/log" || status=$?
  ! grep -q '^FAILED' "$share/cuts.log" || status=1
  tests/vm/power.py table "$share/power" >"$share/power.md" || status=$?
  cat "$share/power.md"
  [ "$status" -ne 0 ] || recorded 'The power fails' "$share/power.md"
fi

# package_part HOW UPGRADES: the package as people install it, and as many newer versions of it, which differ in their number only.
package_part() {
  printf '\n-- package\n'
  AETHER_BIN_DIR="$binaries" scripts/package.sh deb
  cp target/package/aether_*.deb "$share/aether.deb"
  local tree="$share/tree" version number
  mkdir "$share/newer"
  dpkg-deb -R "$share/aether.deb" "$tree"
  version="$(dpkg-deb -f "$share/aether.deb" Version)"
  for number in $(seq -w 1 "$2"); do
    sed -i "s/^Version: .*/Version: $version+next$number/" "$tree/DEBIAN/control"
    dpkg-deb -Zgzip -z1 --root-owner-group -b "$tree" "$share/newer/aether-$number.deb" >/dev/null
  done
  rm -rf "$tree"
  tests/vm/exec.sh -s "$share" -o "$share/out" -t 1500 -- "bash /host/vm/package.sh $1" | tee -a "$share/log" || status=$?
  [ -f "$share/out/upgrades" ] || return 0
  {
    printf 'Written by scripts/test-vm.sh (make test-vm): the package in a virtual machine with systemd, replaced by versions that differ in their number only,\n'
    printf 'while agents work, one client asks for the health of the service fifty times a second, and another creates and uses agents. System calls cost more there than elsewhere.\n\n'
    printf '| upgrades | agents at work | of them died | longest time between two answers | answers | agents begun meanwhile | of them refused or cut |\n'
    printf '| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n'
    cat "$share/out/upgrades"
    printf '\nAn older version was refused before anything was replaced; service and agents went on.\n'
  } >"$share/upgrades.md"
  cat "$share/upgrades.md"
  [ "$status" -ne 0 ] || [ "$1" != all ] || recorded 'The package is upgraded' "$share/upgrades.md"
}
if wanted package-short; then
  package_part short 1
elif wanted package; then
  package_part all 20
  printf '\n-- rpm\n'
  AETHER_BIN_DIR="$binaries" scripts/package.sh rpm
  tests/vm/rpm.sh target/package/aether-*.rpm | tee -a "$share/log" || status=$?
fi

# this_package: aether.deb, of what is tested.
this_package() {
  AETHER_PACKAGE_FAST=1 AETHER_BIN_DIR="$binaries" scripts/package.sh deb
  cp target/package/aether_*.deb "$share/aether.deb"
}
if wanted faults; then
  printf '\n-- faults\n'
  this_package
  tests/vm/exec.sh -s "$share" -o "$share/out" -t 1200 -- 'bash /host/vm/faults.sh' | tee -a "$share/log" || status=$?
fi
if wanted versions; then
  printf '\n-- versions\n'
  this_package
  newest="$(git log -1 --diff-filter=A --format=%H -- supervisor/store/src/migrations)"
  older="${AETHER_VM_OLDER:-$newest~1}"
  cp "$(tests/vm/older.sh "$older")" "$share/older.deb"
  tests/vm/exec.sh -s "$share" -o "$share/out" -t 600 -- 'bash /host/vm/upgrade.sh' | tee -a "$share/log" || status=$?
  if [ -f "$share/out/versions" ]; then
    {
      printf 'Written by scripts/test-vm.sh (make test-vm): the package of %s is replaced by the one under test in a virtual machine with systemd, while five agents\n' \
        "$(git log -1 --date=format:'%-d %B, %H:%M' --format=%cd "$older")"
      printf 'are there: one that prints, one with a terminal, one with a network, one that is frozen, one with a directory lent.\n\n'
      printf '| schema before | schema after | agents | of them died |\n| ---: | ---: | ---: | ---: |\n'
      cat "$share/out/versions"
      printf '\nTheir inits are those of the older version. A copy of the database was kept before it got the newer schema; the older version is refused by the package,\n'
      printf 'and, installed anew, by the database, which it leaves as it is.\n'
    } >"$share/versions.md"
    cat "$share/versions.md"
    [ "$status" -ne 0 ] || recorded 'An older version is replaced' "$share/versions.md"
  fi
fi

if wanted slice; then
  printf '\n-- slice\n'
  require_packages user-mode-linux
  AETHER_PACKAGE_FAST=1 AETHER_BIN_DIR="$binaries" scripts/package.sh deb
  cp target/package/aether_*.deb "$share/aether.deb"
  cp -r "/usr/lib/uml/modules/$(linux.uml --version)" "$share/modules"
  AETHER_VM_KERNEL="$(command -v linux.uml)" tests/vm/exec.sh -s "$share" -t 400 -- 'bash /host/vm/slice.sh' |
    tee -a "$share/log" || status=$?
fi

if [ -f "$share/out/ISOLATION-v2.md" ]; then
  sed 's|AETHER_UPDATE=1 cargo test -p aether-boundary|AETHER_UPDATE=1 make test-vm|' "$share/out/ISOLATION-v2.md" >docs/ISOLATION-v2.md
fi
awk '/^test result:/ { p += $4; f += $6 } /^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3 }
  END { printf "\nin the virtual machine: %d passed, %d failed\n", p, f }' "$share/log" >"$share/sum"
cat "$share/sum"
[ "$status" -eq 0 ] || fail "the suites in the virtual machine ended with status $status" "the first FAILED line above says where"
grep -q ', 0 failed' "$share/sum"
