//! Cold start against bubblewrap: every round runs each contestant once, in an order that moves, so that whatever else the
//! machine does hits all of them alike. Wall-clock time from before `posix_spawn` of the client to its reaped end.
#![forbid(unsafe_code)]

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use aether_tests::{Daemon, daemon::bin_dir, http};
use serde_json::json;

type Contestant<'d> = (&'static str, Box<dyn Fn() -> Duration + 'd>);

fn main() {
    let rounds: usize = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let daemon = Daemon::start();
    daemon.agent(&["--name", "standing"], "exec sleep 3600");
    let contestants = contestants(&daemon);
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for round in 0..rounds + 5 {
        for turn in 0..contestants.len() {
            let at = (turn + round) % contestants.len();
            let taken = contestants[at].1();
            // The first rounds fill the page cache for all.
            if round >= 5 {
                times[at].push(taken);
            }
        }
    }
    println!("{rounds} rounds on {}, {}\n", cpu(), read("/proc/sys/kernel/osrelease"));
    println!("| | p50 ms | min | p90 | p99 |\n| --- | ---: | ---: | ---: | ---: |");
    for ((name, _), times) in contestants.iter().zip(&mut times) {
        times.sort();
        let at = |part: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "an index below a few thousand"
            )]
            let index = ((times.len() - 1) as f64 * part).round() as usize;
            times[index].as_secs_f64() * 1000.0
        };
        println!("| {name} | {:.2} | {:.2} | {:.2} | {:.2} |", at(0.5), at(0.0), at(0.9), at(0.99));
    }
}

fn contestants(daemon: &Daemon) -> Vec<Contestant<'_>> {
    let timed = |make: Box<dyn Fn() -> Command>| -> Box<dyn Fn() -> Duration> { Box::new(move || run(make())) };
    let aether = |args: &'static [&'static str]| {
        let socket = daemon.socket();
        timed(Box::new(move || {
            let mut command = Command::new(bin_dir().join("aether"));
            command.env("AETHER_SOCKET", &socket).args(args);
            command
        }))
    };
    vec![
        ("`true`, no sandbox", timed(Box::new(|| Command::new("true")))),
        ("`aether version` (the client alone)", aether(&["version"])),
        ("**`aether run --rm -- true`**", aether(&["run", "--rm", "--", "true"])),
        ("`aether exec AGENT -- true`", aether(&["exec", "standing", "--", "true"])),
        ("`POST /api/v1/agents` until 201", Box::new(move || spawn(daemon))),
        ("`bwrap --unshare-all … true`", timed(Box::new(bubblewrap))),
    ]
}

fn run(mut command: Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let status = command.status().expect("start");
    let taken = start.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    taken
}

/// Until the answer: the agent runs and is on disk. Its end is not timed.
fn spawn(daemon: &Daemon) -> Duration {
    let spec = json!({ "program": { "type": "command", "argv": ["sleep", "3600"] } });
    let start = Instant::now();
    let answer = http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec).send();
    let taken = start.elapsed();
    let id = answer.data()["id"].as_str().expect("an id").to_owned();
    http::unix(&daemon.socket(), "DELETE", &format!("/api/v1/agents/{id}?force=true")).send();
    taken
}

/// The nearest that bubblewrap has: the same namespaces, /usr, /proc, /dev, /tmp. No cgroup, seccomp, Landlock or overlay.
fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]);
    command.args(["--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]);
    command.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/home", "true"]);
    command
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn cpu() -> String {
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unknown CPU", |rest| rest.trim_start_matches([' ', '\t', ':']));
    format!("{} × {model}", info.lines().filter(|line| line.starts_with("processor")).count())
}
