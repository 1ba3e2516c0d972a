//! What every part of the fleet shares: the store and its mirror in memory, the links, the live sandboxes.

use std::{
    collections::{BTreeMap, HashMap},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};

use aether_protocol::{AgentEvent, AgentId, AgentInfo, AgentState, ApiError, ErrorCode, ExitInfo, Timestamp};
use aether_sandbox::{host::HostSupport, plan::SandboxId};
use aether_store::{AgentField, Change, Committed, NewEvent, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    EventHub, audit,
    isolation::{Policies, Signer},
    log::OutputLog,
    mounts::{Parcel, Roots},
    pool::Pool,
    providers::Providers,
    registry::{Entry, Registry},
    screen::Screens,
    secrets::Secrets,
    takeover::Hold,
    visit::Visits,
};
use crate::{config::Current, egress::Egress, links::init::InitLink, links::spawner::SpawnerLink};

/// Process number of the main program: the first one started in its sandbox.
pub(crate) const MAIN: u32 = 1;

/// A sandbox that lives.
pub(crate) struct Live {
    pub(crate) init: InitLink,
    /// Its main program was started by request (goals have none).
    pub(crate) has_main: bool,
    /// The main program has a terminal.
    pub(crate) tty: bool,
    pub(crate) log: Arc<OutputLog>,
    /// Ends the tasks that belong to it.
    pub(crate) over: CancellationToken,
    /// Steers the loop of a goal.
    pub(crate) control: OnceLock<aether_runtime::Control>,
    /// The person who has the agent of a goal.
    pub(crate) hold: Mutex<Option<Hold>>,
    /// How much of the output of its terminals the loop was told, by process.
    pub(crate) told: Mutex<BTreeMap<u32, u64>>,
    /// Somebody reads the main program's output with flow control, or nobody will: it need not be held back any longer.
    pub(crate) claimed: CancellationToken,
    /// How it ends, when somebody ends it.
    pub(crate) verdict: Mutex<Option<ExitInfo>>,
}

/// Everything the fleet has.
pub(crate) struct Core {
    pub(crate) config: Current,
    pub(crate) store: Store,
    pub(crate) spawner: SpawnerLink,
    pub(crate) events: EventHub,
    pub(crate) host: HostSupport,
    pub(crate) registry: Mutex<Registry>,
    /// Sandboxes built ahead.
    pub(crate) pool: Pool,
    pub(crate) live: Mutex<HashMap<AgentId, Arc<Live>>>,
    pub(crate) logs: Mutex<HashMap<AgentId, Arc<OutputLog>>>,
    pub(crate) parcels: Mutex<HashMap<AgentId, Vec<Parcel>>>,
    pub(crate) roots: Roots,
    pub(crate) templates: crate::templates::Templates,
    /// What agents trust whose TLS is opened.
    pub(crate) trust: OwnedFd,
    /// Held while the authority of opened TLS is made or read.
    pub(crate) opening: tokio::sync::Mutex<()>,
    pub(crate) visits: Visits,
    pub(crate) egress: Egress,
    /// What agents use up.
    pub(crate) meter: crate::govern::Meter,
    pub(crate) secrets: Arc<Secrets>,
    /// Passes on what programs ask models.
    pub(crate) gateway: OnceLock<Arc<aether_gateway::Gateway>>,
    pub(crate) screens: Screens,
    /// Answers while models write them.
    pub(crate) drafts: super::drafts::Drafts,
    pub(crate) providers: Providers,
    /// What the spawner gives sandboxes, by digest.
    pub(crate) policies: Policies,
    /// Signs reports.
    pub(crate) signer: Signer,
    /// State directory, as this process reaches it.
    pub(crate) state: PathBuf,
    /// Directory of the control sockets.
    pub(crate) sockets: OwnedFd,
    pub(crate) boot_id: String,
    pub(crate) started: Instant,
    pub(crate) started_at: Timestamp,
    pub(crate) creating: tokio::sync::Mutex<()>,
    pub(crate) asking: super::asked::Asking,
    pub(crate) queue_moved: Notify,
    pub(crate) stopping: CancellationToken,
    /// Who waits for the ends of agents: an end that began is finished before the service goes.
    pub(crate) followers: TaskTracker,
}

