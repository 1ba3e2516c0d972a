#!/usr/bin/env python3
"""Losses of power: what was kept, compared with what was acknowledged.

`power.py kept CUT UPTIME`, in the virtual machine: compares, prints a line and `N passed, N failed`, leaves figures in /out.
`power.py table OUT`, outside: the section of docs/RELIABILITY.md, from the figures of every cut.
"""

import collections
import json
import pathlib
import sqlite3
import subprocess
import sys

OUT = pathlib.Path("/out")
LIMIT = 15.0


def said(folder):
    """What was asked for and acknowledged so far: by verb, what it was about, with the words after it."""
    facts = collections.defaultdict(dict)
    for file in sorted(folder.glob("said-*")):
        # A line that was cut short is none.
        for line in file.read_text().split("\n")[:-1]:
            verb, about, *more = line.split(" ")
            facts[verb][about] = more
    return facts


def asked(*words):
    return subprocess.run(["aether", *words], capture_output=True, text=True)


def objects(*words):
    """JSON of the command: an array, or an object a line."""
    text = asked(*words, "--json").stdout.strip()
    if text.startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines()]


class Comparison:
    """Counts what is as it was acknowledged, by kind, and says what is not."""

    def __init__(self):
        self.held = collections.Counter()
        self.lost = []

    def holds(self, kind, what, true):
        if true:
            self.held[kind] += 1
        else:
            self.lost.append(f"{kind}: {what}")


def whole(file):
    """By SQLite's own checks: what they say where it is not."""
    try:
        database = sqlite3.connect(file)
        answer = database.execute("PRAGMA integrity_check").fetchall()
        answer += database.execute("PRAGMA foreign_key_check").fetchall()
        database.close()
    except sqlite3.Error as error:
        return str(error)
    return None if answer == [("ok",)] else str(answer)


def databases(found, facts):
    """The database as the power left it, and each copy that was acknowledged since the last comparison."""
    database = pathlib.Path("/tmp/copy/aether.db")
    if database.exists() or facts["created"]:
        answer = whole(database) if database.exists() else "it is not there"
        found.holds("databases whole", answer, answer is None)
    for name in facts["copied"]:
        copy, looked = pathlib.Path("/disk/copies") / name, OUT / f"looked-{name}"
        if not looked.exists():
            answer = whole(copy) if copy.exists() else "it is not there"
            found.holds("backups whole", f"{name}: {answer}", answer is None)
            looked.touch()


def control(facts):
    """How many of the files that were written since the last comparison without a sync were lost, and of how many."""
    lost = total = 0
    for name in facts["unsynced"]:
        looked = OUT / f"looked-unsynced-{name}"
        if not looked.exists():
            file = pathlib.Path("/disk/unsynced") / name
            total += 1
            lost += not file.exists() or file.read_text() != f"{name}\n"
            looked.touch()
    return lost, total


def agents(found, facts):
    listed = objects("ps", "-a")
    ids = [agent["id"] for agent in listed]
    found.holds("lists without doubles", ids, len(set(ids)) == len(ids))
    by_id = {agent["id"]: agent for agent in listed}
    for agent, (name,) in facts["created"].items():
        known = by_id.get(agent)
        if agent in facts["removed"]:
            found.holds("agents removed", f"{agent} is there again", known is None)
        elif agent not in facts["removing"]:
            found.holds("agents created", f"{agent} {name}: {known}", known is not None and known["name"] == name)
            found.holds("agents not said to run", f"{agent}: {known}", known is not None and known["state"] == "dead")
            if agent in facts["killed"]:
                code = known and known["exit"] and known["exit"]["code"]
                found.holds("agents killed", f"{agent} ended with {code}", code == 137)
            if agent in facts["wrote"]:
                proof = asked("cp", f"{agent}:proof", "-")
                found.holds("files synced by agents", f"{agent}: {proof}", proof.stdout == f"{agent}\n")
    return len(set(ids) - set(facts["created"]))


def secrets(found, facts):
    names = {secret["name"] for secret in objects("secret", "ls")}
    for name in facts["set"]:
        if name in facts["dropped"]:
            found.holds("secrets removed", f"{name} is there again", name not in names)
        elif name not in facts["dropping"]:
            found.holds("secrets set", f"{name} is not there", name in names)


