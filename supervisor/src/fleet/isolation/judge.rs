//! What was found against what has to be: one layer each, with every fact that speaks for or against it.

use std::{collections::BTreeMap, path::Path};

use aether_protocol::{IsolationLayer, PolicyDigest};
use aether_sandbox::{
    plan::{PlanLayer, Profile, RANGE_SIZE, SandboxPlan},
    profile::PACKAGES_CAPABILITIES,
    wire::spawner::{DiskUse, Inspection},
};

use super::{
    facts::Facts,
    policies::{FILTER, RULESET, SET_ID_FILTER, SPAWNER_FILTER},
};

/// What the plan promised.
pub(super) struct Expected<'a> {
    /// First host id of the range.
    pub(super) start: u32,
    /// The plan it was launched from.
    pub(super) plan: &'a SandboxPlan,
    /// Its cgroup below the mount point of cgroup2.
    pub(super) cgroup: &'a str,
    /// Landlock version of the kernel.
    pub(super) landlock_abi: u32,
    /// The rules were enforced at the launch.
    pub(super) landlocked: bool,
    /// Bytes and files that its home may take up, as limited at the launch.
    pub(super) disk_limits: (Option<u64>, Option<u64>),
    /// What the kernel says of that now.
    pub(super) disk: &'a DiskUse,
    /// What it was given at the launch, as recorded then.
    pub(super) launched: &'a BTreeMap<String, PolicyDigest>,
    /// What the spawner of now gives such a sandbox.
    pub(super) given: &'a BTreeMap<String, PolicyDigest>,
}

/// Parts of `/proc` that must not be what they are outside, where this host has them.
const COVERED: [&str; 13] = [
    "/proc/sys",
    "/proc/fs",
    "/proc/irq",
    "/proc/bus",
    "/proc/sysrq-trigger",
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kallsyms",
    "/proc/timer_list",
    "/proc/interrupts",
    "/proc/iomem",
    "/proc/modules",
];

const CPU_PERIOD: &str = "100000";

/// Every layer, in order.
pub(super) fn judge(facts: &Facts, seen: &Inspection, expected: &Expected<'_>) -> Vec<IsolationLayer> {
    let case = Case { facts, seen, expected };
    PlanLayer::ALL
        .into_iter()
        .map(|layer| {
            let mut found = Found::default();
            let promise = match layer {
                PlanLayer::UserNamespace => case.user_namespace(&mut found),
                PlanLayer::Namespaces => case.namespaces(&mut found),
                PlanLayer::Network => case.network(&mut found),
                PlanLayer::Filesystem => case.filesystem(&mut found),
                PlanLayer::Cgroup => case.cgroup(&mut found),
                PlanLayer::Memory => case.memory(&mut found),
                PlanLayer::Pids => case.pids(&mut found),
                PlanLayer::Cpu => case.cpu(&mut found),
                PlanLayer::Landlock => case.landlock(&mut found),
                PlanLayer::Seccomp => case.seccomp(&mut found),
                PlanLayer::Capabilities => case.capabilities(&mut found),
            };
            IsolationLayer {
                name: layer.name().to_owned(),
                active: found.problems.is_empty(),
                expected: promise,
                problem: found.problems.join("; "),
                reduced_by_profile: reduced(expected.plan.profile, layer),
                evidence: found.evidence,
            }
        })
        .collect()
}

/// In what a profile is weaker than the standard one.
fn reduced(profile: Profile, layer: PlanLayer) -> Vec<String> {
    let here = profile.weaker().iter().filter(|weaker| weaker.layer == layer);
    here.map(|weaker| weaker.point.to_owned()).collect()
}

#[derive(Default)]
struct Found {
    evidence: Vec<String>,
    problems: Vec<String>,
}

impl Found {
    /// A fact, and what is wrong when it is not as it has to be.
    fn fact(&mut self, fact: String, fine: bool) {
        if !fine {
            self.problems.push(fact.clone());
        }
        self.evidence.push(fact);
    }

    fn absent(&mut self, what: impl Into<String>) {
        self.problems.push(what.into());
    }
}

struct Case<'a> {
    facts: &'a Facts,
    seen: &'a Inspection,
    expected: &'a Expected<'a>,
}

