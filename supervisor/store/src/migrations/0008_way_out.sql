-- What each agent's network asked for; it goes with the agent's record.
CREATE TABLE destinations (
    agent_id       TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    host           TEXT NOT NULL,
    port           INTEGER NOT NULL,
    verdict        TEXT NOT NULL,
    reason         TEXT NOT NULL,
    allowed        INTEGER NOT NULL,
    denied         INTEGER NOT NULL,
    bytes_sent     INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    program        TEXT,
    last_ms        INTEGER NOT NULL,
    PRIMARY KEY (agent_id, host, port)
) STRICT, WITHOUT ROWID;

-- Whose requests each secret was added to. The agents may be gone, so their names are kept here.
CREATE TABLE secret_uses (
    secret   TEXT NOT NULL REFERENCES secrets (name) ON DELETE CASCADE,
    agent_id TEXT NOT NULL,
    agent    TEXT NOT NULL,
    times    INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (secret, agent_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE secrets ADD COLUMN times_used INTEGER NOT NULL DEFAULT 0;
