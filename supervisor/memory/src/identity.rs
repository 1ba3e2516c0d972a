//! Who an agent is to its memory.

use std::{sync::Arc, time::Duration};

use aether_llm::Embedder;
use aether_protocol::{AgentEvent, AgentId};
use aether_runtime::HandsError;
use aether_store::{Change, Committed, MindKey, Near, NewEvent, Store, StoreError};

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
    /// Who makes vectors, where somebody does.
    pub embedder: Option<Arc<dyn Embedder>>,
}

/// Longest wait for the vector of a question.
const PATIENCE: Duration = Duration::from_secs(3);
/// Characters of a text that become a vector: models take a few thousand tokens.
pub const EMBEDDED: usize = 4000;

/// A question as a vector. Without one, or where it takes too long, words alone find something too.
pub async fn near(embedder: Option<&Arc<dyn Embedder>>, query: Option<&str>) -> Option<Near> {
    let (embedder, query) = (embedder?, query.filter(|query| !query.trim().is_empty())?);
    let text = [query.chars().take(EMBEDDED).collect::<String>()];
    let embedded = tokio::time::timeout(PATIENCE, embedder.embed(&text)).await.ok()?.ok()?;
    Some(Near { model: embedder.name().to_owned(), vector: embedded.vectors.into_iter().next()? })
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
