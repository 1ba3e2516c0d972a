//! The fleet: every agent, its life from the wish to the record, and what people do with it meanwhile.
//!
//! [`Fleet`] is the one door: HTTP, WebSocket, queue, restart and the agents' own loops all enter here.

#![allow(clippy::missing_errors_doc, reason = "every error is an `ApiError`, whose code says the kind")]

mod events;
mod files;
mod output;
mod types;

use std::{collections::BTreeMap, os::fd::OwnedFd, sync::Arc, time::Duration};

use aether_protocol::{
    AgentId, AgentInfo, AgentSpec, ApiError, DoctorReport, ErrorCode, Event, ExitInfo, Screen, SystemStatus, TtyId, TtyInfo,
    event::KernelMetrics, system::ProviderStatus,
};

pub use events::{Delivery, EventHub, Subscription};
pub use files::FsSession;
pub use output::OutputReader;
pub use types::{
    Caller, Chunk, Depth, ExecRequest, Force, ListFilter, OpenFile, OpenHow, OutputStream, Pace, PeerIds, ProcessHandle, StartAt,
    Streams,
};

/// Every agent of this service. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    events: EventHub,
    _inner: Arc<()>,
}

fn not_ready<T>() -> Result<T, ApiError> {
    Err(ApiError::new(ErrorCode::Unavailable, "the service is starting", "try again in a moment"))
}

impl Fleet {
    /// The id that `reference` names: an id, a number, a name, or a unique prefix of an id or a name.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` naming the candidates when the prefix is not unique.
    pub fn resolve(&self, reference: &str) -> Result<AgentId, ApiError> {
        let _ = reference;
        not_ready()
    }

    /// Agents, newest first, and how many there are without `limit` and `offset`.
    pub fn list(&self, filter: &ListFilter) -> (Vec<AgentInfo>, usize) {
        let _ = filter;
        (Vec::new(), 0)
    }

    /// The queue, first to start first.
    pub fn queue(&self) -> Vec<AgentInfo> {
        Vec::new()
    }

    /// Durable events.
    pub fn events(&self) -> &EventHub {
        &self.events
    }

    /// Newest samples of every live agent.
    pub fn metrics(&self) -> KernelMetrics {
        KernelMetrics { process_count: 0, cpus: 0.0, memory_bytes: 0, agents: Vec::new() }
    }

    /// Seconds since start.
    pub fn uptime(&self) -> u64 {
        0
    }

    /// Do spawner and store answer?
    pub async fn healthy(&self) -> bool {
        false
    }

    /// Asks the service to stop; agents stay. `main` sees it in [`Fleet::stopping`].
    pub fn shutdown(&self) {}

    /// Completes once [`Fleet::shutdown`] was asked for.
    pub async fn stopping(&self) {
        std::future::pending::<()>().await;
    }

    /// Creates an agent: checked, recorded, and started or queued. Answers as soon as it is durable and, when there is a
    /// free place, its program runs.
    pub async fn create(&self, spec: AgentSpec, caller: &Caller, descriptors: Vec<OwnedFd>) -> Result<AgentInfo, ApiError> {
        let _ = (spec, caller, descriptors);
        not_ready()
    }

    /// The agent that `reference` names: id, number, name, or a unique prefix of id or name.
    ///
    /// # Errors
    /// As [`Fleet::resolve`].
    pub async fn get(&self, reference: &str) -> Result<AgentInfo, ApiError> {
        let _ = reference;
        not_ready()
    }

    /// SIGTERM to the main program's group; SIGKILL to everything after the grace (10 s when absent). Waits for the end.
    pub async fn stop(&self, id: &AgentId, grace: Option<Duration>) -> Result<AgentInfo, ApiError> {
        let _ = (id, grace);
        not_ready()
    }

    /// Ends everything in the sandbox at once, or takes the agent out of the queue.
    pub async fn kill(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let _ = id;
        not_ready()
    }

    /// Freezes the sandbox.
    pub async fn pause(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let _ = id;
        not_ready()
    }

    /// Thaws the sandbox.
    pub async fn resume(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let _ = id;
        not_ready()
    }

    /// Sends a signal (`TERM`, `SIGUSR1`, ...) to the main program's group; `KILL` ends the sandbox.
    pub async fn signal(&self, id: &AgentId, signal: &str) -> Result<AgentInfo, ApiError> {
        let _ = (id, signal);
        not_ready()
    }

    /// Changes the priority (1 to 5) of a queued agent.
    pub async fn set_priority(&self, id: &AgentId, priority: u8) -> Result<AgentInfo, ApiError> {
        let _ = (id, priority);
        not_ready()
    }

    /// Removes record, home and log of an ended agent.
    pub async fn remove(&self, id: &AgentId, force: Force) -> Result<(), ApiError> {
        let _ = (id, force);
        not_ready()
    }

    /// Lets a goal go on past its step limit, by 25 steps.
    pub async fn proceed(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let _ = id;
        not_ready()
    }

