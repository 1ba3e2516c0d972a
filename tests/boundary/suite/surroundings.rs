//! What of the host an agent could leave a trace in beside files and settings: processes, sockets, keys, set-id files, and the
//! spawner itself.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::bench::{Bench, range};

/// Slots that the suite hands out are below.
const SLOTS: u32 = 200;
const NAMESPACES: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];
/// Where a set-id file of a host is found, and would be looked for.
const SET_ID_PLACES: [&str; 6] = ["/usr", "/etc", "/opt", "/srv", "/home", "/var/lib"];

/// The first id on the host that one of the suite's agents has.
fn first_id() -> Result<u32> {
    Ok(range(SLOTS).context("a range")?.start())
}

/// Every process with an id of an agent that is in a namespace of this one: `pid namespace`, one line each. None may be.
pub(crate) fn agents_outside() -> Result<String> {
    let first = first_id()?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let ids = status.lines().filter(|line| line.starts_with("Uid:") || line.starts_with("Gid:"));
        if !ids.flat_map(str::split_whitespace).filter_map(|id| id.parse::<u32>().ok()).any(|id| id >= first && id < u32::MAX) {
            continue;
        }
        for namespace in NAMESPACES {
            let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{namespace}"));
            // One that ended meanwhile is nowhere.
            if of(&pid.to_string()).is_ok_and(|link| of("self").is_ok_and(|own| own == link)) {
                found.push(format!("{pid} {namespace}"));
            }
        }
    }
    Ok(found.join("\n"))
}

/// Sockets of this network namespace that belong to an agent's id: one line each. None may.
pub(crate) fn sockets_of_agents() -> Result<String> {
    let first = first_id()?;
    let mut found = Vec::new();
    for kind in ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6", "packet"] {
        // In all of them the owner stands in the eighth column (proc_pid_net(5)).
        let table = fs::read_to_string(format!("/proc/net/{kind}")).unwrap_or_default();
        let owned = table.lines().skip(1).filter(|line| {
            line.split_whitespace()
                .nth(7)
                .and_then(|uid| uid.parse::<u32>().ok())
                .is_some_and(|uid| uid >= first && uid < u32::MAX)
        });
        found.extend(owned.map(|line| format!("{kind} {}", line.trim())));
    }
    Ok(found.join("\n"))
}

/// Whether the suite's key is there, and the keys of agents that hold something: rings come and go with every sandbox, and other
/// programs of this machine have keys too. proc_keys(5).
pub(crate) fn keys() -> Result<String> {
    let first = first_id()?;
    let keys = fs::read_to_string("/proc/keys").unwrap_or_default();
    let fact = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (serial, owned) = (fields.first()?, fields.get(4..)?);
        let of_agent = owned.iter().take(2).any(|id| id.parse::<u32>().is_ok_and(|id| id >= first && id < u32::MAX));
        (of_agent && owned.get(2) != Some(&"keyring")).then(|| format!("{serial} {}", owned.join(" ")))
    };
    let mut facts: Vec<_> = keys.lines().filter_map(fact).collect();
    facts.sort_unstable();
    facts.push(format!("canary: {}", keys.contains(" boundary-canary:")));
    Ok(facts.join("\n"))
}

/// The namespaces of a process.
pub(crate) fn namespaces(pid: u32) -> String {
    let link = |name: &&str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap_or_default().to_string_lossy().into_owned();
    NAMESPACES.iter().map(link).collect::<Vec<_>>().join(" ")
}

/// A field of `/proc/<pid>/status`.
pub(crate) fn status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_owned()
}

/// What is compared only once, because it takes seconds or changes a little all the time.
pub(crate) struct Slow {
    set_id: BTreeSet<String>,
    spawner_kib: u64,
}

impl Slow {
    /// Takes it, after one sandbox has come and gone: the first one makes the spawner as large as it stays.
    pub(crate) fn take(bench: &Bench) -> Result<Self> {
        bench.launch("warm", SLOTS - 1, &[])?.end()?;
        let mut set_id = BTreeSet::new();
        for place in SET_ID_PLACES.into_iter().map(Path::new).filter(|place| place.exists()) {
            collect(place, fs::symlink_metadata(place)?.dev(), &mut set_id);
        }
        collect(&bench.directory, fs::symlink_metadata(&bench.directory)?.dev(), &mut set_id);
        // The suite plants one itself: a scan that does not see it sees nothing.
        ensure!(set_id.iter().any(|file| file.contains("planted-setuid")), "the planted set-id file is not found");
        Ok(Self { set_id, spawner_kib: anonymous_kib(bench.spawner_pid())? })
    }

    /// No set-id file more or less, and a spawner of the same size.
    pub(crate) fn same(&self, later: &Self) -> Result<()> {
        let changed: Vec<_> = self.set_id.symmetric_difference(&later.set_id).collect();
        ensure!(changed.is_empty(), "set-id files came or went: {changed:?}");
        let most = self.spawner_kib + self.spawner_kib / 10 + 512;
        ensure!(later.spawner_kib <= most, "the spawner grew from {} KiB to {}", self.spawner_kib, later.spawner_kib);
        Ok(())
    }
}

fn anonymous_kib(pid: u32) -> Result<u64> {
    status(pid, "RssAnon").split(' ').next().and_then(|kib| kib.parse().ok()).context("the size of the spawner")
}

/// Set-id files below a directory, on its file system; what cannot be read has gone.
fn collect(directory: &Path, device: u64, found: &mut BTreeSet<String>) {
    let mut left: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(data) = entry.path().symlink_metadata() else { continue };
            if data.is_dir() && data.dev() == device {
                left.push(entry.path());
            } else if data.is_file() && data.permissions().mode() & 0o6000 != 0 {
                found.insert(format!("{:o} {} {}", data.permissions().mode(), data.uid(), entry.path().display()));
            }
        }
    }
}
