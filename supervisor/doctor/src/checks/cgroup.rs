//! Cgroups: where they are, and whether a service started from here could limit its agents.

use std::path::PathBuf;

use aether_protocol::{Finding, FindingGroup, FindingStatus::Failure};
use nix::{
    fcntl::AT_FDCWD,
    unistd::{AccessFlags, faccessat},
};

use crate::{Host, Measured, finding::Check, mounts};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Cgroup, name, meaning }
}

const LAYOUT: Check = named("cgroup-layout", "which hierarchy limits an agent");
const PLACEMENT: Check = named("cgroup", "where an agent is put, frozen and killed as a whole");
const CONTROLLERS: [(&str, Check); 3] = [
    ("memory", named("memory", "the limit of an agent's memory")),
    ("pids", named("pids", "the limit of an agent's processes: stops fork bombs")),
    ("cpu", named("cpu", "the limit of an agent's CPU time")),
];
const SWAP: Check = named("swap", "memory of agents stays in memory, and within its limit");

const UNIFY: &str = "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all on the kernel command line";
const MOUNT: &str = "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified";
const DELEGATE: &str = "systemd-run --scope -p Delegate=yes aetherd # or a unit with Delegate=yes";
const CONTAINER: &str = "start the container with its own writable cgroups: docker run --privileged --cgroupns=private";

pub(super) struct Facts {
    is_root: bool,
    /// systemd is the host's init, so that a unit or a scope of its own can be had.
    systemd: bool,
    unified: Option<Unified>,
    /// v1 hierarchies of the controllers that are needed, and whether directories can be made there.
    v1: Vec<(String, bool)>,
    /// There is swap at all.
    swap: bool,
    /// v1 can limit swap.
    v1_swap: bool,
}

/// cgroup2 as this process finds it.
struct Unified {
    /// Path of the own cgroup.
    path: String,
    writable: bool,
    /// The controllers it was given.
    given: Vec<String>,
    /// All that cgroup2 has on this host.
    all: Vec<String>,
    /// Processes in the own cgroup that are neither this one nor its parent.
    foreign: usize,
    swap: bool,
}

impl Facts {
    pub(super) fn read(host: &Host) -> Self {
        let mounts = mounts::parse(&host.text("/proc/self/mountinfo").unwrap_or_default());
        let own = host.text("/proc/self/cgroup").unwrap_or_default();
        let inside = |at: &PathBuf, path: &str| format!("{}/{}", at.display(), path.trim_matches('/'));
        let unified = mounts.iter().find(|mount| mount.kind == "cgroup2").map(|mount| {
            let path = own_path(&own, "").unwrap_or("/").to_owned();
            let dir = inside(&mount.at, &path);
            let words = |dir: &str, name: &str| {
                let text = host.text(&format!("{dir}/{name}")).unwrap_or_default();
                text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            let ours = [std::process::id().to_string(), nix::unistd::getppid().to_string()];
            Unified {
                writable: writable(host, &dir) && !mount.has("ro"),
                given: words(&dir, "cgroup.controllers"),
                all: words(&mount.at.display().to_string(), "cgroup.controllers"),
                foreign: words(&dir, "cgroup.procs").iter().filter(|pid| !ours.contains(pid)).count(),
                swap: host.exists(&format!("{dir}/memory.swap.max")),
                path,
            }
        });
        let v1 = |(name, _): &(&str, Check)| {
            let mount = mounts.iter().find(|mount| mount.kind == "cgroup" && mount.has(name))?;
            let dir = inside(&mount.at, own_path(&own, name).unwrap_or("/"));
            Some(((*name).to_owned(), writable(host, &dir) && !mount.has("ro")))
        };
        let memory = mounts.iter().find(|mount| mount.kind == "cgroup" && mount.has("memory"));
        Self {
            is_root: host.is_root,
            systemd: host.exists("/run/systemd/system"),
            unified,
            v1: CONTROLLERS.iter().filter_map(v1).collect(),
            swap: host.text("/proc/swaps").unwrap_or_default().lines().count() > 1,
            v1_swap: memory.is_some_and(|mount| host.exists(&format!("{}/memory.memsw.limit_in_bytes", mount.at.display()))),
        }
    }
}

/// Path of this process in the hierarchy of `controller`; `""` is cgroup2. cgroups(7)
fn own_path<'a>(cgroups: &'a str, controller: &str) -> Option<&'a str> {
    cgroups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        let found = if controller.is_empty() { number == "0" } else { names.split(',').any(|name| name == controller) };
        found.then_some(path)
    })
}

