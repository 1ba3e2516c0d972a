//! What live agents keep on disk, as the spawner reads it from the kernel.

use std::{sync::Arc, time::Duration};

use aether_protocol::DiskUsage;

use super::core::{Core, lock, sandbox_id};

/// Between two looks: a file system that counts by commits has had one.
const EVERY: Duration = Duration::from_secs(10);
/// The first look at an agent comes soon, so that its limit is shown.
const SOON: Duration = Duration::from_secs(1);

/// Looks for the life of the service. One request at a time, so that launches come between them.
pub(crate) async fn sample(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(SOON);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round = 0;
    loop {
        ticks.tick().await;
        let all = round % (EVERY.as_secs() / SOON.as_secs()) == 0;
        round += 1;
        let mut ids: Vec<_> = lock(&core.live).keys().cloned().collect();
        if !all {
            // Every second for every agent: nothing is copied for it.
            let registry = core.registry();
            ids.retain(|id| registry.get(id).is_some_and(|entry| entry.info.pid.is_some() && entry.info.disk.is_none()));
        }
        for id in ids {
            let Ok(home) = sandbox_id(&id) else { continue };
            // An agent that ended meanwhile, or a host that counts nothing.
            let Ok(used) = core.spawner.disk_use(home).await else { continue };
            let usage = DiskUsage {
                bytes: used.bytes,
                bytes_limit: used.bytes_limit,
                inodes: used.inodes,
                inodes_limit: used.inodes_limit,
            };
            core.registry().modify(&id, |entry| entry.info.disk = Some(usage));
        }
    }
}
