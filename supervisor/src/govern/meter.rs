//! What agents use up, counted in one place whatever way it is used: answers of the loop, tokens of the gateway, bytes that leave,
//! time and CPU time.
//!
//! The count is kept in memory and added to the store: what costs money at once, time now and then.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aether_protocol::{
    AgentId, AgentState, ApiError, Budget, BudgetKind, BudgetLine, BudgetScope, Program, Spent, Timestamp, budget::ModelSpend,
    event::BudgetWarning,
};
use aether_store::{BudgetField, Change, NewSpent, SpentRecord};
use tokio::sync::Notify;

use super::post_mortem;
use crate::fleet::{Core, control, lock};

/// Between two looks at time, CPU time and bytes.
const EVERY: Duration = Duration::from_secs(1);
/// Between two records of what only grows slowly.
const KEEP: Duration = Duration::from_secs(30);

/// Does a budget count?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What every agent used.
#[derive(Default)]
pub(crate) struct Meter {
    state: Mutex<State>,
    /// A limit was raised, or an agent thawed.
    pub(crate) moved: Notify,
}

#[derive(Default)]
struct State {
    agents: HashMap<AgentId, Tally>,
    day: String,
    owners: BTreeMap<String, Spent>,
}

#[derive(Default)]
struct Tally {
    owner: String,
    spent: Spent,
    /// What its children used, and theirs.
    below: Spent,
    /// Of what it used itself, what the store does not have yet.
    unsaved: Spent,
    /// Of that, what models were asked.
    asked: Vec<ModelSpend>,
    warned: Vec<String>,
    frozen: Option<String>,
    seen: Option<Seen>,
}

/// What was seen of an agent's counters at the last look.
#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    sent: u64,
}

fn today() -> String {
    Timestamp::now().0.chars().take(10).collect()
}

impl Meter {
    /// What an agent used and why it is frozen.
    pub(crate) fn of(&self, id: &AgentId) -> Option<(Spent, Option<String>)> {
        lock(&self.state).agents.get(id).map(|tally| (tally.spent, tally.frozen.clone()))
    }

    /// What the children of an agent used.
    pub(super) fn below(&self, id: &AgentId) -> Option<Spent> {
        lock(&self.state).agents.get(id).map(|tally| tally.below)
    }

    /// Counts for an agent that is known no more, so that its owner's day has it.
    pub(super) fn count_for(&self, id: &AgentId, owner: &str) {
        let tally = Tally { owner: owner.to_owned(), ..Tally::default() };
        lock(&self.state).agents.entry(id.clone()).or_insert(tally);
    }

    fn roll(state: &mut State) {
        let today = today();
        if state.day != today {
            state.day = today;
            state.owners.clear();
        }
    }
}

/// Before any agent is: what was used today.
pub(crate) async fn open(core: &Core) -> Result<(), ApiError> {
    let day = today();
    let owners = core.store.day_spent(day.clone()).await.map_err(|error| crate::fleet::store_error(&error))?;
    let mut state = lock(&core.meter.state);
    (state.day, state.owners) = (day, owners.into_iter().collect());
    Ok(())
}

/// Counts from here on for an agent that has just begun.
pub(crate) fn begin(core: &Core, id: &AgentId) {
    let Some(owner) = core.registry().get(id).map(|entry| entry.info.owner.clone()) else { return };
    lock(&core.meter.state).agents.entry(id.clone()).or_insert_with(|| Tally { owner, ..Tally::default() });
}

/// Takes an agent over, with what it used before.
pub(crate) async fn adopt(core: &Arc<Core>, id: &AgentId) -> Result<(), ApiError> {
    if core.meter.of(id).is_some() {
        return Ok(());
    }
    let owner = core.info(id)?.owner;
    let failed = |error| crate::fleet::store_error(&error);
    let known = core.store.spent(id.clone()).await.map_err(failed)?;
    let mut state = lock(&core.meter.state);
    let SpentRecord { spent, below, warned, frozen, .. } = known;
    let tally = Tally { owner, spent, below, warned, frozen, ..Tally::default() };
    state.agents.entry(id.clone()).or_insert(tally);
    Ok(())
}

/// Counts what was used, at once, and looks whether that was too much. `on`: the model that the service asked.
pub(crate) fn spend(core: &Arc<Core>, id: &AgentId, more: Spent, on: Option<ModelSpend>) {
    spend_in_step(core, id, more, on);
    keep(core, std::slice::from_ref(id));
}

/// As [`spend`], but the store gets it with the step that the answer is: [`unsaved`].
pub(super) fn spend_in_step(core: &Arc<Core>, id: &AgentId, more: Spent, on: Option<ModelSpend>) {
    if let Some(tally) = lock(&core.meter.state).agents.get_mut(id) {
        tally.asked.extend(on);
    }
    note(core, id, more);
    check(core, id);
}

