//! What live agents keep on disk, as the spawner reads it from the kernel.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use aether_protocol::{AgentId, DiskUsage};

use super::core::{Core, lock, sandbox_id};

/// Between two looks: a file system that counts by commits has had one.
const EVERY: Duration = Duration::from_secs(10);
/// The first look at an agent comes soon, so that its limit is shown.
const SOON: Duration = Duration::from_secs(1);
/// Looks at an agent that has used no CPU time since, before it is left alone: what it wrote last is counted with the next commit of
/// the file system, half a minute later at most (btrfs(5), `commit=`).
const SETTLED: u32 = 4;

/// Looks taken, by agent: the CPU time that it had used at the last one, and how many of them found that same time.
#[derive(Debug, Default)]
struct Looks(HashMap<AgentId, (u64, u32)>);

impl Looks {
    /// Nobody is remembered but these.
    fn keep(&mut self, live: &[AgentId]) {
        let live: HashSet<_> = live.iter().collect();
        self.0.retain(|id, _| live.contains(id));
    }

    /// May it have more or less on disk than at the last look? Without a count of CPU time, it may.
    fn wants(&mut self, id: &AgentId, cpu_usec: Option<u64>) -> bool {
        let Some(now) = cpu_usec else { return true };
        let (then, looks) = self.0.entry(id.clone()).or_insert((now, 0));
        if *then != now {
            (*then, *looks) = (now, 0);
        }
        *looks = looks.saturating_add(1);
        *looks <= SETTLED
    }
}

/// Looks for the life of the service. One request at a time, so that launches come between them.
pub(crate) async fn sample(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(SOON);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut round = 0;
    let mut looks = Looks::default();
    loop {
        ticks.tick().await;
        let all = round % (EVERY.as_secs() / SOON.as_secs()) == 0;
        round += 1;
        let mut ids: Vec<_> = lock(&core.live).keys().cloned().collect();
        if all {
            looks.keep(&ids);
        }
        {
            // Every second for every agent: nothing is copied for it.
            let registry = core.registry();
            ids.retain(|id| {
                registry.get(id).is_some_and(|entry| match (&entry.info.disk, &entry.info.usage) {
                    (None, _) => entry.info.pid.is_some(),
                    (Some(_), usage) => all && looks.wants(id, usage.as_ref().map(|usage| usage.cpu_usec)),
                })
            });
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
            core.registry().modify(&id, |entry| Arc::make_mut(&mut entry.info).disk = Some(usage));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_does_nothing_is_left_alone_once_all_it_wrote_is_counted() {
        let id: AgentId = "abcdefghijkl".parse().expect("id");
        let mut looks = Looks::default();
        let mut times = |cpu: Option<u64>, count: usize| (0..count).filter(|_| looks.wants(&id, cpu)).count();
        assert_eq!(times(Some(5), 10), 4);
        assert_eq!(times(Some(6), 10), 4, "it did something");
        assert_eq!(times(None, 10), 10, "nobody knows whether it did");
        looks.keep(&[]);
        assert!(looks.0.is_empty());
    }
}
