//! A mixed load with faults for `AETHER_SOAK` seconds, and what it costs: the service is looked at whenever it rests, and what rises from
//! rest to rest is printed as a slope. Ends with 1 when something is left behind or rises without end.
#![forbid(unsafe_code)]

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{ExitCode, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use aether_tests::{Agent, Daemon, Leaks, faults, proc, random::Random};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Sandboxes that a service builds ahead by default.
const AHEAD: usize = 4;
/// How long it is loaded between two rests.
const LOAD: Duration = Duration::from_secs(20);
/// Clients at a time.
const CLIENTS: usize = 3;
/// What is measured at each rest.
const WHAT: [&str; 8] = [
    "aetherd: memory, KiB",
    "aetherd: descriptors",
    "aetherd: threads",
    "spawner: memory, KiB",
    "spawner: descriptors",
    "spawner: threads",
    "state on disk, KiB",
    "homes and trash, files",
];
/// Of these not one more may be there at the end than at the first rest after the warm-up, but for a connection that is just closing.
const FLAT: [usize; 5] = [1, 2, 4, 5, 7];

/// The last piece of a client's work: what it asks for.
fn steps(name: &str) -> Vec<Vec<String>> {
    let step = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    vec![
        step(&["run", "--rm", "--", "true"]),
        step(&["run", "-d", "--name", name, "--", "sh", "-c", "while :; do echo line; sleep 0.01; done"]),
        step(&["exec", name, "--", "sh", "-c", "head -c 200000 /dev/urandom >file; cat file"]),
        step(&["logs", name]),
        step(&["pause", name]),
        step(&["--json", "inspect", name]),
        step(&["resume", name]),
        step(&["stop", name]),
        step(&["rm", name]),
        step(&["run", "--rm", "--", "/no/such/program"]),
        step(&["run", "--rm", "--net", "open", "--", "sh", "-c", "exit 3"]),
        step(&["run", "--rm", "--profile", "packages", "--", "true"]),
        step(&["run", "--rm", "--goal", "Inspect this machine and write a report"]),
        step(&["run", "-d", "-t", "--name", name, "--", "sh"]),
        step(&["kill", name]),
        step(&["rm", name]),
        step(&["ps", "-a"]),
        step(&["events", "--since", "0"]),
    ]
}

/// One client, until it is told to stop. Every ninth command of it is killed in its midst.
fn work(daemon: &Daemon, name: &str, over: &AtomicBool, done: &AtomicUsize) {
    for (number, step) in steps(name).iter().cycle().enumerate() {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let mut client = daemon.command(step);
        let mut client = client.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("aether");
        let (start, impatient) = (Instant::now(), number % 9 == 8);
        while client.try_wait().expect("wait").is_none() {
            let limit = if impatient { Duration::from_millis(20) } else { Duration::from_secs(60) };
            if start.elapsed() > limit {
                let late = start.elapsed() > faults::unhurried(limit);
                assert!(impatient || !late, "{step:?} did not end within {limit:?}");
                if !impatient {
                    thread::sleep(Duration::from_secs(1));
                    continue;
                }
                drop(client.kill());
            }
            thread::sleep(Duration::from_millis(2));
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    for end in ["kill", "rm"] {
        daemon.aether([end, name]);
    }
}

fn kill9(pid: u32) {
    // It may have ended a moment ago.
    let _ended = kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), Signal::SIGKILL);
}

/// `kill -9` of some process of a sandbox, whosever it is but for those that are kept.
fn fault(daemon: &Daemon, random: &mut Random, kept: &[u32]) {
    let scope = format!("{}/", daemon.service_cgroup());
    let inside = |pid: &u32| !kept.contains(pid) && proc::cgroup(*pid).is_some_and(|path| path.starts_with(&scope));
    let victims: Vec<u32> = proc::all().into_iter().filter(inside).collect();
    if !victims.is_empty() {
        kill9(*random.pick(&victims));
    }
}

fn field(pid: u32, name: &str) -> f64 {
    let status = proc::status(pid).unwrap_or_default();
    status.get(name).and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// Files below a directory and the space they take, KiB.
fn size(dir: &Path) -> (f64, f64) {
    let mut sum = (0.0, 0.0);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        #[expect(clippy::cast_precision_loss, reason = "a size in KiB")]
        let own = (1.0, (meta.blocks() / 2) as f64);
        let below = if meta.is_dir() { size(&entry.path()) } else { (0.0, 0.0) };
        sum = (sum.0 + own.0 + below.0, sum.1 + own.1 + below.1);
    }
    sum
}

fn measure(daemon: &Daemon) -> [f64; 8] {
    let (main, spawner) = (daemon.pid(), daemon.spawner());
    let descriptors = |pid| f64::from(u32::try_from(proc::descriptors(pid)).expect("few"));
    let files = ["homes", "trash"].map(|place| size(&daemon.stage().join(place)).0).iter().sum();
    [
        field(main, "VmRSS"),
        descriptors(main),
        field(main, "Threads"),
        field(spawner, "VmRSS"),
        descriptors(spawner),
        field(spawner, "Threads"),
        size(&daemon.state()).1,
        files,
    ]
}

/// Slope of a line through points by least squares, per hour.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).expect("few"));
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread * 3600.0
}

