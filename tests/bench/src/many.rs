//! Many agents: how fast they come and go, what an idle one costs, how the service lists them.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, Leaks};
use anyhow::{Context as _, Result, ensure};

use crate::{api::Api, cold::Floor, host, inside, report::Report, sample::Sample};

/// The section.
pub(crate) fn section(report: &mut Report, quick: bool) -> Result<()> {
    report.section(
        "Many agents",
        "Create and destroy by eight clients at once, and who used the processors meanwhile; beside it the floor program in as many \
         copies as there are processors, which is what the kernel alone allows. Then agents that sleep, and the service's own share.",
    );
    idle(report)?;
    churn(report, if quick { 500 } else { LIVES })?;
    homes(report, if quick { 3 } else { 10 })?;
    let counts: &[u32] = match quick {
        true => &[100],
        false if host::available() > 12288.0 => &[1000, 5000],
        false => &[1000],
    };
    counts.iter().try_for_each(|count| dense(report, *count))
}

fn idle(report: &mut Report) -> Result<()> {
    let start = Instant::now();
    let mut daemon = Daemon::start();
    report.figure(
        "the very first start, which copies parts of /etc and makes a volume",
        start.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
    // Copies of what changed within the last seconds are made again at the next start.
    thread::sleep(Duration::from_secs(3));
    daemon.stop();
    daemon.restart();
    daemon.stop();
    let start = Instant::now();
    daemon.restart();
    let ready = start.elapsed();
    thread::sleep(Duration::from_secs(2));
    let (rss, spawner) = (host::memory(daemon.pid(), "VmRSS"), host::memory(daemon.spawner(), "VmRSS"));
    report.figure("idle service: RSS of aetherd", rss, "MiB");
    report.figure("idle service: RSS of the spawner", spawner, "MiB");
    report.figure("start of the service until /health answers", ready.as_secs_f64() * 1e3, "ms");
    report.at_most("idle service, RSS", rss, 30.0, "MiB");
    report.at_most("start to ready", ready.as_secs_f64() * 1e3, 100.0, "ms");
    Ok(())
}

/// Agents that come and go before anything is looked for that they left.
const LIVES: u64 = 10_000;

fn churn(report: &mut Report, lives: u64) -> Result<()> {
    let daemon = Daemon::with("[agents]\nmax_concurrent = 64\n");
    let leaks = Leaks::of(&daemon);
    let (start, done, socket) = (Instant::now(), AtomicU64::new(0), daemon.socket());
    let used = || [host::cpu_seconds(daemon.pid()), host::cpu_seconds(daemon.spawner()), host::busy_seconds()];
    let (before, memory) = (used(), host::memory(daemon.pid(), "VmRSS"));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|_| scope.spawn(|| come_and_go(&socket, &done, |so_far| so_far < lives))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a client panicked"))?)
    })?;
    let (count, seconds) = (done.load(Ordering::Relaxed), start.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
    let rate = count as f64 / seconds;
    report.figure("created and destroyed", rate, "agents/s");
    let [service, spawner, all] = std::array::from_fn(|at| (used()[at] - before[at]) * 1e3 / (rate * seconds));
    report.figure("processor time of a life: aetherd", service, "ms");
    report.figure("processor time of a life: the spawner", spawner, "ms");
    report.figure("processor time of a life: sandboxes, the kernel's own threads, clients", all - service - spawner, "ms");
    report.figure("RSS of aetherd, grown by", host::memory(daemon.pid(), "VmRSS") - memory, "MiB");
    report.figure("the floor program, as many copies as processors", floor_rate(Duration::from_secs(5))?, "sandboxes/s");
    report.at_least("create + destroy through the API", rate, 500.0, "agents/s");
    leaks.assert_gone(&daemon);
    report.figure(&format!("left behind by {count} agents: processes, mounts, cgroups, uid ranges, directories"), 0.0, "");
    Ok(())
}

/// Homes large and empty: how long it takes until a live agent that has one is gone for who asks.
fn homes(report: &mut Report, rounds: usize) -> Result<()> {
    let daemon = Daemon::with("[agents]\nmax_concurrent = 64\n[limits]\ndisk = \"1G\"\n");
    let fill = "head -c 200000000 /dev/zero | split -a 4 -b 10000 - part-";
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..rounds {
        for (list, script) in times.iter_mut().zip([fill, "true"]) {
            let mut api = Api::connect(&daemon.socket())?;
            let id = api.create(&["sleep", "36000"], true)?;
            let filled = inside::exec_in(&mut api, &id, &format!("{script} && exit"), false)?;
            ensure!(inside::end(&daemon, &filled)? == 0, "a home could not be filled");
            let start = Instant::now();
            api.destroy(&id)?;
            list.push(start.elapsed());
        }
    }
    let [large, empty] = times.map(Sample::from);
    let ratio = large.p50() / empty.p50();
    report.times("removal of a live agent with 20,000 files of 10 KB in its home", large);
    report.times("removal of one with an empty home", empty);
    report.at_most("removal with 200 MB at home / with an empty one, p50", ratio, 2.0, "×");
    Ok(())
}

