//! What only pure cgroup v2 has: every limit in one hierarchy, and the kernel's own count of how often it was hit.
//!
//! On a hybrid host nothing here can hold, so each is ignored there; `make test-vm` runs them in a machine that has it.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, fs, time::Duration};

use aether_tests::{Agent, Daemon, proc, wait::until};

/// A file of the agent's cgroup with a number for each name.
fn counts(agent: &Agent<'_>, file: &str) -> BTreeMap<String, u64> {
    let cgroup = agent.info()["cgroup"].as_str().expect("a live agent's cgroup").to_owned();
    let text = fs::read_to_string(format!("/sys/fs/cgroup{cgroup}/{file}")).unwrap_or_else(|e| panic!("{cgroup}/{file}: {e}"));
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, n)| (name.to_owned(), n.parse().expect("a number")))
        .collect()
}

#[test]
#[ignore = "needs pure cgroup v2: make test-vm"]
fn every_limit_is_in_the_one_hierarchy() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    assert!(!mounts.contains(" - cgroup "), "a hierarchy of version 1 is mounted:\n{mounts}");
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--memory", "64M", "--cpus", "0.2", "--pids", "20"], "exec sleep 600");
    let cgroup = agent.info()["cgroup"].as_str().expect("cgroup").to_owned();
    let read = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup{cgroup}/{file}")).expect(file).trim().to_owned();
    assert_eq!(read("memory.max"), (64 << 20).to_string());
    assert_eq!(read("memory.oom.group"), "1");
    assert_eq!(read("pids.max"), "20");
    assert_eq!(read("cpu.max"), "20000 100000");
    assert_eq!(read("cgroup.max.descendants"), "0");
    assert_eq!(agent.info()["enforcement"]["mode"], "full");
}

#[test]
#[ignore = "needs pure cgroup v2: make test-vm"]
fn the_kernel_counts_that_a_busy_agent_waits_for_its_share() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--cpus", "0.2"], "while :; do :; done");
    until("the kernel to throttle it", || counts(&agent, "cpu.stat")["nr_throttled"] > 0);
}

#[test]
#[ignore = "needs pure cgroup v2: make test-vm"]
fn too_many_processes_are_refused_and_counted() {
    let daemon = Daemon::start();
    let script = "i=0; while [ $i -lt 60 ]; do (sleep 600 &) 2>/dev/null; i=$((i+1)); done; echo tried; exec sleep 600";
    let agent = daemon.agent(&["--pids", "20"], script);
    until("the kernel to refuse one", || counts(&agent, "pids.events").get("max").is_some_and(|max| *max > 0));
    let everyone = proc::in_cgroup(agent.info()["cgroup"].as_str().expect("cgroup"));
    assert!(everyone.len() <= 20, "{} processes", everyone.len());
}

#[test]
#[ignore = "needs pure cgroup v2: make test-vm"]
fn an_agent_out_of_memory_takes_nobody_along() {
    let daemon = Daemon::start();
    let bystander = daemon.agent(&["--name", "bystander"], "exec sleep 600");
    let before = (daemon.pid(), daemon.spawner(), bystander.pid());
    let hog = ["run", "--rm", "--memory", "48M", "--", "sh", "-c", "head -c 200M /dev/zero | tail -c 200M >/dev/null"];
    let outcome = daemon.aether_with(hog, b"", Duration::from_secs(120));
    assert_eq!(outcome.code, 137, "killed by the kernel: {outcome}");
    assert_eq!((daemon.pid(), daemon.spawner(), bystander.pid()), before);
    assert_eq!(bystander.state(), "running");
    assert_eq!(counts(&bystander, "memory.events")["oom_kill"], 0);
    assert!(proc::runs(before.0) && proc::runs(before.1), "the service is gone");
}
