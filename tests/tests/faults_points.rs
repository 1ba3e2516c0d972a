//! The n-th operation fails, for every n: each system call that the spawner, its children or the daemon make while an agent is
//! created, used and removed is made to fail, or is their last. Whatever happens, nothing is left, nothing runs with a layer less, and
//! the next one works.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, env, fs, time::Duration};

use aether_tests::{
    Agent, Daemon, Leaks, Outcome,
    faults::{self, Fault, Table, Tracer},
    proc,
    random::Random,
};

/// Where the layers of an agent are to be seen.
const SEEN: [&str; 9] = ["Seccomp", "Seccomp_filters", "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Groups"];
const ERRORS: [&str; 4] = ["ENOSPC", "EMFILE", "EIO", "ENOMEM"];
const NAME: &str = "point";

/// Calls that cannot fail like that, and those by which strace itself would leak what they give back.
const NEVER: [&str; 10] =
    ["close", "munmap", "exit", "exit_group", "rt_sigreturn", "restart_syscall", "futex", "brk", "sched_yield", "rt_sigprocmask"];

/// Whom faults are put into.
#[derive(Clone, Copy)]
enum Target {
    Spawner,
    Daemon,
}

impl Target {
    fn pid(self, daemon: &Daemon) -> u32 {
        match self {
            Self::Spawner => daemon.spawner(),
            Self::Daemon => daemon.pid(),
        }
    }
}

fn start() -> Daemon {
    let daemon = Daemon::with("[pool]\nsize = 0\n");
    daemon.service_cgroup();
    daemon
}

/// What came of an operation.
struct Operated {
    run: Outcome,
    /// What the agent was like meanwhile.
    seen: Option<BTreeMap<String, String>>,
    rm: Outcome,
}

/// Create, start, exec, freeze, thaw, end, clean up.
fn operate(daemon: &Daemon) -> Operated {
    let run = daemon.aether(["run", "-d", "--name", NAME, "--memory", "300M", "--pids", "77", "--", "sleep", "600"]);
    let seen = (run.code == 0).then(|| layers(daemon)).flatten();
    for step in [&["exec", NAME, "--", "true"][..], &["pause", NAME], &["resume", NAME], &["kill", NAME]] {
        daemon.aether(step);
    }
    Operated { run, seen, rm: daemon.aether(["rm", NAME]) }
}

/// Whether it is on record that the agent was removed: whoever asked for that may have lost the answer alone.
fn removed(daemon: &Daemon, id: &str) -> bool {
    let events = daemon.aether(["--json", "events", "--since", "0"]).ok().text();
    events.lines().any(|line| line.contains("process.reaped") && line.contains(id))
}

/// What the kernel says of a live agent's PID 1; nothing where there is none.
fn layers(daemon: &Daemon) -> Option<BTreeMap<String, String>> {
    let info = daemon.aether(["--json", "inspect", NAME]);
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).ok()?;
    let (pid, id) = (u32::try_from(info["pid"].as_u64()?).ok()?, info["id"].as_str()?);
    let status = proc::status(pid)?;
    let mut seen: BTreeMap<String, String> =
        SEEN.into_iter().filter_map(|field| Some((field.to_owned(), status.get(field)?.clone()))).collect();
    for (controller, names) in [("memory", ["memory.max", "memory.limit_in_bytes"]), ("pids", ["pids.max", "pids.max"])] {
        seen.insert(controller.to_owned(), proc::controller_file(pid, controller, &names).unwrap_or_default());
    }
    seen.insert("mounts".to_owned(), proc::mounts(pid).join("\n").replace(id, "ID"));
    for kind in ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] {
        let own = proc::namespace(pid, kind) != proc::namespace(std::process::id(), kind);
        seen.insert(format!("{kind} namespace of its own"), own.to_string());
    }
    let start = info["uidRange"]["start"].as_u64()?;
    seen.values_mut().for_each(|value| *value = relative(value, start));
    // It may have ended while this looked.
    (proc::runs(pid) && proc::status(pid).is_some_and(|status| status.contains_key("VmRSS"))).then_some(seen)
}

/// A text with ids of the range from `start` on as distances from it: no two agents have the same.
fn relative(text: &str, start: u64) -> String {
    let digits = |c: char| c.is_ascii_digit();
    let (mut rest, mut out) = (text, String::new());
    while let Some(at) = rest.find(digits) {
        let (before, number) = rest.split_at(at);
        let end = number.find(|c| !digits(c)).unwrap_or(number.len());
        let (number, after) = number.split_at(end);
        let distance = number.parse::<u64>().ok().and_then(|id| id.checked_sub(start)).filter(|distance| *distance < 65_536);
        out.push_str(before);
        out.push_str(&distance.map_or_else(|| number.to_owned(), |distance| format!("+{distance}")));
        rest = after;
    }
    out + rest
}

