//! Vectors for what agents remember, made beside everything else: a memory is found by its words until it has one.

use std::{sync::Arc, time::Duration};

use aether_llm::{LlmError, embed::MOST_TEXTS};
use aether_memory::EMBEDDED;
use aether_store::Change;

use crate::fleet::core::Core;

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
        let Some(&(last, _)) = bare.last() else {
            pause = LOOK;
            continue;
        };
        let texts: Vec<String> = bare.iter().map(|(_, text)| text.chars().take(EMBEDDED).collect()).collect();
        match embedder.embed(&texts).await {
            Ok(vectors) => {
                let vectors = bare.into_iter().map(|(id, _)| id).zip(vectors).collect();
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
