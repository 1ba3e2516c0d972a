#!/usr/bin/env bash
# `make bench`: what Aether costs, beside its peers and the floor of the kernel, in one interleaved run. Writes docs/BENCHMARKS.md
# and docs/benchmarks.json. `scripts/bench.sh --quick [SECTION...]` does the core in minutes and writes to target/ only.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

require_toolchain
case " $* " in
  *" --quick "*) require_packages gcc libc6-dev bubblewrap ;;
  *) require_packages gcc libc6-dev bubblewrap crun runc systemd-container podman ;;
esac
scripts/build.sh
cargo build --locked -q --release -p aether-bench
wishes=("$@")
case " $* " in
  *" --quick "*) ;;
  *)
    scripts/bench-web.sh
    wishes+=(--web target/benchmarks-web.json --markdown docs/BENCHMARKS.md --json docs/benchmarks.json)
    ;;
esac
wishes+=(--about "Commit $(git rev-parse --short HEAD), $(date -u +%F).")
$SUDO env AETHER_BIN_DIR="$PWD/target/release" target/release/aether-bench "${wishes[@]}"
