//! Vectors for what agents remember, made beside everything else: a memory is found by its words until it has one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aether_llm::{Embedded, LlmError, embed::MOST_TEXTS};
use aether_memory::EMBEDDED;
use aether_protocol::AgentId;
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
    let sharing = sharing(core, all);
    let mut shares: BTreeMap<AgentId, u64> = BTreeMap::new();
    let mut total = 0;
    for one in all {
        let length = one.text.len().clamp(1, 4 * EMBEDDED) as u64;
        total += length;
        let own = one.agent.as_ref().and_then(|agent| agent.parse().ok());
        if let Some(agent) = own.or_else(|| sharing.get(&(one.owner.as_str(), one.name.as_deref()?)).cloned()) {
            *shares.entry(agent).or_default() += length;
        }
    }
    for (agent, length) in shares {
        let share = (u128::from(tokens) * u128::from(length)).div_ceil(u128::from(total));
        apart::embedded(core, &agent, model, u64::try_from(share).unwrap_or(u64::MAX)).await;
    }
}

/// Who pays for named memories, by owner and name: the newest of those that share it, a live one before others.
fn sharing<'a>(core: &Core, all: &'a [Bare]) -> BTreeMap<(&'a str, &'a str), AgentId> {
    let named: BTreeSet<_> = all.iter().filter_map(|one| Some((one.owner.as_str(), one.name.as_deref()?))).collect();
    if named.is_empty() {
        return BTreeMap::new();
    }
    let (agents, _) = core.registry().list(&ListFilter { all: true, ..ListFilter::default() });
    let mut found = BTreeMap::new();
    // Newest first, and the live ones before.
    for dead in [false, true] {
        for info in agents.iter().filter(|info| info.state.is_dead() == dead) {
            let mind = mind_of(info);
            let is_its = |(owner, name): &&(&str, &str)| {
                *owner == mind.owner && mind.name.as_ref().is_some_and(|known| known.as_str() == *name)
            };
            if let Some(key) = named.iter().find(is_its) {
                found.entry(*key).or_insert_with(|| info.id.clone());
            }
        }
    }
    found
}
