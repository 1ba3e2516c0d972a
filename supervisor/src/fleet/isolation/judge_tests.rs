use aether_sandbox::plan::{CgroupLimits, IdRange, LentMount, NetworkPlan, Profile};

use super::*;
use crate::fleet::isolation::facts::Mount;

fn plan() -> SandboxPlan {
    let lent = LentMount { target: "/mnt/data".into(), read_only: true, lender_uid: 0, lender_gid: 0 };
    SandboxPlan {
        id: "abc".parse().expect("id"),
        hostname: "a".into(),
        ids: IdRange::new(0).expect("a range"),
        home: "abc".parse().expect("id"),
        limits: CgroupLimits { memory_bytes: 1 << 30, pids: 64, cpu_quota_usec: 150_000 },
        profile: Profile::Standard,
        disk: None,
        mounts: vec![lent],
        network: NetworkPlan::LoopbackOnly,
        tmp_bytes: 0,
        shm_bytes: 0,
        may_miss: Vec::new(),
    }
}

fn good(plan: &SandboxPlan) -> (Facts, Inspection) {
    let (agent, init) = (plan.ids.agent(), plan.ids.init());
    let status = [
        ("Uid", format!("{init} {init} {agent} {agent}")),
        ("Gid", format!("{init} {init} {agent} {agent}")),
        ("Groups", agent.to_string()),
        ("NSpid", "77 1".into()),
        ("Seccomp", "2".into()),
        ("Seccomp_filters", "2".into()),
        ("NoNewPrivs", "1".into()),
    ];
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|set| (set, "0000000000000000".to_owned()));
    let names = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];
    let mount = |point: &str, kind: &str, flags: &str| Mount {
        point: point.into(),
        kind: kind.into(),
        flags: flags.into(),
        frozen: false,
    };
    let mut mounts = vec![
        mount("/", "tmpfs", "ro,nosuid,nodev"),
        mount("/home/agent", "overlay", "rw,nosuid,nodev"),
        mount("/dev", "tmpfs", "ro,nosuid"),
        mount("/dev/pts", "devpts", "rw,nosuid,noexec"),
        mount("/proc", "proc", "rw,nosuid,nodev,noexec"),
        mount("/mnt/data", "ext4", "ro,nosuid,nodev"),
    ];
    mounts.extend(COVERED.map(|point| mount(point, "proc", "ro,nosuid")));
    let limit = |file: &str, value: &str| (file.into(), value.to_owned());
    let facts = Facts {
        start_ticks: 1,
        status: status.into_iter().chain(sets).map(|(name, value)| (name.to_owned(), value)).collect(),
        uid_map: format!("0 {} 65536", plan.ids.start()),
        gid_map: format!("0 {} 65536", plan.ids.start()),
        core_limit: "Max core file size 1 1 bytes".into(),
        cgroup: "/aether/abc".into(),
        limits: [
            ("memory", limit("memory.max", "1073741824")),
            ("swap", limit("memory.swap.max", "0")),
            ("pids", limit("pids.max", "64")),
            ("cpu", limit("cpu.max", "150000 100000")),
            ("cpu-period", limit("cpu.max", "150000 100000")),
        ]
        .into(),
        mounts,
        own_namespaces: names.map(|name| (name.to_owned(), format!("{name}:[1]"))).into(),
    };
    let namespaces = names.map(|name| (name.to_owned(), format!("{name}:[2]"))).into();
    (facts, Inspection { pid: 77, namespaces, filters: vec![], ruleset: String::new() })
}

fn digest(size: u32, byte: &str) -> PolicyDigest {
    PolicyDigest { size, sha256: byte.repeat(32) }
}

fn policies() -> BTreeMap<String, PolicyDigest> {
    [(FILTER, "0a"), (SPAWNER_FILTER, "0b"), (RULESET, "0c")].map(|(name, byte)| (name.to_owned(), digest(9, byte))).into()
}

