//! The n-th operation fails, for every n: each system call that the spawner, its children or the daemon make while an agent is
//! created, used and removed is made to fail, or is their last. Whatever happens, nothing is left, nothing runs with a layer less, and
//! the next one works.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use aether_tests::{
    Agent, Daemon, Leaks, Outcome, eventually,
    faults::{self, Fault, Table, Tracer},
    proc,
    pty::Pty,
};

/// Where the layers of an agent are to be seen.
const SEEN: [&str; 9] = ["Seccomp", "Seccomp_filters", "NoNewPrivs", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Groups"];
const ERRORS: &[&str] = &["error=ENOSPC", "error=EMFILE", "error=EIO", "error=ENOMEM"];
const NAME: &str = "point";
/// How the daemon's runtime waits and is woken (epoll, eventfd): no kernel lets that fail like this, and a runtime that cannot wait is lost.
const RUNTIME: [&str; 2] = ["epoll_wait", "write"];
/// Where the daemon's calls of `write` go: its runtime's wake-ups and its log. Its state is written by other calls, which do fail here.
const WRITTEN: [&str; 2] = ["<anon_inode:[eventfd]>", "/aetherd.log>"];

/// Longest time any one step may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Whom faults are put into.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// What is done meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Create, start, exec, freeze, thaw, end, clean up.
    Command,
    /// A shell on a terminal: attach, resize, type, detach, attach again, end.
    Terminal,
    /// The built-in agent reaches its goal.
    Goal,
}

/// What came of it.
struct Operated {
    run: Outcome,
    /// What the agent was like meanwhile.
    seen: Option<BTreeMap<String, String>>,
    rm: Outcome,
    wrong: Option<String>,
}

fn start(ahead: usize) -> Daemon {
    let daemon = Daemon::with(&format!("[pool]\nsize = {ahead}\n"));
    daemon.be_impatient();
    daemon.service_cgroup();
    daemon
}

fn operate(daemon: &Daemon, life: Life) -> Operated {
    let aether = |args: &[&str]| aether_tests::cli::spawn(daemon.command(args), b"").end(LIMIT);
    let begin = ["run", "-d", "--name", NAME, "--memory", "300M", "--pids", "77", "--cpus", "1.5"];
    let run = match life {
        Life::Command => aether(&[&begin[..], &["--", "sleep", "600"]].concat()),
        Life::Terminal => aether(&[&begin[..], &["-t", "--", "sh"]].concat()),
        Life::Goal => aether(&[&begin[..], &["--goal", "Inspect this machine and write a report"]].concat()),
    };
    let seen = (run.code == 0 && life != Life::Goal).then(|| layers(daemon)).flatten();
    let mut wrong = None;
    match life {
        Life::Command => {
            for step in [&["exec", NAME, "--", "true"][..], &["pause", NAME], &["resume", NAME]] {
                aether(step);
            }
        }
        Life::Terminal => wrong = terminal(daemon).err(),
        Life::Goal => {}
    }
    if life != Life::Goal {
        aether(&["kill", NAME]);
    }
    Operated { run, seen, rm: aether(&["rm", NAME]), wrong }
}