/// What the store does not have yet of an agent, for a change that will have it.
pub(crate) fn unsaved(core: &Core, id: &AgentId) -> Option<NewSpent> {
    let above = core.registry().above(id);
    let mut state = lock(&core.meter.state);
    let day = state.day.clone();
    let tally = state.agents.get_mut(id).filter(|tally| tally.unsaved != Spent::default())?;
    let (more, models) = (std::mem::take(&mut tally.unsaved), std::mem::take(&mut tally.asked));
    Some(NewSpent { agent: id.clone(), above, owner: tally.owner.clone(), day, more, models })
}

/// The change failed that was to have it.
pub(crate) fn unsaved_again(core: &Core, new: NewSpent) {
    if let Some(tally) = lock(&core.meter.state).agents.get_mut(&new.agent) {
        tally.unsaved = tally.unsaved.plus(new.more);
        tally.asked.extend(new.models);
    }
}

fn note(core: &Core, id: &AgentId, more: Spent) {
    let above = core.registry().above(id);
    let mut state = lock(&core.meter.state);
    Meter::roll(&mut state);
    let Some(tally) = state.agents.get_mut(id) else { return };
    tally.spent = tally.spent.plus(more);
    tally.unsaved = tally.unsaved.plus(more);
    let owner = tally.owner.clone();
    let of_owner = state.owners.entry(owner).or_default();
    *of_owner = of_owner.plus(more);
    // Time passes for all of them at once.
    let shared = Spent { wall_ms: 0, ..more };
    for id in above {
        if let Some(tally) = state.agents.get_mut(&id) {
            tally.below = tally.below.plus(shared);
        }
    }
}

/// What live children of an agent may still use of what it has; nothing is kept of it, so what they leave comes back by itself.
fn lent(state: &State, below: &[(AgentId, Budget)]) -> Spent {
    let left = |(child, budget): &(AgentId, Budget)| {
        let used = state.agents.get(child).map_or_else(Spent::default, |tally| tally.spent.plus(tally.below));
        let open = |kind| budget.of(kind).map_or(0, |limit| limit.saturating_sub(used.of(kind)));
        Spent {
            tokens: open(BudgetKind::Tokens),
            cost_microusd: open(BudgetKind::Cost),
            steps: open(BudgetKind::Steps),
            wall_ms: 0,
            cpu_ms: open(BudgetKind::Cpu),
            bytes_out: open(BudgetKind::BytesOut),
        }
    };
    below.iter().map(left).fold(Spent::default(), Spent::plus)
}

/// What live children may still use of an agent's budget.
pub(crate) fn lent_by(core: &Core, id: &AgentId) -> Spent {
    let below = core.registry().below(id);
    lent(&lock(&core.meter.state), &below)
}

/// Gives the store what it does not have yet. Nothing waits for it: what a power cut takes back is a second of counting.
fn keep(core: &Core, ids: &[AgentId]) {
    let mut all = ids.iter().filter_map(|id| unsaved(core, id)).peekable();
    if all.peek().is_none() {
        return;
    }
    let change = all.fold(Change::new().relaxed(true), Change::spend);
    if let Err(error) = core.store.submit(change) {
        tracing::error!(%error, "what agents used could not be counted");
    }
}

/// Every limit that holds for an agent, with what is used of it. One that many share holds for those who use what it is about.
pub(crate) fn lines(core: &Core, id: &AgentId) -> Vec<BudgetLine> {
    let about =
        core.registry().get(id).map(|entry| (entry.info.spec.budget, matches!(entry.info.spec.program, Program::Goal(_))));
    let Some((own, goal)) = about else { return Vec::new() };
    let config = core.config.get();
    let (own, daily) =
        (own.or(config.budgets.agent.budget()), [config.budgets.owner_daily.budget(), config.budgets.daily.budget()]);
    if own.is_unlimited() && daily.iter().all(Budget::is_unlimited) {
        // Every second for every agent: most have no limit.
        return Vec::new();
    }
    let below = core.registry().below(id);
    let state = lock(&core.meter.state);
    let Some(tally) = state.agents.get(id) else { return Vec::new() };
    let all = state.owners.values().fold(Spent::default(), |sum, spent| sum.plus(*spent));
    let of_owner = state.owners.get(&tally.owner).copied().unwrap_or_default();
    let charged = tally.spent.plus(tally.below).plus(lent(&state, &below));
    let scopes =
        [(BudgetScope::Agent, own, charged), (BudgetScope::OwnerToday, daily[0], of_owner), (BudgetScope::Today, daily[1], all)];
    let concerned = |scope, kind| scope == BudgetScope::Agent || goal || tally.spent.of(kind) > 0;
    let mut lines = Vec::new();
    for (scope, budget, spent) in scopes {
        for kind in BudgetKind::ALL.into_iter().filter(|kind| concerned(scope, *kind)) {
            lines.extend(budget.of(kind).map(|limit| BudgetLine { scope, kind, used: spent.of(kind), limit }));
        }
    }
    lines
}

/// The first limit that is used up.
pub(crate) fn used_up(core: &Core, id: &AgentId) -> Option<BudgetLine> {
    lines(core, id).into_iter().find(BudgetLine::is_used_up)
}