/// How many sandboxes a second the kernel makes and takes down when nobody but the floor program asks for them.
fn floor_rate(time: Duration) -> Result<f64> {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let floors = (0..processors).map(|_| Floor::start(0)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let rounds = |mut floor: Floor| -> Result<u32> {
        let mut count = 0;
        while start.elapsed() < time {
            floor.round()?;
            count += 1;
        }
        floor.stop()?;
        Ok(count)
    };
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = floors.into_iter().map(|floor| scope.spawn(move || rounds(floor))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a floor program's thread panicked"))?).sum()
    });
    let count: Result<u32> = counts;
    Ok(f64::from(count?) / time.as_secs_f64())
}

/// Creates and destroys agents as long as their number says `more`.
///
/// # Errors
/// When the service refuses.
pub(crate) fn come_and_go(socket: &Path, done: &AtomicU64, more: impl Fn(u64) -> bool) -> Result<()> {
    let mut api = Api::connect(socket)?;
    while more(done.load(Ordering::Relaxed)) {
        let id = api.create(&["sleep", "3600"], true)?;
        api.destroy(&id)?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// After this long an agent that does nothing is looked at as seldom as it ever is.
const SETTLED: Duration = Duration::from_secs(60);

/// Enough for a run that is to be quick.
const BRIEFLY: Duration = Duration::from_secs(5);

fn dense(report: &mut Report, count: u32) -> Result<()> {
    let daemon = Daemon::with(&format!("[agents]\nmax_concurrent = {}\n[limits]\nmemory = \"64M\"\n", count + 50));
    let mut floor = Floor::start(0)?;
    let floor_alone = floor_rounds(&mut floor)?;
    let mut api = Api::connect(&daemon.socket())?;
    let before = (host::available(), host::memory(daemon.pid(), "VmRSS"));
    let mut first = Vec::new();
    let mut last = Vec::new();
    for number in 0..count {
        let start = Instant::now();
        api.create(&["sleep", "36000"], true)?;
        if number < 50 {
            first.push(start.elapsed());
        } else if number >= count - 50 {
            last.push(start.elapsed());
        }
    }
    // What is new is looked at more often.
    thread::sleep(if count < 1000 { BRIEFLY } else { SETTLED });
    let each = (before.0 - host::available()) / f64::from(count);
    let rss = host::memory(daemon.pid(), "VmRSS");
    let cpu = host::cpu_seconds(daemon.pid());
    thread::sleep(Duration::from_secs(10));
    let busy = (host::cpu_seconds(daemon.pid()) - cpu) * 10.0;
    // The service closes a connection on which nothing is asked for as long as that.
    let mut api = Api::connect(&daemon.socket())?;
    let lists: Result<Vec<Duration>> = (0..100)
        .map(|_| {
            let start = Instant::now();
            let (status, body) = api.ask("GET", &format!("/api/v1/agents?limit={count}"), "")?;
            ensure!(status == 200 && body.len() > count as usize * 100, "{status}, {} bytes", body.len());
            Ok(start.elapsed())
        })
        .collect();
    let lists = Sample::from(lists?);
    let list = lists.at(0.99);
    report.figure(&format!("an idle agent among {count}, everything counted"), each, "MiB");
    report.figure(&format!("RSS of aetherd at {count}"), rss, "MiB");
    report.figure(&format!("CPU of aetherd at {count} idle agents"), busy, "% of a core");
    report.times(&format!("list of {count}"), lists);
    let floor_among = floor_rounds(&mut floor)?;
    floor.stop()?;
    report.figure(&format!("the floor program at {count} live / at 0"), floor_among.p50() / floor_alone.p50(), "×");
    report.times("the floor program, before them", floor_alone);
    report.times(&format!("the floor program, beside {count}"), floor_among);
    let (first, last) = (Sample::from(first), Sample::from(last));
    let ratio = last.p50() / first.p50();
    report.times("create, among the first 50", first);
    report.times(&format!("create, among the last 50 of {count}"), last);
    // Beyond a thousand, what is measured is shown; the targets are those of a thousand.
    if count <= 1000 {
        report.at_most("an idle agent", each, 1.0, "MiB");
        report.at_most(&format!("RSS of aetherd at {count}"), rss, 150.0, "MiB");
        report.at_most(&format!("CPU of aetherd at {count} idle"), busy, 1.0, "%");
        report.at_most(&format!("list of {count}, p99"), list, 20.0, "ms");
    }
    report.at_most(&format!("create at {count} live / at 0"), ratio, 1.2, "×");
    let start = Instant::now();
    daemon_stop(daemon).context("stop")?;
    report.figure(&format!("stop of the service with {count} agents"), start.elapsed().as_secs_f64(), "s");
    Ok(())
}

fn floor_rounds(floor: &mut Floor) -> Result<Sample> {
    let times: Result<Vec<Duration>> = (0..60).map(|_| Ok(floor.round()?.0)).collect();
    Ok(times?.split_off(10).into())
}

fn daemon_stop(mut daemon: Daemon) -> Result<()> {
    let status = daemon.stop();
    ensure!(status == 0, "status {status}");
    daemon.restart();
    Ok(())
}
