//! What a daemon's agents leave behind: nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Daemon, eventually, proc};

/// Everything that belongs to one daemon's agents, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaks {
    processes: BTreeSet<String>,
    cgroups: BTreeSet<PathBuf>,
    host_mounts: Vec<String>,
    spawner_mounts: Vec<String>,
    files: BTreeSet<PathBuf>,
    daemon_descriptors: usize,
    spawner_descriptors: usize,
    records: BTreeSet<String>,
    /// Sandboxes built ahead.
    unclaimed: usize,
}

impl Leaks {
    /// Looks around.
    pub fn of(daemon: &Daemon) -> Self {
        Self::with_ahead(daemon, AHEAD)
    }

    /// Looks around where so many sandboxes are built ahead.
    pub fn with_ahead(daemon: &Daemon, ahead: usize) -> Self {
        let records: BTreeSet<String> = daemon.aether(["ps", "-a", "-q"]).ok().text().lines().map(str::to_owned).collect();
        let mut waiting = BTreeSet::new();
        // Those that an agent just took are built again; a host that lacks a layer builds none.
        for _ in 0..200 {
            waiting = unclaimed(daemon, &records);
            if waiting.len() >= ahead {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let scope = daemon.service_cgroup();
        let spawner = daemon.spawner();
        let nobodys = |path: &Path| path.components().any(|part| waiting.contains(part.as_os_str().to_str().unwrap_or_default()));
        let whole = |path: &PathBuf| !nobodys(&path.with_extension(""));
        Self {
            unclaimed: waiting.len(),
            processes: processes(&scope, &|cgroup| !nobodys(Path::new(cgroup))),
            cgroups: cgroups(&scope).into_iter().filter(whole).collect(),
            host_mounts: proc::mounts(std::process::id()).into_iter().filter(|line| line.contains(&daemon.dir_name())).collect(),
            spawner_mounts: proc::mounts(spawner).iter().map(|line| without_loop(line)).collect(),
            files: agent_files(daemon).into_iter().filter(whole).collect(),
            daemon_descriptors: proc::descriptors(daemon.pid()),
            spawner_descriptors: proc::descriptors(spawner),
            records,
        }
    }

    /// Waits until nothing is there that was not there before: clean-up may end a moment after the answer.
    ///
    /// # Panics
    /// When something stays; the message names it.
    #[track_caller]
    pub fn assert_gone(&self, daemon: &Daemon) {
        let mut left = Vec::new();
        let clean = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // Output of a removed agent stays readable for a minute, for the client that is still reading it.
            eventually("nothing left behind", Duration::from_secs(75), || {
                left = self.left(&Self::of(daemon));
                left.is_empty().then_some(())
            });
        }));
        assert!(clean.is_ok() && left.is_empty(), "left behind:\n  {}", left.join("\n  "));
    }

    /// The same but for kept output, which goes a minute later: one test that waits for that is enough.
    ///
    /// # Panics
    /// When something stays; the message names it.
    #[track_caller]
    pub fn assert_gone_but_output(&self, daemon: &Daemon) {
        let left = self.left_within(daemon, AHEAD, Duration::from_secs(20));
        assert!(left.is_empty(), "left behind:\n  {}", left.join("\n  "));
    }

    /// Waits until nothing is there that was not there before but kept output, which stays for a minute; what stays is answered.
    pub fn left_within(&self, daemon: &Daemon, ahead: usize, limit: Duration) -> Vec<String> {
        let start = std::time::Instant::now();
        loop {
            let mut left = self.left(&Self::with_ahead(daemon, ahead));
            left.retain(|what| !what.starts_with("file ") || !what.contains("/logs/"));
            if left.is_empty() || start.elapsed() > limit {
                return left;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn left(&self, now: &Self) -> Vec<String> {
        let mut left = Vec::new();
        left.extend(now.processes.difference(&self.processes).map(|what| format!("process {what}")));
        left.extend(now.cgroups.difference(&self.cgroups).map(|path| format!("cgroup {}", path.display())));
        left.extend(now.files.difference(&self.files).map(|path| format!("file {}", path.display())));
        left.extend(now.records.difference(&self.records).map(|id| format!("record {id}")));
        left.extend(more("mount on the host", &self.host_mounts, &now.host_mounts));
        left.extend(more("mount of the spawner", &self.spawner_mounts, &now.spawner_mounts));
        if now.unclaimed > self.unclaimed.max(AHEAD) {
            left.push(format!("{} sandboxes that no agent has, {AHEAD} are built ahead", now.unclaimed));
        }
        // A connection of the client that just asked may still be open in the daemon.
        if now.daemon_descriptors > self.daemon_descriptors + 2 {
            left.push(format!("descriptors of the daemon: {} before, {} now", self.daemon_descriptors, now.daemon_descriptors));
        }
        if now.spawner_descriptors > self.spawner_descriptors {
            left.push(format!(
                "descriptors of the spawner: {} before, {} now",
                self.spawner_descriptors, now.spawner_descriptors
            ));
        }
        left
    }
}

/// A mount without the number of its loop device: a spawner that follows another attaches the volume to a new one.
fn without_loop(line: &str) -> String {
    line.split(' ').map(|word| if word.starts_with("/dev/loop") { "/dev/loop" } else { word }).collect::<Vec<_>>().join(" ")
}

fn more(what: &str, before: &[String], now: &[String]) -> Vec<String> {
    let mut rest = before.to_vec();
    let mut left = Vec::new();
    for line in now {
        match rest.iter().position(|known| known == line) {
            Some(place) => drop(rest.remove(place)),
            None => left.push(format!("{what}: {line}")),
        }
    }
    left
}

/// Sandboxes that a service builds ahead by default.
const AHEAD: usize = 4;

/// Sandboxes that are whole and belong to no agent: those built ahead, and any that lost their record.
fn unclaimed(daemon: &Daemon, records: &BTreeSet<String>) -> BTreeSet<String> {
    let names = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let sockets =
        names(daemon.run_dir().join("agents")).filter_map(|name| Some(name.to_str()?.strip_suffix(".sock")?.to_owned()));
    let homes: BTreeSet<_> = names(daemon.stage().join("homes")).collect();
    sockets.filter(|id| homes.contains(std::ffi::OsStr::new(id)) && !records.contains(id)).collect()
}

/// Processes in any cgroup below the service's own that `wanted` says yes to.
fn processes(scope: &str, wanted: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    proc::all()
        .into_iter()
        .filter(|pid| proc::cgroup(*pid).is_some_and(|path| path.starts_with(&format!("{scope}/")) && wanted(&path)))
        .map(|pid| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            format!("{pid} {}", String::from_utf8_lossy(&command).replace('\0', " "))
        })
        .collect()
}

/// Directories below the service's own cgroup, in every hierarchy.
fn cgroups(scope: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for root in proc::cgroup_roots() {
        walk(&Path::new(&root).join(scope.trim_start_matches('/')), 2, &mut found, &|path| path.is_dir());
    }
    found
}

/// Homes, trash, logs and control sockets.
fn agent_files(daemon: &Daemon) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for place in ["homes", "trash"] {
        let mut inside = BTreeSet::new();
        walk(&daemon.stage().join(place), 1, &mut inside, &|_| true);
        // By name: the spawner's view has its pid in the path.
        found.extend(inside.iter().filter_map(|path| path.file_name()).map(|name| Path::new(place).join(name)));
    }
    walk(&daemon.state().join("logs"), 1, &mut found, &|_| true);
    walk(&daemon.run_dir().join("agents"), 1, &mut found, &|_| true);
    found
}

fn walk(dir: &Path, depth: u32, found: &mut BTreeSet<PathBuf>, wanted: &dyn Fn(&Path) -> bool) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if depth > 1 && path.is_dir() && !path.is_symlink() {
            walk(&path, depth - 1, found, wanted);
        }
        if wanted(&path) {
            found.insert(path);
        }
    }
}
