# shellcheck shell=bash
# Sourced by the other scripts: tools and system packages, and the fix for each that is missing.

# Root commands go through sudo when a person runs this; empty for root.
SUDO=""
if [ "$(id -u)" -ne 0 ]; then
  SUDO="sudo"
fi

fail() {
  printf 'error: %s\n' "$1" >&2
  printf 'hint: %s\n' "$2" >&2
  exit 1
}

# at_least HAVE WANT: is version HAVE not older than WANT?
at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

require_toolchain() {
  [ "$(uname -s)" = Linux ] || fail "Aether needs Linux, this is $(uname -s)" "run it on Debian 12 or Ubuntu 24.04"
  if [ -n "$SUDO" ] && ! command -v sudo >/dev/null; then
    fail "sudo is missing, and you are not root" "become root (su -) and run the command again, or: apt-get install sudo"
  fi
  # rustup adds this directory to PATH only in new shells.
  if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH="$HOME/.cargo/bin:$PATH"
  fi
  command -v git >/dev/null || fail "git is missing" "apt-get install git"
  command -v cargo >/dev/null || fail "cargo is missing" "install Rust 1.95 or newer: https://rustup.rs"
  local rust node
  rust="$(cargo --version | cut -d ' ' -f 2)"
  at_least "$rust" 1.95 || fail "Rust $rust is too old, 1.95 is needed" "rustup update stable"
  command -v node >/dev/null || fail "node is missing" "install Node 20.19 or newer: https://nodejs.org/en/download"
  node="$(node --version)"
  at_least "${node#v}" 20.19 || fail "Node ${node#v} is too old, 20.19 is needed" "install a newer one: https://nodejs.org/en/download"
  command -v npm >/dev/null || fail "npm is missing" "it comes with Node from https://nodejs.org; on Debian: apt-get install npm"
}

# require_packages NAME...: installs the Debian packages that are missing, and says which.
require_packages() {
  if ! command -v dpkg-query >/dev/null; then
    command -v cc >/dev/null || fail "a C compiler is missing" "install gcc and the C library's headers"
    return 0
  fi
  local name missing=()
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$name")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  printf 'Installing system packages: %s\n' "${missing[*]}"
  $SUDO apt-get update -q
  $SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install: ${missing[*]}" "read its message above; then: ${SUDO:+sudo }apt-get install ${missing[*]}"
}
