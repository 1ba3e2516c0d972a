#!/usr/bin/env bash
# `make soak`: a mixed load with faults for AETHER_SOAK seconds (300 by default), and what rises meanwhile: memory, descriptors and
# threads of aetherd and of the spawner, the state on disk, files. Fails when something is left behind or does not come down again.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

require_toolchain
require_packages gcc libc6-dev ca-certificates python3 btrfs-progs e2fsprogs
if [ -z "${AETHER_BIN_DIR:-}" ]; then
  scripts/build.sh
fi
binary="$(cargo build --locked -p aether-tests --bin soak --message-format=json 2>/dev/null |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)"
runner=()
[ -z "$SUDO" ] || runner=("$SUDO" -E)
"${runner[@]}" "$binary"
