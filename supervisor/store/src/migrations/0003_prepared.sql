-- Sandboxes built ahead for agents that nobody has asked for yet: the name such an agent will have, and the slot its sandbox uses.
-- The row is gone in the commit that records the agent; one that is still there at a start stands for what has to be taken down.
CREATE TABLE prepared (
    agent_id TEXT PRIMARY KEY,
    slot     INTEGER NOT NULL REFERENCES leases (slot)
) STRICT, WITHOUT ROWID;
