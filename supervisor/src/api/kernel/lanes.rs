//! Order among commands: those about one agent run one after the other, those about the service too, and different agents beside
//! each other.

use std::{collections::HashMap, sync::Arc};

use aether_protocol::{
    AgentId,
    command::{AgentRef, Command},
};
use tokio::sync::{Semaphore, oneshot};

use super::{
    commands::{agent, run},
    outgoing::{Frame, Gone, Outgoing},
    request::{answer, listed},
};
use crate::{
    api::ApiState,
    fleet::{Caller, ListFilter, on_behalf},
};

/// Commands of one connection that run or wait for the one before them; then nothing more is read from it.
const RUNNING: usize = 32;

/// The commands of one connection on their way.
pub(crate) struct Lanes {
    state: ApiState,
    caller: Caller,
    out: Outgoing,
    running: Arc<Semaphore>,
    /// Completes when the last command of a lane has been answered.
    last: HashMap<Option<AgentId>, oneshot::Receiver<()>>,
}

impl Lanes {
    /// None yet.
    pub(crate) fn new(state: ApiState, caller: Caller, out: Outgoing) -> Self {
        Self { state, caller, out, running: Arc::new(Semaphore::new(RUNNING)), last: HashMap::new() }
    }

    /// Runs a command in its lane; it is answered when it is done. It is carried out even when the client leaves meanwhile.
    ///
    /// # Errors
    /// When the connection ends.
    pub(crate) async fn take(&mut self, id: String, command: Command) -> Result<(), Gone> {
        let permit = self.running.clone().acquire_owned().await.map_err(|_| Gone)?;
        let (done, last) = oneshot::channel();
        if self.last.len() > RUNNING {
            self.last.retain(|_, last| last.is_empty());
        }
        let before = self.last.insert(self.lane_of(&command), last);
        let (state, caller, out) = (self.state.clone(), self.caller.clone(), self.out.clone());
        tokio::spawn(async move {
            if let Some(before) = before {
                // It ends without a word when the command before panicked; the next one runs all the same.
                drop(before.await);
            }
            let told = match command {
                Command::List(c) => {
                    let filter = ListFilter { all: c.all, ..ListFilter::default() };
                    let agents = state.fleet().list(&filter).0;
                    out.frame(Frame::Json(listed(&id, agents).await)).await
                }
                other => {
                    let result = on_behalf(&caller.owner, run(&state, &caller, other)).await;
                    out.send(&answer(id, result)).await
                }
            };
            if told.is_err() {
                tracing::debug!("a client left before its command was answered");
            }
            // Nobody waits when this was the last command of its lane.
            let _ = done.send(());
            drop(permit);
        });
        Ok(())
    }

    fn lane_of(&self, command: &Command) -> Option<AgentId> {
        match command {
            Command::TtyResize(c) => Some(c.tty_id.parts().0),
            Command::TtyClose(c) => Some(c.tty_id.parts().0),
            other => subject(other).and_then(|reference| agent(&self.state, reference).ok()),
        }
    }
}

/// The agent that a command names.
pub(crate) const fn subject(command: &Command) -> Option<&AgentRef> {
    Some(match command {
        Command::Signal(c) => &c.pid,
        Command::Info(c) => &c.pid,
        Command::SetPriority(c) => &c.pid,
        Command::Remove(c) => &c.pid,
        Command::Pause(c) => &c.pid,
        Command::Resume(c) => &c.pid,
        Command::Continue(c) => &c.pid,
        Command::Message(c) => &c.pid,
        Command::Steer(c) => &c.pid,
        Command::Approve(c) => &c.pid,
        Command::Reject(c) => &c.pid,
        Command::MemoryStore(c) => &c.pid,
        Command::MemoryRecall(c) => &c.pid,
        Command::MemoryList(c) => &c.pid,
        Command::MemoryForget(c) => &c.pid,
        Command::MemoryShare(c) => &c.pid,
        Command::PlanGet(c) => &c.pid,
        Command::FeedbackSubmit(c) => &c.pid,
        Command::FeedbackGet(c) => &c.pid,
        Command::ProfileGet(c) => &c.pid,
        Command::GetQuota(c) => &c.pid,
        Command::SetQuota(c) => &c.pid,
        Command::GetUsage(c) => &c.pid,
        Command::FsRead(c) => &c.pid,
        Command::FsWrite(c) => &c.pid,
        Command::FsMkdir(c) => &c.pid,
        Command::FsRm(c) => &c.pid,
        Command::FsLs(c) => &c.pid,
        Command::FsStat(c) => &c.pid,
        Command::FsMv(c) => &c.pid,
        Command::FsCp(c) => &c.pid,
        Command::TtyOpen(c) => &c.pid,
        Command::TtyList(c) => &c.pid,
        _ => return None,
    })
}
