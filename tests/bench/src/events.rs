//! Durable events to many clients at once.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, terminal::connect};
use anyhow::{Context as _, Result, bail, ensure};
use tungstenite::{Message, WebSocket};

use crate::{api::Api, host, many::come_and_go, report::Report, sample::Sample};

/// Clients that read as fast as they can.
const CLIENTS: usize = 50;
/// Clients beside them that ask for everything and read nothing.
const STALLED: usize = 500;

type Socket = WebSocket<TcpStream>;
/// One that stalls is on the Unix socket: what that holds for it is bounded, so it really stands still.
type Stalled = WebSocket<UnixStream>;
/// A client and the number of the last event it has.
type Client = (Socket, u64);

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "Events to many clients",
        "50 WebSocket clients ask for every event of the service's history at the same moment, and count them: none missing, none \
         twice. Then four clients create and destroy agents while the 50 listen. Then each new event until the last of them has it, \
         without and with 500 clients beside them that asked for everything and read nothing; one of those then reads on and gets \
         every event. Clients and service share the machine.",
    );
    let daemon = Daemon::with("[agents]\nmax_concurrent = 64\n");
    let mut api = Api::connect(&daemon.socket())?;
    for _ in 0..if quick { 300 } else { 2000 } {
        let id = api.create(&["true"], true)?;
        api.wait(&id)?;
    }
    let newest = newest(&daemon)?;
    let before = host::memory(daemon.pid(), "VmRSS");
    let start = Instant::now();
    let clients = side_by_side(&daemon, newest)?;
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
    let rate = (newest * CLIENTS as u64) as f64 / start.elapsed().as_secs_f64();
    report.figure(&format!("history of {newest} events to {CLIENTS} clients"), rate, "deliveries/s");
    report.at_least("events to 50 clients", rate, 1e6, "deliveries/s");
    let mut clients = live(report, &daemon, clients, if quick { Duration::from_secs(3) } else { Duration::from_secs(15) })?;
    let rounds = if quick { 50 } else { 200 };
    // The service has closed a connection on which nothing was asked for so long.
    let mut api = Api::connect(&daemon.socket())?;
    let alone = latency(&mut api, &mut clients, rounds)?;
    let mut stalled: Vec<Stalled> = (0..STALLED).map(|_| stalled(&daemon)).collect::<Result<_>>()?;
    // Until they stand still.
    thread::sleep(Duration::from_secs(2));
    let beside = latency(&mut api, &mut clients, rounds)?;
    let (p99, p99_beside) = (alone.at(0.99), beside.at(0.99));
    report.times("a new event until all 50 have it", alone);
    report.times(&format!("the same beside {STALLED} that read nothing"), beside);
    report.at_most("p99 beside stalled clients / alone", p99_beside / p99, 2.0, "×");
    report.figure("RSS of aetherd, grown by", host::memory(daemon.pid(), "VmRSS") - before, "MiB");
    let last = self::newest(&daemon)?;
    if let Some(one) = stalled.last_mut() {
        catch_up(one, last)?;
    }
    Ok(())
}