impl Core {
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.registry)
    }

    /// A copy of what is known of an agent.
    pub(crate) fn entry(&self, id: &AgentId) -> Result<Entry, ApiError> {
        self.registry().get(id).cloned().ok_or_else(|| no_agent(id))
    }

    /// The agent as clients see it.
    pub(crate) fn info(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let registry = self.registry();
        registry.get(id).map(|entry| registry.shown(entry)).ok_or_else(|| no_agent(id))
    }

    /// Its sandbox, if it lives.
    pub(crate) fn sandbox(&self, id: &AgentId) -> Option<Arc<Live>> {
        lock(&self.live).get(id).cloned()
    }

    /// Its sandbox, ready to take requests.
    pub(crate) fn running(&self, id: &AgentId) -> Result<Arc<Live>, ApiError> {
        // Asked for every key that somebody types: what is known of the agent is not copied for it.
        let (state, name) = {
            let registry = self.registry();
            let info = &registry.get(id).ok_or_else(|| no_agent(id))?.info;
            (info.state, info.name.clone())
        };
        match state {
            AgentState::Paused => Err(ApiError::conflict(format!("{name} is paused"), "resume it first (aether resume)")),
            AgentState::Queued | AgentState::Created => {
                Err(ApiError::conflict(format!("{name} has not started yet"), "wait until it runs"))
            }
            _ => self
                .sandbox(id)
                .ok_or_else(|| ApiError::conflict(format!("{name} has ended"), "start a new agent; its files remain until rm")),
        }
    }

    /// Commits changes of one agent together with events, then shows them in memory.
    pub(crate) async fn commit(&self, id: &AgentId, fields: Vec<AgentField>, events: Vec<AgentEvent>) -> Result<(), ApiError> {
        let change = self.with_events(id, Change::new().update_agent(id, fields.clone()), events);
        self.write(change).await?;
        self.registry().apply(id, &fields);
        Ok(())
    }

    /// Adds events of one agent to a change. What happens to an ephemeral agent need not outlive a power cut, as nothing of it does.
    pub(crate) fn with_events(&self, id: &AgentId, change: Change, events: Vec<AgentEvent>) -> Change {
        let known = self.registry().get(id).map(|entry| (entry.info.owner.clone(), entry.info.spec.ephemeral));
        let (owner, ephemeral) = known.unwrap_or_default();
        events.into_iter().fold(change.relaxed(ephemeral), |change, body| {
            change.event(NewEvent { agent: Some(id.clone()), owner: owner.clone(), body })
        })
    }

    /// Commits a change that is not about the fields of one agent; the first one of an act carries its audit record.
    pub(crate) async fn write(&self, change: Change) -> Result<Committed, ApiError> {
        let (change, recorded) = audit::attach(change);
        let result = self.store.commit(change).await.map_err(|error| store_error(&error));
        audit::settle(recorded, result.is_ok());
        result
    }

    /// The log of an agent.
    pub(crate) fn log(&self, id: &AgentId) -> Result<Arc<OutputLog>, ApiError> {
        let mut logs = lock(&self.logs);
        if let Some(log) = logs.get(id) {
            return Ok(log.clone());
        }
        let log = OutputLog::open(&self.state.join("logs"), id.as_str())
            .map_err(|error| ApiError::internal(format!("the kept output of {id} cannot be read: {error}")))?;
        if self.registry().get(id).is_none_or(|entry| entry.info.state.is_dead()) {
            log.finish();
        }
        let log = Arc::new(log);
        logs.insert(id.clone(), log.clone());
        Ok(log)
    }

    /// Asks the service to stop.
    pub(crate) fn stop_service(&self) {
        self.stopping.cancel();
    }

    /// Seconds since start.
    pub(crate) fn uptime(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

impl Live {
    /// Notes how it ends, unless somebody did before.
    pub(crate) fn decide(&self, exit: ExitInfo) {
        lock(&self.verdict).get_or_insert(exit);
    }

    /// Notes that a reader with flow control has come.
    pub(crate) fn claim(&self) {
        self.claimed.cancel();
    }
}

/// Locks, also after a panic elsewhere: every holder leaves a usable value at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name that the sandbox of an agent has.
pub(crate) fn sandbox_id(id: &AgentId) -> Result<SandboxId, ApiError> {
    id.as_str().parse().map_err(|error| ApiError::internal(format!("{error}")))
}

pub(crate) fn no_agent(id: &AgentId) -> ApiError {
    ApiError::not_found(format!("there is no agent {id}"), "aether ps -a lists all agents")
}

/// The one refusal that says that nothing was done and that it can be asked again in a moment; the API adds `Retry-After`.
pub(crate) fn away() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "the service is stopping, and did nothing", "try again after its restart; agents go on")
}

/// What to do about a disk that fails.
const DISK_HINT: &str = "see the kernel's log (dmesg) and mount the disk writable again; agents that run go on";

/// What people are told when the store refuses.
pub(crate) fn store_error(error: &StoreError) -> ApiError {
    match error {
        StoreError::NameTaken(name) => ApiError::conflict(
            format!("the name {name} is taken"),
            format!("choose another name, or remove the agent that has it: aether rm {name}"),
        ),
        StoreError::NoAgent(id) => no_agent(id),
        StoreError::NoFreeSlot(slots) => {
            ApiError::new(ErrorCode::Busy, format!("all {slots} uid ranges are in use"), "wait until agents end")
        }
        StoreError::NoSpace => {
            let hint = "free some space; agents that run go on, and new ones are taken as soon as there is room";
            ApiError::new(ErrorCode::NoSpace, "the disk that holds the state is full", hint)
        }
        StoreError::Disk(cause) => {
            tracing::error!(%cause, "the disk of the state fails");
            ApiError::new(ErrorCode::Unavailable, format!("the disk that holds the state fails: {cause}"), DISK_HINT)
        }
        StoreError::Locked => {
            tracing::error!("another program has the database of the service locked");
            let hint = "find what has aether.db open in the state directory (fuser), and end it; agents that run go on";
            ApiError::new(ErrorCode::Unavailable, "another program has the database of the service locked", hint)
        }
        StoreError::Closed => ApiError::new(ErrorCode::Unavailable, "the service is stopping", "try again after its restart"),
        other => {
            tracing::error!(error = %other, "the store failed");
            ApiError::internal("the store failed")
        }
    }
}
