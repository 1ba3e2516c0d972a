#!/usr/bin/env bash
# Prints the path of a User-Mode Linux kernel for the tests, building it first when there is none yet (about 4 minutes on two cores).
#
#   AETHER_VM_KERNEL   a ready one: `linux`, or `linux.xz`
#   AETHER_VM_CACHE    where built ones are kept (default ~/.cache/aether-vm), by configuration and source
#   AETHER_VM_SOURCE   a tarball of Linux to build it from; default: the newest linux-source package of this distribution
#
# User-Mode Linux, because it needs neither KVM nor root and boots in seconds. The one that Debian ships ready-made
# (user-mode-linux 6.1) has no Landlock; an emulated machine with a stock kernel runs programs 20 times slower.
set -euo pipefail
# shellcheck source=tests/vm/cache.sh
. "$(dirname "$0")/cache.sh"

# ready KERNEL: is it one that starts?
ready() {
  [ -x "$1" ] && "$1" --version >/dev/null 2>&1
}

if [ -n "${AETHER_VM_KERNEL:-}" ]; then
  [ -r "$AETHER_VM_KERNEL" ] || fail "AETHER_VM_KERNEL=$AETHER_VM_KERNEL cannot be read" "name a User-Mode Linux kernel, or unset it to build one"
  kernel="$AETHER_VM_KERNEL"
  case "$kernel" in
    *.xz)
      kernel="$cache/kernel-$(sha256sum <"$kernel" | cut -c 1-16)"
      if [ ! -x "$kernel" ]; then
        new="$(mktemp "$cache/new-XXXXXX")"
        xz -dc "$AETHER_VM_KERNEL" >"$new"
        chmod 755 "$new"
        mv "$new" "$kernel"
      fi
      ;;
  esac
  ready "$kernel" || fail "$AETHER_VM_KERNEL is no User-Mode Linux kernel that runs here" "name the \`linux\` of a build with ARCH=um"
  printf '%s\n' "$kernel"
  exit
fi

# newest_source: the newest tarball that a linux-source package has installed.
newest_source() {
  find /usr/src -maxdepth 1 -name 'linux-source-*.tar.*' 2>/dev/null | sort -V | tail -n 1
}

# version SOURCE: of the package that it came with, which counts Debian's patches, too; otherwise of the file.
version() {
  local package
  package="$(dpkg-query -S "$1" 2>/dev/null | cut -d : -f 1)"
  if [ -n "$package" ]; then
    dpkg-query -W -f '${Version}' "$package" | tr -c 'A-Za-z0-9.+~' _
  else
    sha256sum <"$1" | cut -c 1-16
  fi
}

# Both in the name: another configuration is another kernel, and so is another source.
key="$(cat "$here/uml.config" "$here/stopped-fork.patch" | sha256sum | cut -c 1-16)"
source="${AETHER_VM_SOURCE:-$(newest_source)}"
if [ -z "$source" ]; then
  # Built before, from a source that is no longer here.
  kernel="$(find "$cache" -maxdepth 1 -name "kernel-$key-*" | sort -V | tail -n 1)"
  if [ -n "$kernel" ] && ready "$kernel"; then
    printf '%s\n' "$kernel"
    exit
  fi
  if command -v apt-get >/dev/null; then
    $SUDO apt-get update -q >&2
    package="$(apt-cache search --names-only '^linux-source-[0-9.]+$' | cut -d ' ' -f 1 | sort -V | tail -n 1)"
    [ -z "$package" ] || require_packages "$package" >&2
    source="$(newest_source)"
  fi
fi
[ -r "$source" ] || fail "there is no kernel for the virtual machine, and no source to build one from" \
  "apt-get install linux-source-6.12; or name a tarball in AETHER_VM_SOURCE, or a User-Mode Linux kernel in AETHER_VM_KERNEL"
kernel="$cache/kernel-$key-$(version "$source")"
if ready "$kernel"; then
  printf '%s\n' "$kernel"
  exit
fi

one_builder kernel
if ready "$kernel"; then
  printf '%s\n' "$kernel"
  exit
fi
require_packages gcc libc6-dev make patch flex bison bc xz-utils bzip2 >&2
printf 'Building a User-Mode Linux kernel from %s\n' "$source" >&2
build="$(mktemp -d "$cache/build-XXXXXX")"
trap 'rm -rf "$build"' EXIT
mkdir "$build/source" "$build/out"
# Not what this architecture never reads: four of five files are for other processors and for hardware. Kconfig files stay.
skip=(--exclude='*.dts' --exclude='*.dtsi' --exclude='*/Documentation/[!K]*' --exclude='*/tools/testing/*')
for folder in 'arch/[!ux]*' drivers/{gpu,media,infiniband,scsi,staging} drivers/net/{ethernet,wireless} sound; do
  skip+=(--exclude="*/$folder/*.[chS]")
done
tar -C "$build/source" --strip-components=1 "${skip[@]}" -xf "$source"
if grep -q XA_ZERO_ENTRY "$build/source/kernel/fork.c"; then
  patch -s -d "$build/source" -p1 <"$here/stopped-fork.patch" >&2 || fail "tests/vm/stopped-fork.patch does not fit $source" "bring it up to date"
fi

# um ARGUMENTS...: make for this architecture; its messages only when it fails.
um() {
  make -s -C "$build/source" ARCH=um O="$build/out" -j"$(nproc)" "$@" >"$build/log" 2>&1 || {
    tail -n 40 "$build/log" >&2
    fail "the kernel does not build: make $*" "read the messages above; AETHER_VM_SOURCE names another source"
  }
}
um KCONFIG_ALLCONFIG="$here/uml.config" allnoconfig
lost="$(grep '^CONFIG' "$here/uml.config" | grep -vxFf "$build/out/.config" || true)"
[ -z "$lost" ] || fail "this kernel does not take: $(tr '\n' ' ' <<<"$lost")" "tests/vm/uml.config has to be changed for it"
um linux
strip "$build/out/linux"
mv "$build/out/linux" "$kernel"
printf '%s\n' "$kernel"
