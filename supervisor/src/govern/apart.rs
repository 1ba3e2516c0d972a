//! Answers that are given for an agent beside its loop, also when it has ended.

use std::sync::Arc;

use aether_llm::Completion;
use aether_protocol::{AgentId, BudgetKind, Spent, budget::ModelSpend};

use super::meter::{adopt, lines, spend};
use crate::fleet::Core;

/// May a model be asked for this agent: are tokens and money left, its own and those of the day?
pub(crate) async fn may_ask(core: &Arc<Core>, id: &AgentId) -> bool {
    let is_spent = |kind| matches!(kind, BudgetKind::Tokens | BudgetKind::Cost);
    adopt(core, id).await.is_ok() && !lines(core, id).iter().any(|line| line.is_used_up() && is_spent(line.kind))
}

/// Counts an answer that looked back at a run. The day counts also when the agent was removed meanwhile.
pub(crate) async fn looked_back(core: &Arc<Core>, id: &AgentId, owner: &str, provider: &str, answer: &Completion) {
    let spent = aether_runtime::Spent::of(0, provider, answer);
    if adopt(core, id).await.is_err() {
        core.meter.count_for(id, owner);
    }
    let on = on(&spent, " (looking back)");
    spend(core, id, Spent { tokens: on.tokens, cost_microusd: on.cost_microusd, ..Spent::default() }, Some(on));
}

/// Counts texts that were made vectors for an agent, whatever it does now.
pub(crate) async fn embedded(core: &Arc<Core>, id: &AgentId, model: &str, tokens: u64) {
    if let Err(error) = adopt(core, id).await {
        tracing::debug!(agent = %id, error = error.message, "vectors are counted for nobody");
        return;
    }
    let cost_microusd = core.providers.cost(model, tokens).unwrap_or(0);
    let on = ModelSpend { model: format!("{model} (vectors)"), answers: 1, tokens, cost_microusd };
    spend(core, id, Spent { tokens, cost_microusd, ..Spent::default() }, Some(on));
}

/// One answer, under the name of its model and what it was for.
pub(super) fn on(spent: &aether_runtime::Spent, what: &str) -> ModelSpend {
    let usage = spent.usage.unwrap_or_default();
    ModelSpend {
        model: format!("{}{what}", spent.model),
        answers: 1,
        tokens: usage.input.saturating_add(usage.output),
        cost_microusd: spent.cost_microusd.unwrap_or(0),
    }
}