def chain(found, facts):
    verified = asked("audit", "verify")
    found.holds("audit chains whole", verified, verified.returncode == 0)
    recorded = {(record["action"], record["subject"]) for record in objects("audit")}
    actions = {
        "created": "agent.deploy",
        "removed": "agent.remove",
        "killed": "agent.kill",
        "set": "secret.set",
        "dropped": "secret.remove",
    }
    for verb, action in actions.items():
        for about in facts[verb]:
            found.holds("acts in the audit", f"{action} {about}", (action, about) in recorded)


def kept(cut, uptime):
    found, facts = Comparison(), said(OUT)
    databases(found, facts)
    unsynced_lost, unsynced = control(facts)
    unasked = agents(found, facts)
    secrets(found, facts)
    chain(found, facts)
    found.holds("starts in time", f"{uptime} s after boot", uptime <= LIMIT)
    ran = asked("run", "--rm", "--", "echo", "hello")
    found.holds("agents run afterwards", ran, ran.stdout == "hello\n")
    for line in found.lost:
        print("FAILED ", line)
    print(f"cut {cut}: serving {uptime} s after boot; {unasked} agents that nobody had been told of")
    print(f"{sum(found.held.values())} passed, {len(found.lost)} failed")
    figures = {"uptime": uptime, "held": found.held, "lost": found.lost, "unasked": unasked, "unsynced": unsynced, "unsynced_lost": unsynced_lost}
    (OUT / f"found-{int(cut):04}.json").write_text(json.dumps(figures))
    return 1 if found.lost else 0


def table(out):
    """Each promise is counted once: what is compared again after every later cut counts by how often it was acknowledged."""
    facts = said(out)
    rows = {
        "agents created": len(facts["created"]),
        "agents killed": len(facts["killed"]),
        "agents removed": len(facts["removed"]),
        "files that agents had synced": len(facts["wrote"]),
        "secrets set": len(facts["set"]),
        "secrets removed": len(facts["dropped"]),
        "backups made": len(facts["copied"]),
    }
    boots = [json.loads(file.read_text()) for file in sorted(out.glob("found-*.json"))]
    lost = [line for boot in boots for line in boot["lost"]]
    cuts = [line.split(" ") for line in (out / "cuts").read_text().splitlines()]
    early = sum(1 for _, when in cuts if when == "start")
    print("Written by scripts/test-vm.sh (make test-vm): a virtual machine with systemd and a disk of ext4 is gone at a random moment, while agents are created,")
    print("killed and removed, agents sync files, secrets are set and removed, and backups are made, all at once. What the machine had written to its disk")
    print("stays, the rest is lost. A disk that loses what it acknowledged is not tried.\n")
    print(f"{len(cuts)} cuts: {early} while the service started, the others while it worked. {len(boots)} comparisons of all that was acknowledged")
    print(f"until then, {sum(sum(boot['held'].values()) for boot in boots)} answers in all; {len(lost)} were wrong.")
    print("\n| acknowledged before a cut | times | lost |\n| --- | ---: | ---: |")
    kinds = {
        "files that agents had synced": "files synced by agents",
        "backups made": "backups whole",
    }
    for row, times in rows.items():
        kind = kinds.get(row, row)
        print(f"| {row} | {times} | {sum(1 for line in lost if line.startswith(kind + ':'))} |")
    unsynced, unsynced_lost = (sum(boot[name] for boot in boots) for name in ("unsynced", "unsynced_lost"))
    intact = sum(boot["held"].get("databases whole", 0) for boot in boots)
    chains = sum(boot["held"].get("audit chains whole", 0) for boot in boots)
    uptimes = sorted(boot["uptime"] for boot in boots[1:])
    print(f"\nThe database was whole {intact} times of {len(boots) - 1} (`integrity_check`, `foreign_key_check`, before the service saw it), the audit chain")
    print(f"{chains} times. The service answered {uptimes[len(uptimes) // 2]:.1f} s after the machine's boot in the middle, {uptimes[-1]:.1f} s at most.")
    print(f"\nThe control: of {unsynced} files that were written beside it, and not synced, the cuts took {unsynced_lost}.")
    if len(cuts) >= 5 and not unsynced_lost:
        sys.exit("error: no cut took anything, so they show nothing")


if __name__ == "__main__":
    if sys.argv[1] == "table":
        table(pathlib.Path(sys.argv[2]))
    else:
        sys.exit(kept(sys.argv[2], float(sys.argv[3])))
