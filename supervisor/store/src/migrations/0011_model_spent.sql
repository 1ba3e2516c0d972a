-- What an agent's answers came to, by the model that gave them: those of its loop, and those that looked back at it.
CREATE TABLE model_spent (
    agent_id      TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    model         TEXT NOT NULL,
    answers       INTEGER NOT NULL,
    tokens        INTEGER NOT NULL,
    cost_microusd INTEGER NOT NULL,
    PRIMARY KEY (agent_id, model)
) STRICT, WITHOUT ROWID;
