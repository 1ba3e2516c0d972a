#!/usr/bin/env bash
# What Mission Control costs a browser: bytes of a first load, and frames while 1,000 live tiles are scrolled. Prints both and
# writes target/benchmarks-web.json. AETHER_URL and AETHER_SIGNIN measure the load from a running service.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

require_packages chromium
cd webui
[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund
npm run --silent build
npm run --silent bench
