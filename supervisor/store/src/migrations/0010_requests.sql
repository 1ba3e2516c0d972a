-- Requests that made an agent and carried a key of their client's: asked again they make no second one. They outlive the agents, and go
-- by the agents' numbers, as clocks jump.
CREATE TABLE requests (
    owner    TEXT NOT NULL,
    key      TEXT NOT NULL,
    digest   TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_number ON requests (number);
