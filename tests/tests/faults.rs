//! `kill -9` at moments that nobody chose: of the daemon, its spawner, both, what they keep ready. Ten agents are at work, and
//! somebody creates, uses and removes others meanwhile.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use aether_tests::{
    Agent, Daemon, Leaks, eventually,
    faults::{self, Table},
    proc,
    random::Random,
    wait::until,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Sandboxes that a service builds ahead by default.
const AHEAD: usize = 4;
/// The API is back within this, with ten agents.
const BACK: Duration = Duration::from_secs(3);

const VICTIMS: [&str; 6] =
    ["aetherd", "the spawner", "aetherd and the spawner", "aether-netns", "aether-netkeep", "a sandbox built ahead"];

fn kill9(pid: u32) {
    // It may have ended a moment ago.
    let _ended = kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), Signal::SIGKILL);
}

fn child_named(parent: u32, name: &str) -> Option<u32> {
    let named = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name);
    proc::children(parent).into_iter().find(named)
}

/// PID 1 of a sandbox that nobody has: it lives in the service's cgroup, in one of no agent's name.
fn init_ahead(daemon: &Daemon, known: &BTreeSet<String>) -> Option<u32> {
    let scope = daemon.service_cgroup();
    proc::all().into_iter().find(|pid| {
        proc::cgroup(*pid)
            .and_then(|path| path.strip_prefix(&format!("{scope}/")).map(str::to_owned))
            .is_some_and(|id| !id.is_empty() && !id.contains('/') && !known.contains(&id))
    })
}

fn ids(daemon: &Daemon) -> Vec<String> {
    daemon.aether(["ps", "-a", "-q"]).ok().text().lines().map(str::to_owned).collect()
}

/// Loop devices that hold an image of this daemon.
fn volumes(daemon: &Daemon) -> Vec<String> {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let files = devices.filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok());
    files.filter(|file| file.contains(&daemon.dir_name())).collect()
}

