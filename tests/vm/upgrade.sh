#!/bin/bash
# Runs in the virtual machine: a version of another day is replaced by this one while agents are at work. /host: older.deb, aether.deb and this folder.
# Ends with `N passed, N failed`, and writes a row for docs/RELIABILITY.md to /out/versions.
# shellcheck disable=SC2016,SC2317,SC2329  # most functions are called by name
set -u
# shellcheck source=tests/vm/steps.sh
. "$(dirname "$0")/steps.sh"

# schema: of the database.
schema() {
  python3 -c 'import sqlite3; print(sqlite3.connect("file:/var/lib/aether/aether.db?mode=ro", uri=True).execute("PRAGMA user_version").fetchone()[0])'
}

# copy_of SCHEMA: the copy that was made before the database got a new schema is whole, and still has the old one.
copy_of() {
  local copies=(/var/lib/aether/aether.db.schema-"$1".bak-*)
  [ "${#copies[@]}" -eq 1 ] && COPY="${copies[0]}" python3 -c '
import os, sqlite3, sys
db = sqlite3.connect("file:" + os.environ["COPY"] + "?mode=ro", uri=True)
schema, whole = db.execute("PRAGMA user_version").fetchone()[0], db.execute("PRAGMA integrity_check").fetchone()[0]
names = {row[0] for row in db.execute("SELECT name FROM agents")}
print(schema, whole, names)
sys.exit(str(schema) != sys.argv[1] or whole != "ok" or not {"plain", "terminal", "net", "ended"} <= names)' "$1"
}

# told NAME: it runs, or its end is told as what it is: one that nobody knows of.
told() {
  local state
  state="$(state "$1")"
  echo "$1: $state"
  [ "$state" = running ] || lists '255' aether inspect "$1"
}

# no_gap: every line that the agent wrote, from before and after, once.
no_gap() {
  soon sh -c 'aether logs plain | tail -n 1 | grep -q line' && aether logs plain | awk '{ n++; if ($2 != n) { print "line", n, "is", $2; exit 1 } }'
}

older_over_newer() {
  dpkg -i /host/older.deb
}

printf -- '-- the older version\n'
holds 'installs' dpkg -i /host/older.deb
holds 'its service is up' prints active value aetherd.service ActiveState
if [ "$failed" -gt 0 ]; then
  journalctl -u aetherd --no-pager -n 20
  counted
  exit
fi
aether run -d --name plain -- sh -c 'i=0; while :; do i=$((i + 1)); echo "line $i"; echo $i >count; sleep 0.5; done' >/dev/null
aether run -d --name terminal -t -- sh -c 'while :; do echo tick; sleep 1; done' >/dev/null
aether run -d --name net --allow allowed.example -- sleep 100000 >/dev/null
aether run -d --name frozen -- sleep 100000 >/dev/null
aether pause frozen >/dev/null
aether run -d --name ended -- sh -c 'echo mine >file; exit 7' >/dev/null
mkdir -p /root/lent
aether run -d --name lent --mount /root/lent:/home/agent/lent -- sh -c 'while :; do date >lent/date; sleep 1; done' >/dev/null
holds 'an agent has ended' soon prints dead state ended
holds 'a secret is kept' sh -c 'printf 0123456789abcdef | aether secret set upstream'
old_schema="$(schema)"
for name in plain terminal net frozen lent; do
  declare "pids_$name=$(first "$name")"
done

printf -- '\n-- this version\n'
holds 'replaces it' dpkg -i /host/aether.deb
holds 'its service is up' prints active value aetherd.service ActiveState
holds 'it answers' soon aether ps -a
new_schema="$(schema)"
printf 'schema %s, then %s\n' "$old_schema" "$new_schema"
holds 'the schema is newer' test "$new_schema" -gt "$old_schema"
holds 'a copy of the older one was kept' copy_of "$old_schema"
lived=0
for name in plain terminal net lent; do
  pid="pids_$name"
  holds "$name lives on, or its end is told" told "$name"
  if [ "$(state "$name")" = running ] && [ "$(first "$name")" = "${!pid}" ]; then
    lived=$((lived + 1))
  fi
done
pid=pids_frozen
if [ "$(state frozen)" = paused ] && [ "$(first frozen)" = "${!pid}" ]; then
  lived=$((lived + 1))
fi
holds 'all five live on' prints 5 echo "$lived"
holds 'a frozen one stays frozen' prints paused state frozen
holds 'and can be thawed' aether resume frozen
holds 'output goes on where it was' no_gap
holds 'a program can be started beside' prints hello aether exec plain -- echo hello
holds 'files can be fetched' lists count aether ls plain:/home/agent
holds 'one that ended before is as it was' lists '7' aether inspect ended
holds 'with its home' prints mine aether cp ended:file -
holds 'the secret is there' lists upstream aether secret ls
holds 'the chain of the audit holds' aether audit verify
holds 'a new agent runs' prints hello aether run --rm -- echo hello
holds 'doctor finds nothing wrong' ends 0 aether doctor
holds 'each can be ended' aether kill plain terminal net frozen lent
holds 'and removed' aether rm plain terminal net frozen lent ended

printf -- '\n-- back\n'
aether run -d --name keeper -- sleep 100000 >/dev/null
keeper="$(first keeper)"
holds 'the older version is refused' fails 'is older' older_over_newer
holds 'which leaves the service alone' prints active value aetherd.service ActiveState
holds 'and its agents' prints "$keeper" first keeper
holds 'forced over it, the package says so as well' fails 'is older' dpkg --force-downgrade -i /host/older.deb
holds 'remove' dpkg -r aether
holds 'the older one installs' dpkg -i /host/older.deb
holds 'and does not touch the newer database' soon lists "has schema $new_schema, this version knows up to $old_schema" journalctl -u aetherd --no-pager
holds 'which is as it was' prints "$new_schema" schema
holds 'purge' dpkg -P aether
holds 'ends every process' nothing_runs
holds 'leaves no cgroup' no_cgroup
holds 'leaves no mount' nothing_mounted
printf '| %s | %s | 5 | %s |\n' "$old_schema" "$new_schema" "$((5 - lived))" >/out/versions
counted