/// A person at the agent's terminal. Whatever fails, the client shows what it asked for or ends.
fn terminal(daemon: &Daemon) -> Result<(), String> {
    let attach = || Pty::start(&daemon.command(["attach", NAME]));
    let shows = |pty: &mut Pty, text: &str| {
        let silent = |pty: &Pty| format!("the terminal never showed {text:?}: {:?}", String::from_utf8_lossy(&pty.shown()));
        pty.shows(text, LIMIT).ok_or_else(|| silent(pty))
    };
    let mut pty = attach();
    if shows(&mut pty, "$ ")? {
        pty.resize(101, 31);
        // A size that was lost is no hang: it is waited for two seconds.
        pty.types(b"for i in $(seq 100); do [ \"$(stty size)\" = '31 101' ] && break; sleep 0.02; done; echo 'si''zed'\r");
        if shows(&mut pty, "sized")? {
            pty.types(b"\x10\x11");
        }
    }
    let ends =
        |pty: &mut Pty| pty.ends(LIMIT).ok_or_else(|| format!("it never ended: {:?}", String::from_utf8_lossy(&pty.shown())));
    ends(&mut pty)?;
    let mut pty = attach();
    if shows(&mut pty, "$ ")? {
        pty.types(b"exit 7\r");
    }
    ends(&mut pty).map(drop)
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
    for (controller, names) in [
        ("memory", ["memory.max", "memory.limit_in_bytes"]),
        ("pids", ["pids.max", "pids.max"]),
        ("cpu", ["cpu.max", "cpu.cfs_quota_us"]),
    ] {
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

/// The names of all calls that `target` makes meanwhile, and how often at most one process makes each.
fn calls(daemon: &Daemon, target: Target, life: Life) -> BTreeMap<String, usize> {
    let trace = daemon.scratch().join("trace");
    let tracer = Tracer::watch(target.pid(daemon), &trace);
    whole(daemon, life);
    tracer.detach();
    let trace = fs::read_to_string(&trace).expect("the trace");
    // A goal has every call tried; there the daemon writes to files of the agent, which init has opened for it.
    if target == Target::Daemon && life != Life::Goal {
        let mut writes = trace.lines().filter(|line| line.contains(" write("));
        let elsewhere = writes.find(|line| !WRITTEN.iter().any(|place| line.contains(&format!("{place}, "))));
        assert_eq!(elsewhere, None, "a call that is left out beside {RUNTIME:?} writes to something else");
    }
    let mut calls = faults::most_calls(&trace);
    calls.retain(|call, _| !faults::NEVER.contains(&call.as_str()));
    assert!(calls.len() > 10, "strace saw little: {calls:?}");
    calls
}

/// An undisturbed one; what it is like.
fn whole(daemon: &Daemon, life: Life) -> BTreeMap<String, String> {
    let Operated { run, seen, wrong, rm } = operate(daemon, life);
    run.ok();
    assert_eq!(wrong, None);
    if life == Life::Goal {
        reached(daemon, NAME).expect("the goal");
        daemon.aether(["rm", NAME]).ok();
        return BTreeMap::new();
    }
    rm.ok();
    seen.expect("it runs")
}

/// Waits until the built-in agent has reached its goal.
fn reached(daemon: &Daemon, id: &str) -> Result<(), String> {
    let agent = Agent::new(daemon, id);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        eventually("the goal to be reached", LIMIT, || Some(agent.info()).filter(|info| info["state"] == "dead"))
    }));
    match ended {
        Ok(info) if info["exit"]["code"] == 0 => Ok(()),
        Ok(info) => Err(format!("its loop was not resumed: {}", info["exit"])),
        Err(_) => Err(format!("its loop stands still: {:#}", agent.info())),
    }
}

/// A kind of points.
struct Points {
    name: &'static str,
    target: Target,
    life: Life,
    /// The one call that is looked at, where not all are.
    only: Option<&'static str>,
    /// Sandboxes built ahead.
    ahead: usize,
    what: &'static [&'static str],
    /// How many are tried by `make test`.
    slice: usize,
}

impl Points {
    fn try_all(&self) {
        let Self { name, target, life, ahead, .. } = *self;
        let mut daemon = start(ahead);
        let mut calls = calls(&daemon, target, life);
        calls.retain(|call, _| self.only.is_none_or(|only| call == only));
        if target == Target::Daemon && self.what == ERRORS {
            calls.retain(|call, _| !RUNTIME.contains(&call.as_str()));
        }
        let whole_one = whole(&daemon, life);
        let slice = env::var_os("AETHER_FAULT_EVERY").is_none().then(|| faults::points(self.slice));
        let points = faults::choose(&calls, self.what, slice);
        let mut before = Leaks::with_ahead(&daemon, ahead);
        let (mut table, mut wrong) = (Table::default(), Vec::new());
        for fault in &points {
            // Before it is tried, so that whatever happens names it.
            println!("{name}: {fault}");
            let (outcome, said) = self.try_one(&mut daemon, fault, &whole_one);
            let mut say = |what: String| {
                println!("  {what}");
                wrong.push(format!("{fault}: {what}"));
            };
            said.into_iter().for_each(&mut say);
            let left = before.left_within(&daemon, ahead, Duration::from_secs(10));
            if !left.is_empty() {
                say(format!("left behind: {}", left.join("; ")));
                before = Leaks::with_ahead(&daemon, ahead);
            }
            table.count(&fault.what, outcome);
        }
        assert_eq!(whole(&daemon, life), whole_one, "the next one is whole");
        let places: usize = calls.values().sum();
        let closing = format!("{} points of {places} calls by {} names, seed {}.", points.len(), calls.len(), faults::seed());
        table.publish(name, &closing);
        assert!(wrong.is_empty(), "{} of {} points:\n{}", wrong.len(), points.len(), wrong.join("\n"));
    }

