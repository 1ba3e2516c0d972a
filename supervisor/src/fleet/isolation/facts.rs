//! What the kernel says about PID 1 of a sandbox, read by the unprivileged service. (Its namespaces are behind a check that
//! only the spawner passes.)

use std::{collections::BTreeMap, fs, path::PathBuf};

use aether_sandbox::wire::spawner::agents_cgroup;

use crate::fleet::usage::hierarchy;

/// Files of `/proc/<pid>` and of its cgroups, as text.
#[derive(Debug, Default, Clone)]
pub(super) struct Facts {
    /// When the process started, in clock ticks since boot.
    pub(super) start_ticks: u64,
    /// Fields of `status`.
    pub(super) status: BTreeMap<String, String>,
    /// `uid_map` and `gid_map`, blanks reduced to one.
    pub(super) uid_map: String,
    /// As above.
    pub(super) gid_map: String,
    /// `limits`, the line about core files.
    pub(super) core_limit: String,
    /// Its agent's path in cgroup2.
    pub(super) cgroup: String,
    /// Limits read back: the file's path and its content.
    pub(super) limits: BTreeMap<&'static str, (PathBuf, String)>,
    /// Every mount it sees.
    pub(super) mounts: Vec<Mount>,
    /// Namespaces of this service, to compare with: name and inode.
    pub(super) own_namespaces: BTreeMap<String, String>,
}

/// A line of `mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Where.
    pub(super) point: String,
    /// File system.
    pub(super) kind: String,
    /// Flags of the mount (not of the file system), as in `ro,nosuid,nodev`.
    pub(super) flags: String,
    /// The file system itself is read-only.
    pub(super) frozen: bool,
}

impl Mount {
    /// Does it have this flag?
    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.split(',').any(|own| own == flag)
    }

    /// May it be written?
    pub(super) fn writable(&self) -> bool {
        self.has("rw") && !self.frozen
    }
}

/// Namespaces that can be compared.
const NAMESPACES: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];

/// Each limit: its name here, the controller, and its file in version 2 and version 1.
const LIMITS: [(&str, &str, &str, &str); 5] = [
    ("memory", "memory", "memory.max", "memory.limit_in_bytes"),
    ("swap", "memory", "memory.swap.max", "memory.memsw.limit_in_bytes"),
    ("pids", "pids", "pids.max", "pids.max"),
    ("cpu", "cpu", "cpu.max", "cpu.cfs_quota_us"),
    ("cpu-period", "cpu", "cpu.max", "cpu.cfs_period_us"),
];

impl Facts {
    /// Reads everything; `None` when the process is gone, or became another one meanwhile.
    pub(super) fn read(pid: u32) -> Option<Self> {
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let start_ticks = start_of(&file("stat")?)?;
        let cgroups = file("cgroup")?;
        let own = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let facts = Self {
            start_ticks,
            status: fields(&file("status")?),
            uid_map: words(&file("uid_map")?),
            gid_map: words(&file("gid_map")?),
            core_limit: words(file("limits")?.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default()),
            cgroup: cgroups.lines().find_map(|line| line.strip_prefix("0::")).map(agents_cgroup).unwrap_or_default().to_owned(),
            limits: limits(&own, &cgroups),
            mounts: file("mountinfo")?.lines().filter_map(mount).collect(),
            own_namespaces: own_namespaces(),
        };
        (start_of(&file("stat")?)? == start_ticks).then_some(facts)
    }

    /// A field of `status`; empty when there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.status.get(name).map_or("", String::as_str)
    }
}

/// The 22nd field of `stat`; the second one is a name in brackets that may hold anything.
fn start_of(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fields(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), words(value))).collect()
}

/// By name: this process is undumpable, so it may not list that directory.
fn own_namespaces() -> BTreeMap<String, String> {
    let link = |name: &str| fs::read_link(format!("/proc/self/ns/{name}")).ok().map(|link| link.to_string_lossy().into_owned());
    NAMESPACES.into_iter().filter_map(|name| Some((name.to_owned(), link(name)?))).collect()
}

fn limits(mounts: &str, cgroups: &str) -> BTreeMap<&'static str, (PathBuf, String)> {
    let unified = hierarchy(mounts, cgroups, None);
    let found = LIMITS.into_iter().filter_map(|(name, controller, new, old)| {
        let new = unified.as_ref().map(|dir| dir.join(new));
        let old = hierarchy(mounts, cgroups, Some(controller)).map(|dir| dir.join(old));
        let read = |path: PathBuf| fs::read_to_string(&path).ok().map(|text| (path, words(&text)));
        Some((name, new.and_then(read).or_else(|| old.and_then(read))?))
    });
    found.collect()
}

/// proc_pid_mountinfo(5).
fn mount(line: &str) -> Option<Mount> {
    let (first, second) = line.split_once(" - ")?;
    let first: Vec<&str> = first.split(' ').collect();
    let mut second = second.split(' ');
    let kind = second.next()?.to_owned();
    let frozen = second.nth(1)?.split(',').any(|option| option == "ro");
    Some(Mount { point: (*first.get(4)?).to_owned(), kind, flags: (*first.get(5)?).to_owned(), frozen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let line = "206 202 0:89 / /home/agent rw,nosuid,nodev,relatime shared:1 - overlay none rw,lowerdir=base";
        let home = mount(line).expect("a mount");
        assert_eq!((home.point.as_str(), home.kind.as_str()), ("/home/agent", "overlay"));
        assert!(home.writable() && home.has("nosuid") && !home.has("noexec"));
        assert_eq!(start_of(&format!("7 (a) b) S {}", (1..30).map(|n| n.to_string()).collect::<Vec<_>>().join(" "))), Some(19));
        let own = Facts::read(std::process::id()).expect("this process");
        assert_eq!(own.field("Pid"), std::process::id().to_string());
        assert!(own.own_namespaces["user"].starts_with("user:["));
        assert!(own.mounts.iter().any(|mount| mount.point == "/"));
    }
}