/// What somebody does to the service until it is told to stop; that much of it fails is the point.
fn load(daemon: &Daemon, round: usize, busy: &str) -> impl Fn(&AtomicBool) + Send + use<> {
    let command = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let name = format!("load-{round}");
    let steps = [
        command(&["run", "--rm", "--", "true"]),
        command(&["run", "-d", "--name", &name, "--", "sleep", "600"]),
        command(&["exec", &name, "--", "true"]),
        command(&["exec", busy, "--", "true"]),
        command(&["pause", &name]),
        command(&["resume", &name]),
        command(&["run", "-d", "--net", "open", "--", "sleep", "600"]),
        command(&["kill", &name]),
        command(&["rm", &name]),
    ];
    let (program, socket) = (aether_tests::daemon::bin_dir().join("aether"), daemon.socket());
    move |over| {
        for step in steps.iter().cycle() {
            if over.load(Ordering::SeqCst) {
                return;
            }
            let mut client = Command::new(&program);
            client
                .env("AETHER_SOCKET", &socket)
                .env("AETHER_PATIENCE", "0")
                .args(step)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut client = client.spawn().expect("aether");
            let start = Instant::now();
            while client.try_wait().expect("wait").is_none() {
                // One that waits for an answer of a daemon that is gone for good is no part of the promise.
                if start.elapsed() > Duration::from_secs(20) {
                    drop(client.kill());
                }
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// Numbers after `tick `, in order of appearance.
fn ticks(text: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.trim().strip_prefix("tick ")?.parse().ok()).collect()
}

#[test]
fn kills_at_random_moments_cost_no_agent_and_leave_nothing() {
    let points = faults::points(20);
    let mut random = Random::new(faults::seed());
    let mut daemon = Daemon::start();
    daemon.be_impatient();
    daemon.service_cgroup();
    // One process each, so that none is new to whoever looks for what is left.
    let at_work = "exec python3 -uc 'import itertools, time\nfor i in itertools.count(1):\n print(\"tick\", i)\n open(\"count\", \"w\").write(str(i))\n time.sleep(0.1)'";
    let empty = Leaks::of(&daemon);
    let busy: Vec<(String, u32)> = (0..10)
        .map(|number| {
            let name = format!("busy-{number}");
            let more: &[&str] = match number {
                0..5 => &[],
                5..8 => &["-t"],
                _ => &["--net", "open"],
            };
            let agent = daemon.agent(&[&["--name", &name], more].concat(), at_work);
            (agent.id.clone(), agent.pid())
        })
        .collect();
    // The figures of a daemon that took ten agents over, which is what each later one is.
    daemon.kill9();
    daemon.restart();
    let before = Leaks::of(&daemon);
    let (mut table, mut slowest) = (Table::default(), Duration::ZERO);
    for point in 0..points {
        let victim = VICTIMS[point % VICTIMS.len()];
        let known: BTreeSet<String> = ids(&daemon).into_iter().collect();
        let over = AtomicBool::new(false);
        let work = load(&daemon, point, &busy[point % busy.len()].0);
        let pause = Duration::from_millis(random.next() % 400);
        let (main, spawner) = (daemon.pid(), daemon.spawner());
        thread::scope(|scope| {
            let working = scope.spawn(|| work(&over));
            thread::sleep(pause);
            match victim {
                "aetherd" => kill9(main),
                "the spawner" => kill9(spawner),
                "aetherd and the spawner" => [main, spawner].into_iter().for_each(kill9),
                "a sandbox built ahead" => init_ahead(&daemon, &known).into_iter().for_each(kill9),
                "aether-netkeep" => child_named(spawner, victim).into_iter().for_each(kill9),
                _ => {
                    let maker = child_named(spawner, "aether-netkeep").and_then(|keeper| child_named(keeper, victim));
                    maker.into_iter().for_each(kill9);
                }
            }
            if point % VICTIMS.len() < 3 {
                // One that is in the midst of a call of the kernel's ends a moment later; until then it would be taken for one that lives.
                until("what was killed to end", || [main, spawner].into_iter().any(|pid| !proc::runs(pid)));
            }
            thread::sleep(Duration::from_millis(random.next() % 100));
            over.store(true, Ordering::SeqCst);
            working.join().expect("the load");
        });
        let back = daemon.revive();
        slowest = slowest.max(back.unwrap_or_default());
        let context = format!("point {point} of seed {}: {victim} after {pause:?}", faults::seed());
        assert!(back.is_none_or(|back| back <= faults::unhurried(BACK)), "{context}: the API was back after {back:?}");
        assert_eq!(back.is_some(), point % VICTIMS.len() < 3, "{context}: what ends the service");
        // Everything is visible and can be removed; what nobody created is not there.
        let now = ids(&daemon);
        assert_eq!(now.len(), now.iter().collect::<BTreeSet<_>>().len(), "{context}: twice: {now:?}");
        for (id, pid) in &busy {
            let agent = Agent::new(&daemon, id.as_str());
            assert_eq!((agent.state().as_str(), agent.pid()), ("running", *pid), "{context}");
            assert!(proc::runs(*pid), "{context}");
        }
        for id in now.iter().filter(|id| busy.iter().all(|(busy, _)| busy != *id)) {
            Agent::new(&daemon, id.as_str()).remove();
        }
        let left = before.left_within(&daemon, AHEAD, Duration::from_secs(20));
        assert!(left.is_empty(), "{context}: left behind:\n  {}", left.join("\n  "));
        if victim == "aether-netkeep" {
            // Both gone is said, and mended by the next start.
            daemon.kill9();
            daemon.restart();
        }
        table.count(&format!("SIGKILL of {victim}"), "ten agents went on, nothing was left");
    }
    for (id, _) in &busy {
        let agent = Agent::new(&daemon, id.as_str());
        let seen = ticks(&agent.logs());
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "lines are missing or doubled");
        let last = seen.len();
        until("it to go on", || ticks(&agent.logs()).len() > last);
        agent.remove();
    }
    empty.assert_gone_but_output(&daemon);
    // The volume of each killed spawner went with it.
    assert!(volumes(&daemon).len() <= 1, "{:?}", volumes(&daemon));
    table.publish("random", &format!("{points} points, seed {}. The API was back after {slowest:?} at most.", faults::seed()));
}

#[test]
fn an_init_that_dies_while_nobody_watches_is_unknown_and_never_success() {
    let mut daemon = Daemon::start();
    daemon.service_cgroup();
    let before = Leaks::of(&daemon);
    let agents = ["true; sleep 600", "trap 'exit 0' TERM; while :; do sleep 0.1; done"].map(|script| {
        let agent = daemon.agent(&[], script);
        (agent.id.clone(), agent.pid())
    });
    daemon.kill9();
    for (_, pid) in &agents {
        kill9(*pid);
        eventually("it to end", Duration::from_secs(20), || (!proc::runs(*pid)).then_some(()));
    }
    daemon.restart();
    for (id, _) in &agents {
        let agent = Agent::new(&daemon, id.as_str());
        agent.reaches("dead");
        let info = agent.info();
        assert_eq!(info["exit"]["code"], 255, "{info:#}");
        daemon.aether(["rm", id]).ok();
    }
    before.assert_gone_but_output(&daemon);
}