/// The names of all calls that `target` makes for the operation, and how often at most one process makes each.
fn calls(daemon: &Daemon, target: Target) -> BTreeMap<String, usize> {
    let trace = daemon.scratch().join("trace");
    let tracer = Tracer::watch(target.pid(daemon), &trace);
    let Operated { run, seen, .. } = operate(daemon);
    run.ok();
    seen.expect("it runs");
    tracer.detach();
    let mut calls = faults::most_calls(&fs::read_to_string(&trace).expect("the trace"));
    calls.retain(|call, _| !NEVER.contains(&call.as_str()));
    assert!(calls.len() > 10, "strace saw little: {calls:?}");
    calls
}

/// Every point, or a slice of them by chance.
fn chosen(calls: &BTreeMap<String, usize>, slice: usize, what: &dyn Fn(usize) -> Vec<String>) -> Vec<Fault> {
    let places = calls.iter().flat_map(|(call, count)| (1..=*count).map(move |when| (call, when)));
    let all: Vec<Fault> = places
        .enumerate()
        .flat_map(|(number, (call, when))| what(number).into_iter().map(move |what| Fault { call: call.clone(), when, what }))
        .collect();
    if env::var_os("AETHER_FAULT_EVERY").is_some() {
        return all;
    }
    let mut random = Random::new(faults::seed());
    (0..faults::points(slice)).map(|_| random.pick(&all).clone()).collect()
}

fn try_all(name: &str, target: Target, only: Option<&str>, slice: usize, what: &dyn Fn(usize) -> Vec<String>) {
    let mut daemon = start();
    let calls = calls(&daemon, target);
    let whole = {
        let Operated { run, seen, .. } = operate(&daemon);
        run.ok();
        seen.expect("it runs")
    };
    let mut calls = calls;
    calls.retain(|call, _| only.is_none_or(|only| call == only));
    let points = chosen(&calls, slice, what);
    let mut before = Leaks::with_ahead(&daemon, 0);
    let mut table = Table::default();
    let mut wrong = Vec::new();
    for fault in &points {
        let tracer = Tracer::inject(target.pid(&daemon), fault, &daemon.scratch().join("injected"));
        let Operated { run, seen, rm } = operate(&daemon);
        tracer.detach();
        let back = daemon.revive();
        let mut say = |what: String| wrong.push(format!("{} {} of {}: {what}", fault.what, fault.when, fault.call));
        if let Some(different) = seen.filter(|seen| *seen != whole) {
            let fields = different.iter().filter(|(field, value)| whole.get(*field) != Some(*value));
            say(format!("it runs with something less: {:?}", fields.collect::<Vec<_>>()));
        }
        if run.code != 0 && !run.stderr.contains("error: ") {
            say(format!("refused without a reason: {run}"));
        }
        let log = daemon.log();
        if log.contains("panicked") {
            say("something panicked".to_owned());
        }
        let there = daemon.aether(["ps", "-a", "-q"]).ok().text();
        let id = run.text().trim().to_owned();
        if run.code == 0 && rm.code != 0 && !there.contains(&id) && !removed(&daemon, &id) {
            say("what was acknowledged is lost".to_owned());
        }
        for id in there.lines() {
            let agent = Agent::new(&daemon, id);
            let outcomes = [daemon.aether(["kill", &agent.id]), daemon.aether(["rm", &agent.id])];
            if outcomes[1].code != 0 {
                say(format!("it cannot be removed: {}", outcomes[1]));
            }
        }
        let left = before.left_within(&daemon, 0, Duration::from_secs(10));
        if !left.is_empty() {
            say(format!("left behind: {}", left.join("; ")));
            before = Leaks::with_ahead(&daemon, 0);
        }
        let outcome = match (back, run.code) {
            (Some(_), 0) => "done; the service ended and came back",
            (Some(_), _) => "not done; the service ended and came back",
            (None, 0) => "done all the same",
            (None, _) => "refused, with the reason",
        };
        table.count(&fault.what, outcome);
    }
    let Operated { run, seen, .. } = operate(&daemon);
    run.ok();
    assert_eq!(seen.as_ref(), Some(&whole), "the next one is whole");
    let places: usize = calls.values().sum();
    let closing = format!("{} points of {places} calls by {} names, seed {}.", points.len(), calls.len(), faults::seed());
    table.publish(name, &closing);
    assert!(wrong.is_empty(), "{} of {} points:\n{}", wrong.len(), points.len(), wrong.join("\n"));
}

fn every_error(_: usize) -> Vec<String> {
    ERRORS.map(|error| format!("error={error}")).to_vec()
}

fn kill(_: usize) -> Vec<String> {
    vec!["signal=SIGKILL".to_owned()]
}

#[test]
fn whatever_fails_in_the_spawner_is_refused_or_made_good() {
    try_all("spawner-errors", Target::Spawner, None, 40, &every_error);
}

/// What cannot be looked at may be there, and then it has to be covered.
#[test]
fn nothing_of_proc_stays_open_because_it_cannot_be_looked_at() {
    try_all("spawner-looks", Target::Spawner, Some("statx"), 15, &every_error);
}

#[test]
fn the_spawner_may_be_killed_at_every_call() {
    try_all("spawner-kills", Target::Spawner, None, 20, &kill);
}

#[test]
fn the_daemon_may_be_killed_at_every_call() {
    try_all("daemon-kills", Target::Daemon, None, 20, &kill);
}