/// Warns where a limit is near, and freezes where one is used up.
pub(super) fn check(core: &Arc<Core>, id: &AgentId) {
    let lines = lines(core, id);
    warn(core, id, &lines);
    // The last step that is allowed is made; what stands before the next one asks by itself.
    let over = |line: &BudgetLine| line.is_used_up() && line.kind != BudgetKind::Steps;
    let Some(line) = lines.into_iter().find(over) else { return };
    let (core, id) = (core.clone(), id.clone());
    tokio::spawn(async move { freeze(&core, &id, line).await });
}

fn warn(core: &Core, id: &AgentId, lines: &[BudgetLine]) {
    let near: Vec<_> = lines.iter().filter(|line| line.is_near()).collect();
    if near.is_empty() {
        return;
    }
    let Some(pid) = core.registry().get(id).map(|entry| entry.info.number) else { return };
    let mut events = Vec::new();
    let warned = {
        let mut state = lock(&core.meter.state);
        let day = state.day.clone();
        let Some(tally) = state.agents.get_mut(id) else { return };
        for line in near {
            // A higher limit is warned of again, and so is another day.
            let day = if line.scope == BudgetScope::Agent { "" } else { &day };
            let name = format!("{:?} {:?} {} {day}", line.scope, line.kind, line.limit);
            if !tally.warned.contains(&name) {
                tally.warned.push(name);
                events.push(BudgetWarning { pid, line: *line }.into());
            }
        }
        tally.warned.clone()
    };
    if events.is_empty() {
        return;
    }
    let change = Change::new().update_budget(id, [BudgetField::Warned(warned)]);
    if let Err(error) = core.store.submit(core.with_events(id, change, events).relaxed(true)) {
        tracing::error!(agent = %id, %error, "a warning could not be recorded");
    }
}

/// Freezes an agent whose limit is used up, once, and writes down what it did.
pub(crate) async fn freeze(core: &Arc<Core>, id: &AgentId, line: BudgetLine) {
    let why = format!("its budget is used up: {}", line.words());
    {
        let mut state = lock(&core.meter.state);
        let Some(tally) = state.agents.get_mut(id).filter(|tally| tally.frozen.is_none()) else { return };
        tally.frozen = Some(why.clone());
    }
    if let Err(error) = control::pause(core, id).await {
        // It is starting, ending, or somebody else holds it: the next look tries again.
        tracing::debug!(agent = %id, error = %error.message, "an agent over its budget could not be frozen yet");
        if let Some(tally) = lock(&core.meter.state).agents.get_mut(id) {
            tally.frozen = None;
        }
        return;
    }
    post_mortem::write(core, id, &why, Some(line)).await;
}

/// Forgets why an agent was frozen.
pub(crate) async fn thawed(core: &Arc<Core>, id: &AgentId) {
    let was = lock(&core.meter.state).agents.get_mut(id).and_then(|tally| tally.frozen.take());
    if was.is_some()
        && let Err(error) = core.store.submit(Change::new().update_budget(id, [BudgetField::Frozen(None)]))
    {
        tracing::error!(agent = %id, %error, "that an agent goes on could not be recorded");
    }
    core.meter.moved.notify_waiters();
}

/// Counts time, CPU time and bytes for the life of the service.
pub(crate) async fn sample(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut kept = Instant::now();
    loop {
        ticks.tick().await;
        let live: Vec<AgentId> = lock(&core.live).keys().cloned().collect();
        for id in &live {
            if adopt(&core, id).await.is_ok() {
                look(&core, id);
            }
        }
        let gone = {
            let (state, live) = (lock(&core.meter.state), live.iter().collect::<HashSet<_>>());
            state.agents.keys().filter(|id| !live.contains(id)).cloned().collect::<Vec<_>>()
        };
        keep(&core, &gone);
        for id in gone {
            lock(&core.meter.state).agents.remove(&id);
        }
        if kept.elapsed() >= KEEP {
            keep(&core, &live);
            kept = Instant::now();
        }
    }
}

fn look(core: &Arc<Core>, id: &AgentId) {
    let Some((state, cpu_usec)) =
        core.registry().get(id).map(|entry| (entry.info.state, entry.info.usage.as_ref().map(|usage| usage.cpu_usec)))
    else {
        return;
    };
    let sent = core.egress.of(id).map_or(0, |net| net.sent());
    let now = Instant::now();
    let seen = {
        let mut all = lock(&core.meter.state);
        let Some(tally) = all.agents.get_mut(id) else { return };
        let before = tally.seen.replace(Seen { at: now, sent });
        // The cgroup counts from the agent's start, also while nobody looks.
        let cpu_ms = (cpu_usec.unwrap_or(0) / 1000).saturating_sub(tally.spent.cpu_ms);
        before.map(|before| Spent {
            wall_ms: if state == AgentState::Paused {
                0
            } else {
                u64::try_from(now.duration_since(before.at).as_millis()).unwrap_or(0)
            },
            cpu_ms,
            bytes_out: sent.saturating_sub(before.sent),
            ..Spent::default()
        })
    };
    let Some(more) = seen else { return };
    note(core, id, more);
    let frozen = core.meter.of(id).is_some_and(|(_, frozen)| frozen.is_some());
    if !frozen {
        check(core, id);
    }
}
