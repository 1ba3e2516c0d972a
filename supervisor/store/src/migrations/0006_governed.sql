-- What waited for a person's word, and the word. A number is never given twice.
CREATE TABLE approvals (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_id   TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    -- The call of the built-in agent that waits; absent for connections.
    step       INTEGER,
    position   INTEGER,
    digest     TEXT,
    wish       TEXT NOT NULL,
    asked_ms   INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    decision   TEXT,
    decided_by TEXT,
    reason     TEXT,
    decided_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX approvals_by_call ON approvals (agent_id, step, position) WHERE step IS NOT NULL;

-- What a person allowed as long as the agent lives: rules that lift questions, never denials.
CREATE TABLE allowed_calls (
    agent_id   TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    rule       TEXT NOT NULL,
    approval   INTEGER NOT NULL,
    PRIMARY KEY (agent_id, rule)
) STRICT, WITHOUT ROWID;

-- What each agent used up, and all agents of an owner on a day; the days outlive the agents.
CREATE TABLE agent_spent (
    agent_id      TEXT PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE,
    tokens        INTEGER NOT NULL,
    cost_microusd INTEGER NOT NULL,
    steps         INTEGER NOT NULL,
    wall_ms       INTEGER NOT NULL,
    cpu_ms        INTEGER NOT NULL,
    bytes_out     INTEGER NOT NULL,
    -- Why it is frozen, while it is.
    frozen        TEXT,
    post_mortem   TEXT,
    -- Limits of which a warning was given, and the step until which circles were looked past.
    warned        TEXT NOT NULL DEFAULT '[]',
    circles_after INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE day_spent (
    day           TEXT NOT NULL,
    owner         TEXT NOT NULL,
    tokens        INTEGER NOT NULL,
    cost_microusd INTEGER NOT NULL,
    steps         INTEGER NOT NULL,
    wall_ms       INTEGER NOT NULL,
    cpu_ms        INTEGER NOT NULL,
    bytes_out     INTEGER NOT NULL,
    PRIMARY KEY (day, owner)
) STRICT, WITHOUT ROWID;
