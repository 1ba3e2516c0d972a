# shellcheck shell=bash
# Sourced by what builds a part of the virtual machine: where the parts are kept, and by whom one is built.
here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source=scripts/packages.sh
. "$here/../../scripts/packages.sh"
cache="${AETHER_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aether-vm}"
mkdir -p "$cache"

# one_builder PART: waits until nobody else builds it; who waited finds the other's.
one_builder() {
  exec 8>"$cache/lock-$1"
  flock 8
}
