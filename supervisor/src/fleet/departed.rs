//! Ephemeral agents that ended a moment ago: their records are gone, and whoever started one may not have seen yet how it ended. A
//! service that is replaced hands what it remembers of them to the next one.

use std::sync::Arc;

use aether_protocol::{AgentId, AgentInfo};
use aether_store::Change;

use super::core::{Core, lock};

/// How long they are remembered.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(60);
/// Most that are handed over, the newest ones.
const MOST: usize = 1000;
/// Name in the store.
const KEY: &str = "departed";

/// Forgets an agent, and removes its output, after a while. At the end of the service [`hand_over`] or [`forget_all`] decide.
pub(crate) fn forget_later(core: &Arc<Core>, id: &AgentId) {
    let (core, id) = (core.clone(), id.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = core.stopping.cancelled() => {}
            () = tokio::time::sleep(REMEMBERED) => forget(&core, &id),
        }
    });
}

fn forget(core: &Core, id: &AgentId) {
    core.registry().forget(id);
    core.screens.forget(id);
    let log = core.log(id);
    lock(&core.logs).remove(id);
    if let Ok(log) = log {
        log.remove();
    }
}

/// Forgets all of them: nobody will ask.
pub(crate) fn forget_all(core: &Core) {
    let all = core.registry().departed();
    all.iter().for_each(|info| forget(core, &info.id));
}

/// Writes them down for the next service.
pub(crate) async fn hand_over(core: &Core) {
    let mut all = core.registry().departed();
    all.sort_by_key(|info| std::cmp::Reverse(info.number));
    all.truncate(MOST);
    if all.is_empty() {
        return;
    }
    let Ok(text) = serde_json::to_string(&all) else { return };
    // A power cut takes those who might ask along.
    if let Err(error) = core.store.commit(Change::new().setting(KEY, Some(text)).relaxed(true)).await {
        tracing::warn!(%error, "the next service will not know the ephemeral agents that ended just now");
    }
}

/// Takes them over from the service before.
pub(crate) async fn take_over(core: &Arc<Core>) {
    let Ok(Some(text)) = core.store.setting(KEY).await else { return };
    if let Err(error) = core.store.commit(Change::new().setting(KEY, None).relaxed(true)).await {
        tracing::warn!(%error, "what the service before remembered cannot be removed");
    }
    // A version that shows agents in another way remembers none.
    for info in serde_json::from_str::<Vec<AgentInfo>>(&text).unwrap_or_default() {
        let id = info.id.clone();
        core.registry().remember(info);
        forget_later(core, &id);
    }
}
