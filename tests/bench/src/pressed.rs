//! Neighbours under pressure: what an agent notices of others that ask for too much.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use aether_tests::Daemon;
use anyhow::{Result, ensure};

use crate::{api::Api, inside::exec, report::Report, sample::Sample};

/// Requests that a full service refuses.
const REFUSED: u64 = 10_000;
/// Connections that never end their first request.
const HALF_OPEN: usize = 500;

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "Neighbours under pressure",
        "A command in a live agent (`true`, until it runs) while others press: a full service that refuses 10,000 creates of two \
         clients; an agent that is a fork bomb, within its limits of one processor and 512 processes; 500 connections that never end \
         their first request. Before each, the same alone.",
    );
    let rounds = if quick { 100 } else { 400 };
    // Two agents are all there may be: the neighbour and the bomb.
    let daemon = Daemon::with("[agents]\nmax_concurrent = 2\nqueue_limit = 0\n[limits]\npids = 512\ncpus = 1.0\n");
    let agent = daemon.agent(&["--name", "standing"], "exec sleep 3600");
    let filler = daemon.agent(&["--name", "filler"], "exec sleep 3600");
    let refusals = AtomicU64::new(0);
    let quota = |until: &AtomicBool| -> Result<()> {
        let mut api = Api::connect(&daemon.socket())?;
        let spec = r#"{"program": {"type": "command", "argv": ["true"]}, "ephemeral": true}"#;
        while !until.load(Ordering::Acquire) || refusals.load(Ordering::Acquire) < REFUSED {
            let (status, _) = api.ask("POST", "/api/v1/agents", spec)?;
            ensure!(status == 503 || status == 429 || status == 409, "a full service answered {status}");
            refusals.fetch_add(1, Ordering::AcqRel);
        }
        Ok(())
    };
    let alone = neighbour(&daemon, rounds)?;
    compare(report, &daemon, "10,000 creates refused", alone, 2, quota)?;
    ensure!(refusals.load(Ordering::Acquire) >= REFUSED, "too few were refused");
    filler.remove();
    let alone = neighbour(&daemon, rounds)?;
    let bomb = daemon.agent(&["--name", "bomb"], "bomb() { bomb | bomb & }; while :; do bomb 2>/dev/null; done");
    compare(report, &daemon, "a fork bomb", alone, 1, idle)?;
    bomb.remove();
    let half_open = |until: &AtomicBool| -> Result<()> {
        let mut connections = Vec::new();
        while !until.load(Ordering::Acquire) {
            // Those that the service gave up on are made again.
            connections.retain_mut(|stream: &mut TcpStream| stream.write_all(b"x").is_ok());
            while connections.len() < HALF_OPEN {
                let mut stream = TcpStream::connect(("127.0.0.1", daemon.port()))?;
                let _closed_at_once = stream.write_all(b"GET /api/v1/agents HTTP/1.1\r\nhost: localhost\r\nx-slow: ");
                connections.push(stream);
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    };
    let alone = neighbour(&daemon, rounds)?;
    compare(report, &daemon, "500 half-open connections", alone, 1, half_open)?;
    agent.remove();
    Ok(())
}

fn idle(until: &AtomicBool) -> Result<()> {
    while !until.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Times of the neighbour beside `clients` threads of `press`, which ends when it is told, compared with those `alone`.
fn compare(
    report: &mut Report,
    daemon: &Daemon,
    what: &str,
    alone: Sample,
    clients: usize,
    press: impl Fn(&AtomicBool) -> Result<()> + Sync,
) -> Result<()> {
    let over = AtomicBool::new(false);
    let beside = thread::scope(|scope| -> Result<Sample> {
        let pressing: Vec<_> = (0..clients).map(|_| scope.spawn(|| press(&over))).collect();
        thread::sleep(Duration::from_millis(500));
        let beside = neighbour(daemon, alone.len());
        over.store(true, Ordering::Release);
        for thread in pressing {
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        beside
    })?;
    report.at_most(&format!("neighbour's p99 beside {what} / alone"), beside.at(0.99) / alone.at(0.99), 2.0, "×");
    report.times(&format!("alone, before {what}"), alone);
    report.times(&format!("beside {what}"), beside);
    Ok(())
}

/// A command in the live agent, until it runs.
fn neighbour(daemon: &Daemon, rounds: usize) -> Result<Sample> {
    let mut api = Api::connect(&daemon.socket())?;
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        exec(&mut api, "true", false)?;
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(times.into())
}
