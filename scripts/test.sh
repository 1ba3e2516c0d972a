#!/usr/bin/env bash
# `make test`: everything that CI runs, in sections, each with its time. Ends with `N passed, N failed`.
# `scripts/test.sh NAME...` runs only the sections of those names.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

require_toolchain
# make, python3, bzip2: programs of the work test. chromium: the browser test. e2fsprogs, btrfs-progs: limits of disks.
require_packages gcc libc6-dev ca-certificates make python3 bzip2 chromium shellcheck e2fsprogs btrfs-progs
# Programs of the compatibility corpus (tests/corpus), and the numbers of system calls.
require_packages g++ cmake golang-go openjdk-17-jdk-headless openssh-client sqlite3 postgresql python3-venv python3-pip \
  perl procps strace gdb tmux sudo bsdutils xz-utils patch linux-libc-dev git
# Networks of the tests: namespaces, a far side that answers, its certificates.
require_packages iproute2 util-linux openssl curl

logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
wanted=" $* "
passed=0
failed=0
failures=()
summary=()

# count LOG: adds the figures of cargo's, vitest's and the browser test's closing lines; a section without any counts as one.
count() {
  local figures
  figures="$(sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^test result:/ { p += $4; f += $6; seen = 1 }
    /^ *Tests +[0-9]/ { for (i = 2; i < NF; i++) { if ($(i + 1) ~ /^passed/) p += $i; if ($(i + 1) ~ /^failed/) f += $i } seen = 1 }
    /^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3; seen = 1 }
    END { if (seen) print p + 0, f + 0 }')"
  printf '%s' "${figures:-}"
}

# section NAME COMMAND...: runs it, shows it, remembers how it went. Later sections run even if this one fails.
section() {
  local name="$1" start status=0 p f
  shift
  case "$wanted" in
    "  ") ;;
    *" $name "*) ;;
    *) return 0 ;;
  esac
  printf '\n==== %s ====\n' "$name"
  start=$SECONDS
  "$@" 2>&1 | tee "$logs/$name" || status=$?
  read -r p f <<<"$(count "$logs/$name")" || true
  if [ -z "${p:-}" ]; then
    p=0 f=0
    if [ "$status" -eq 0 ]; then p=1; fi
  fi
  if [ "$status" -ne 0 ]; then
    failures+=("$name")
    if [ "$f" -eq 0 ]; then f=1; fi
  fi
  passed=$((passed + p))
  failed=$((failed + f))
  summary+=("$(printf '%-12s %4d s  %4d passed  %d failed' "$name" $((SECONDS - start)) "$p" "$f")")
}

# What a daemon could leave on this machine: processes, mounts, cgroups, sockets, directories.
traces() {
  local name
  for name in /proc/[0-9]*; do
    case "$(readlink "$name/exe" 2>/dev/null || true)" in
      */aetherd* | */aether-init*) printf 'process %s %s\n' "${name#/proc/}" "$(tr '\0' ' ' <"$name/cmdline" 2>/dev/null)" ;;
    esac
  done
  grep -h aether /proc/self/mountinfo || true
  find /sys/fs/cgroup -depth -type d -name '*aether*' 2>/dev/null || true
  grep -h aether /proc/net/unix | awk '{ print "socket", $NF }' || true
  find /tmp /run -maxdepth 1 -name 'aether*' 2>/dev/null || true
}

# nothing_left: fails when something is there that was not there before.
nothing_left() {
  sleep 1
  traces | sort >"$logs/after"
  local left
  left="$(comm -13 "$logs/before" "$logs/after")"
  [ -z "$left" ] || printf 'left behind:\n%s\n' "$left"
  [ -z "$left" ]
}

web_packages() { (cd webui && npm ci --ignore-scripts --no-audit --no-fund); }
web_lint() { (cd webui && npm run --silent lint); }
web_unit() { (cd webui && npm run --silent test); }

# Mission Control first: the daemon embeds it.
build() { (cd webui && npm run --silent build) && scripts/test-programs.sh build; }

# Sandboxes need root; the tests are built by whoever runs this and only started through sudo.
as_root() {
  if [ -n "$SUDO" ]; then
    local host
    host="$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')"
    export "CARGO_TARGET_${host}_RUNNER=sudo -E env PATH=$PATH"
  fi
  "$@"
}

traces | sort >"$logs/before"
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
section scripts shellcheck -x scripts/*.sh tests/vm/*.sh packaging/deb/p* packaging/libexec/* .ci/run
section web-packages web_packages
section web-lint web_lint
section web-unit web_unit
section fmt cargo fmt --all --check
section dependencies scripts/deny.sh
# The programs that are tested are those of the development profile: they are built once, with their tests.
section build build
export AETHER_BIN_DIR="$PWD/target/check"
section clippy cargo clippy --locked --workspace --all-targets -- -D warnings
section unit scripts/test-programs.sh run unit
section system scripts/test-programs.sh run system --test-threads=1
if [ -f tests/boundary/Cargo.toml ]; then
  section boundary as_root cargo test --locked -p aether-boundary
fi
section package as_root scripts/test-vm.sh slice
section browser scripts/browser-test.sh
section leaks nothing_left

printf '\n'
[ "${#summary[@]}" -eq 0 ] || printf '%s\n' "${summary[@]}"
[ "${#failures[@]}" -eq 0 ] || printf 'failed: %s\n' "${failures[*]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "${#failures[@]}" -eq 0 ]
