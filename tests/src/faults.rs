//! Faults put into a process that runs, system call by system call, and what came of them.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{eventually, proc};

/// FNV-1a of some words: the same on every machine and in every run.
fn hash(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One place of an operation and what happens there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The system call.
    pub call: String,
    /// At which of its calls of that name a process is hit, from 1.
    pub when: usize,
    /// `error=ENOSPC`, or `signal=SIGKILL`.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} of {}", self.what, self.when, self.call)
    }
}

/// Every point of calls that are made so often, with each of `whats`; or as many of them as wanted, one of each name before a second
/// of any. Which, follows from the names and [`seed`] alone: how often a call is made differs a little from run to run, so a slice
/// looks no further than the power of two below it.
pub fn choose(calls: &BTreeMap<String, usize>, whats: &[&str], slice: Option<usize>) -> Vec<Fault> {
    let seed = seed().to_string();
    let reach = |count: usize| if slice.is_some() { 1 << count.max(1).ilog2() } else { count };
    let points = |(call, count): (&String, &usize)| {
        let all = (1..=reach(*count)).flat_map(|when| whats.iter().map(move |what| (when, *what)));
        let mut all: Vec<Fault> = all.map(|(when, what)| Fault { call: call.clone(), when, what: what.to_owned() }).collect();
        if slice.is_some() {
            all.sort_by_key(|fault| hash(&[&seed, call, &fault.when.to_string(), &fault.what]));
        }
        all
    };
    let mut by_name: Vec<Vec<Fault>> = calls.iter().map(points).collect();
    let Some(slice) = slice else { return by_name.concat() };
    by_name.sort_by_key(|points| points.first().map(|fault| hash(&[&seed, &fault.call])));
    let most = by_name.iter().map(Vec::len).max().unwrap_or(0);
    let rounds = (0..most).flat_map(|round| by_name.iter().filter_map(move |points| points.get(round)));
    rounds.take(slice).cloned().collect()
}

/// strace(1) on a process and all that it starts.
pub struct Tracer(Child);

impl Tracer {
    fn attach(pid: u32, options: &[String], output: &Path) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-a", "0", "-p", &pid.to_string(), "-o"]).arg(output).args(options);
        let mut child =
            strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace is installed");
        eventually("strace to be attached", Duration::from_secs(20), || {
            let traced = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().all(|task| {
                let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
                proc::parse_status(&status).get("TracerPid").is_none_or(|tracer| tracer != "0")
            });
            (traced || child.try_wait().expect("wait").is_some()).then_some(())
        });
        Self(child)
    }

    /// Notes every call, and the paths of its descriptors.
    pub fn watch(pid: u32, output: &Path) -> Self {
        Self::attach(pid, &["-y".into()], output)
    }

    /// Puts a fault in.
    pub fn inject(pid: u32, fault: &Fault, output: &Path) -> Self {
        let Fault { call, when, what } = fault;
        Self::attach(
            pid,
            &["-e".into(), format!("trace={call}"), "-e".into(), format!("inject={call}:{what}:when={when}")],
            output,
        )
    }

    /// Lets everything go on undisturbed.
    ///
    /// # Panics
    /// When it does not end.
    pub fn detach(mut self) {
        let _ended = kill(Pid::from_raw(i32::try_from(self.0.id()).expect("a pid")), Signal::SIGINT);
        eventually("strace to end", Duration::from_secs(20), || self.0.try_wait().expect("wait"));
    }
}

/// Most calls of each name by any one process of a trace.
pub fn most_calls(trace: &str) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in trace.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if call.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            *counts.entry((pid, call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in counts {
        let entry = most.entry(call.to_owned()).or_default();
        *entry = count.max(*entry);
    }
    most
}

/// How many points: `AETHER_FAULT_POINTS`, or `AETHER_FAULT_TIMES` as many as a slice that ends in minutes.
///
/// # Panics
/// When a variable is no number.
pub fn points(slice: usize) -> usize {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")));
    number("AETHER_FAULT_POINTS").unwrap_or_else(|| slice * number("AETHER_FAULT_TIMES").unwrap_or(1))
}

/// A limit of time for a machine that has nothing else to do; longer by as much as more wants to run than there are processors.
///
/// # Panics
/// When the load cannot be read.
pub fn unhurried(limit: Duration) -> Duration {
    let text = fs::read_to_string("/proc/loadavg").expect("the load");
    let load: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).expect("a number");
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processors = f64::from(u32::try_from(processors).unwrap_or(1));
    limit.mul_f64((load / processors).max(1.0))
}

/// Calls that cannot fail like that, and those by which strace itself would leak what they give back. An unlock (fcntl) fails on no local file
/// system, and where it does, SQLite holds the lock for good.
pub const NEVER: [&str; 12] = [
    "fcntl",
    "umask",
    "close",
    "munmap",
    "exit",
    "exit_group",
    "rt_sigreturn",
    "restart_syscall",
    "futex",
    "brk",
    "sched_yield",
    "rt_sigprocmask",
];

/// Seed of what is chosen: `AETHER_FAULT_SEED`, or 1.
///
/// # Panics
/// When the variable is no number.
pub fn seed() -> u64 {
    env::var("AETHER_FAULT_SEED").map_or(1, |seed| seed.parse().expect("AETHER_FAULT_SEED is a number"))
}

/// What came of many points, as rows of a table: fault, outcome, how often.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<(String, String), usize>);

impl Table {
    /// Adds one.
    pub fn count(&mut self, fault: &str, outcome: &str) {
        *self.0.entry((fault.to_owned(), outcome.to_owned())).or_default() += 1;
    }

    /// Prints it, and keeps it as `NAME.md` where `AETHER_FAULT_REPORT` says.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn publish(&self, name: &str, closing: &str) {
        let mut text = String::from("| fault | what came of it | points |\n| --- | --- | ---: |\n");
        for ((fault, outcome), count) in &self.0 {
            writeln!(text, "| {fault} | {outcome} | {count} |").expect("a string");
        }
        writeln!(text, "\n{closing}").expect("a string");
        println!("{name}\n{text}");
        if let Some(dir) = env::var_os("AETHER_FAULT_REPORT") {
            let mut file = fs::File::create(Path::new(&dir).join(name).with_extension("md")).expect("the report");
            file.write_all(text.as_bytes()).expect("write the report");
        }
    }
}
