-- Whose memory it is: the memory of one agent goes with it, a named one stays with its owner. A number is never given twice.
CREATE TABLE minds (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    owner        TEXT NOT NULL,
    name         TEXT,
    agent_id     TEXT UNIQUE REFERENCES agents (id) ON DELETE CASCADE,
    created_ms   INTEGER NOT NULL,
    completed    INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    steps        INTEGER NOT NULL DEFAULT 0,
    calls        INTEGER NOT NULL DEFAULT 0,
    calls_failed INTEGER NOT NULL DEFAULT 0,
    ratings      INTEGER NOT NULL DEFAULT 0,
    rating_sum   INTEGER NOT NULL DEFAULT 0,
    expertise    TEXT NOT NULL DEFAULT '[]',
    notes        TEXT NOT NULL DEFAULT '',
    CHECK ((name IS NULL) <> (agent_id IS NULL)),
    UNIQUE (owner, name)
) STRICT;

-- The order by weight of now does not change as time passes, so it can be kept: logarithm of the importance, and when it was last used.
CREATE TABLE memories (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    mind        INTEGER NOT NULL REFERENCES minds (id) ON DELETE CASCADE,
    layer       TEXT NOT NULL,
    content     TEXT NOT NULL,
    tags        TEXT NOT NULL,
    importance  REAL NOT NULL,
    standing    REAL NOT NULL,
    created_ms  INTEGER NOT NULL,
    accessed_ms INTEGER NOT NULL,
    accesses    INTEGER NOT NULL DEFAULT 0,
    expires_ms  INTEGER
) STRICT;
CREATE INDEX memories_by_standing ON memories (mind, layer, standing);
CREATE INDEX memories_by_end ON memories (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE VIRTUAL TABLE memories_found USING fts5 (
    mind, content, tags, content='memories', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER memories_are_found AFTER INSERT ON memories BEGIN
    INSERT INTO memories_found (rowid, mind, content, tags) VALUES (NEW.id, NEW.mind, NEW.content, NEW.tags);
END;
CREATE TRIGGER memories_are_lost AFTER DELETE ON memories BEGIN
    INSERT INTO memories_found (memories_found, rowid, mind, content, tags) VALUES ('delete', OLD.id, OLD.mind, OLD.content, OLD.tags);
END;
CREATE TRIGGER memories_are_found_again AFTER UPDATE OF content, tags ON memories BEGIN
    INSERT INTO memories_found (memories_found, rowid, mind, content, tags) VALUES ('delete', OLD.id, OLD.mind, OLD.content, OLD.tags);
    INSERT INTO memories_found (rowid, mind, content, tags) VALUES (NEW.id, NEW.mind, NEW.content, NEW.tags);
END;

CREATE TABLE plans (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id   TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    goal       TEXT NOT NULL,
    status     TEXT NOT NULL,
    nodes      TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX plans_by_agent ON plans (agent_id, id);

CREATE TABLE reflections (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    mind     INTEGER NOT NULL REFERENCES minds (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    rating   INTEGER CHECK (rating BETWEEN 1 AND 5),
    summary  TEXT NOT NULL,
    UNIQUE (mind, agent_id)
) STRICT;

CREATE TABLE feedback (
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    step     INTEGER NOT NULL,
    by_whom  TEXT NOT NULL,
    rating   INTEGER NOT NULL CHECK (rating IN (-1, 1)),
    comment  TEXT NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (agent_id, step, by_whom)
) STRICT, WITHOUT ROWID;

-- Letters wait until a call takes them; the same call, made again after a restart, gets the same ones.
CREATE TABLE letters (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    from_id   TEXT NOT NULL,
    to_id     TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    kind      TEXT NOT NULL,
    about     INTEGER,
    content   TEXT NOT NULL,
    sent_ms   INTEGER NOT NULL,
    read_ms   INTEGER,
    read_call TEXT
) STRICT;
CREATE INDEX letters_waiting ON letters (to_id, from_id) WHERE read_ms IS NULL;
CREATE INDEX letters_by_call ON letters (to_id, read_call) WHERE read_call IS NOT NULL;

-- Who started whom. A kept child outlives its parent.
CREATE TABLE children (
    child  TEXT PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE,
    parent TEXT NOT NULL,
    kept   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX children_by_parent ON children (parent);
