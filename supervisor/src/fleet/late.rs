//! What happened and could not be recorded when it did: it is, as soon as the database takes it.

use std::{sync::Arc, time::Duration};

use aether_store::{Change, StoreError};

use super::core::Core;

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(2);

/// Tries until it is recorded or the service stops; the next service finds out by itself how agents ended.
pub(crate) fn record(
    core: &Arc<Core>,
    change: impl Fn(&Core) -> Change + Send + Sync + 'static,
    recorded: impl FnOnce(&Arc<Core>) + Send + 'static,
) {
    let core = core.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = core.stopping.cancelled() => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
            match core.store.commit(change(&core)).await {
                Ok(_) => return recorded(&core),
                // Somebody removed it meanwhile, or the service stops.
                Err(error @ (StoreError::NoAgent(_) | StoreError::NotLeased { .. } | StoreError::Closed)) => {
                    return tracing::debug!(%error, "nothing is left to record");
                }
                // Full, failing, locked, out of memory: it may go away.
                Err(_) => {}
            }
        }
    });
}
