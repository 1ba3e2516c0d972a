//! Resources of live agents, read from their cgroups every two seconds.
//!
//! Single values come through `libcgroups`. Its managers' `stats()` is not used: it fails as a whole where one file is missing
//! (pressure, huge pages, block devices on hybrid hosts), and of `cpu.stat` its parser is private.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use aether_protocol::{AgentId, Usage};
use libcgroups::stats::{parse_single_value, pid_stats};

use super::core::{Core, lock};

const EVERY: Duration = Duration::from_secs(2);

/// Where the controllers of one sandbox are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Places {
    cpu: Option<Place>,
    memory: Option<Place>,
    pids: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    V1(PathBuf),
    V2(PathBuf),
}

/// What is remembered between two samples.
struct Before {
    places: Places,
    cpu_usec: u64,
    at: Instant,
}

/// Samples for the life of the service.
pub(crate) async fn sample(core: Arc<Core>) {
    let mut before: HashMap<AgentId, Before> = HashMap::new();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let ids: Vec<_> = lock(&core.live).keys().cloned().collect();
        before.retain(|id, _| ids.contains(id));
        for id in ids {
            let Some(pid) = core.info(&id).ok().and_then(|info| info.pid) else { continue };
            let last = match before.remove(&id) {
                Some(last) => last,
                None => Before { places: places(pid), cpu_usec: 0, at: Instant::now() },
            };
            let (now, old) = (Instant::now(), last.at);
            let mut usage = read(&last.places);
            let elapsed = now.duration_since(old).as_micros();
            // The first sample has nothing to compare with.
            if last.cpu_usec > 0 && elapsed > 0 {
                usage.cpus = usage.cpu_usec.saturating_sub(last.cpu_usec) as f64 / elapsed as f64;
            }
            before.insert(id.clone(), Before { places: last.places, cpu_usec: usage.cpu_usec, at: now });
            core.registry().modify(&id, |entry| entry.info.usage = Some(usage));
        }
    }
}

fn places(pid: u32) -> Places {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let unified = hierarchy(&mounts, &cgroups, None);
    let place = |controller: &str, v2_file: &str| {
        if let Some(dir) = unified.as_ref().filter(|dir| dir.join(v2_file).exists()) {
            return Some(Place::V2(dir.clone()));
        }
        hierarchy(&mounts, &cgroups, Some(controller)).map(Place::V1)
    };
    let pids = place("pids", "pids.current").map(|place| match place {
        Place::V1(dir) | Place::V2(dir) => dir,
    });
    // A cgroup2 counts CPU time even without its controller.
    Places { cpu: place("cpuacct", "cpu.stat"), memory: place("memory", "memory.current"), pids }
}

/// Has the kernel killed processes of this cgroup (its path below the mount of cgroup2) because its memory was used up? Only
/// cgroup v2 counts that where it is asked here.
pub(crate) fn killed_for_memory(cgroup: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let events = hierarchy(&mounts, &format!("0::{cgroup}"), None).map(|dir| fs::read_to_string(dir.join("memory.events")));
    let events = events.and_then(Result::ok).unwrap_or_default();
    events.lines().filter_map(|line| line.strip_prefix("oom_kill ")?.parse::<u64>().ok()).any(|count| count > 0)
}

/// Directory of a process in the hierarchy of a v1 controller, or in cgroup2.
pub(crate) fn hierarchy(mounts: &str, cgroups: &str, controller: Option<&str>) -> Option<PathBuf> {
    let path = cgroups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let found = match controller {
            Some(name) => controllers.split(',').any(|c| c == name),
            None => controllers.is_empty(),
        };
        found.then_some(path)
    })?;
    let mount = mounts.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let (fs_type, options) = (kind.next()?, kind.nth(1)?);
        let found = match controller {
            Some(name) => fs_type == "cgroup" && options.split(',').any(|option| option == name),
            None => fs_type == "cgroup2",
        };
        found.then(|| fields.split(' ').nth(4)).flatten()
    })?;
    Some(Path::new(mount).join(path.trim_start_matches('/')))
}