    /// Writes to the built-in agent; it reads the message before its next step.
    pub async fn message(&self, id: &AgentId, content: &str) -> Result<AgentInfo, ApiError> {
        let _ = (id, content);
        not_ready()
    }

    /// Waits for the end of the agent.
    pub async fn wait(&self, id: &AgentId) -> Result<ExitInfo, ApiError> {
        let _ = id;
        not_ready()
    }

    /// Starts a program beside the main one.
    pub async fn exec(&self, id: &AgentId, request: ExecRequest) -> Result<ProcessHandle, ApiError> {
        let _ = (id, request);
        not_ready()
    }

    /// Opens a terminal with `argv`, or a login shell when it is empty.
    pub async fn open_tty(
        &self,
        id: &AgentId,
        argv: Vec<String>,
        env: BTreeMap<String, String>,
        size: (u16, u16),
    ) -> Result<TtyInfo, ApiError> {
        let _ = (id, argv, env, size);
        not_ready()
    }

    /// The terminals of an agent, its main one first when it has one.
    pub async fn terminals(&self, id: &AgentId) -> Result<Vec<TtyInfo>, ApiError> {
        let _ = id;
        not_ready()
    }

    /// One terminal.
    pub async fn terminal(&self, tty: &TtyId) -> Result<TtyInfo, ApiError> {
        let _ = tty;
        not_ready()
    }

    /// Hangs a terminal up.
    pub async fn close_tty(&self, tty: &TtyId) -> Result<(), ApiError> {
        let _ = tty;
        not_ready()
    }

    /// The main program of an agent, as a process handle.
    pub async fn main_process(&self, id: &AgentId) -> Result<ProcessHandle, ApiError> {
        let _ = id;
        not_ready()
    }

    /// Any process of a live agent by its number.
    pub async fn process(&self, id: &AgentId, process: u32) -> Result<ProcessHandle, ApiError> {
        let _ = (id, process);
        not_ready()
    }

    /// Follows the output of a process. The output of an ended main program comes from the kept log.
    pub async fn attach(
        &self,
        handle: &ProcessHandle,
        streams: Streams,
        from: StartAt,
        pace: Pace,
    ) -> Result<OutputReader, ApiError> {
        let _ = (handle, streams, from, pace);
        not_ready()
    }

    /// Gives bytes to a process's input and waits until all are taken.
    pub async fn write_input(&self, handle: &ProcessHandle, data: &[u8]) -> Result<(), ApiError> {
        let _ = (handle, data);
        not_ready()
    }

    /// Ends a process's input.
    pub async fn close_input(&self, handle: &ProcessHandle) -> Result<(), ApiError> {
        let _ = handle;
        not_ready()
    }

    /// Changes the size of a process's terminal.
    pub async fn resize(&self, handle: &ProcessHandle, cols: u16, rows: u16) -> Result<(), ApiError> {
        let _ = (handle, cols, rows);
        not_ready()
    }

    /// Sends a raw signal number to a process's group.
    pub async fn signal_process(&self, handle: &ProcessHandle, signal: i32) -> Result<(), ApiError> {
        let _ = (handle, signal);
        not_ready()
    }

    /// Waits for the end of a process.
    pub async fn wait_process(&self, handle: &ProcessHandle) -> Result<ExitInfo, ApiError> {
        let _ = handle;
        not_ready()
    }

    /// Files of an agent, also of an ended one whose home is kept.
    pub async fn fs(&self, id: &AgentId) -> Result<FsSession, ApiError> {
        let _ = id;
        not_ready()
    }

    /// The kept output of the main program (or of what a goal ran), oldest first; with `follow` until the agent ends.
    pub async fn logs(&self, id: &AgentId, streams: Streams, follow: bool) -> Result<OutputReader, ApiError> {
        let _ = (id, streams, follow);
        not_ready()
    }

    /// A picture of the agent's screen.
    pub async fn screen(&self, id: &AgentId) -> Result<Screen, ApiError> {
        let _ = id;
        not_ready()
    }

    /// The pictures that differ from the versions the client has; agents that are gone are left out.
    /// The service and its host.
    /// The service and its host.
    pub async fn status(&self) -> Result<SystemStatus, ApiError> {
        not_ready()
    }

    /// What this host can do.
    pub async fn doctor(&self) -> Result<DoctorReport, ApiError> {
        not_ready()
    }

    /// Devices of the host.
    /// Providers of models.
    /// Events of one agent after `since`, at most `limit`.
    pub async fn timeline(&self, id: &AgentId, since: u64, limit: usize) -> Result<Vec<Event>, ApiError> {
        let _ = (id, since, limit);
        not_ready()
    }

    /// The pictures that differ from the versions the client has; agents that are gone are left out.
    pub async fn screens(&self, wanted: &[(AgentId, u64)]) -> BTreeMap<AgentId, Screen> {
        let _ = wanted;
        BTreeMap::new()
    }

    /// Devices of the host.
    pub async fn gpus(&self) -> Vec<aether_gpu::Gpu> {
        Vec::new()
    }

    /// Providers of models.
    pub fn providers(&self) -> Vec<ProviderStatus> {
        Vec::new()
    }
}