/// The layers that are missing after a change of the facts.
fn missing(change: impl FnOnce(&mut Facts, &mut Inspection)) -> Vec<String> {
    let plan = plan();
    let (mut facts, mut seen) = good(&plan);
    change(&mut facts, &mut seen);
    let policies = policies();
    let disk = DiskUse { bytes: Some(4096), bytes_limit: Some(1 << 30), inodes: Some(1), inodes_limit: Some(1000) };
    let expected = Expected {
        disk_limits: (Some(1 << 30), Some(1000)),
        disk: &disk,
        start: plan.ids.start(),
        plan: &plan,
        cgroup: "/aether/abc",
        landlock_abi: 7,
        landlocked: true,
        launched: &policies,
        given: &policies,
    };
    let layers = judge(&facts, &seen, &expected);
    assert_eq!(layers.len(), PlanLayer::ALL.len());
    for layer in &layers {
        assert_eq!(layer.active, layer.problem.is_empty(), "{layer:?}");
        assert!(!layer.expected.is_empty(), "{layer:?}");
    }
    layers.into_iter().filter(|layer| !layer.active).map(|layer| layer.name).collect()
}

#[test]
fn a_sandbox_as_planned_is_full() {
    assert_eq!(missing(|_, _| {}), Vec::<String>::new());
}

#[test]
fn every_difference_is_a_missing_layer() {
    let status = |name: &'static str, value: &'static str| {
        missing(move |facts, _| {
            facts.status.insert(name.into(), value.into());
        })
    };
    assert_eq!(status("Seccomp", "0"), ["seccomp"]);
    assert_eq!(status("Seccomp_filters", "1"), ["seccomp"]);
    assert_eq!(status("NoNewPrivs", "0"), ["capabilities"]);
    assert_eq!(status("CapBnd", "000001ffffffffff"), ["capabilities"]);
    assert_eq!(status("CapEff", ""), ["capabilities"]);
    assert_eq!(status("Uid", "0 0 0 0"), ["user-namespace"]);
    let agent = plan().ids.agent();
    let as_agent = format!("{agent} {agent} {agent} {agent}");
    assert_eq!(missing(move |facts, _| _ = facts.status.insert("Uid".into(), as_agent)), ["user-namespace"]);
    assert_eq!(status("Groups", "805307368 0"), ["user-namespace"]);
    assert_eq!(status("NSpid", "77"), ["namespaces"]);
    assert_eq!(missing(|facts, _| facts.status.clear()).len(), 4);
    assert_eq!(missing(|facts, _| facts.uid_map = "0 0 4294967295".into()), ["user-namespace"]);
    assert_eq!(missing(|facts, _| facts.cgroup = "/".into()), ["cgroup"]);
    let limit = |name: &'static str, value: &'static str| {
        missing(move |facts, _| {
            facts.limits.insert(name, ("x".into(), value.into()));
        })
    };
    assert_eq!(limit("memory", "max"), ["memory"]);
    assert_eq!(limit("swap", "max"), ["memory"]);
    assert_eq!(limit("pids", "65"), ["pids"]);
    assert_eq!(limit("cpu", "max 100000"), ["cpu"]);
    assert_eq!(missing(|facts, _| facts.limits.clear()), ["memory", "pids", "cpu"]);
    assert_eq!(missing(|_, seen| seen.namespaces[3].1 = "net:[1]".into()), ["network"]);
    assert_eq!(missing(|_, seen| seen.namespaces.clear()), ["user-namespace", "namespaces", "network"]);
}

#[test]
fn where_something_is_lent_for_writing_a_third_filter_has_to_be() {
    let mut plan = plan();
    plan.mounts[0].read_only = false;
    let (mut facts, seen) = good(&plan);
    facts.mounts.iter_mut().filter(|mount| mount.point == "/mnt/data").for_each(|mount| mount.flags = "rw,nosuid,nodev".into());
    let layer = |facts: &Facts, policies: &BTreeMap<String, PolicyDigest>| {
        let expected = Expected {
            disk_limits: (None, None),
            disk: &DiskUse::default(),
            start: plan.ids.start(),
            plan: &plan,
            cgroup: "/aether/abc",
            landlock_abi: 7,
            landlocked: true,
            launched: policies,
            given: policies,
        };
        judge(facts, &seen, &expected).into_iter().find(|layer| layer.name == "seccomp").expect("a layer")
    };
    let mut three = policies();
    three.insert(SET_ID_FILTER.to_owned(), digest(9, "0d"));
    assert!(!layer(&facts, &three).active, "two filters");
    facts.status.insert("Seccomp_filters".into(), "3".into());
    assert!(layer(&facts, &three).active);
    let unknown = layer(&facts, &policies());
    assert!(!unknown.active && unknown.problem.contains(SET_ID_FILTER), "{unknown:?}");
}