/// Agents come and go while every client listens: all hear the same, each event once.
fn live(report: &mut Report, daemon: &Daemon, clients: Vec<Client>, time: Duration) -> Result<Vec<Client>> {
    let (before, start, last) = (newest(daemon)?, Instant::now(), AtomicU64::new(u64::MAX));
    let (done, path) = (AtomicU64::new(0), daemon.socket());
    let clients = thread::scope(|scope| -> Result<Vec<Client>> {
        let readers: Vec<_> = clients
            .into_iter()
            .map(|(mut socket, mut seen)| {
                let last = &last;
                scope.spawn(move || -> Result<Client> {
                    while seen < last.load(Ordering::Acquire) {
                        hear(&mut socket, &mut seen)?;
                    }
                    Ok((socket, seen))
                })
            })
            .collect();
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| come_and_go(&path, &done, |_| start.elapsed() < time))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a client panicked"))?)?;
        // One more event wakes those that have all of the others already.
        let (mut api, end) = (Api::connect(&path)?, newest(daemon)?);
        last.store(end, Ordering::Release);
        let id = api.create(&["true"], true)?;
        api.wait(&id)?;
        readers.into_iter().map(|reader| reader.join().map_err(|_| anyhow::anyhow!("a client panicked"))?).collect()
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
    let rate = ((last.into_inner() - before) * CLIENTS as u64) as f64 / start.elapsed().as_secs_f64();
    report.figure(&format!("live, while agents come and go, to {CLIENTS} clients"), rate, "deliveries/s");
    Ok(clients)
}

/// Every client reads the whole history on a thread of its own.
fn side_by_side(daemon: &Daemon, newest: u64) -> Result<Vec<Client>> {
    let waiting = (0..CLIENTS).map(|_| resumed(daemon, 0)).collect::<Result<Vec<_>>>()?;
    let readers: Vec<_> = waiting
        .into_iter()
        .map(|mut socket| {
            thread::spawn(move || {
                let mut seen = 0;
                while seen < newest {
                    hear(&mut socket, &mut seen)?;
                }
                Ok((socket, seen))
            })
        })
        .collect();
    readers.into_iter().map(|reader| reader.join().map_err(|_| anyhow::anyhow!("a client panicked"))?).collect()
}

/// From the request to create an agent until every client has heard of it.
fn latency(api: &mut Api, clients: &mut [Client], rounds: usize) -> Result<Sample> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let seen = clients.iter().map(|(_, at)| *at).max().unwrap_or(0);
        let start = Instant::now();
        let id = api.create(&["sleep", "3600"], true)?;
        for (socket, at) in clients.iter_mut() {
            while *at <= seen {
                hear(socket, at)?;
            }
        }
        times.push(start.elapsed());
        api.destroy(&id)?;
        // Its end is on its way to all as well.
        thread::sleep(Duration::from_millis(5));
    }
    Ok(times.into())
}

/// A client on the Unix socket that asked for everything.
fn stalled(daemon: &Daemon) -> Result<Stalled> {
    let stream = UnixStream::connect(daemon.socket())?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let (mut socket, _) = tungstenite::client("ws://localhost/kernel", stream).map_err(|error| anyhow::anyhow!("{error}"))?;
    socket.read()?;
    resume(&mut socket, 0)?;
    Ok(socket)
}

/// Reads on, and asks again where it was told that it was left behind, until it has everything.
fn catch_up(socket: &mut Stalled, newest: u64) -> Result<()> {
    let mut seen = 0;
    while seen < newest {
        if !heard(socket, &mut seen)? {
            resume(socket, seen)?;
        }
    }
    Ok(())
}

fn resume<S: Read + Write>(socket: &mut WebSocket<S>, after: u64) -> Result<()> {
    let wish = serde_json::json!({ "id": "1", "type": "events.resume", "seq": after });
    Ok(socket.send(Message::text(wish.to_string()))?)
}

fn newest(daemon: &Daemon) -> Result<u64> {
    let mut socket = connect(daemon, "/kernel", &[]).map_err(|error| anyhow::anyhow!("{error}"))?;
    let greeting = socket.read()?.into_text()?;
    let greeting: serde_json::Value = serde_json::from_str(&greeting)?;
    greeting["seq"].as_u64().with_context(|| format!("no seq in {greeting}"))
}

/// A client that asked for every event after number `after`.
fn resumed(daemon: &Daemon, after: u64) -> Result<Socket> {
    let mut socket = connect(daemon, "/kernel", &[]).map_err(|error| anyhow::anyhow!("{error}"))?;
    socket.read()?;
    resume(&mut socket, after)?;
    Ok(socket)
}

/// Reads a frame of a client that keeps up.
fn hear(socket: &mut Socket, seen: &mut u64) -> Result<()> {
    if !heard(socket, seen)? {
        bail!("a client that reads was left behind at {seen}");
    }
    Ok(())
}

/// Reads a frame and checks that the events in it follow each other; false when it says that the client was left behind.
fn heard<S: Read + Write>(socket: &mut WebSocket<S>, seen: &mut u64) -> Result<bool> {
    const MARK: &str = "{\"seq\":";
    let Message::Text(text) = socket.read()? else { return Ok(true) };
    for (at, _) in text.match_indices(MARK) {
        let digits: String = text[at + MARK.len()..].chars().take_while(char::is_ascii_digit).collect();
        let seq: u64 = digits.parse()?;
        ensure!(seq == *seen + 1, "event {seq} after {seen}");
        *seen = seq;
    }
    Ok(!text.contains("\"type\":\"lagged\""))
}
