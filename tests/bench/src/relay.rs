//! The way out: bytes through the relay, many connections, and what a network costs at a launch.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use aether_tests::{
    Agent, Daemon, eventually,
    internet::{Internet, PUBLIC, http},
};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{
    api::Api,
    cold::{Contestant, interleave},
    host,
    report::Report,
    sample::Sample,
};

/// Bytes of a download.
const SIZE: u64 = 1 << 30;
const HOSTS: &str = "93.184.216.34 allowed.test";

/// Reads 1 GiB and says how many bytes a second came: `download.py HOST PORT REQUEST`.
const DOWNLOAD: &str = r"
import socket, sys, time
made = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
made.sendall(sys.argv[3].encode().decode('unicode_escape').encode())
room, total, start = bytearray(1 << 20), 0, time.monotonic()
while total < 1 << 30 and (count := made.recv_into(room)): total += count
print(total, time.monotonic() - start)
";

/// Takes every connection it can get, up to a number, by several processes, and keeps them: `hold.py COUNT`.
const HOLD: &str = r"
import os, selectors, socket, sys, time
def hold(count):
    kept, ready = [], selectors.DefaultSelector()
    for _ in range(count):
        try:
            made = socket.create_connection(('allowed.test', 4000), 60)
            if made.recv(1) != b'k': continue
            made.setblocking(False); ready.register(made, selectors.EVENT_READ); kept.append(made)
        except OSError: break
    print('kept', len(kept), flush=True)
    while True:
        for key, _ in ready.select():
            try:
                if not key.fileobj.recv(4096): ready.unregister(key.fileobj)
            except OSError: ready.unregister(key.fileobj)
count, each = int(sys.argv[1]), 2500
for begin in range(0, count, each):
    if os.fork() == 0: hold(min(each, count - begin))
time.sleep(3600)
";

/// Connects, asks and hears the answer, again and again: the milliseconds of each: `ask.py ROUNDS`.
const ASK: &str = r"
import socket, sys, time
for _ in range(int(sys.argv[1])):
    start = time.monotonic()
    made = socket.create_connection(('allowed.test', 80), 30)
    made.sendall(b'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n')
    assert b' 200 ' in made.recv(4096)
    print((time.monotonic() - start) * 1000); made.close(); time.sleep(0.002)
";

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "The way out",
        "A server behind a cable (veth), the service on its near end. A download of 1 GiB by the same program: from inside through the \
         relay, from the near end over the cable without it, and at the far end over loopback. One agent that holds as many connections as \
         this machine lends it (10,000 take a limit of 30,500 descriptors; `make test-vm` shows them where root may raise it), on which bytes come all the time, and the requests of another one, each over a new connection. A launch with \
         and without a network, taking turns.",
    );
    let internet = Internet::new();
    download(report, &internet, if quick { 2 } else { 5 })?;
    crowd(report, &internet, if quick { 300 } else { 1000 })?;
    launch(report, if quick { 40 } else { 200 })
}

/// Sends so many bytes to whoever connects, after a head of HTTP if it was asked for.
fn source(head: bool) -> impl Fn(TcpStream) + Clone + Send + 'static {
    move |mut stream| {
        let piece = vec![0; 1 << 20];
        let mut asked = [0; 4096];
        let mut send = || {
            if std::io::Read::read(&mut stream, &mut asked)? > 0 && head {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n")?;
            }
            (0..SIZE >> 20).try_for_each(|_| stream.write_all(&piece))
        };
        drop(send());
    }
}

