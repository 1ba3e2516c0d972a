//! Sandboxes built ahead: an agent that asks for nothing unusual finds its own ready.
//!
//! Each is built for an id that no agent has yet, and belongs to that agent once it is recorded: cgroup, socket, home and record
//! have one name as ever. Its slot of uids is on record before it is built, and that record goes in the commit that records the
//! agent; what a crash leaves is taken down at the next start. Nothing that ran an agent ever comes back here.

use std::{
    collections::VecDeque,
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aether_protocol::{AgentId, AgentName, AgentSpec, ApiError, CommandSpec, Profile, Program};
use aether_sandbox::{
    plan::{IdRange, SandboxPlan},
    wire::spawner::Launched,
};
use aether_store::Change;
use futures_util::future::join_all;
use tokio::sync::Notify;

use super::core::{Core, lock, sandbox_id, store_error};
use super::launch;
use crate::{
    api::metrics::POOL_TAKES,
    compile::{Lent, check_host, compile},
    links::init::InitLink,
};

/// Pause between the launch of an agent and the next sandbox built ahead: the agent's own start comes first.
const PAUSE: Duration = Duration::from_millis(3);
/// Pause after a failure, and between looks at the configuration.
const RETRY: Duration = Duration::from_secs(30);

/// Pause before remains are taken down again that could not be.
const AGAIN: Duration = Duration::from_secs(2);

/// Those that are ready.
pub(crate) struct Pool {
    ready: Mutex<VecDeque<Ready>>,
    /// What could not be taken down.
    remains: Mutex<Vec<AgentId>>,
    /// What they are built for: the last wish that one could have been built for ahead.
    shape: Mutex<AgentSpec>,
    wanted: Notify,
}

/// A sandbox that waits for its agent.
pub(crate) struct Ready {
    /// Whose it will be.
    pub(crate) id: AgentId,
    slot: u32,
    plan: SandboxPlan,
    init: InitLink,
}

/// A sandbox that was given to its agent.
pub(crate) struct Claimed {
    pub(crate) launched: Launched,
    pub(crate) pidfd: OwnedFd,
    pub(crate) init: InitLink,
}

impl Pool {
    /// Empty, for agents that ask for nothing.
    pub(crate) fn new() -> Result<Self, ApiError> {
        let plain = serde_json::json!({ "program": { "type": "command", "argv": ["true"] } });
        let shape = serde_json::from_value(plain).map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(Self { ready: Mutex::default(), remains: Mutex::default(), shape: Mutex::new(shape), wanted: Notify::new() })
    }

    /// Takes one that is what this agent would get. The next ones are built for such an agent, when that can be done ahead.
    pub(crate) fn take(&self, core: &Core, spec: &AgentSpec) -> Option<Ready> {
        let ahead = spec.profile == Profile::Standard && spec.mounts.is_empty() && spec.allow_reduced.is_empty();
        let ahead = ahead && !crate::egress::opens_tls(&spec.network);
        if !ahead || wanted(core) == 0 {
            return None;
        }
        let found = {
            let mut ready = lock(&self.ready);
            let place = ready.iter().position(|ready| ready.fits(core, spec));
            place.and_then(|place| ready.remove(place))
        };
        let outcome = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!(POOL_TAKES, "outcome" => outcome).increment(1);
        if found.is_none() {
            *lock(&self.shape) = shape_of(spec);
        }
        self.wanted.notify_one();
        found
    }

    /// Gives one back that was not claimed.
    pub(crate) fn put_back(&self, ready: Ready) {
        lock(&self.ready).push_front(ready);
    }

    /// How many are ready.
    pub(crate) fn len(&self) -> usize {
        lock(&self.ready).len()
    }
}

/// A wish with only what a sandbox depends on.
fn shape_of(spec: &AgentSpec) -> AgentSpec {
    let argv = vec!["true".to_owned()];
    let program = Program::Command(CommandSpec { argv, tty: false, cols: None, rows: None, stdin: false });
    AgentSpec {
        name: None,
        parent: None,
        outlives: false,
        program,
        env: std::collections::BTreeMap::default(),
        workdir: None,
        budget: aether_protocol::Budget::default(),
        rules: Vec::new(),
        ..spec.clone()
    }
}

impl Ready {
    /// The plan of the agent `name` in this sandbox.
    fn plan_for(&self, core: &Core, spec: &AgentSpec, name: &AgentName) -> Result<SandboxPlan, ApiError> {
        plan(core, &self.id, self.slot, spec, name)
    }

    /// What only the agent decides is given when it is claimed.
    fn fits(&self, core: &Core, spec: &AgentSpec) -> bool {
        let Ok(name) = self.id.as_str().parse() else { return false };
        let wanted = self.plan_for(core, spec, &name);
        wanted.is_ok_and(|wanted| SandboxPlan { limits: self.plan.limits, ..wanted } == self.plan)
    }

    /// Makes it the agent's. When that fails, nothing is left of it but its home and its slot: see [`drop_remains`].
    pub(crate) async fn claim(self, core: &Core, spec: &AgentSpec, name: &AgentName) -> Result<Claimed, ApiError> {
        let plan = self.plan_for(core, spec, name)?;
        let begun = Instant::now();
        let claimed = core.spawner.claim(plan).await;
        launch::count(begun, &claimed);
        let (launched, pidfd) = claimed?;
        Ok(Claimed { launched, pidfd, init: self.init })
    }
}

fn plan(core: &Core, id: &AgentId, slot: u32, spec: &AgentSpec, name: &AgentName) -> Result<SandboxPlan, ApiError> {
    let ids = IdRange::new(slot).ok_or_else(|| ApiError::internal(format!("uid slot {slot} does not exist")))?;
    let lent = Lent { id: sandbox_id(id)?, home: sandbox_id(id)?, ids, lenders: Vec::new() };
    compile(spec, name, &core.host, &core.config.get().limits, lent)
}

/// Keeps as many ready as are configured, one after the other and after everything that somebody waits for. Runs for the life of
/// the service.
pub(crate) async fn keep(core: Arc<Core>) {
    while !core.stopping.is_cancelled() {
        let remains = std::mem::take(&mut *lock(&core.pool.remains));
        for id in remains {
            take_down(&core, &id).await;
        }
        let size = wanted(&core);
        let have = core.pool.len();
        if have > size || (have == size && has_another_shape(&core)) {
            let oldest = lock(&core.pool.ready).pop_front();
            if let Some(oldest) = oldest {
                drop_remains(&core, &oldest.id).await;
            }
            continue;
        }
        let pause = if have == size {
            RETRY
        } else if let Err(error) = add(&core).await {
            tracing::warn!(error = %error.message, hint = %error.hint, "no sandbox can be built ahead");
            RETRY
        } else {
            continue;
        };
        let pause = if lock(&core.pool.remains).is_empty() { pause } else { AGAIN };
        tokio::select! {
            () = core.stopping.cancelled() => return,
            () = core.pool.wanted.notified(), if have == size => tokio::time::sleep(PAUSE).await,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How many are ready, and how many are to be.
pub(crate) fn level(core: &Core) -> (usize, usize) {
    (core.pool.len(), wanted(core))
}

/// How many are to be ready. None on a host that lacks a layer: who allows that has to say so for each agent.
fn wanted(core: &Core) -> usize {
    let shape = lock(&core.pool.shape);
    if check_host(&shape, &core.host).is_ok() { core.config.get().pool.size as usize } else { 0 }
}

/// None is what is asked for now: another configuration, or agents with another network.
fn has_another_shape(core: &Core) -> bool {
    let shape = lock(&core.pool.shape).clone();
    let ready = lock(&core.pool.ready);
    !ready.is_empty() && !ready.iter().any(|ready| ready.fits(core, &shape))
}

async fn add(core: &Arc<Core>) -> Result<(), ApiError> {
    let id = new_id()?;
    let shape = lock(&core.pool.shape).clone();
    let name = id.as_str().parse().map_err(|error| ApiError::internal(format!("{error}")))?;
    let committed = core.write(Change::new().prepare(&id).relaxed(true)).await?;
    let slot = committed.slots.first().copied().ok_or_else(|| ApiError::internal("no uid slot was set aside"))?;
    match build(core, &id, slot, &shape, &name).await {
        Ok(ready) => {
            lock(&core.pool.ready).push_back(ready);
            Ok(())
        }
        Err(error) => {
            drop_remains(core, &id).await;
            Err(error)
        }
    }
}

async fn build(core: &Arc<Core>, id: &AgentId, slot: u32, shape: &AgentSpec, name: &AgentName) -> Result<Ready, ApiError> {
    let plan = plan(core, id, slot, shape, name)?;
    core.spawner.prepare(plan.clone()).await?;
    let init = launch::connect(core, id).await?;
    Ok(Ready { id: id.clone(), slot, plan, init })
}

/// A new agent's id.
pub(crate) fn new_id() -> Result<AgentId, ApiError> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(format!("no random numbers: {error}")))?;
    Ok(AgentId::from_random(bytes))
}

/// Takes down what was built for an id that no agent got. What fails is tried again, and is on record for the next start.
pub(crate) async fn drop_remains(core: &Core, id: &AgentId) {
    if !take_down(core, id).await {
        core.pool.wanted.notify_one();
    }
}

/// Whether it is down; else it is kept in mind.
async fn take_down(core: &Core, id: &AgentId) -> bool {
    let removed = async {
        let sandbox = sandbox_id(id)?;
        core.spawner.kill(sandbox.clone()).await?;
        core.spawner.remove_home(sandbox).await?;
        core.write(Change::new().drop_prepared(id).relaxed(true)).await.map(drop)
    };
    if let Err(error) = removed.await {
        tracing::warn!(sandbox = %id, error = %error.message, "a sandbox built ahead could not be taken down yet");
        // The next spawner takes down what this one had built ahead.
        let again = !core.spawner.is_gone();
        if again {
            lock(&core.pool.remains).push(id.clone());
        }
        return !again;
    }
    true
}

/// Takes down what an earlier run of the service built ahead.
pub(crate) async fn sweep(core: &Core) -> Result<(), ApiError> {
    let left = core.store.prepared().await.map_err(|error| store_error(&error))?;
    // Beside each other, here and at the end: nobody is answered meanwhile.
    join_all(left.iter().map(|lease| drop_remains(core, &lease.agent))).await;
    Ok(())
}

/// Takes down what nobody has claimed, at the end of the service.
pub(crate) async fn drain(core: &Core) {
    let ready = std::mem::take(&mut *lock(&core.pool.ready));
    join_all(ready.iter().map(|ready| drop_remains(core, &ready.id))).await;
}