fn writable(host: &Host, dir: &str) -> bool {
    faccessat(AT_FDCWD, &host.path(dir), AccessFlags::W_OK, nix::fcntl::AtFlags::AT_EACCESS).is_ok()
}

pub(super) fn judge(facts: &Facts, measured: &Measured) -> Vec<Finding> {
    let mut findings = vec![layout(facts), placement(facts, measured)];
    let tried = [&measured.memory, &measured.pids, &measured.cpu];
    for ((name, check), tried) in CONTROLLERS.iter().zip(tried) {
        findings.push(match tried {
            Some(feature) => check.measured(Some(feature), Failure),
            None => controller(facts, name, *check),
        });
    }
    findings.push(swap(facts));
    findings
}

fn layout(facts: &Facts) -> Finding {
    match (&facts.unified, facts.v1.is_empty()) {
        (Some(_), true) => LAYOUT.ok("unified: version 2 for everything"),
        (Some(_), false) => LAYOUT.ok("hybrid: version 2 places, freezes and kills; version 1 limits"),
        (None, false) => LAYOUT.failure("version 1 only", format!("{MOUNT} # or {UNIFY}")),
        (None, true) => LAYOUT.failure("no cgroups are mounted", "mount -t cgroup2 none /sys/fs/cgroup"),
    }
}

fn placement(facts: &Facts, measured: &Measured) -> Finding {
    if measured.cgroup.is_some() {
        return PLACEMENT.measured(measured.cgroup.as_ref(), Failure);
    }
    match &facts.unified {
        None => PLACEMENT.failure("no cgroup2 is mounted", MOUNT),
        Some(_) if facts.systemd => PLACEMENT.ok("systemd gives the service a cgroup of its own"),
        Some(_) if !facts.is_root => PLACEMENT.needs_root(),
        Some(unified) if !unified.writable => {
            PLACEMENT.failure(format!("{} is not delegated: nothing can be made there", unified.path), CONTAINER)
        }
        Some(unified) => PLACEMENT.ok(format!("{} can hold the service's", unified.path)),
    }
}

fn controller(facts: &Facts, name: &str, check: Check) -> Finding {
    let has = |list: &[String]| list.iter().any(|controller| controller == name);
    let v1 = facts.v1.iter().find(|(controller, _)| controller == name);
    match (&facts.unified, v1) {
        (Some(unified), _) if has(&unified.given) && unified.path == "/" => check.ok("cgroup v2"),
        (Some(unified), _) if has(&unified.all) && facts.systemd => {
            check.ok(if has(&unified.given) { "cgroup v2" } else { "cgroup v2, in a unit or scope with Delegate=yes" })
        }
        // No internal processes: a cgroup that holds processes gives controllers to nobody below it, cgroups(7).
        (Some(unified), _) if has(&unified.given) && unified.foreign > 0 => {
            let said = format!("{} also holds {} processes that are not the service's", unified.path, unified.foreign);
            check.warning(said, "start aetherd first in its container or cgroup, or in an empty one")
        }
        (Some(unified), _) if has(&unified.given) => check.ok("cgroup v2"),
        (_, Some((_, true))) => check.ok("cgroup v1"),
        (_, Some((_, false))) if !facts.is_root => check.needs_root(),
        (_, Some((_, false))) => check.failure("its v1 hierarchy cannot be written", CONTAINER),
        (Some(unified), None) if has(&unified.all) => check.failure(format!("not given to {}", unified.path), DELEGATE),
        (_, None) => check.failure(
            format!("no {name} controller"),
            format!("remove cgroup_disable={name} from the kernel command line, and boot with cgroup_enable={name}"),
        ),
    }
}

fn swap(facts: &Facts) -> Finding {
    let counted = facts.unified.as_ref().is_some_and(|unified| unified.swap) || facts.v1_swap;
    // The file is in no root cgroup, so that it says nothing there; v2 without it is a kernel without CONFIG_SWAP.
    let at_root = facts.unified.as_ref().is_some_and(|unified| unified.path == "/" && unified.all.iter().any(|c| c == "memory"));
    match (facts.swap, counted || at_root) {
        (false, _) => SWAP.ok("there is none to limit"),
        (true, true) => SWAP.ok("limited to 0 for agents"),
        (true, false) => SWAP.warning(
            "swap is not counted: memory of agents may go to disk, beyond their limit",
            "boot with swapaccount=1 on the kernel command line, or swapoff -a",
        ),
    }
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