impl Case<'_> {
    /// A field of `status`.
    fn status(&self, found: &mut Found, name: &str, fine: impl Fn(&str) -> bool) {
        let value = self.facts.field(name);
        found.fact(format!("status {name}: {value}"), fine(value));
    }

    fn differs(&self, found: &mut Found, name: &str) {
        let inside = self.seen.namespaces.iter().find(|(known, _)| known == name).map_or("", |(_, inode)| inode);
        let outside = self.facts.own_namespaces.get(name).map_or("", String::as_str);
        let fine = !inside.is_empty() && !outside.is_empty() && inside != outside;
        found.fact(format!("ns/{name}: {inside}, the service's own is {outside}"), fine);
    }

    fn user_namespace(&self, found: &mut Found) -> String {
        let start = self.expected.start;
        let map = format!("0 {start} {RANGE_SIZE}");
        found.fact(format!("uid_map: {}", self.facts.uid_map), self.facts.uid_map == map);
        found.fact(format!("gid_map: {}", self.facts.gid_map), self.facts.gid_map == map);
        self.differs(found, "user");
        let (agent, init) = (self.expected.plan.agent(), self.expected.plan.ids.init());
        // Real, effective, saved and of the file system. Programs take the saved one for all; files are the agent's.
        let ids = format!("{init} {init} {agent} {agent}");
        self.status(found, "Uid", |value| value == ids);
        self.status(found, "Gid", |value| value == ids);
        self.status(found, "Groups", |value| value == agent.to_string());
        format!(
            "ids 0 to {} inside are {start} to {} outside, nothing else; init runs as {init}, not as the agent ({agent})",
            RANGE_SIZE - 1,
            start + RANGE_SIZE - 1
        )
    }

    fn namespaces(&self, found: &mut Found) -> String {
        for name in ["pid", "mnt", "ipc", "uts", "cgroup"] {
            self.differs(found, name);
        }
        self.status(found, "NSpid", |value| value.split(' ').count() > 1 && value.ends_with(" 1"));
        "pid, mnt, ipc, uts and cgroup namespaces of its own, in which it is process 1".to_owned()
    }

    fn network(&self, found: &mut Found) -> String {
        self.differs(found, "net");
        "a network namespace of its own".to_owned()
    }

    fn filesystem(&self, found: &mut Found) -> String {
        let mounts = &self.facts.mounts;
        for mount in mounts {
            let system = mount.kind.starts_with("cgroup") || matches!(mount.kind.as_str(), "sysfs" | "debugfs" | "tracefs");
            // Terminals are devices; their directory holds nothing else and takes no files.
            let terminals = mount.kind == "devpts" && mount.has("noexec");
            let safe = mount.has("nosuid") && (mount.has("nodev") || terminals || !mount.writable());
            let root = mount.point != "/" || !mount.writable();
            found.fact(format!("mount {} {} {}", mount.point, mount.kind, mount.flags), !system && safe && root);
        }
        let at = |point: &str| mounts.iter().rev().find(|mount| mount.point == point);
        if at("/").is_none() {
            found.absent("no root is mounted");
        }
        if at("/home/agent").is_none_or(|home| home.kind != "overlay") {
            found.absent("/home/agent is no overlay");
        }
        for point in COVERED.into_iter().filter(|point| Path::new(point).exists()) {
            if at(point).is_none_or(|cover| cover.writable()) {
                found.absent(format!("{point} is not covered"));
            }
        }
        if self.expected.plan.profile == Profile::Packages {
            for tree in ["/usr", "/etc", "/var", "/var/lib/dpkg", "/var/lib/apt", "/opt", "/root", "/srv"] {
                if at(tree).is_none_or(|mount| mount.kind != "overlay") {
                    found.absent(format!("{tree} is no overlay of its own"));
                }
            }
        }
        for lent in &self.expected.plan.mounts {
            match at(lent.target.trim_end_matches('/')) {
                Some(mount) if lent.read_only && mount.writable() => found.absent(format!("{} can be written", lent.target)),
                Some(_) => {}
                None => found.absent(format!("{} is not mounted", lent.target)),
            }
        }
        let disk = self.disk(found);
        format!(
            "a read-only root, an overlay as home, nosuid and nodev on all that can be written, /proc masked, no sysfs or cgroup, {disk}"
        )
    }

    /// The limits of its home, read back from the quota or the image that keeps them.
    fn disk(&self, found: &mut Found) -> String {
        let used = |used: Option<u64>| used.map_or_else(|| "unknown".to_owned(), |used| used.to_string());
        let (most_bytes, most_files) = self.expected.disk_limits;
        let disk = self.expected.disk;
        let Some(most) = most_bytes else {
            found.fact("disk: nothing of this host limits it".to_owned(), true);
            return "no limit of the disk".to_owned();
        };
        match disk.bytes_limit {
            Some(limit) => found.fact(format!("disk: {} of {limit} bytes", used(disk.bytes)), limit <= most),
            None => found.absent("no limit of the disk is in force"),
        }
        // Where there is none, files count as space.
        if let (Some(limit), Some(most)) = (disk.inodes_limit, most_files) {
            found.fact(format!("disk: {} of {limit} files", used(disk.inodes)), limit <= most);
        }
        format!("at most {most} bytes on disk")
    }

    fn cgroup(&self, found: &mut Found) -> String {
        let own = &self.facts.cgroup;
        found.fact(format!("cgroup (v2): {own}"), !own.is_empty() && own == self.expected.cgroup);
        format!("in {} for placement, freeze and kill", self.expected.cgroup)
    }

    /// A limit read back from its cgroup.
    fn limit(&self, found: &mut Found, name: &str, fine: impl Fn(&str) -> bool) {
        match self.facts.limits.get(name) {
            Some((path, value)) => found.fact(format!("{}: {value}", path.display()), fine(value)),
            None => found.absent(format!("no limit of {name} can be read")),
        }
    }

    fn memory(&self, found: &mut Found) -> String {
        let most = self.expected.plan.limits.memory_bytes;
        // The kernel keeps whole pages.
        let fits = |value: &str| value.parse().is_ok_and(|bytes: u64| bytes <= most && bytes + 65_536 > most);
        self.limit(found, "memory", fits);
        // Version 1 counts memory and swap together. Without accounting of swap there is no file, and no swap to be had.
        if self.facts.limits.contains_key("swap") {
            self.limit(found, "swap", |value| value == "0" || fits(value));
        }
        format!("at most {most} bytes, no swap")
    }

    /// What the kernel was given and does not show: as recorded at the launch, beside what a launch of now would give. That another
    /// version gave something else takes nothing from what is in force.
    fn policy(&self, found: &mut Found, name: &str, unit: &str) {
        let said = |digest: &PolicyDigest| format!("{} {unit}, sha256 {}", digest.size, digest.sha256);
        match (self.expected.launched.get(name), self.expected.given.get(name)) {
            (Some(launched), given) => {
                let given = match given {
                    Some(given) if given == launched => "the same".to_owned(),
                    Some(given) => format!("another one, {}: a service of another version launched this agent", said(given)),
                    None => "none".to_owned(),
                };
                found.fact(
                    format!("{name} given at the launch: {}; a launch now gives {given}", said(launched)),
                    launched.size > 0,
                );
            }
            (None, _) => found.absent(format!("no {name} is on record as given at the launch")),
        }
    }

    fn pids(&self, found: &mut Found) -> String {
        let most = self.expected.plan.limits.pids.to_string();
        self.limit(found, "pids", |value| value == most);
        format!("at most {most} processes and threads")
    }

    fn cpu(&self, found: &mut Found) -> String {
        let quota = self.expected.plan.limits.cpu_quota_usec.to_string();
        let whole = format!("{quota} {CPU_PERIOD}");
        self.limit(found, "cpu", |value| value == quota || value == whole);
        self.limit(found, "cpu-period", |value| value == CPU_PERIOD || value == whole);
        format!("at most {quota} of every {CPU_PERIOD} microseconds")
    }

    /// The kernel has no way to show another process's rules: the launch itself is the witness.
    fn landlock(&self, found: &mut Found) -> String {
        let abi = self.expected.landlock_abi;
        found.fact(format!("landlock_create_ruleset(2): ABI {abi}"), abi > 0);
        let word = if self.expected.landlocked { "fully enforced" } else { "not enforced" };
        found.fact(format!("at the launch: {word} (the kernel shows no process's rules afterwards)"), self.expected.landlocked);
        self.policy(found, RULESET, "lines");
        "the profile's rules enforced in full".to_owned()
    }

    fn seccomp(&self, found: &mut Found) -> String {
        self.status(found, "Seccomp", |value| value == "2");
        // The sandbox's own and the spawner's, which it inherits; one more where files made inside lie on the host.
        let lends = self.expected.plan.mounts.iter().any(|mount| !mount.read_only);
        let fewest = if lends { 3 } else { 2 };
        self.status(found, "Seccomp_filters", |value| value.parse().is_ok_and(|filters: u32| filters >= fewest));
        self.policy(found, FILTER, "instructions");
        self.policy(found, SPAWNER_FILTER, "instructions");
        if lends {
            self.policy(found, SET_ID_FILTER, "instructions");
            return "the sandbox's filter, the spawner's and that of set-id bits in force (mode 2)".to_owned();
        }
        "the sandbox's filter and the spawner's in force (mode 2)".to_owned()
    }

    fn capabilities(&self, found: &mut Found) -> String {
        // Init holds what it hands on to an agent that is uid 0 inside, and uses of it what is about files.
        let most = self.expected.plan.profile.capabilities();
        for (set, allowed) in [("CapInh", 0), ("CapPrm", most), ("CapEff", most), ("CapBnd", most), ("CapAmb", 0)] {
            self.status(found, set, |value| u64::from_str_radix(value, 16).is_ok_and(|bits| bits & !allowed == 0));
        }
        self.status(found, "NoNewPrivs", |value| value == "1");
        let limit = &self.facts.core_limit;
        found.fact(format!("limits: {limit}"), limit.starts_with("Max core file size 1 1"));
        if most == 0 {
            return "all five sets empty, no_new_privs, no core files".to_owned();
        }
        let names: Vec<_> = PACKAGES_CAPABILITIES.iter().filter_map(|(_, reason)| reason.split(':').next()).collect();
        format!("at most {} in its own user namespace, no_new_privs, no core files", names.join(", "))
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
