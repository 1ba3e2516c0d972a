//! The governor of one built-in agent: its rules, the people who are asked, the guard, circles and its budget.

pub(crate) mod apart;
pub(crate) mod budget;
mod hold;
pub(crate) mod meter;
mod post_mortem;
mod seen;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aether_protocol::{
    AgentId, ApiError, RuleEffect, Spent, Suspicion, ToolRule,
    approval::ContinueWish,
    event::GuardSuspicion,
    network::{ApprovalWish, NetworkMode},
};
use aether_runtime::{
    Asked, CallOutcome, Effect, Gate, Governor, Hands, History, JournalError, Verdict,
    policy::{Circles, Facts, guard, judge, rules},
};
use aether_store::{BudgetField, Change, HeldRecord};
use async_trait::async_trait;

pub(crate) use meter::Meter;

use crate::{
    config::OnSuspicion,
    fleet::{Core, control, lock},
};

/// How long a frozen agent asks to go on.
const FROZEN: Duration = Duration::from_secs(7 * 86_400);
/// Tools that do nothing to anything: no rule is about them.
const THOUGHTS: &[&str] = &["think", "complete"];

/// The governor of one agent.
pub(crate) struct AgentGovernor {
    core: Arc<Core>,
    id: AgentId,
    number: u64,
    network: bool,
    /// Directories inside that somebody lent.
    lent: Vec<String>,
    rules: Vec<ToolRule>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    circles: Circles,
    /// Suspicions about what the agent has read, until a person has looked at one of its calls.
    suspicions: Vec<Suspicion>,
    held: HashMap<(u32, u32), HeldRecord>,
    allowed: Vec<ToolRule>,
}

impl AgentGovernor {
    /// For a live agent.
    pub(crate) fn new(core: &Arc<Core>, id: &AgentId) -> Result<Self, ApiError> {
        let info = core.info(id)?;
        let lent = info.spec.mounts.iter().map(|mount| mount.target.clone()).collect();
        Ok(Self {
            core: core.clone(),
            id: id.clone(),
            number: info.number,
            network: info.spec.network != NetworkMode::default(),
            lent,
            rules: info.spec.rules,
            state: Mutex::default(),
        })
    }

    /// What is known of a call, with links followed.
    async fn facts(&self, asked: &Asked<'_>) -> Facts {
        let touches = seen::touches(asked).await;
        Facts {
            tool: asked.tool.to_owned(),
            args: asked.call.args.clone(),
            touches,
            workdir: asked.site.goal.workdir.clone(),
            home: asked.site.goal.home.clone(),
            tainted: !asked.taint.is_empty(),
            network: self.network,
        }
    }

    fn suspicious(&self, asked: &Asked<'_>, place: &str, suspicions: &[Suspicion]) {
        let event = GuardSuspicion {
            pid: self.number,
            step: asked.site.step,
            tool: asked.tool.to_owned(),
            place: place.to_owned(),
            suspicions: suspicions.to_vec(),
        };
        if let Err(error) = self.core.store.submit(self.core.with_events(&self.id, Change::new(), vec![event.into()])) {
            tracing::error!(agent = %self.id, %error, "a suspicion could not be recorded");
        }
    }

    /// Freezes an agent that goes in circles, and asks.
    async fn stop_circling(&self, asked: &Asked<'_>, why: &str) -> Result<Verdict, JournalError> {
        control::pause(&self.core, &self.id).await.map_err(broken)?;
        post_mortem::write(&self.core, &self.id, why, None).await;
        let wish = ApprovalWish::Continue(ContinueWish { why: why.to_owned() });
        let word = self.hold(asked, wish, None, FROZEN).await?;
        let paused = self.core.info(&self.id).is_ok_and(|info| info.state == aether_protocol::AgentState::Paused);
        if paused && word.by != hold::NOBODY {
            control::resume(&self.core, &self.id).await.map_err(broken)?;
        }
        lock(&self.state).circles = Circles::default();
        let change = Change::new().update_budget(&self.id, [BudgetField::CirclesAfter(asked.site.step)]);
        self.core.write(change).await.map_err(broken)?;
        Ok(word.verdict(&format!("{why}; do something else")))
    }
}

fn broken(error: ApiError) -> JournalError {
    JournalError(error.message)
}

