#!/usr/bin/env bash
# `make deb`, `make rpm`: packages in target/package. Both hold one tree, laid out here; their metadata is in supervisor/Cargo.toml.
#   AETHER_BIN_DIR: the finished binaries (default target/release, built first when none are named)
#   AETHER_PACKAGE_FAST=1: compress less
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

kind="${1:-}"
case "$kind" in
  deb) require_packages binutils dpkg-dev lintian ;;
  rpm) require_packages binutils rpm rpmlint ;;
  *) fail "package.sh is told deb or rpm" "make deb, make rpm" ;;
esac
if [ -z "${AETHER_BIN_DIR:-}" ]; then
  scripts/build.sh
fi
binaries="${AETHER_BIN_DIR:-target/release}"
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)"
moment="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH="$moment"

# tool NAME VERSION: prints the path of a cargo command, which is built first when there is none yet. Without optimisation, which takes a fifth of the
# time; the packages take as long with either.
tool() {
  local at="target/tools/$1-$2"
  [ -x "$at/bin/$1" ] || CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --root "$at" "$1@$2" >&2
  printf '%s\n' "$at/bin/$1"
}

out=target/package
root="$out/root"
rm -rf "$root" "$out/scripts"
mkdir -p "$root" "$out/scripts"

# put MODE PATH: standard input becomes a file of the package.
put() {
  install -D -m "$1" /dev/stdin "$root/$2"
}
# packed PATH: the same for what lies there compressed.
packed() {
  gzip -9n | put 644 "$1.gz"
}

for program in usr/sbin/aetherd usr/bin/aether usr/libexec/aether/aether-init; do
  [ -x "$binaries/${program##*/}" ] || fail "$binaries/${program##*/} is missing" "make build"
  install -D -m 755 "$binaries/${program##*/}" "$root/$program"
  strip --strip-unneeded --remove-section=.comment "$root/$program"
done
put 755 usr/libexec/aether/end-agents <packaging/libexec/end-agents
for unit in packaging/systemd/*; do
  put 644 "usr/lib/systemd/system/${unit##*/}" <"$unit"
done
put 644 usr/lib/sysusers.d/aether.conf <packaging/sysusers.conf
put 644 usr/lib/tmpfiles.d/aether.conf <packaging/tmpfiles.conf
put 644 usr/share/aether/apparmor/aetherd <packaging/apparmor/aetherd
put 644 etc/aether/aether.toml <packaging/aether.toml
"$root/usr/bin/aether" completion bash | put 644 usr/share/bash-completion/completions/aether
"$root/usr/bin/aether" completion fish | put 644 usr/share/fish/vendor_completions.d/aether.fish
case "$kind" in
  deb) "$root/usr/bin/aether" completion zsh | put 644 usr/share/zsh/vendor-completions/_aether ;;
  rpm) "$root/usr/bin/aether" completion zsh | put 644 usr/share/zsh/site-functions/_aether ;;
esac
mkdir "$out/man"
"$root/usr/bin/aether" man "$out/man"
for page in "$out"/man/*.1; do
  packed "usr/share/man/man1/${page##*/}" <"$page"
done
rm -r "$out/man"
"${AETHERD_MAN:-$root/usr/sbin/aetherd}" --man | packed usr/share/man/man8/aetherd.8
packed usr/share/doc/aether/operating.md <docs/INSTALL.md
put 644 usr/share/doc/aether/examples/agent.toml <packaging/examples/agent.toml
scripts/third-party.py | packed usr/share/doc/aether/THIRD-PARTY

case "$kind" in
  deb)

    put 644 usr/share/lintian/overrides/aether <packaging/deb/lintian-overrides
    packed usr/share/doc/aether/changelog <<CHANGES
aether ($version) unstable; urgency=medium

  * What changed is in CHANGELOG.md of the sources.

 -- The Aether authors <aether-agents@users.noreply.github.com>  $(LC_ALL=C date -u -R -d "@$moment")
CHANGES
    for script in preinst postinst prerm postrm; do
      install -m 755 "packaging/deb/$script" "$out/scripts/$script"
    done
    rm -f "$out"/aether_*.deb
    "$(tool cargo-deb 3.8.0)" --quiet --no-build --no-strip ${AETHER_PACKAGE_FAST:+--fast} -p aether-supervisor --output "$out/"
    package="$(echo "$out"/aether_*.deb)"
    lintian --allow-root --fail-on error,warning "$package"
    ;;
  rpm)
    put 644 usr/share/licenses/aether/LICENSE <LICENSE
    rm -f "$out"/aether-*.rpm
    "$(tool cargo-generate-rpm 0.21.1)" -p supervisor -o "$out/"
    package="$(echo "$out"/aether-*.rpm)"
    rpmlint --config packaging/rpm/rpmlint.toml "$package"
    ;;
esac
printf '%s: %s bytes\n' "$package" "$(stat -c %s "$package")"
