//! The start of the daemon itself, with ten agents to take over: every system call of it fails, or is its last.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use aether_tests::{
    Agent, Daemon, Leaks,
    faults::{self, Fault, Table},
    proc,
};

/// Left out beside [`faults::NEVER`]: calls of a start that cannot fail like that either.
const NEVER: [&str; 5] = ["execve", "arch_prctl", "getrandom", "flock", "clock_nanosleep"];
/// The API is back within this, with ten agents.
const BACK: Duration = Duration::from_secs(3);

/// Starts it under strace(1), which writes to `trace`. `-D` makes the tracer no parent of it.
fn under_strace(daemon: &mut Daemon, options: &str) -> Result<(), String> {
    let (front, trace) = (daemon.scratch().join("front"), daemon.scratch().join("trace"));
    let script = format!("#!/bin/sh\nexec strace -D -f -qq -a 0 {options} -o {} \"$@\"\n", trace.display());
    fs::write(&front, script).expect("write");
    fs::set_permissions(&front, fs::Permissions::from_mode(0o755)).expect("chmod");
    daemon.behind(front);
    let started = daemon.try_restart();
    daemon.by_itself();
    started
}

/// Ten agents at work and what each start has to find again.
struct Ten {
    daemon: Daemon,
    agents: Vec<(String, u32)>,
    before: Leaks,
}

impl Ten {
    fn start() -> Self {
        let mut daemon = Daemon::start();
        daemon.service_cgroup();
        let agents = (0..10)
            .map(|number| {
                let more: &[&str] = if number < 8 { &[] } else { &["--net", "open"] };
                let agent = daemon.agent(more, "exec sleep 100000");
                (agent.id.clone(), agent.pid())
            })
            .collect();
        daemon.kill9();
        daemon.restart();
        let before = Leaks::of(&daemon);
        Self { daemon, agents, before }
    }

    /// How often each call is made by a start.
    fn calls(&mut self) -> BTreeMap<String, usize> {
        self.daemon.kill9();
        under_strace(&mut self.daemon, "").expect("a start that is only watched");
        self.daemon.kill9();
        let trace = fs::read_to_string(self.daemon.scratch().join("trace")).expect("the trace");
        self.daemon.restart();
        let mut calls = faults::most_calls(&trace);
        calls.retain(|call, _| !faults::NEVER.contains(&call.as_str()) && !NEVER.contains(&call.as_str()));
        assert!(calls.len() > 20, "strace saw little: {calls:?}");
        calls
    }

    /// What came of a start with a fault in it, and what of that and of the next start is wrong.
    fn try_one(&mut self, fault: &Fault) -> (&'static str, Vec<String>) {
        let (mut wrong, panics) = (Vec::new(), self.panics());
        self.daemon.kill9();
        let Fault { call, when, what } = fault;
        let options = format!("-e trace={call} -e inject={call}:{what}:when={when}");
        let outcome = match catch_unwind(AssertUnwindSafe(|| under_strace(&mut self.daemon, &options))) {
            Ok(Ok(())) => {
                wrong.extend(self.lost());
                "started all the same"
            }
            Ok(Err(_)) if what.starts_with("signal") => "ended there",
            Ok(Err(said)) if said.contains("error: ") => "did not start, and said why",
            Ok(Err(said)) => {
                wrong.push(format!("it ended without a reason: {said}"));
                "ended"
            }
            Err(_) => {
                wrong.push(format!("it neither starts nor ends: {}", self.daemon.log()));
                "stuck"
            }
        };
        if self.panics() > panics {
            wrong.push(format!("something panicked: {}", self.daemon.log()));
        }
        self.daemon.by_itself();
        if self.daemon.is_started() {
            self.daemon.kill9();
        }
        let begun = Instant::now();
        if let Err(said) = self.daemon.try_restart() {
            panic!("{fault}: the next start fails: {said}");
        }
        let took = begun.elapsed();
        if took > faults::unhurried(BACK) {
            wrong.push(format!("the next start took {took:?}"));
        }
        wrong.extend(self.lost());
        let left = self.before.left_within(&self.daemon, 4, Duration::from_secs(20));
        if !left.is_empty() {
            wrong.push(format!("left behind: {}", left.join("; ")));
            self.before = Leaks::of(&self.daemon);
        }
        (outcome, wrong)
    }

    fn panics(&self) -> usize {
        self.daemon.log().matches("panicked").count()
    }

    /// Agents that are not as they were.
    fn lost(&self) -> Vec<String> {
        let there = self.daemon.aether(["ps", "-a", "-q"]).ok().text();
        let mut wrong = Vec::new();
        if there.lines().count() != self.agents.len() {
            wrong.push(format!("there are {} agents", there.lines().count()));
        }
        for (id, pid) in &self.agents {
            let info = Agent::new(&self.daemon, id.as_str()).info();
            if info["state"] != "running" || info["pid"] != *pid || !proc::runs(*pid) {
                wrong.push(format!("agent {id} {pid} is lost: {}", info["exit"]));
            }
        }
        wrong
    }

    fn try_all(&mut self, calls: &BTreeMap<String, usize>, name: &str, whats: &[&str], slice: usize) {
        let slice = env::var_os("AETHER_FAULT_EVERY").is_none().then(|| faults::points(slice));
        let points = faults::choose(calls, whats, slice);
        let (mut table, mut wrong) = (Table::default(), Vec::new());
        for fault in &points {
            // Before it is tried, so that whatever happens names it.
            println!("{name}: {fault}");
            let (outcome, said) = self.try_one(fault);
            wrong.extend(said.into_iter().map(|what| format!("{fault}: {what}")));
            table.count(&fault.what, outcome);
        }
        let places: usize = calls.values().sum();
        let closing = format!("{} points of {places} calls by {} names, seed {}.", points.len(), calls.len(), faults::seed());
        table.publish(name, &closing);
        assert!(wrong.is_empty(), "{} of {} points:\n{}", wrong.len(), points.len(), wrong.join("\n"));
    }
}

#[test]
fn a_start_that_fails_or_is_killed_costs_no_agent() {
    let mut ten = Ten::start();
    let calls = ten.calls();
    ten.try_all(&calls, "start-errors", &["error=ENOSPC", "error=EMFILE", "error=EIO", "error=ENOMEM"], 2);
    // In `make test-faults` alone: the kills of other tests are at calls of a service that runs, and this takes its time.
    if env::var_os("AETHER_FAULT_REPORT").is_some() {
        ten.try_all(&calls, "start-kills", &["signal=SIGKILL"], 1);
    }
}
