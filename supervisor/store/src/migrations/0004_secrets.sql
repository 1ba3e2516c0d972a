-- Values are sealed before they come here; the key is not in the database.
CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    version    INTEGER NOT NULL,
    sealed     BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A number is never given twice: AUTOINCREMENT keeps a revoked grant's number from meaning another one.
CREATE TABLE grants (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    secret     TEXT NOT NULL REFERENCES secrets (name) ON DELETE CASCADE,
    agent_id   TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    host       TEXT NOT NULL,
    method     TEXT,
    path       TEXT,
    place      TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_by_agent ON grants (agent_id);
CREATE INDEX grants_by_secret ON grants (secret);

CREATE TABLE model_usage (
    agent_id      TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    step          INTEGER NOT NULL,
    provider      TEXT NOT NULL,
    model         TEXT NOT NULL,
    calls         INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    latency_ms    INTEGER NOT NULL,
    cost_microusd INTEGER,
    PRIMARY KEY (agent_id, step, provider, model)
) STRICT, WITHOUT ROWID;
