//! Vectors for what agents remember, made beside everything else: a memory is found by its words until it has one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aether_llm::{Embedded, LlmError, embed::MOST_TEXTS};
use aether_memory::EMBEDDED;
use aether_protocol::{AgentId, AgentName};
use aether_store::{Bare, Change};

use super::mind_of;
use crate::{
    fleet::{ListFilter, core::Core},
    govern::apart,
};

/// How often is looked for memories without a vector.
const LOOK: Duration = Duration::from_secs(5);
/// Longest pause after failures.
const LONGEST: Duration = Duration::from_secs(600);

/// Makes the vectors that are missing, as long as the service lasts; ends at once where nobody makes vectors.
pub(crate) async fn keep(core: Arc<Core>) {
    let Some(embedder) = core.providers.embedder() else { return };
    // Every memory up to this one has a vector or cannot have one.
    let (mut done, mut pause, mut batch) = (0, Duration::ZERO, MOST_TEXTS);
    loop {
        tokio::select! {
            () = core.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let bare = match core.store.without_vector(embedder.name().to_owned(), done, batch).await {
            Ok(bare) => bare,
            Err(error) => {
                tracing::warn!(%error, "memories could not be read for their vectors");
                pause = LONGEST;
                continue;
            }
        };
        let Some(last) = bare.last().map(|one| one.id) else {
            pause = LOOK;
            continue;
        };
        let texts: Vec<String> = bare.iter().map(|one| one.text.chars().take(EMBEDDED).collect()).collect();
        match embedder.embed(&texts).await {
            Ok(Embedded { vectors, tokens }) => {
                count(&core, embedder.name(), &bare, tokens).await;
                let vectors = bare.into_iter().map(|one| one.id).zip(vectors).collect();
                // Made again from the texts when it is lost.
                let change = Change::new().keep_vectors(embedder.name(), vectors).relaxed(true);
                if let Err(error) = core.store.commit(change).await {
                    tracing::warn!(%error, "vectors of memories were not kept");
                    pause = LONGEST;
                    continue;
                }
                (done, batch) = (last, MOST_TEXTS);
                pause = if texts.len() < MOST_TEXTS { LOOK } else { Duration::ZERO };
            }
            // One of them is refused, and nobody says which: they are asked about alone, and that one is passed over.
            Err(LlmError::Invalid(_) | LlmError::Malformed(_) | LlmError::TooLarge(_)) if batch > 1 => {
                (batch, pause) = (1, Duration::ZERO);
            }
            Err(error @ (LlmError::Invalid(_) | LlmError::Malformed(_) | LlmError::TooLarge(_))) => {
                tracing::warn!(memory = last, model = embedder.name(), %error, "a memory gets no vector; its words find it");
                (done, pause) = (last, LOOK);
            }
            Err(error) => {
                pause = (pause * 2).clamp(LOOK, LONGEST);
                tracing::warn!(model = embedder.name(), %error, again_secs = pause.as_secs(), "no vectors are made; words find memories");
            }
        }
    }
}

/// Counts what vectors took for those whose memories they are, by the length of the texts.
async fn count(core: &Arc<Core>, model: &str, all: &[Bare], tokens: u64) {
    let length = |one: &Bare| one.text.len().clamp(1, 4 * EMBEDDED) as u64;
    let total: u64 = all.iter().map(length).sum();
    let mut shares: BTreeMap<AgentId, u64> = BTreeMap::new();
    for one in all {
        if let Some(agent) = payer(core, one) {
            *shares.entry(agent).or_default() += length(one);
        }
    }
    for (agent, share) in shares {
        apart::embedded(core, &agent, model, (tokens * share).div_ceil(total)).await;
    }
}

/// Whose memory it is: the agent's own, or of those that share a named one the newest, a live one before others.
fn payer(core: &Core, one: &Bare) -> Option<AgentId> {
    if let Some(agent) = &one.agent {
        return agent.parse().ok();
    }
    let (all, _) = core.registry().list(&ListFilter { all: true, ..ListFilter::default() });
    let theirs = all
        .iter()
        .filter(|info| info.owner == one.owner && mind_of(info).name.as_ref().map(AgentName::as_str) == one.name.as_deref());
    theirs.min_by_key(|info| info.state.is_dead()).map(|info| info.id.clone())
}