#[test]
fn every_weak_mount_is_a_missing_layer() {
    let weak = |point: &'static str, flags: &'static str| {
        missing(move |facts, _| {
            facts.mounts.iter_mut().filter(|mount| mount.point == point).for_each(|mount| mount.flags = flags.into());
        })
    };
    assert_eq!(weak("/", "rw,nosuid,nodev"), ["filesystem"]);
    assert_eq!(weak("/home/agent", "rw,nosuid"), ["filesystem"]);
    assert_eq!(weak("/home/agent", "rw,nodev"), ["filesystem"]);
    assert_eq!(weak("/mnt/data", "rw,nosuid,nodev"), ["filesystem"]);
    assert_eq!(weak("/proc/sys", "rw,nosuid,nodev"), ["filesystem"]);
    assert_eq!(weak("/dev/pts", "rw,nosuid"), ["filesystem"]);
    assert_eq!(missing(|facts, _| facts.mounts.retain(|mount| mount.point != "/proc/sys")), ["filesystem"]);
    assert_eq!(missing(|facts, _| facts.mounts.retain(|mount| mount.point != "/mnt/data")), ["filesystem"]);
    let sysfs = Mount { point: "/sys".into(), kind: "sysfs".into(), flags: "ro,nosuid,nodev".into(), frozen: true };
    assert_eq!(missing(|facts, _| facts.mounts.push(sysfs)), ["filesystem"]);
}

/// A good sandbox, with other records and another disk.
fn with(
    [launched, given]: [&BTreeMap<String, PolicyDigest>; 2],
    disk_limits: (Option<u64>, Option<u64>),
    disk: &DiskUse,
    name: &str,
) -> IsolationLayer {
    let plan = plan();
    let (facts, seen) = good(&plan);
    let start = plan.ids.start();
    let (cgroup, landlock_abi, landlocked) = ("/aether/abc", 7, true);
    let expected = Expected { start, plan: &plan, cgroup, landlock_abi, landlocked, disk_limits, disk, launched, given };
    judge(&facts, &seen, &expected).into_iter().find(|layer| layer.name == name).expect("a layer")
}

#[test]
fn what_was_given_at_the_launch_is_what_counts() {
    let layer =
        |policies: [&BTreeMap<String, PolicyDigest>; 2], name: &str| with(policies, (None, None), &DiskUse::default(), name);
    for (name, of) in [(FILTER, "seccomp"), (SPAWNER_FILTER, "seccomp"), (RULESET, "landlock")] {
        // A later version gives something else: the report names what this agent has.
        let mut newer = policies();
        newer.insert(name.to_owned(), digest(8, "ff"));
        let found = layer([&policies(), &newer], of);
        let old = format!("sha256 {}; a launch now gives another one, 8", policies()[name].sha256);
        assert!(found.active && found.evidence.iter().any(|fact| fact.contains(&old)), "{found:?}");
        let same = layer([&newer, &newer], of);
        assert!(same.evidence.iter().any(|fact| fact.contains("ff; a launch now gives the same")), "{same:?}");
        // What is not on record is not proven.
        let mut unknown = policies();
        unknown.remove(name);
        let found = layer([&unknown, &policies()], of);
        assert!(!found.active && found.problem.contains(name), "{found:?}");
    }
}

#[test]
fn the_limit_of_the_disk_is_what_the_kernel_says() {
    let problem = |limits, bytes_limit, inodes_limit| {
        let disk = DiskUse { bytes: Some(4096), bytes_limit, inodes: None, inodes_limit };
        with([&policies(), &policies()], limits, &disk, "filesystem").problem
    };
    let limits = (Some(1 << 30), Some(1000));
    assert_eq!(problem(limits, Some(1 << 30), Some(1000)), "");
    assert_eq!(problem(limits, Some(1 << 29), None), "", "files may count as space");
    assert_eq!(problem(limits, Some(1 << 31), Some(1000)), "disk: 4096 of 2147483648 bytes");
    assert_eq!(problem(limits, Some(1 << 30), Some(1001)), "disk: unknown of 1001 files");
    assert_eq!(problem(limits, None, Some(1000)), "no limit of the disk is in force");
    assert_eq!(problem((None, None), None, None), "", "a host without any means says so at the launch");
}
