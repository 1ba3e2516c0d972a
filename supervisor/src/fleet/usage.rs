//! Resources of live agents, read from their cgroups every two seconds, and less often while they do nothing.
//!
//! Single values come through `libcgroups`. Its managers' `stats()` is not used: it fails as a whole where one file is missing
//! (pressure, huge pages, block devices on hybrid hosts), and of `cpu.stat` its parser is private.

use std::{
    collections::{
        HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use aether_protocol::{AgentId, Usage};
use aether_sandbox::wire::spawner::agents_cgroup;
use libcgroups::stats::{parse_single_value, pid_stats};

use super::core::{Core, lock};

/// Between two looks at an agent that does something.
const EVERY: Duration = Duration::from_secs(2);
/// Between two looks at one that does nothing.
const LONGEST: Duration = Duration::from_secs(8);

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
    /// CPU time at its last sample, and when that was; the first sample has nothing to compare with.
    cpu: Option<(u64, Instant)>,
    /// When to look again, and how long that is after the last look.
    due: Instant,
    pause: Duration,
}

impl Before {
    fn new(places: Places) -> Self {
        Self { places, cpu: None, due: Instant::now(), pause: EVERY }
    }

    /// Reads it if it is due. One that used no CPU time since it was last read has changed nothing: the rest is not read again, and
    /// it is left alone for longer.
    fn look(&mut self, now: Instant) -> Option<Usage> {
        if now < self.due {
            return None;
        }
        let cpu_usec = cpu_usec(&self.places);
        let before = self.cpu.replace((cpu_usec, now));
        let idle = before.is_some_and(|(then, _)| then == cpu_usec);
        let twice = idle && self.pause > EVERY;
        self.pause = if idle { (self.pause * 2).min(LONGEST) } else { EVERY };
        // Ticks come a little early or late.
        self.due = now + self.pause - EVERY / 4;
        if twice {
            return None;
        }
        let mut usage = Usage { cpu_usec, ..read(&self.places) };
        if let Some((then, at)) = before.filter(|_| !idle) {
            let elapsed = now.duration_since(at).as_micros().max(1);
            usage.cpus = cpu_usec.saturating_sub(then) as f64 / elapsed as f64;
        }
        Some(usage)
    }
}

/// Samples for the life of the service, beside the runtime: a thousand small files take their time.
pub(crate) async fn sample(core: Arc<Core>) {
    let mut before: HashMap<AgentId, Before> = HashMap::new();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let core = core.clone();
        match tokio::task::spawn_blocking(move || round(&core, before)).await {
            Ok(after) => before = after,
            // The runtime ends.
            Err(_) => return,
        }
    }
}

fn round(core: &Core, mut before: HashMap<AgentId, Before>) -> HashMap<AgentId, Before> {
    let now = Instant::now();
    let ids: Vec<_> = {
        let live = lock(&core.live);
        before.retain(|id, _| live.contains_key(id));
        live.keys().cloned().collect()
    };
    let mut mounts = None;
    for id in ids {
        let last = match before.entry(id.clone()) {
            Occupied(known) => known.into_mut(),
            Vacant(new) => {
                let Some(pid) = core.registry().get(&id).and_then(|entry| entry.info.pid) else { continue };
                let mounts = mounts.get_or_insert_with(|| fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
                new.insert(Before::new(places(pid, mounts)))
            }
        };
        if let Some(usage) = last.look(now) {
            core.registry().modify(&id, |entry| Arc::make_mut(&mut entry.info).usage = Some(usage));
        }
    }
    before
}

fn places(pid: u32, mounts: &str) -> Places {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let unified = hierarchy(mounts, &cgroups, None);
    let place = |controller: &str, v2_file: &str| {
        if let Some(dir) = unified.as_ref().filter(|dir| dir.join(v2_file).exists()) {
            return Some(Place::V2(dir.clone()));
        }
        hierarchy(mounts, &cgroups, Some(controller)).map(Place::V1)
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
        // Its controllers are the agent's, also where its init lives beside its calls.
        found.then(|| agents_cgroup(path))
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

fn cpu_usec(places: &Places) -> u64 {
    match &places.cpu {
        Some(Place::V2(dir)) => cpu_stat(&fs::read_to_string(dir.join("cpu.stat")).unwrap_or_default()),
        Some(Place::V1(dir)) => parse_single_value(&dir.join("cpuacct.usage")).unwrap_or(0) / 1000,
        None => 0,
    }
}

/// All but the CPU time.
fn read(places: &Places) -> Usage {
    let value = |dir: &Path, file: &str| parse_single_value(&dir.join(file)).ok();
    let mut usage = Usage::default();
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
        let beside_calls = hierarchy(MOUNTS, "0::/aether-1/abc/init-leaf\n", None);
        assert_eq!(beside_calls, Some("/sys/fs/cgroup/unified/aether-1/abc".into()), "limits are the agent's");
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
        let at = |place: fn(PathBuf) -> Place| Some(place(path.clone()));
        let places = Places { cpu: at(Place::V2), memory: at(Place::V2), pids: Some(path.clone()) };
        let v2 = read(&places);
        assert_eq!((cpu_usec(&places), v2.memory_bytes, v2.memory_limit_bytes), (42, 4096, None));
        assert_eq!((v2.pids, v2.pids_limit), (3, Some(64)));
        let places = Places { cpu: at(Place::V1), memory: at(Place::V1), pids: None };
        let v1 = read(&places);
        assert_eq!((cpu_usec(&places), v1.memory_bytes, v1.memory_peak_bytes, v1.memory_limit_bytes), (5, 8192, 9000, None));
    }

    #[test]
    fn one_that_does_nothing_is_looked_at_less_often_until_it_does_something() {
        let dir = tempfile::tempdir().expect("dir");
        let used = |usec: u64| fs::write(dir.path().join("cpu.stat"), format!("usage_usec {usec}\n")).expect("write");
        used(1000);
        let places = Places { cpu: Some(Place::V2(dir.path().to_owned())), memory: None, pids: None };
        let mut before = Before::new(places);
        let (start, mut looks) = (before.due, Vec::new());
        let mut second = |at: u64| {
            let due = before.due <= start + Duration::from_secs(at);
            (due, before.look(start + Duration::from_secs(at)).map(|usage| usage.cpus))
        };
        for at in (0..=16).step_by(2) {
            looks.push(second(at));
        }
        let (seen, unread, left) = ((true, Some(0.0)), (true, None), (false, None));
        assert_eq!(looks, [seen, seen, left, unread, left, left, left, unread, left]);
        used(1000 + 2_000_000);
        assert_eq!(second(20), left);
        let (due, cpus) = second(22);
        assert!(due && cpus.is_some_and(|cpus| (cpus - 0.25).abs() < 0.01), "{cpus:?}");
        used(1000 + 4_000_000);
        assert_eq!(second(24), (true, Some(1.0)), "from then on at every round");
    }
}