    /// What came of one point, and what of that is wrong.
    fn try_one(&self, daemon: &mut Daemon, fault: &Fault, whole: &BTreeMap<String, String>) -> (&'static str, Vec<String>) {
        let mut wrong = Vec::new();
        let tracer = Tracer::inject(self.target.pid(daemon), fault, &daemon.scratch().join("injected"));
        let operated = catch_unwind(AssertUnwindSafe(|| operate(daemon, self.life)));
        tracer.detach();
        let Ok(Operated { run, seen, rm, wrong: more }) = operated else {
            wrong.push("a step does not end".to_owned());
            revive(daemon);
            clear(daemon, &mut wrong);
            return ("stuck", wrong);
        };
        wrong.extend(more);
        let back = revive(daemon);
        if let Some(different) = seen.filter(|seen| seen != whole) {
            let fields = different.iter().filter(|(field, value)| whole.get(*field) != Some(*value));
            wrong.push(format!("it runs with something less: {:?}", fields.collect::<Vec<_>>()));
        }
        if run.code != 0 && !run.stderr.contains("error: ") {
            wrong.push(format!("refused without a reason: {run}"));
        }
        if daemon.log().contains("panicked") {
            wrong.push("something panicked".to_owned());
        }
        let there = daemon.aether(["ps", "-a", "-q"]).ok().text();
        let id = run.text().trim().to_owned();
        if run.code == 0 && rm.code != 0 && !there.contains(&id) && !removed(daemon, &id) {
            wrong.push("what was acknowledged is lost".to_owned());
        }
        if self.life == Life::Goal && self.what == KILL && there.contains(&id) && !id.is_empty() {
            wrong.extend(reached(daemon, &id).err());
        }
        clear(daemon, &mut wrong);
        let outcome = match (back, run.code) {
            (Some(_), 0) => "done; the service ended and came back",
            (Some(_), _) => "not done; the service ended and came back",
            (None, 0) => "done all the same",
            (None, _) => "refused, with the reason",
        };
        (outcome, wrong)
    }
}

/// Starts the service again if it has ended, or is just ending because its halves lost each other.
fn revive(daemon: &mut Daemon) -> Option<Duration> {
    eventually("the service to answer", LIMIT, || match daemon.revive() {
        Some(back) => Some(Some(back)),
        None => (daemon.aether(["ps", "-q"]).code == 0).then_some(None),
    })
}

/// Removes every agent there is.
fn clear(daemon: &Daemon, wrong: &mut Vec<String>) {
    for id in daemon.aether(["ps", "-a", "-q"]).ok().text().lines() {
        let agent = Agent::new(daemon, id);
        daemon.aether(["kill", &agent.id]);
        let removed = daemon.aether(["rm", &agent.id]);
        if removed.code != 0 {
            wrong.push(format!("it cannot be removed: {removed}"));
        }
    }
}

const KILL: &[&str] = &["signal=SIGKILL"];
const COMMAND: Points =
    Points { name: "", target: Target::Spawner, life: Life::Command, only: None, ahead: 0, what: ERRORS, slice: 0 };

#[test]
fn whatever_fails_in_the_spawner_is_refused_or_made_good() {
    Points { name: "spawner-errors", slice: 30, ..COMMAND }.try_all();
}

/// What cannot be looked at may be there, and then it has to be covered.
#[test]
fn nothing_of_proc_stays_open_because_it_cannot_be_looked_at() {
    Points { name: "spawner-looks", only: Some("statx"), slice: 8, ..COMMAND }.try_all();
}

#[test]
fn the_spawner_may_be_killed_at_every_call() {
    Points { name: "spawner-kills", what: KILL, slice: 15, ..COMMAND }.try_all();
}

#[test]
fn the_daemon_may_be_killed_at_every_call() {
    Points { name: "daemon-kills", target: Target::Daemon, what: KILL, slice: 10, ..COMMAND }.try_all();
}

#[test]
fn whatever_fails_in_the_daemon_is_refused_or_made_good() {
    Points { name: "daemon-errors", target: Target::Daemon, slice: 10, ..COMMAND }.try_all();
}

#[test]
fn sandboxes_built_ahead_fail_as_well() {
    Points { name: "ahead-errors", ahead: 2, slice: 3, ..COMMAND }.try_all();
    Points { name: "ahead-kills", ahead: 2, what: KILL, slice: 2, ..COMMAND }.try_all();
}

#[test]
fn a_terminal_shows_what_it_was_asked_for_or_ends() {
    let terminal = Points { life: Life::Terminal, ..COMMAND };
    Points { name: "terminal-errors", slice: 3, ..terminal }.try_all();
    Points { name: "terminal-daemon-kills", target: Target::Daemon, what: KILL, slice: 2, ..terminal }.try_all();
}

#[test]
fn a_goal_is_reached_whenever_the_daemon_is_killed() {
    Points { name: "goal-kills", target: Target::Daemon, life: Life::Goal, what: KILL, slice: 2, ..COMMAND }.try_all();
}
