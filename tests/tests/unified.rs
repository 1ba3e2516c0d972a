//! What only pure cgroup v2 has: every limit in one hierarchy, and the kernel's own count of how often it was hit.
//!
//! On a hybrid host nothing here can hold, so each is ignored there; `make test-vm` runs them in a machine that has it.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, fs, time::Duration};

use aether_tests::{
    Agent, Daemon, Scripted, eventually, http, proc,
    scripted::{Turn, call},
    wait::until,
};
use serde_json::{Value, json};

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

/// A whole loop takes its time in a machine whose system calls do.
#[track_caller]
fn soon(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, Duration::from_secs(90), || condition().then_some(()));
}

/// A cgroup for agents, gone at the end.
struct Place(&'static str);

impl Place {
    fn new(path: &'static str) -> Self {
        fs::create_dir(path).expect("a cgroup");
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = fs::remove_dir(self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "{}: {removed:?}", self.0);
    }
}

fn run(line: &str) -> Turn {
    call("run_command", json!({ "command": line }))
}

fn observations(daemon: &Daemon, agent: &str) -> Vec<Value> {
    let path = format!("/api/v1/agents/{agent}/timeline?since=0&limit=500");
    let events = http::unix(&daemon.socket(), "GET", &path).send().data();
    events.as_array().expect("events").iter().filter(|event| event["type"] == "agent.observation").cloned().collect()
}

#[test]
#[ignore = "needs pure cgroup v2: make test-vm"]
fn calls_have_controllers_and_the_agent_keeps_its_limits() {
    let fill = "head -c 24M /dev/zero | tail -c 24M >/dev/null; sleep 0.2 & sleep 0.2 & sleep 0.2 & wait";
    let away = "cat /proc/self/cgroup; mkdir c; mount -t cgroup2 none c; for d in /sys/fs/cgroup c; do echo $$ >$d/init-leaf/cgroup.procs; \
                echo max >$d/memory.max; done; find / -name cgroup.procs 2>/dev/null; true";
    let waits = vec![run(fill), run("true"), run(away), run("exec sleep 8471"), run("exec sleep 8471")];
    let model =
        Scripted::start([("be counted", waits), ("be hungry", vec![run("head -c 200M /dev/zero | tail -c 200M >/dev/null")])]);
    let place = Place::new("/sys/fs/cgroup/aether-unified");
    // In a place of their own agents are where they were after a restart of the service, whatever it was started in.
    let mut daemon = Daemon::with(&format!("{}[cgroup]\nroot = \"/aether-unified\"\n", model.config()));
    let start = ["run", "-d", "--name", "counted", "--memory", "64M", "--pids", "40", "--goal", "be counted"];
    daemon.aether(start).ok();
    let info = |daemon: &Daemon| daemon.aether(["--json", "inspect", "counted"]).ok().json();
    soon("three calls", || observations(&daemon, "counted").len() == 3);

    let seen = observations(&daemon, "counted");
    let memory = |at: usize| seen[at]["used"]["memoryPeakBytes"].as_u64().unwrap_or_else(|| panic!("{}", seen[at]));
    assert!((24 << 20..64 << 20).contains(&memory(0)), "{}", seen[0]);
    assert!(memory(1) < 12 << 20, "of this call alone: {}", seen[1]);
    match seen[0]["used"]["mostTasks"].as_u64() {
        Some(most) => assert!((3..20).contains(&most), "{}", seen[0]),
        None => assert!(seen[0]["used"]["absent"].to_string().contains("no pids.peak"), "{}", seen[0]),
    }
    let said = seen[2]["result"].to_string();
    assert!(said.contains("0::/") && !said.contains("/cgroup.procs\\n"), "no way to any of it: {said}");

    let cgroup = info(&daemon)["cgroup"].as_str().expect("cgroup").to_owned();
    let dir = format!("/sys/fs/cgroup{cgroup}");
    let read =
        |file: &str| fs::read_to_string(format!("{dir}/{file}")).unwrap_or_else(|e| panic!("{file}: {e}")).trim().to_owned();
    assert_eq!((read("memory.max"), read("pids.max")), ((64 << 20).to_string(), "40".to_owned()));
    assert_eq!((read("cgroup.procs"), read("cgroup.subtree_control")), (String::new(), "memory pids".to_owned()));
    let init = info(&daemon)["pid"].to_string();
    assert!(read("init-leaf/cgroup.procs").lines().any(|pid| pid == init), "{init}: {}", read("init-leaf/cgroup.procs"));

    // Taken over, it is looked at where it was built: its limits are found, and all of it is frozen and killed.
    daemon.kill9();
    daemon.revive();
    soon("its figures", || info(&daemon)["usage"]["memoryLimitBytes"] == 64 << 20);
    daemon.aether(["inspect", "--isolation", "counted"]).ok();
    daemon.aether(["exec", "counted", "--", "sh", "-c", "setsid sleep 8472 >/dev/null 2>&1 & true"]).ok();
    assert!(proc::in_cgroup(&format!("{cgroup}/init-leaf")).len() >= 2, "what init starts later lives beside it");
    soon("the next call", || proc::in_cgroup(&cgroup).len() > proc::in_cgroup(&format!("{cgroup}/init-leaf")).len());
    daemon.aether(["pause", "counted"]).ok();
    assert!(read("cgroup.events").contains("frozen 1") && read("init-leaf/cgroup.events").contains("frozen 1"));
    daemon.aether(["resume", "counted"]).ok();
    daemon.aether(["kill", "counted"]).ok();
    soon("nothing of it", || proc::in_cgroup(&cgroup).is_empty() && !fs::exists(&dir).expect("a look"));

    // Out of memory in a call, an agent ends alone.
    let bystander = daemon.agent(&["--name", "bystander"], "exec sleep 600");
    let before = bystander.pid();
    daemon.aether(["run", "-d", "--name", "hungry", "--memory", "48M", "--goal", "be hungry"]).ok();
    let state = || daemon.aether(["--json", "inspect", "hungry"]).ok().json()["state"].clone();
    soon("its end", || state() == "dead" || state() == "failed");
    assert_eq!((bystander.state().as_str(), bystander.pid()), ("running", before));
    bystander.remove();
    daemon.stop();
    drop(place);
}

#[test]
#[ignore = "needs pure cgroup v2: make test-vm"]
fn an_agent_full_of_processes_is_counted_all_the_same() {
    let model = Scripted::start([(
        "wait",
        vec![call("think", json!({ "thought": "first" })), run("true"), run("true"), run("exec sleep 8474")],
    )]);
    let daemon = Daemon::with(&model.config());
    let start = ["run", "-d", "--name", "crowded", "--pids", "60", "--max-steps", "1", "--goal", "wait"];
    daemon.aether(start).ok();
    let phase = || daemon.aether(["--json", "inspect", "crowded"]).ok().json()["phase"].clone();
    soon("its first step", || phase() == "waiting");
    // Forty that wait, and one that starts another again and again while they are moved.
    let storm = "for i in $(seq 40); do sleep 8473 & done >/dev/null 2>&1; (while :; do (:); done) >/dev/null 2>&1 & true";
    daemon.aether(["exec", "crowded", "--", "sh", "-c", storm]).ok();
    daemon.aether(["steer", "crowded", "--more-steps"]).ok();
    soon("its calls", || observations(&daemon, "crowded").len() >= 3);
    for seen in observations(&daemon, "crowded").iter().filter(|seen| seen["used"].is_object()) {
        let (used, absent) = (&seen["used"], seen["used"]["absent"].to_string());
        assert!(
            used["memoryPeakBytes"].is_u64() || absent.contains("memoryPeakBytes: the agent starts processes faster"),
            "{seen}"
        );
    }
    let cgroup = daemon.aether(["--json", "inspect", "crowded"]).ok().json()["cgroup"].as_str().expect("cgroup").to_owned();
    assert!(proc::in_cgroup(&cgroup).len() > 40, "control: they were there");
    daemon.aether(["kill", "crowded"]).ok();
    soon("nothing of it", || proc::in_cgroup(&cgroup).is_empty());
}