fn main() -> ExitCode {
    let seconds = env::var("AETHER_SOAK").map_or(300, |text| text.parse().expect("AETHER_SOAK is a number of seconds"));
    let daemon = Daemon::start();
    daemon.service_cgroup();
    let busy: Vec<Agent<'_>> = (0..5)
        .map(|number| {
            let options: &[&str] = if number < 3 { &[] } else { &["-t", "--net", "open"] };
            daemon.agent(options, "exec python3 -uc 'import time\nwhile 1:\n print(\"tick\")\n time.sleep(0.1)'")
        })
        .collect();
    let scope = daemon.service_cgroup();
    let kept: Vec<u32> = busy
        .iter()
        .flat_map(|agent| {
            let own = format!("{scope}/{}", agent.id);
            proc::all().into_iter().filter(move |pid| proc::cgroup(*pid).as_deref() == Some(&own))
        })
        .collect();
    let (mut random, done, mut faults) = (Random::new(1), AtomicUsize::new(0), 0);
    let (start, mut rests) = (Instant::now(), Vec::new());
    let mut wrong = Vec::new();
    // The figures of a service that was never loaded are no measure: the first turn warms it up.
    let mut before: Option<Leaks> = None;
    while rests.len() < 4 || start.elapsed() < Duration::from_secs(seconds) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (daemon, over, done) = (&daemon, &over, &done);
                scope.spawn(move || work(daemon, &format!("load-{client}"), over, done));
            }
            let begun = Instant::now();
            while begun.elapsed() < LOAD {
                thread::sleep(Duration::from_millis(1500));
                fault(&daemon, &mut random, &kept);
                faults += 1;
            }
            over.store(true, Ordering::SeqCst);
        });
        // Clients that were killed left agents: they are visible, and can be removed.
        for id in daemon.aether(["ps", "-a", "-q"]).ok().text().lines().filter(|id| busy.iter().all(|agent| agent.id != *id)) {
            daemon.aether(["kill", id]);
            daemon.aether(["rm", id]);
        }
        let left = before.as_ref().map(|before| before.left_within(&daemon, AHEAD, Duration::from_secs(20))).unwrap_or_default();
        before.get_or_insert_with(|| Leaks::with_ahead(&daemon, AHEAD));
        wrong.extend(left.iter().map(|what| format!("left behind after {:?}: {what}", start.elapsed())));
        let now = measure(&daemon);
        println!("{:4} s, {:6} commands, {faults:4} faults: {now:?}", start.elapsed().as_secs(), done.load(Ordering::SeqCst));
        rests.push((start.elapsed().as_secs_f64(), now));
    }
    for agent in &busy {
        if agent.state() != "running" {
            wrong.push(format!("{} ended", agent.id));
        }
    }
    // The first third is warm-up.
    let steady = rests.get(rests.len() / 3..).unwrap_or_default();
    println!("\n| what | first rest | last rest | per hour |\n| --- | ---: | ---: | ---: |");
    for (number, what) in WHAT.iter().enumerate() {
        let points: Vec<(f64, f64)> = steady.iter().map(|(at, values)| (*at, values[number])).collect();
        let (first, last) = (points[0].1, points[points.len() - 1].1);
        println!("| {what} | {first:.0} | {last:.0} | {:+.0} |", slope(&points));
        if FLAT.contains(&number) && last > first + 2.0 {
            wrong.push(format!("{what}: {first} at rest, {last} later"));
        }
    }
    println!("\n{} commands, {faults} faults in {} seconds.", done.load(Ordering::SeqCst), start.elapsed().as_secs());
    assert!(!daemon.log().contains("panicked"), "something panicked: {}", daemon.log());
    wrong.iter().for_each(|what| println!("{what}"));
    drop(busy);
    ExitCode::from(u8::from(!wrong.is_empty()))
}
