#!/usr/bin/env bash
# `make bench-launch`: cold start of a sandbox against bubblewrap, interleaved in one run. Prints tables in Markdown.
# ROUNDS (default 200) sets how many.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

require_toolchain
require_packages bubblewrap
[ -x target/release/aetherd ] || scripts/build.sh
cargo build --locked -q --release -p aether-tests --bin bench-launch
$SUDO env ROUNDS="${ROUNDS:-200}" AETHER_BIN_DIR="$PWD/target/release" target/release/bench-launch