#[async_trait]
impl Governor for AgentGovernor {
    async fn begin(&self, history: &History, _: &dyn Hands) -> Result<(), JournalError> {
        let failed = |error: aether_store::StoreError| JournalError(error.to_string());
        meter::adopt(&self.core, &self.id).await.map_err(broken)?;
        let held = self.core.store.held(self.id.clone()).await.map_err(failed)?;
        let allowed = self.core.store.allowed_calls(self.id.clone()).await.map_err(failed)?;
        let kept = self.core.store.spent(self.id.clone()).await.map_err(failed)?;
        let circles = Circles::of(history, kept.circles_after);
        let suspicions = seen::still_suspected(history, &held);
        let held = held.into_iter().filter_map(|record| Some((record.held.call?, record))).collect();
        *lock(&self.state) = State { circles, suspicions, held, allowed };
        Ok(())
    }

    async fn before_answer(&self, step: u32, _: &History) -> Result<Gate, JournalError> {
        loop {
            let moved = self.core.meter.moved.notified();
            let Some(line) = meter::used_up(&self.core, &self.id) else { return Ok(Gate::Go) };
            tracing::debug!(agent = %self.id, step, "an answer waits: {}", line.words());
            meter::freeze(&self.core, &self.id, line).await;
            // Looked at again now and then: limits of the configuration and of the day change without a word.
            let _ = tokio::time::timeout(Duration::from_secs(1), moved).await;
        }
    }

    async fn spent(&self, spent: &aether_runtime::Spent) -> Result<(), JournalError> {
        let usage = spent.usage.unwrap_or_default();
        let known = self.core.meter.of(&self.id).map_or(0, |(spent, _)| spent.steps);
        let more = Spent {
            tokens: usage.input.saturating_add(usage.output),
            cost_microusd: spent.cost_microusd.unwrap_or(0),
            steps: u64::from(spent.step).saturating_sub(known),
            ..Spent::default()
        };
        meter::spend_in_step(&self.core, &self.id, more, Some(apart::on(spent, "")));
        Ok(())
    }

    async fn permit(&self, asked: &Asked<'_>) -> Result<Verdict, JournalError> {
        if THOUGHTS.contains(&asked.tool) {
            return Ok(Verdict::Allow);
        }
        let facts = self.facts(asked).await;
        let in_arguments: Vec<Suspicion> = facts.texts().into_iter().flat_map(guard::scan).collect();
        if !in_arguments.is_empty() {
            self.suspicious(asked, "arguments", &in_arguments);
        }
        let config = self.core.config.get();
        let ruling = judge(&[&config.approvals.rules, &self.rules], &facts);
        let (suspicions, allowed) = {
            let state = lock(&self.state);
            let all = state.suspicions.iter().chain(&in_arguments).cloned().collect::<Vec<_>>();
            (all, state.allowed.iter().any(|rule| rules::is_like(rule, &facts)))
        };
        let raised = !suspicions.is_empty()
            && asked.effect != Effect::None
            && config.approvals.on_suspicion == OnSuspicion::Ask
            && ruling.effect == RuleEffect::Allow;
        let why = match ruling.effect {
            RuleEffect::Deny => return Ok(Verdict::Deny(ruling.why)),
            RuleEffect::Ask if !allowed => Some(ruling.why),
            _ if raised => Some("something that it has read, or is about to pass on, looks like orders to it".to_owned()),
            _ => None,
        };
        if let Some(why) = why {
            let wish = seen::wish(asked, &facts, why, suspicions).await;
            let patience = Duration::from_secs(config.approvals.patience_secs);
            let like = rules::like(&facts);
            let word = self.hold(asked, ApprovalWish::Call(Box::new(wish)), Some(like.clone()), patience).await?;
            if word.is_yes() {
                let mut state = lock(&self.state);
                // A person has seen them.
                state.suspicions.clear();
                if word.decision == aether_protocol::Decision::Always {
                    state.allowed.push(like);
                }
            }
            return Ok(word.verdict("a person said no"));
        }
        let circle = lock(&self.state).circles.closes(asked.call);
        match circle {
            Some(why) => self.stop_circling(asked, &why).await,
            None => Ok(Verdict::Allow),
        }
    }

    async fn may_have_begun(&self, step: u32, position: u32) -> Result<bool, JournalError> {
        let state = lock(&self.state);
        // Without a word, or with a no, nothing was done.
        Ok(state.held.get(&(step, position)).is_none_or(|record| record.word.as_ref().is_some_and(hold::is_yes)))
    }

    async fn observed(&self, asked: &Asked<'_>, outcome: CallOutcome) -> Result<CallOutcome, JournalError> {
        let outcome = seen::marked(asked, outcome, self.network, &self.lent);
        let found = seen::in_result(asked.tool, &outcome);
        if !found.is_empty() {
            self.suspicious(asked, "result", &found);
        }
        let mut state = lock(&self.state);
        state.suspicions.extend(found);
        state.suspicions.truncate(8);
        if !THOUGHTS.contains(&asked.tool) {
            state.circles.note(asked.call, &outcome);
        }
        Ok(outcome)
    }
}
