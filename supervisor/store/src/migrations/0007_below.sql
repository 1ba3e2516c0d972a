-- What the children of an agent used of its budget, and their children; it stays when they are removed. Time passes for all at once.
ALTER TABLE agent_spent ADD COLUMN below_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent_spent ADD COLUMN below_cost_microusd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent_spent ADD COLUMN below_steps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent_spent ADD COLUMN below_cpu_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent_spent ADD COLUMN below_bytes_out INTEGER NOT NULL DEFAULT 0;
