#!/usr/bin/env bash
# Builds Mission Control and the release binaries: target/release/{aetherd,aether,aether-init}.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

require_toolchain
# gcc and libc6-dev: the linker, SQLite's C source, and the static C library for aether-init.
require_packages gcc libc6-dev ca-certificates

# The daemon embeds webui/dist, so the web UI comes first. `npm ci` runs no package's install script.
if [ ! -f webui/node_modules/.package-lock.json ] || [ webui/package-lock.json -nt webui/node_modules/.package-lock.json ]; then
  (cd webui && npm ci --ignore-scripts --no-audit --no-fund)
fi
(cd webui && npm run --silent build)

cargo build --locked --release -p aether-supervisor -p aether-cli
scripts/build-init.sh
