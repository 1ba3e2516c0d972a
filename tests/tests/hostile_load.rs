//! Agents and clients that use up what they can: the service keeps answering, and keeps its size.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::Write as _,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, eventually, http, proc, wait::until};

/// Bytes of main memory that a process uses.
fn resident(pid: u32) -> u64 {
    let fields = proc::status(pid).expect("it runs");
    fields["VmRSS"].split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).expect("VmRSS in KiB") << 10
}

/// The slowest but one of two hundred calls.
fn slow_call(daemon: &Daemon) -> Duration {
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let start = Instant::now();
            http::unix(&daemon.socket(), "GET", "/api/v1/agents").send().data();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[197]
}

#[test]
fn agents_that_burn_every_processor_leave_the_service_its_turn() {
    let daemon = Daemon::start();
    let idle = slow_call(&daemon);
    let script = "for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; echo burning; wait";
    for name in ["fire", "flame"] {
        daemon.agent(&["--name", name], script).prints("burning");
    }
    let busy = slow_call(&daemon);
    // Generous: other things run on this machine as well. Without shares of the processors it is seconds.
    let bound = (idle * 10).max(Duration::from_millis(300));
    assert!(busy < bound, "p99 of a call: {idle:?} idle, {busy:?} beside sixteen loops");
    for name in ["fire", "flame"] {
        let start = Instant::now();
        daemon.aether(["kill", name]).ok();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn a_flood_of_output_is_kept_within_bounds_and_says_what_it_lost() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "warm"], "seq 100000; echo over").reaches("dead");
    let before = resident(daemon.pid());
    // One line of 256 MiB, then many short ones.
    let script = "head -c 268435456 /dev/zero | tr '\\0' x; yes | head -c 67108864; echo; echo the end";
    let agent = daemon.agent(&["--name", "flood"], script);
    let mut most = before;
    eventually("the flood to end", Duration::from_secs(120), || {
        most = most.max(resident(daemon.pid()));
        (agent.state() == "dead").then_some(())
    });
    assert!(most < before + (32 << 20), "the service grew from {before} to {most} bytes");
    let kept: u64 = fs::read_dir(daemon.state().join("logs"))
        .expect("logs")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&agent.id))
        .map(|entry| entry.metadata().expect("a log").len())
        .sum();
    assert!(kept > 1 << 20 && kept < 24 << 20, "{kept} bytes are kept on the disk");
    let logs = http::unix(&daemon.socket(), "GET", "/api/v1/agents/flood/logs?stream=stdout").send();
    assert!(logs.body.ends_with(b"the end\n"), "the newest output is what is kept");
    let oldest: u64 = logs.header("x-aether-offset").and_then(|offset| offset.parse().ok()).expect("where it begins");
    assert!(oldest > 1 << 28, "what was lost is counted: it begins at {oldest}");
}

#[test]
fn a_flood_of_connections_is_shed_and_leaves_nothing() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "box"], "exec sleep 600");
    http::unix(&daemon.socket(), "GET", "/health").send();
    let (descriptors, memory) = (proc::descriptors(daemon.pid()), resident(daemon.pid()));
    let mut held = Vec::new();
    for _ in 0..900 {
        let Ok(mut stream) = UnixStream::connect(daemon.socket()) else { break };
        // Half a request: it would like to be waited for.
        drop(stream.write_all(b"GET /api/v1/agents HTTP/1.1\r\nhost: x\r\nx-slow: "));
        held.push(stream);
    }
    assert!(held.len() > 100, "{} connections", held.len());
    let start = Instant::now();
    let tcp = http::tcp(daemon.port(), "GET", "/api/v1/agents").token(&daemon.token()).try_send();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(tcp.is_some(), "the other door is open meanwhile");
    assert!(resident(daemon.pid()) < memory + (64 << 20), "{} bytes", resident(daemon.pid()));
    drop(held);
    until("the connections to be forgotten", || proc::descriptors(daemon.pid()) <= descriptors + 2);
    assert_eq!(daemon.aether(["exec", "box", "--", "echo", "well"]).ok().text(), "well\n");
}
