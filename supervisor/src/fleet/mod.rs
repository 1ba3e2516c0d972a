//! The fleet: every agent, its life from the wish to the record, and what people do with it meanwhile.
//!
//! [`Fleet`] is the one door: HTTP, WebSocket, queue, restart and the agents' own loops all enter here.

#![allow(clippy::missing_errors_doc, reason = "every error is an `ApiError`, whose code says the kind")]

mod asked;
mod audit;
mod authority;
mod backup;
mod calls;
mod children;
pub(crate) mod control;
mod core;
mod create;
mod departed;
mod disk;
mod drafts;
mod end;
mod events;
mod exit;
mod files;
mod foundation;
mod goal;
mod handback;
mod hands;
mod host;
mod isolation;
mod kept;
mod lasting;
mod late;
mod launch;
mod log;
mod minds;
mod mounts;
mod network;
mod output;
mod page;
mod pool;
mod ports;
mod processes;
mod providers;
mod recovery;
mod registry;
mod replay;
mod retire;
mod screen;
mod secret_use;
mod secrets;
mod steer;
mod takeover;
mod types;
mod usage;
mod visit;
mod watch;
mod web;

use std::{collections::BTreeMap, os::fd::OwnedFd, sync::Arc, time::Duration};

use aether_protocol::{
    AgentId, AgentInfo, AgentSpec, ApiError, DoctorReport, Event, ExitInfo, Screen, SystemStatus, TtyId, TtyInfo,
    event::KernelMetrics, system::ProviderStatus,
};

use aether_store::Change;
use serde_json::json;

pub(crate) use self::core::Core;
pub(crate) use self::core::{away, lock, store_error};
pub use asked::{Made, Once};
pub(crate) use audit::{inherited, on_behalf};
pub(crate) use authority::TRUST;
pub use events::{Delivery, EventHub, Subscription};
pub use files::FsSession;
pub use foundation::Foundation;
pub use mounts::Roots;
pub use output::OutputReader;
pub use ports::{Dialled, NotDialled, Why};
pub use registry::Shown;
pub use steer::Steering;
pub use types::{
    Caller, Chunk, Depth, ExecRequest, Force, ListFilter, OpenFile, OpenHow, OutputStream, Pace, PeerIds, ProcessHandle, StartAt,
    Streams,
};

/// Every agent of this service. Cheap to clone.
#[derive(Clone)]
pub struct Fleet {
    pub(crate) core: Arc<Core>,
}

/// Runs to the end, also when the one who asked has gone.
async fn whole<T: Send + 'static>(work: impl Future<Output = Result<T, ApiError>> + Send + 'static) -> Result<T, ApiError> {
    match tokio::spawn(audit::inherited(work)).await {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "a request failed inside");
            Err(ApiError::internal("the request failed inside"))
        }
    }
}

impl Fleet {
    /// The id that `reference` names: an id, a number, a name, or a unique prefix of an id or a name.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` naming the candidates when the prefix is not unique.
    pub fn resolve(&self, reference: &str) -> Result<AgentId, ApiError> {
        self.core.registry().resolve(reference)
    }

    /// Agents, newest first, and how many there are without `limit` and `offset`.
    pub fn list(&self, filter: &ListFilter) -> (Vec<Arc<Shown>>, usize) {
        self.core.registry().list(filter)
    }

    /// Sandboxes built ahead: how many are ready, and how many are to be.
    pub fn pool(&self) -> (usize, usize) {
        pool::level(&self.core)
    }

    /// The queue, first to start first.
    pub fn queue(&self) -> Vec<AgentInfo> {
        self.core.registry().queue()
    }

    /// Durable events.
    pub fn events(&self) -> &EventHub {
        &self.core.events
    }

    /// Newest samples of every live agent.
    pub fn metrics(&self) -> KernelMetrics {
        host::metrics(&self.core)
    }

    /// Seconds since start.
    pub fn uptime(&self) -> u64 {
        self.core.uptime()
    }

    /// Do spawner and store answer?
    pub async fn healthy(&self) -> bool {
        !self.core.spawner.is_gone() && self.core.store.newest_seq().await.is_ok()
    }

    /// Asks the service to stop; agents stay. `main` sees it in [`Fleet::stopping`].
    pub fn shutdown(&self) {
        self.core.stop_service();
    }

    /// Was [`Fleet::shutdown`] asked for?
    pub fn is_stopping(&self) -> bool {
        self.core.stopping.is_cancelled()
    }

    /// Completes once [`Fleet::shutdown`] was asked for.
    pub async fn stopping(&self) {
        self.core.stopping.cancelled().await;
    }

    /// Creates an agent: checked, recorded, and started or queued. Answers as soon as it is durable and, when there is a
    /// free place, its program runs.
    pub async fn create(&self, spec: AgentSpec, caller: &Caller, descriptors: Vec<OwnedFd>) -> Result<AgentInfo, ApiError> {
        let (core, caller) = (self.core.clone(), caller.clone());
        self.act("agent.deploy", "", json!({}), async move { create::create(&core, spec, &caller, descriptors, None).await })
            .await
    }