fn download(report: &mut Report, internet: &Internet, rounds: usize) -> Result<()> {
    internet.serve(PUBLIC, 2000, source(false));
    internet.serve(PUBLIC, 80, source(true));
    let daemon = internet.daemon(HOSTS);
    let agent = daemon.agent(&["--net", "open", "--cpus", "2"], "exec sleep 3600");
    let inside = |port: &str, request: &str| -> Result<String> {
        let argv = ["exec", &agent.id, "--", "python3", "-c", DOWNLOAD, "allowed.test", port, request];
        Ok(daemon.aether_with(argv, b"", Duration::from_secs(120)).ok().text())
    };
    let bare = |far: bool| {
        let argv = ["python3", "-c", DOWNLOAD, PUBLIC, "2000", "x"];
        if far { internet.in_far(&argv) } else { internet.in_host(&argv) }
    };
    let get = r"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n";
    let (mut relayed, mut read, mut cable, mut loopback, mut cpu) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64, 0.0);
    for _ in 0..rounds {
        loopback = loopback.max(rate(&bare(true))?);
        cable = cable.max(rate(&bare(false))?);
        let before = host::cpu_seconds(daemon.pid());
        relayed = relayed.max(rate(&inside("2000", "x")?)?);
        cpu += host::cpu_seconds(daemon.pid()) - before;
        read = read.max(rate(&inside("80", get)?)?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few rounds")]
    report.figure("CPU of aetherd for a download of 1 GiB", cpu / rounds as f64, "s");
    report.figure("1 GiB through the relay, best", relayed, "MB/s");
    report.figure("1 GiB of plain HTTP, whose requests are read, best", read, "MB/s");
    report.figure("1 GiB over the cable without the relay, best", cable, "MB/s");
    report.figure("1 GiB over loopback, best", loopback, "MB/s");
    report.at_least("1 GiB through the relay", relayed, 1000.0, "MB/s");
    agent.remove();
    Ok(())
}

/// From what the program printed.
#[expect(clippy::cast_precision_loss, reason = "bytes of a benchmark")]
fn rate(said: &str) -> Result<f64> {
    let (bytes, seconds) = said.trim().split_once(' ').with_context(|| format!("no figures in {said:?}"))?;
    ensure!(bytes.parse::<u64>()? >= SIZE, "only {bytes} bytes came");
    Ok(SIZE as f64 / 1e6 / seconds.parse::<f64>()?)
}

/// Keeps what connects, and sends a byte to each in turn.
fn keeper() -> (impl Fn(TcpStream) + Clone + Send + 'static, Sender<()>) {
    let kept = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    let (over, ended) = channel::<()>();
    let all = kept.clone();
    thread::spawn(move || {
        let mut turn = 0;
        // A thousand bytes a second, each to another one.
        while matches!(ended.recv_timeout(Duration::from_millis(1)), Err(std::sync::mpsc::RecvTimeoutError::Timeout)) {
            let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            turn += 1;
            let at = turn % all.len().max(1);
            if all.get_mut(at).is_some_and(|one| one.write_all(b".").is_err()) {
                all.swap_remove(at);
            }
        }
    });
    let keep = move |mut stream: TcpStream| {
        if stream.write_all(b"k").is_ok() {
            kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(stream);
        }
    };
    (keep, over)
}

fn crowd(report: &mut Report, internet: &Internet, rounds: u32) -> Result<()> {
    const WANTED: usize = 10_000;
    let (keep, over) = keeper();
    internet.serve(PUBLIC, 4000, keep);
    internet.serve(PUBLIC, 8080, http("x"));
    let daemon = internet.daemon(HOSTS);
    let quiet = daemon.agent(&["--allow", "allowed.test:8080", "--name", "quiet"], "exec sleep 3600");
    let ask = || -> Result<Sample> {
        let script = ASK.replace("80)", "8080)").replace("Host: allowed.test", "Host: allowed.test:8080");
        let argv = ["exec", &quiet.id, "--", "python3", "-c", &script, &rounds.to_string()];
        let said = daemon.aether_with(argv, b"", Duration::from_secs(300)).ok().text();
        let times: Result<Vec<Duration>> =
            said.lines().map(|line| Ok(Duration::from_secs_f64(line.parse::<f64>()? / 1e3))).collect();
        Ok(Sample::from(times?))
    };
    ask()?;
    let alone = ask()?;
    let options = ["--allow", "allowed.test:4000", "--name", "crowd", "--memory", "1G"];
    let (begun, before) = (Instant::now(), host::descriptors(daemon.pid())?);
    let crowd = daemon.agent(&options, &format!("exec python3 -c \"{HOLD}\" {WANTED}"));
    let opening = ask()?;
    eventually("every process to have what it gets", Duration::from_secs(300), || {
        (crowd.logs().matches("kept").count() == WANTED.div_ceil(2500)).then_some(())
    });
    let took = begun.elapsed().as_secs_f64();
    let held: u32 = crowd.logs().lines().filter_map(|line| line.strip_prefix("kept ")?.parse::<u32>().ok()).sum();
    ensure!(open(&daemon, &crowd)? >= held, "they are open");
    let beside = ask()?;
    report.figure("descriptors of this host for one process", host::most_descriptors()?, "");
    report.figure("connections that one agent holds", f64::from(held), "");
    report.figure("descriptors of aetherd for each", (host::descriptors(daemon.pid())? - before) / f64::from(held), "");
    report.figure("until it has them", took, "s");
    report.figure("RSS of aetherd with them", host::memory(daemon.pid(), "VmRSS"), "MiB");
    let ratio = |sample: &Sample| sample.at(0.99) / alone.at(0.99);
    let (while_opening, while_held) = (ratio(&opening), ratio(&beside));
    report.times("a request of another agent, alone", alone);
    report.times("while the first one opens them", opening);
    report.times("while it holds them", beside);
    report.at_least("connections of one agent", f64::from(held), 10_000.0, "");
    report.at_most("p99 of another agent's requests, while they are opened / alone", while_opening, 2.0, "×");
    report.at_most("p99 of another agent's requests, while they are held / alone", while_held, 2.0, "×");
    drop(over);
    crowd.remove();
    quiet.remove();
    Ok(())
}

fn open(daemon: &Daemon, agent: &Agent<'_>) -> Result<u32> {
    let network: Value = daemon.aether(["--json", "network", &agent.id]).ok().json();
    u32::try_from(network["connections"].as_u64().context("a count")?).context("a count")
}

fn launch(report: &mut Report, rounds: usize) -> Result<()> {
    let spec = |network: Value| {
        json!({ "program": { "type": "command", "argv": ["true"] }, "ephemeral": true, "network": network }).to_string()
    };
    let specs = [spec(json!("none")), spec(json!({ "allow": [{ "host": "allowed.test" }] }))];
    let [none, some] = step_by_step(report, &specs, rounds)?;
    report.at_most("a launch with a network / without, step by step", some / none, 1.1, "×");
    let [none, some] = ahead(report, &specs, rounds)?;
    report.at_most("a launch with a network / without, built ahead", some / none, 1.1, "×");
    Ok(())
}

fn once(api: &mut Api, spec: &str) -> Result<Duration> {
    let start = Instant::now();
    let info = api.data("POST", "/api/v1/agents", spec)?;
    let code = api.wait(info["id"].as_str().unwrap_or_default())?;
    let taken = start.elapsed();
    ensure!(code == 0, "exit status {code}");
    Ok(taken)
}

fn step_by_step(report: &mut Report, specs: &[String; 2], rounds: usize) -> Result<[f64; 2]> {
    let daemon = Daemon::with("[pool]\nsize = 0\n");
    let (mut one, mut other) = (Api::connect(&daemon.socket())?, Api::connect(&daemon.socket())?);
    let [none, some] = specs;
    let mut contestants: [Contestant<'_>; 2] = [
        ("a launch without a network, step by step", Box::new(move |_| once(&mut one, none))),
        ("a launch with a network, step by step", Box::new(move |_| once(&mut other, some))),
    ];
    let samples = interleave(&mut contestants, rounds)?;
    let names = contestants.each_ref().map(|(name, _)| *name);
    let mut p50 = names.iter().zip(samples).map(|(name, sample)| report.times(name, sample));
    Ok([p50.next().unwrap_or(f64::NAN), p50.next().unwrap_or(f64::NAN)])
}

/// In blocks that take turns: what is kept ready is of the kind that was asked for last.
fn ahead(report: &mut Report, specs: &[String; 2], rounds: usize) -> Result<[f64; 2]> {
    const BLOCK: usize = 20;
    const WARM: usize = 8;
    let daemon = Daemon::with("[pool]\nsize = 4\n");
    let mut api = Api::connect(&daemon.socket())?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds.div_ceil(BLOCK) {
        for (spec, times) in specs.iter().zip(&mut times) {
            for round in 0..WARM + BLOCK {
                let taken = once(&mut api, spec)?;
                if round >= WARM {
                    times.push(taken);
                }
                // Until one is ready again.
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
    let [none, some] = times.map(Sample::from);
    Ok([
        report.times("a launch without a network, built ahead", none),
        report.times("a launch with a network, built ahead", some),
    ])
}
