#!/usr/bin/env bash
# Downloads the source package of zlib through apt, with a package list of its own, and unpacks it: fetch-zlib.sh DIRECTORY.
# Prints the directory of the sources. A second call finds them there.
set -euo pipefail
mkdir -p "$1"
cd "$1"

found() { find . -mindepth 1 -maxdepth 1 -type d -name 'zlib-*' | head -n 1; }

if [ -z "$(found)" ]; then
  mkdir -p apt/lists/partial apt/parts apt/cache/archives/partial
  # The same mirrors that the system uses, asked for sources: both formats of apt's configuration.
  : >apt/sources.list
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p' |
    grep -E 'debian|ubuntu' >>apt/sources.list || true
  for file in /etc/apt/sources.list.d/{debian,ubuntu}*.sources; do
    [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"apt/parts/$(basename "$file")"
  done
  options=(-q -o "Dir::Etc::sourcelist=$PWD/apt/sources.list" -o "Dir::Etc::sourceparts=$PWD/apt/parts"
    -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >&2
  apt-get "${options[@]}" source --download-only zlib >&2
  name="$(find . -maxdepth 1 -name 'zlib_*.orig.tar.*' ! -name '*.asc' | head -n 1)"
  mkdir unpacked
  tar -xf "$name" -C unpacked --strip-components 1
  version="${name#./zlib_}"
  mv unpacked "zlib-${version%.orig.tar.*}"
  rm -rf apt
fi
printf '%s/%s\n' "$PWD" "$(basename "$(found)")"