    /// The agent that `reference` names: id, number, name, or a unique prefix of id or name.
    ///
    /// # Errors
    /// As [`Fleet::resolve`].
    pub async fn get(&self, reference: &str) -> Result<AgentInfo, ApiError> {
        self.core.info(&self.resolve(reference)?)
    }

    /// SIGTERM to the main program's group; SIGKILL to everything after the grace (10 s when absent). Waits for the end.
    pub async fn stop(&self, id: &AgentId, grace: Option<Duration>) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move {
            // Its end is recorded by whoever notices it, so this goes on record before.
            core.write(Change::new()).await?;
            control::stop(&core, &agent, grace).await
        };
        self.act("agent.stop", id.as_str(), json!({ "graceSeconds": grace.map(|grace| grace.as_secs()) }), work).await
    }

    /// Ends everything in the sandbox at once, or takes the agent out of the queue.
    pub async fn kill(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move { control::kill(&core, &agent).await };
        self.act("agent.kill", id.as_str(), json!({}), work).await
    }

    /// Freezes the sandbox.
    pub async fn pause(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move { control::pause(&core, &agent).await };
        self.act("agent.pause", id.as_str(), json!({}), work).await
    }

    /// Thaws the sandbox.
    pub async fn resume(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move { control::resume(&core, &agent).await };
        self.act("agent.resume", id.as_str(), json!({}), work).await
    }

    /// Sends a signal (`TERM`, `SIGUSR1`, ...) to the main program's group; `KILL` ends the sandbox.
    pub async fn signal(&self, id: &AgentId, signal: &str) -> Result<AgentInfo, ApiError> {
        let (core, agent, name) = (self.core.clone(), id.clone(), signal);
        let signal = name.to_owned();
        let work = async move { control::signal(&core, &agent, &signal).await };
        self.act("agent.signal", id.as_str(), json!({ "signal": name }), work).await
    }

    /// Changes the priority (1 to 5) of a queued agent.
    pub async fn set_priority(&self, id: &AgentId, priority: u8) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move { control::set_priority(&core, &agent, priority).await };
        self.act("agent.priority", id.as_str(), json!({ "priority": priority }), work).await
    }

    /// Removes record, home and log of an ended agent.
    pub async fn remove(&self, id: &AgentId, force: Force) -> Result<(), ApiError> {
        if force == Force::KillFirst && !self.core.info(id)?.state.is_dead() {
            self.kill(id).await?;
        }
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move { control::remove(&core, &agent, force).await };
        self.act("agent.remove", id.as_str(), json!({}), work).await
    }

    /// Lets a goal go on past its step limit, by 25 steps.
    pub async fn proceed(&self, id: &AgentId) -> Result<AgentInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let work = async move { control::proceed(&core, &agent).await };
        self.act("agent.continue", id.as_str(), json!({}), work).await
    }

    /// Writes to the built-in agent; it reads the message before its next step.
    pub async fn message(&self, id: &AgentId, content: &str) -> Result<AgentInfo, ApiError> {
        let (core, agent, content) = (self.core.clone(), id.clone(), content.to_owned());
        let work = async move { control::message(&core, &agent, &content).await };
        self.act("agent.message", id.as_str(), json!({}), work).await
    }

    /// Waits for the end of the agent.
    pub async fn wait(&self, id: &AgentId) -> Result<ExitInfo, ApiError> {
        processes::wait_agent(&self.core, id).await
    }

    /// Starts a program beside the main one.
    pub async fn exec(&self, id: &AgentId, request: ExecRequest) -> Result<ProcessHandle, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let what = json!({ "program": request.argv.first(), "tty": request.tty });
        self.act("agent.exec", id.as_str(), what, async move { processes::exec(&core, &agent, request, "exec").await }).await
    }

    /// Opens a terminal with `argv`, or a login shell when it is empty.
    pub async fn open_tty(
        &self,
        id: &AgentId,
        argv: Vec<String>,
        env: BTreeMap<String, String>,
        size: (u16, u16),
    ) -> Result<TtyInfo, ApiError> {
        let (core, agent) = (self.core.clone(), id.clone());
        let what = json!({ "program": argv.first() });
        let work = async move { processes::open_tty(&core, &agent, argv, env, size).await };
        self.act("agent.terminal", id.as_str(), what, work).await
    }

    /// The terminals of an agent, its main one first when it has one.
    pub async fn terminals(&self, id: &AgentId) -> Result<Vec<TtyInfo>, ApiError> {
        processes::terminals(&self.core, id).await
    }

    /// One terminal.
    pub async fn terminal(&self, tty: &TtyId) -> Result<TtyInfo, ApiError> {
        processes::terminal(&self.core, tty).await
    }

    /// Hangs a terminal up.
    pub async fn close_tty(&self, tty: &TtyId) -> Result<(), ApiError> {
        let (core, tty) = (self.core.clone(), tty.clone());
        let (agent, what) = (tty.parts().0, json!({ "terminal": tty }));
        self.act("terminal.close", agent.as_str(), what, async move { processes::close_tty(&core, &tty).await }).await
    }

    /// The main program of an agent, as a process handle.
    pub async fn main_process(&self, id: &AgentId) -> Result<ProcessHandle, ApiError> {
        processes::main_process(&self.core, id)
    }

    /// Any process of a live agent by its number.
    pub async fn process(&self, id: &AgentId, process: u32) -> Result<ProcessHandle, ApiError> {
        processes::process(&self.core, id, process).await
    }

    /// Follows the output of a process. The output of an ended main program comes from the kept log.
    pub async fn attach(
        &self,
        handle: &ProcessHandle,
        streams: Streams,
        from: StartAt,
        pace: Pace,
    ) -> Result<OutputReader, ApiError> {
        processes::attach(&self.core, handle, streams, from, pace).await
    }

    /// Gives bytes to a process's input and waits until all are taken.
    pub async fn write_input(&self, handle: &ProcessHandle, data: &[u8]) -> Result<(), ApiError> {
        processes::write_input(&self.core, handle, data).await
    }

    /// Ends a process's input.
    pub async fn close_input(&self, handle: &ProcessHandle) -> Result<(), ApiError> {
        let request = aether_sandbox::wire::init::InitRequest::CloseInput { process: handle.process };
        self.core.running(&handle.agent)?.init.ask(request).await.map(drop)
    }

    /// Changes the size of a process's terminal.
    pub async fn resize(&self, handle: &ProcessHandle, cols: u16, rows: u16) -> Result<(), ApiError> {
        processes::resize(&self.core, handle, cols, rows).await
    }

    /// Sends a raw signal number to a process's group.
    pub async fn signal_process(&self, handle: &ProcessHandle, signal: i32) -> Result<(), ApiError> {
        let (core, target) = (self.core.clone(), handle.clone());
        let work = async move { processes::signal(&*core.running(&target.agent)?, target.process, signal).await };
        let what = json!({ "process": handle.process, "signal": signal });
        self.act("process.signal", handle.agent.as_str(), what, work).await
    }

    /// Waits for the end of a process.
    pub async fn wait_process(&self, handle: &ProcessHandle) -> Result<ExitInfo, ApiError> {
        processes::wait(&self.core, handle).await
    }

    /// Files of an agent, also of an ended one whose home is kept.
    pub async fn fs(&self, id: &AgentId) -> Result<FsSession, ApiError> {
        let (core, id) = (self.core.clone(), id.clone());
        whole(async move { visit::files(&core, &id).await }).await
    }

    /// The kept output of the main program (or of what a goal ran), oldest first; with `follow` until the agent ends.
    pub async fn logs(&self, id: &AgentId, streams: Streams, follow: bool) -> Result<OutputReader, ApiError> {
        let tty = processes::main_process(&self.core, id).is_ok_and(|handle| handle.tty);
        Ok(OutputReader::kept(self.core.log(id)?, tty, streams, StartAt::default(), follow))
    }

    /// A picture of the agent's screen.
    pub async fn screen(&self, id: &AgentId) -> Result<Screen, ApiError> {
        let screen = self.core.screens.look(&self.core, id, None)?;
        screen.ok_or_else(|| ApiError::internal("there is no picture"))
    }

    /// The pictures that differ from the versions the client has; agents that are gone are left out.
    /// The service and its host.
    /// The service and its host.
    pub async fn status(&self) -> Result<SystemStatus, ApiError> {
        Ok(host::status(&self.core))
    }

    /// What this host can do.
    pub async fn doctor(&self) -> Result<DoctorReport, ApiError> {
        Ok(host::doctor(&self.core))
    }

    /// Devices of the host.
    /// Providers of models.
    /// Events of one agent after `since`, at most `limit`.
    pub async fn timeline(&self, id: &AgentId, since: u64, limit: usize) -> Result<Vec<Event>, ApiError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.core.events.of_agent(id.clone(), since, limit).await.map_err(|error| self::core::store_error(&error))
    }

    /// The pictures that differ from the versions the client has; agents that are gone are left out.
    pub async fn screens(&self, wanted: &[(AgentId, u64)]) -> BTreeMap<AgentId, Screen> {
        let look = |(id, has): &(AgentId, u64)| Some((id.clone(), self.core.screens.look(&self.core, id, Some(*has)).ok()??));
        wanted.iter().filter_map(look).collect()
    }

    /// Devices of the host.
    pub async fn gpus(&self) -> Vec<aether_gpu::Gpu> {
        host::gpus().await
    }

    /// Providers of models.
    pub fn providers(&self) -> Vec<ProviderStatus> {
        self.core.providers.status()
    }

    /// Which models the built-in agent can use, and why others cannot be used; asks the providers.
    pub async fn model_report(&self) -> aether_protocol::ModelsReport {
        self.core.providers.report().await
    }
}
