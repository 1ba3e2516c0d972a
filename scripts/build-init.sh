#!/bin/sh
# Builds aether-init, PID 1 of every sandbox, as one static binary: it runs where the sandbox has no loader, and starts without one.
# usage: scripts/build-init.sh [PROFILE]     (default: release)
set -eu
cd "$(dirname "$0")/.."

profile=${1:-release}
host=$(rustc -vV | sed -n 's/^host: //p')
case $profile in
dev) folder=debug ;;
*) folder=$profile ;;
esac

# A target named outright keeps these flags away from build scripts. No position-independence: nothing relocates at start,
# and fewer pages are written to. A panic ends PID 1 in either way; without unwinding the binary is smaller.
RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C panic=abort" \
    cargo build --profile "$profile" -p aether-sandbox --bin aether-init --target "$host" --target-dir target/init

built=target/init/$host/$folder/aether-init
if ldd "$built" >/dev/null 2>&1; then
    echo "error: $built is not static" >&2
    ldd "$built" >&2
    exit 1
fi

# Renamed into place: a running daemon may be starting it at this moment.
place() {
    mkdir -p "$1"
    cp "$built" "$1/.aether-init.new"
    mv "$1/.aether-init.new" "$1/aether-init"
}
# A debug build stays with the debug binaries; a release one serves both.
if [ "$folder" = release ]; then
    place target/release
fi
if [ "$folder" = debug ] || [ -d target/debug ]; then
    place target/debug
fi
echo "aether-init: $(stat -c %s "$built") bytes, static"
