-- Counters never go back: numbers and sequence numbers are never given twice, even after rows are deleted.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('agent_number', 0), ('event_seq', 0), ('slot_release', 0);

CREATE TABLE agents (
    id           TEXT PRIMARY KEY,
    number       INTEGER NOT NULL UNIQUE,
    name         TEXT NOT NULL UNIQUE,
    owner        TEXT NOT NULL,
    spec         TEXT NOT NULL,
    state        TEXT NOT NULL,
    phase        TEXT NOT NULL,
    home         TEXT NOT NULL,
    pid          INTEGER,
    cgroup       TEXT,
    enforcement  TEXT,
    created_ms   INTEGER NOT NULL,
    started_ms   INTEGER,
    ended_ms     INTEGER,
    exit         TEXT,
    step         INTEGER NOT NULL DEFAULT 0,
    max_steps    INTEGER,
    model        TEXT,
    last_action  TEXT,
    boot_id      TEXT
) STRICT;
CREATE INDEX agents_by_state ON agents (state, number);

-- A row exists for every slot that was ever handed out. The agent cannot be deleted while it holds one.
CREATE TABLE leases (
    slot        INTEGER PRIMARY KEY,
    agent_id    TEXT UNIQUE REFERENCES agents (id) ON DELETE RESTRICT,
    released_as INTEGER,
    CHECK ((agent_id IS NULL) <> (released_as IS NULL))
) STRICT;
CREATE INDEX leases_free ON leases (released_as) WHERE agent_id IS NULL;

-- No reference to agents: what happened stays after an agent was removed.
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    agent_id TEXT,
    owner    TEXT NOT NULL,
    type     TEXT NOT NULL,
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_agent ON events (agent_id, seq);

CREATE TABLE steps (
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    step     INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    thought  TEXT NOT NULL,
    usage    TEXT,
    PRIMARY KEY (agent_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    agent_id TEXT NOT NULL,
    step     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    call_id  TEXT NOT NULL,
    tool     TEXT NOT NULL,
    args     TEXT NOT NULL,
    outcome  TEXT,
    ended_ms INTEGER,
    PRIMARY KEY (agent_id, step, position),
    FOREIGN KEY (agent_id, step) REFERENCES steps (agent_id, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    id         INTEGER PRIMARY KEY,
    agent_id   TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    at_ms      INTEGER NOT NULL,
    content    TEXT NOT NULL,
    taken_step INTEGER
) STRICT;
CREATE INDEX messages_by_agent ON messages (agent_id, id);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