fn read(places: &Places) -> Usage {
    let value = |dir: &Path, file: &str| parse_single_value(&dir.join(file)).ok();
    let mut usage = Usage::default();
    match &places.cpu {
        Some(Place::V2(dir)) => usage.cpu_usec = cpu_stat(&fs::read_to_string(dir.join("cpu.stat")).unwrap_or_default()),
        Some(Place::V1(dir)) => usage.cpu_usec = value(dir, "cpuacct.usage").unwrap_or(0) / 1000,
        None => {}
    }
    let (dir, now, peak, limit) = match &places.memory {
        Some(Place::V2(dir)) => (Some(dir), "memory.current", "memory.peak", "memory.max"),
        Some(Place::V1(dir)) => (Some(dir), "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes"),
        None => (None, "", "", ""),
    };
    if let Some(dir) = dir {
        usage.memory_bytes = value(dir, now).unwrap_or(0);
        usage.memory_peak_bytes = value(dir, peak).unwrap_or(0).max(usage.memory_bytes);
        // "No limit" reads as the largest number of pages.
        usage.memory_limit_bytes = value(dir, limit).filter(|limit| *limit < 1 << 60);
    }
    if let Some(stats) = places.pids.as_deref().and_then(|dir| pid_stats(dir).ok()) {
        usage.pids = u32::try_from(stats.current).unwrap_or(u32::MAX);
        usage.pids_limit = u32::try_from(stats.limit).ok().filter(|limit| *limit > 0);
    }
    usage
}

fn cpu_stat(text: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "30 29 0:25 / /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory\n\
                          31 29 0:26 / /sys/fs/cgroup/cpu rw shared:6 - cgroup cgroup rw,cpu,cpuacct\n\
                          32 29 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const CGROUPS: &str = "4:memory:/box/aether-1/abc\n2:cpu,cpuacct:/aether-1/abc\n0::/aether-1/abc\n";

    #[test]
    fn finds_each_hierarchy_of_a_hybrid_host() {
        let at = |controller| hierarchy(MOUNTS, CGROUPS, controller);
        assert_eq!(at(Some("memory")), Some("/sys/fs/cgroup/memory/box/aether-1/abc".into()));
        assert_eq!(at(Some("cpuacct")), Some("/sys/fs/cgroup/cpu/aether-1/abc".into()));
        assert_eq!(at(None), Some("/sys/fs/cgroup/unified/aether-1/abc".into()));
        assert_eq!(at(Some("pids")), None);
    }

    #[test]
    fn reads_both_versions() {
        let dir = tempfile::tempdir().expect("dir");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("write");
        write("cpu.stat", "usage_usec 42\nuser_usec 40\n");
        write("memory.current", "4096\n");
        write("memory.max", "max\n");
        write("pids.current", "3\n");
        write("pids.max", "64\n");
        write("memory.usage_in_bytes", "8192\n");
        write("memory.max_usage_in_bytes", "9000\n");
        write("memory.limit_in_bytes", "9223372036854771712\n");
        write("cpuacct.usage", "5000\n");
        let path = dir.path().to_owned();
        let v2 =
            read(&Places { cpu: Some(Place::V2(path.clone())), memory: Some(Place::V2(path.clone())), pids: Some(path.clone()) });
        assert_eq!((v2.cpu_usec, v2.memory_bytes, v2.memory_limit_bytes), (42, 4096, None));
        assert_eq!((v2.pids, v2.pids_limit), (3, Some(64)));
        let v1 = read(&Places { cpu: Some(Place::V1(path.clone())), memory: Some(Place::V1(path)), pids: None });
        assert_eq!((v1.cpu_usec, v1.memory_bytes, v1.memory_peak_bytes, v1.memory_limit_bytes), (5, 8192, 9000, None));
    }
}
