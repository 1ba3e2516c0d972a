#!/usr/bin/env bash
# Writes the committed generated files again. The same tests, without AETHER_UPDATE, fail when a file is out of date.
set -euo pipefail
cd "$(dirname "$0")/.."
export AETHER_UPDATE=1
cargo test --locked -q -p aether-protocol -p aether-supervisor
cargo test --locked -q -p aether-tests --test architecture
git status --short
