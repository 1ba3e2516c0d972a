use aether_protocol::FindingStatus::{self, Failure, Ok, Skipped, Warning};
use aether_sandbox::host::Feature;

use super::*;
use crate::host::Laid;

const UNIFIED: (&str, &str) = ("/proc/self/mountinfo", "30 1 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
const V1: &str = "31 1 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                  32 1 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                  33 1 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
const V1_DIRS: [(&str, &str); 3] =
    [("/sys/fs/cgroup/memory/tasks", ""), ("/sys/fs/cgroup/pids/tasks", ""), ("/sys/fs/cgroup/cpu,cpuacct/tasks", "")];

fn verdict(files: &[(&str, &str)], name: &str) -> FindingStatus {
    let findings = judge(&Facts::read(&Laid::with(files).host()), &Measured::default());
    findings.into_iter().find(|finding| finding.name == name).expect("the check").status
}

#[test]
fn ubuntu_with_systemd_gives_the_service_what_the_shell_has_not() {
    let files = [
        UNIFIED,
        ("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope\n"),
        ("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n"),
        ("/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/cgroup.controllers", "memory pids\n"),
        ("/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/cgroup.procs", "1\n2\n"),
        ("/run/systemd/system/x", ""),
    ];
    for name in ["cgroup-layout", "cgroup", "memory", "pids", "cpu", "swap"] {
        assert_eq!(verdict(&files, name), Ok, "{name}");
    }
}

#[test]
fn a_container_without_delegation() {
    let files = [
        ("/proc/self/mountinfo", "30 1 0:30 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw\n"),
        ("/proc/self/cgroup", "0::/\n"),
        ("/sys/fs/cgroup/cgroup.controllers", "memory\n"),
    ];
    for (name, status) in [("cgroup-layout", Ok), ("cgroup", Failure), ("pids", Failure)] {
        assert_eq!(verdict(&files, name), status, "{name}");
    }
    let inner = [
        UNIFIED,
        ("/proc/self/cgroup", "0::/inner\n"),
        ("/sys/fs/cgroup/cgroup.controllers", "memory pids cpu\n"),
        ("/sys/fs/cgroup/inner/cgroup.controllers", "memory\n"),
        ("/sys/fs/cgroup/inner/cgroup.procs", "1\n4000000\n"),
    ];
    for (name, status) in [("cgroup", Ok), ("memory", Warning), ("pids", Failure)] {
        assert_eq!(verdict(&inner, name), status, "{name}");
    }
}

#[test]
fn hybrid_and_v1_only() {
    let hybrid = format!("{V1}41 1 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    let files =
        [V1_DIRS[0], V1_DIRS[1], V1_DIRS[2], ("/sys/fs/cgroup/unified/cgroup.procs", ""), ("/proc/self/mountinfo", &hybrid)];
    for name in ["cgroup-layout", "cgroup", "memory", "pids", "cpu"] {
        assert_eq!(verdict(&files, name), Ok, "{name}");
    }
    let swap = [("/proc/swaps", "Filename Type\n/swapfile file\n"), ("/proc/self/mountinfo", V1)];
    assert_eq!(verdict(&swap, "swap"), Warning);
    let files = [V1_DIRS[0], V1_DIRS[1], V1_DIRS[2], ("/proc/self/mountinfo", V1)];
    for (name, status) in [("cgroup-layout", Failure), ("cgroup", Failure), ("memory", Ok)] {
        assert_eq!(verdict(&files, name), status, "{name}");
    }
    assert_eq!(verdict(&[], "cgroup-layout"), Failure);
}

#[test]
fn an_ordinary_user_is_told_what_root_would_see() {
    let laid = Laid::with(&[("/proc/self/mountinfo", "41 1 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")]);
    let mut host = laid.host();
    host.is_root = false;
    let findings = judge(&Facts::read(&host), &Measured::default());
    assert_eq!(findings[1].status, Skipped);
}

#[test]
fn what_the_spawner_measured_counts_more() {
    let laid =
        Laid::with(&[UNIFIED, ("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/cgroup.controllers", "memory pids cpu\n")]);
    let measured =
        Measured { pids: Some(Feature::no("EBUSY", "x")), cgroup: Some(Feature::no("EACCES", "y")), ..Measured::default() };
    let findings = judge(&Facts::read(&laid.host()), &measured);
    let of = |name: &str| findings.iter().find(|finding| finding.name == name).expect("the check").status;
    assert_eq!((of("cgroup"), of("pids"), of("memory")), (Failure, Failure, Ok));
}
