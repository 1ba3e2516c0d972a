//! Who an agent is to its memory.

use aether_protocol::{AgentEvent, AgentId};
use aether_runtime::HandsError;
use aether_store::{Change, Committed, MindKey, NewEvent, Store, StoreError};

/// One agent, for as long as it runs.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Where it is kept.
    pub store: Store,
    /// The agent.
    pub agent: AgentId,
    /// Its number, `pid` in events.
    pub number: u64,
    /// Whose memory it uses.
    pub mind: MindKey,
    /// Nothing of it has to outlive a power cut.
    pub ephemeral: bool,
}

impl Identity {
    /// An event of this agent.
    pub fn event(&self, body: impl Into<AgentEvent>) -> NewEvent {
        NewEvent { agent: Some(self.agent.clone()), owner: self.mind.owner.clone(), body: body.into() }
    }

    /// Commits; what the agent can do something about is refused, everything else is a lost store.
    pub(crate) async fn commit(&self, change: Change) -> Result<Committed, HandsError> {
        self.store.commit(change.relaxed(self.ephemeral)).await.map_err(|error| refusal(&error))
    }
}

/// What the agent is told.
pub(crate) fn refusal(error: &StoreError) -> HandsError {
    match error {
        StoreError::TooLight(held) => HandsError::Refused(format!(
            "not kept: this layer holds {held} memories that all weigh more; forget some, or give it a higher importance"
        )),
        StoreError::TooManyLetters(_) => {
            HandsError::Refused("too many letters wait for that agent; it has to read them first".to_owned())
        }
        StoreError::Outdated(what) => HandsError::Refused(format!("there is no such {what}")),
        StoreError::NoAgent(_) => HandsError::Refused("that agent is gone".to_owned()),
        other => HandsError::Lost(other.to_string()),
    }
}
