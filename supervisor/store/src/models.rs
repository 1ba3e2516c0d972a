//! What agents asked models: one row per agent, step and model, so that it is bounded by the steps and not by the calls.

use aether_protocol::{AgentId, ModelUsage};
use rusqlite::Connection;

use crate::{Store, StoreError, row};

impl Store {
    /// What one agent asked, by step and model.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn model_usage(&self, agent: AgentId) -> Result<Vec<ModelUsage>, StoreError> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT step, provider, model, calls, failed, input_tokens, output_tokens, latency_ms, cost_microusd
                 FROM model_usage WHERE agent_id = ?1 ORDER BY step, provider, model",
            )?;
            let mut rows = statement.query([agent.as_str()])?;
            let mut usage = Vec::new();
            while let Some(r) = rows.next()? {
                usage.push(ModelUsage {
                    step: r.get(0)?,
                    provider: row::from_word("provider", &r.get::<_, String>(1)?)?,
                    model: r.get(2)?,
                    calls: row::uint(r.get(3)?),
                    failed: row::uint(r.get(4)?),
                    input_tokens: row::uint(r.get(5)?),
                    output_tokens: row::uint(r.get(6)?),
                    latency_ms: row::uint(r.get(7)?),
                    cost_microusd: r.get::<_, Option<i64>>(8)?.map(row::uint),
                });
            }
            Ok(usage)
        })
        .await
    }
}

/// Adds to the row of the same agent, step and model. Calls of an agent that was removed meanwhile are dropped with it.
pub(crate) fn add(db: &Connection, agent: &AgentId, more: &ModelUsage) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO model_usage (agent_id, step, provider, model, calls, failed, input_tokens, output_tokens, latency_ms, cost_microusd)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM agents WHERE id = ?1
         ON CONFLICT (agent_id, step, provider, model) DO UPDATE SET
           calls = calls + ?5, failed = failed + ?6, input_tokens = input_tokens + ?7, output_tokens = output_tokens + ?8,
           latency_ms = latency_ms + ?9,
           cost_microusd = CASE WHEN ?10 IS NULL THEN cost_microusd ELSE coalesce(cost_microusd, 0) + ?10 END",
    )?
    .execute((
        agent.as_str(),
        more.step,
        row::to_word("provider", &more.provider)?,
        &more.model,
        row::int(more.calls),
        row::int(more.failed),
        row::int(more.input_tokens),
        row::int(more.output_tokens),
        row::int(more.latency_ms),
        more.cost_microusd.map(row::int),
    ))?;
    Ok(())
}
