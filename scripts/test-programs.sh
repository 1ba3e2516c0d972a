#!/usr/bin/env bash
# Builds the test programs of the workspace once, with one set of features, and runs those of the packages that are asked for.
# Cargo builds dependencies again for every other choice of packages; this asks for all of them, always.
#   scripts/test-programs.sh build              the programs, and the product they test, in target/check
#   scripts/test-programs.sh run unit|system    what belongs to no daemon, or the tests of a daemon from outside
# Every program runs, even after one that fails; its time is printed. Ends with 1 when one failed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

list=target/check/programs

build() {
  mkdir -p target/check
  # The attack suite switches layers off by a feature: it is built apart, so that nothing else has it.
  cargo build --locked --workspace --exclude aether-boundary --bins --tests --message-format=json-render-diagnostics |
    python3 -c '
import json, os, sys
for line in sys.stdin:
    said = json.loads(line)
    if said.get("reason") == "compiler-artifact" and said["profile"]["test"] and said["executable"]:
        print(os.path.basename(os.path.dirname(said["manifest_path"])), os.path.dirname(said["manifest_path"]), said["target"]["name"], said["executable"], sep="\t")
' >"$list.new"
  sort "$list.new" >"$list"
  rm "$list.new"
  scripts/build-init.sh dev
  ln -f target/debug/aetherd target/debug/aether target/check/
  ln -f "target/init/$(rustc -vV | sed -n 's/^host: //p')/debug/aether-init" target/check/
}

run() {
  local wanted="$1" folder manifest name program start failed=()
  shift
  # The toolchain itself, as cargo has it: a test with another HOME finds no choice of one.
  PATH="$(rustc --print sysroot)/bin:$PATH"
  # How these were built is no matter of the projects that tests build.
  unset CARGO_INCREMENTAL CARGO_PROFILE_DEV_DEBUG
  while IFS=$'\t' read -r folder manifest name program; do
    case "$wanted:$folder" in
      system:tests) ;;
      system:* | unit:tests) continue ;;
    esac
    printf '\n     Running %s %s\n' "$folder" "$name"
    start=$SECONDS
    # As cargo would: from the folder of the package, and as root where sandboxes are started.
    (cd "$manifest" && ${SUDO:+sudo -E env "PATH=$PATH"} "$program" "$@" </dev/null) || failed+=("$folder $name")
    printf '     %s took %d s\n' "$name" $((SECONDS - start))
  done <"$list"
  if [ "${#failed[@]}" -gt 0 ]; then
    printf 'failed program: %s\n' "${failed[@]}"
    return 1
  fi
}

"$@"
