#!/bin/bash
# Runs in the virtual machine, twice: `power.sh before` starts agents, and the power fails once the last is acknowledged;
# `power.sh after` looks at what the second disk kept. /out/acknowledged lies outside the machine and says what was promised.
# shellcheck disable=SC2317  # some functions are called by name
set -u
export AETHER_SOCKET=/run/aether-power/a.sock PATH="/opt/aether/real:$PATH"
state=/disk/state
agents=8

start() {
  mkdir -p /opt/aether/real
  cp /host/bin/* /opt/aether/real/
  systemd-run --quiet --unit aether-power -p Type=notify -p Delegate=yes -p KillMode=mixed \
    aetherd --state "$state" --socket "$AETHER_SOCKET" --listen 127.0.0.1:0
}

if [ "$1" = before ]; then
  start || exit 1
  : >/out/acknowledged
  for number in $(seq "$agents"); do
    id="$(aether run -d --name "kept-$number" -- sh -c 'while :; do date >>~/diary; done')" || exit 1
    printf '%s kept-%s\n' "$id" "$number" >>/out/acknowledged
  done
  echo 'the power fails'
  sleep 600
  exit 1
fi

# shellcheck source=tests/vm/holds.sh
. "$(dirname "$0")/holds.sh"

# whole DATABASE: by SQLite's own check.
whole() {
  python3 -c 'import sqlite3, sys
said = sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchall()
print(said); sys.exit(said != [("ok",)])' "$1"
}

# kept ID NAME: is the agent on record under both, and not said to run?
kept() {
  aether ps -a --json | ID="$1" NAME="$2" python3 -c '
import json, os, sys
agents = json.load(sys.stdin)
agent = next(a for a in agents if a["id"] == os.environ["ID"])
print(agent["name"], agent["state"])
sys.exit(agent["name"] != os.environ["NAME"] or agent["state"] == "running")'
}

mapfile -t promised </out/acknowledged
holds "$agents agents were acknowledged" test "${#promised[@]}" -eq "$agents"
databases="$(find "$state" -maxdepth 2 -name '*.db' -o -maxdepth 2 -name '*.sqlite*' ! -name '*-wal' ! -name '*-shm')"
holds 'there is a database' test -n "$databases"
for database in $databases; do
  # On a copy: the daemon shall find it as the power left it.
  mkdir -p /tmp/copy
  cp "$database"* /tmp/copy/
  holds "${database##*/} is whole" whole "/tmp/copy/${database##*/}"
done
holds 'the daemon starts again' start
for line in "${promised[@]}"; do
  # shellcheck disable=SC2086  # two words
  holds "kept: $line" kept $line
done
holds 'no record of the audit chain is missing or changed' aether audit verify
holds 'an agent runs' aether run --rm -- true
systemctl stop aether-power.service
counted
