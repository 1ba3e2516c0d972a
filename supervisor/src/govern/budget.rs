//! The budget of an agent as people see and set it.

use std::sync::Arc;

use aether_protocol::{AgentBudget, AgentId, AgentState, ApiError, Budget, BudgetKind, BudgetLine, BudgetScope, ErrorCode};
use aether_store::AgentField;
use serde_json::json;

use super::{
    meter::{check, lent_by, lines, used_up},
    post_mortem,
};
use crate::fleet::{Core, Fleet, control};

impl Fleet {
    /// The budget of an agent.
    pub async fn budget(&self, id: &AgentId) -> Result<AgentBudget, ApiError> {
        shown(&self.core, id).await
    }

    /// Sets the limits of an agent; one that was frozen for them goes on if nothing is used up any more.
    pub async fn set_budget(&self, id: &AgentId, budget: Budget) -> Result<AgentBudget, ApiError> {
        budget.check()?;
        let (core, agent) = (self.core.clone(), id.clone());
        self.act("agent.budget", id.as_str(), json!({ "budget": budget }), async move {
            set(&core, &agent, budget).await?;
            shown(&core, &agent).await
        })
        .await
    }
}

async fn set(core: &Arc<Core>, id: &AgentId, budget: Budget) -> Result<(), ApiError> {
    {
        let entry = core.entry(id)?;
        let _gate = entry.gate.lock().await;
        let info = core.info(id)?;
        if info.state.is_dead() {
            return Err(ApiError::conflict(format!("{} has ended", info.name), "start a new agent"));
        }
        let mut spec = info.spec;
        within_parent(core, info.parent.as_ref(), &spec.budget, &budget)?;
        spec.budget = budget;
        core.commit(id, vec![AgentField::Spec(Box::new(spec))], Vec::new()).await?;
    }
    let frozen = core.meter.of(id).is_some_and(|(_, frozen)| frozen.is_some());
    if frozen && used_up(core, id).is_none() && core.info(id)?.state == AgentState::Paused {
        control::resume(core, id).await?;
    } else if !frozen {
        check(core, id);
    }
    Ok(())
}

/// A child has a share of what its parent has: more for it has to be there.
fn within_parent(core: &Core, parent: Option<&AgentId>, was: &Budget, wanted: &Budget) -> Result<(), ApiError> {
    let Some(parent) = parent.and_then(|id| core.info(id).ok()).filter(|parent| !parent.state.is_dead()) else {
        return Ok(());
    };
    let left = left(core, &parent.id);
    for kind in BudgetKind::ALL {
        let Some(left) = left.of(kind) else { continue };
        let most = match kind {
            BudgetKind::Wall => left,
            _ => was.of(kind).unwrap_or(0).saturating_add(left),
        };
        if wanted.of(kind).is_none_or(|wanted| wanted > most) {
            let message = format!("{} has {} left of its {}", parent.name, kind.amount(left), kind.words());
            let hint = format!("give at most {} in all, or raise the budget of {} first", kind.amount(most), parent.name);
            return Err(ApiError::new(ErrorCode::Denied, message, hint));
        }
    }
    Ok(())
}

/// May an agent be thawed: is nothing that holds for it used up?
pub(crate) fn may_go_on(core: &Core, id: &AgentId) -> Result<(), ApiError> {
    used_up(core, id).map_or(Ok(()), |line| {
        let name = core.registry().get(id).map_or_else(|| id.to_string(), |entry| entry.info.name.to_string());
        let hint = match line.scope {
            BudgetScope::Agent => format!("raise it: aether budget {name} set {}=LIMIT", word(line.kind)),
            BudgetScope::OwnerToday | BudgetScope::Today => "raise it in the configuration, or wait until tomorrow".to_owned(),
        };
        Err(ApiError::conflict(format!("the budget of {name} is used up: {}", line.words()), hint))
    })
}

/// What the command line calls it.
const fn word(kind: BudgetKind) -> &'static str {
    match kind {
        BudgetKind::Tokens => "tokens",
        BudgetKind::Cost => "cost",
        BudgetKind::Steps => "steps",
        BudgetKind::Wall => "wall",
        BudgetKind::Cpu => "cpu",
        BudgetKind::BytesOut => "bytes",
    }
}

/// What an agent can still use or lend of each thing that is limited for it, in the units of [`aether_protocol::Spent`].
pub(crate) fn left(core: &Core, id: &AgentId) -> Left {
    Left(lines(core, id).into_iter().filter(|line| line.scope == BudgetScope::Agent).collect())
}

/// What is left of the limits of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Left(Vec<BudgetLine>);

impl Left {
    /// Of one kind; absent where nothing is limited.
    pub(crate) fn of(&self, kind: BudgetKind) -> Option<u64> {
        self.0.iter().find(|line| line.kind == kind).map(|line| line.limit.saturating_sub(line.used))
    }

    /// With these limits and nothing used.
    #[cfg(test)]
    pub(crate) fn whole(budget: &Budget) -> Self {
        let line = |kind| Some(BudgetLine { scope: BudgetScope::Agent, kind, used: 0, limit: budget.of(kind)? });
        Self(BudgetKind::ALL.into_iter().filter_map(line).collect())
    }
}

async fn shown(core: &Arc<Core>, id: &AgentId) -> Result<AgentBudget, ApiError> {
    let info = core.info(id)?;
    let kept = core.store.spent(id.clone()).await.map_err(|error| crate::fleet::store_error(&error))?;
    let (spent, frozen) = core.meter.of(id).unwrap_or((kept.spent, None));
    let budget = info.spec.budget.or(core.config.get().budgets.agent.budget());
    let mut lines = lines(core, id);
    if lines.is_empty() {
        let own = |kind| Some(BudgetLine { scope: BudgetScope::Agent, kind, used: spent.of(kind), limit: budget.of(kind)? });
        lines = BudgetKind::ALL.into_iter().filter_map(own).collect();
    }
    let (below, lent) = (core.meter.below(id).unwrap_or(kept.below), lent_by(core, id));
    let by_model = post_mortem::by_model(core, id).await;
    Ok(AgentBudget { budget, spent, below, lent, lines, frozen, post_mortem: kept.post_mortem, by_model })
}
