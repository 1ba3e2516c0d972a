//! `kill -9` of the daemon: agents go on, and nothing they said is lost.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::net::UnixListener,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use aether_tests::{
    Agent, Daemon, Leaks, Unit, cli,
    daemon::PATIENCE,
    eventually,
    faults::{self, Fault, Tracer},
    http, proc,
    random::Random,
    terminal::Terminal,
    wait::until,
};

/// Numbers after `word ` in a text, in order of appearance.
fn numbers(text: &str, word: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.trim().strip_prefix(word)?.trim().parse().ok()).collect()
}

fn last_number(file: &Path) -> u64 {
    fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn three_agents_at_work_live_through_the_death_of_the_daemon() {
    let mut daemon = Daemon::start();
    daemon.service_cgroup();
    let shared = daemon.scratch().join("shared");
    fs::create_dir_all(shared.join("project")).expect("mkdir");
    // A project whose tests take long enough to be killed in their midst.
    let makefile = "all:\n\techo built >built\ntest:\n\techo started >started\n\tsleep 4\n\techo all tests passed\n";
    fs::write(shared.join("project/Makefile"), makefile).expect("write");

    let mount = format!("{}:/home/agent/shared", shared.display());
    let count = |word: &str| {
        format!(
            "i=0; while :; do i=$((i+1)); echo {word} $i; echo $i >shared/{word}.new; mv shared/{word}.new shared/{word}; sleep 0.02; done"
        )
    };
    let start = |args: &[&str]| {
        let options = ["run", "-d", "--mount", &mount];
        daemon.aether([&options, args].concat()).ok().text().trim().to_owned()
    };
    let command = start(&["--name", "command", "--", "sh", "-c", &count("tick")]);
    let terminal = start(&["-t", "--name", "terminal", "--", "sh", "-c", &count("tock")]);
    let project = format!("{}:/home/agent/project", shared.join("project").display());
    let goal = ["run", "-d", "--name", "goal", "--mount", &project, "--goal", "build and test the project in ~/project"];
    let goal = daemon.aether(goal).ok().text().trim().to_owned();
    until("the goal to be in the midst of the tests", || shared.join("project/started").exists());
    until("output of both", || last_number(&shared.join("tick")) > 20 && last_number(&shared.join("tock")) > 20);
    let pids = [&command, &terminal, &goal].map(|id| Agent::new(&daemon, id.as_str()).pid());

    daemon.kill9();
    let (ticks, tocks) = (last_number(&shared.join("tick")), last_number(&shared.join("tock")));
    until("both to go on without it", || {
        last_number(&shared.join("tick")) > ticks + 30 && last_number(&shared.join("tock")) > tocks + 30
    });
    let (ticks, tocks) = (last_number(&shared.join("tick")), last_number(&shared.join("tock")));
    daemon.restart();

    let agents = [&command, &terminal, &goal].map(|id| Agent::new(&daemon, id.as_str()));
    for (agent, pid) in agents.iter().zip(pids).take(2) {
        assert_eq!((agent.state().as_str(), agent.pid()), ("running", pid), "the same process as before");
        assert!(proc::runs(pid));
    }
    // The command: every line there is, the ones from the time without a daemon included.
    let logs = eventually("the lines printed meanwhile", Duration::from_secs(20), || {
        let logs = agents[0].logs();
        numbers(&logs, "tick").last().is_some_and(|last| *last > ticks + 20).then_some(logs)
    });
    let seen = numbers(&logs, "tick");
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "lines are missing or doubled");
    // The terminal: from the beginning, and on as it happens.
    let mut watch = Terminal::attach(&daemon, &terminal, "?from=0");
    let shown = numbers(&watch.until(&format!("tock {}\r\n", tocks + 20)), "tock");
    assert_eq!(shown, (1..=shown.len() as u64).collect::<Vec<_>>(), "lines are missing or doubled");
    drop(watch);
    // The goal: it completes.
    eventually("the goal to complete", Duration::from_secs(60), || (agents[2].state() == "dead").then_some(()));
    let info = agents[2].info();
    assert_eq!((info["phase"].as_str(), info["exit"]["code"].as_u64()), (Some("completed"), Some(0)), "{info}");
}

#[test]
fn what_ended_meanwhile_is_told_truthfully() {
    let mut daemon = Daemon::start();
    daemon.service_cgroup();
    let shared = daemon.scratch().join("shared");
    fs::create_dir(&shared).expect("mkdir");
    let mount = format!("{}:/home/agent/shared", shared.display());
    let id = daemon.agent(&["--mount", &mount], "while [ ! -e shared/go ]; do sleep 0.02; done; echo last words; exit 9").id;
    let pid = Agent::new(&daemon, id.as_str()).pid();
    daemon.kill9();
    fs::write(shared.join("go"), "").expect("write");
    // Its init stays to tell; its program is gone.
    until("the program to end", || proc::children(pid).is_empty());
    daemon.restart();
    let agent = Agent::new(&daemon, id.as_str());
    agent.reaches("dead");
    assert_eq!(agent.info()["exit"]["code"], 9);
    assert!(agent.logs().contains("last words"));
}

#[test]
fn a_restart_leaves_nothing_behind_and_forgets_nothing() {
    let mut daemon = Daemon::start();
    let kept = daemon.agent(&["--name", "kept"], "echo mine >~/file; exit 0").id;
    Agent::new(&daemon, kept.as_str()).reaches("dead");
    daemon.service_cgroup();
    for _ in 0..3 {
        daemon.kill9();
        daemon.restart();
    }
    let before = Leaks::of(&daemon);
    let agent = daemon.agent(&["--name", "fresh"], "exec sleep 600").id;
    daemon.kill9();
    daemon.restart();
    Agent::new(&daemon, agent.as_str()).remove();
    before.assert_gone_but_output(&daemon);
    assert_eq!(Agent::new(&daemon, "kept").info()["id"], kept.as_str());
    let copy = daemon.scratch().join("file");
    daemon.aether(["cp", "kept:/home/agent/file", copy.to_str().expect("UTF-8")]).ok();
    assert_eq!(fs::read_to_string(copy).expect("the copy"), "mine\n");
}

#[test]
fn a_spawner_that_ends_late_takes_nothing_from_the_next_one() {
    let mut daemon = Daemon::with("[pool]\nsize = 0\n");
    // It hears late that it is alone; it hears of it at once, and what it does then takes long.
    for (call, what) in [("recvmsg", "delay_exit=2000000"), ("unlinkat", "delay_enter=2000000")] {
        let late = daemon.spawner();
        let fault = Fault { call: call.into(), when: 1, what: what.into() };
        let slow = Tracer::inject(late, &fault, &daemon.scratch().join("trace"));
        daemon.kill9();
        daemon.restart();
        until("the spawner of the killed daemon to end", || !proc::runs(late));
        slow.detach();
        daemon.aether(["run", "--rm", "--", "true"]).ok();
    }
}

/// What a client asks for again and again while the service is restarted: `run --rm`, which prints a number. With a directory lent, each
/// run also leaves a line there.
fn ask(socket: &Path, shared: Option<&Path>, name: &str, over: &AtomicBool) -> (usize, Vec<String>) {
    let mount = shared.map(|shared| format!("{}:/home/agent/shared", shared.display()));
    let (mut asked, mut wrong) = (0, Vec::new());
    while !over.load(Ordering::SeqCst) {
        asked += 1;
        let mut client = Command::new(aether_tests::daemon::bin_dir().join("aether"));
        client.env("AETHER_SOCKET", socket).args(["run", "--rm"]);
        match &mount {
            Some(mount) => {
                let script = format!("echo {asked} >>shared/{name}; echo {asked}");
                client.args(["--mount", mount, "--", "sh", "-c", &script]);
            }
            None => drop(client.args(["--", "echo", &asked.to_string()])),
        }
        let outcome = cli::spawn(client, b"").end(PATIENCE);
        if outcome.code != 0 || outcome.text() != format!("{asked}\n") {
            wrong.push(format!("{name} {asked}: {outcome}"));
        }
    }
    (asked, wrong)
}

/// The socket is held by somebody else, as systemd does for the package: a restart is an upgrade in small.
#[test]
fn restarts_under_load_cost_no_client_its_answer() {
    let mut unit = Unit::new();
    fs::create_dir(unit.path("run")).expect("mkdir");
    let shared = unit.path("shared");
    fs::create_dir(&shared).expect("mkdir");
    let socket = unit.path("run/aether.sock");
    let listener = UnixListener::bind(&socket).expect("bind");
    let command = unit.command_with(&listener);
    unit.start_as(command);
    let (over, mut random) = (AtomicBool::new(false), Random::new(faults::seed()));
    let answers: Vec<(usize, Vec<String>)> = thread::scope(|scope| {
        let (socket, shared, over) = (&socket, &shared, &over);
        let lent = |name: &'static str| scope.spawn(move || ask(socket, Some(shared), name, over));
        let clients = [lent("one"), lent("two"), scope.spawn(move || ask(socket, None, "three", over))];
        for _ in 0..faults::points(4) {
            thread::sleep(Duration::from_millis(random.next() % 300));
            assert_eq!(unit.stop(Duration::from_secs(10)), Some(0));
            let command = unit.command_with(&listener);
            unit.start_as(command);
        }
        over.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    let wrong: Vec<&String> = answers.iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{} of {answers:?}", wrong.len());
    for (name, (asked, _)) in ["one", "two"].into_iter().zip(&answers) {
        let ran = fs::read_to_string(shared.join(name)).expect("what they left");
        let expected: String = (1..=*asked).map(|number| format!("{number}\n")).collect();
        assert_eq!(ran, expected, "each program ran once");
    }
    println!("{} agents during {} restarts", answers.iter().map(|(asked, _)| asked).sum::<usize>(), faults::points(4));
    drop(listener);
    fs::remove_file(&socket).expect("remove");
}

/// The service dies between its commit and its answer, as far as the client can know.
#[test]
fn a_request_sent_again_makes_no_second_agent() {
    let mut daemon = Daemon::start();
    let spec = |argv: &[&str]| serde_json::json!({ "program": { "type": "command", "argv": argv } });
    let post = |daemon: &Daemon, key: &str, argv: &[&str]| {
        let request = http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec(argv));
        if key.is_empty() { request } else { request.header("idempotency-key", key) }
    };
    let ids =
        |daemon: &Daemon| -> Vec<String> { daemon.aether(["ps", "-a", "-q"]).ok().text().lines().map(str::to_owned).collect() };
    let sleep = ["sleep", "600"];
    let unread = post(&daemon, "first", &sleep).begin();
    until("the agent to be recorded", || ids(&daemon).len() == 1);
    daemon.kill9();
    drop(unread);
    daemon.restart();
    let made = ids(&daemon);
    let again = post(&daemon, "first", &sleep).send();
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")), "{again}");
    assert_eq!((again.data()["id"].as_str(), ids(&daemon)), (Some(made[0].as_str()), made.clone()));
    // The control: without the key, and with another one, it is another agent.
    let others = ["", "second"].map(|key| post(&daemon, key, &sleep).send());
    assert!(others.iter().all(|other| other.status == 201 && other.header("idempotency-replayed").is_none()), "{others:?}");
    assert_eq!(ids(&daemon).len(), 3);
    post(&daemon, "first", &["sleep", "601"]).send().refused(409, "CONFLICT");
    post(&daemon, "a key", &sleep).send().refused(400, "INVALID");
    // Two at once are one, and the second waits for the first.
    let (left, right) = thread::scope(|scope| {
        let ask = || post(&daemon, "both", &sleep).send().data()["id"].as_str().map(str::to_owned);
        let left = scope.spawn(ask);
        (ask(), left.join().expect("a client"))
    });
    assert_eq!((&left, ids(&daemon).len()), (&right, 4));
    // One that is gone is not made again, also when nobody remembers how it ended.
    Agent::new(&daemon, made[0].as_str()).remove();
    daemon.kill9();
    daemon.restart();
    let gone = post(&daemon, "first", &sleep).send();
    gone.refused(409, "CONFLICT");
    assert!(gone.to_string().contains(&made[0]), "{gone}");
    assert_eq!(ids(&daemon).len(), 3);
}

/// What the client does by itself with such keys: every answer is the one agent that was asked for.
#[test]
fn kills_under_load_make_no_agent_twice() {
    let mut unit = Unit::new();
    fs::create_dir(unit.path("run")).expect("mkdir");
    fs::create_dir(unit.path("lent")).expect("mkdir");
    let (socket, lent) = (unit.path("run/aether.sock"), format!("{}:/home/agent/lent", unit.path("lent").display()));
    let listener = UnixListener::bind(&socket).expect("bind");
    let command = unit.command_with(&listener);
    unit.start_as(command);
    let (over, mut random) = (AtomicBool::new(false), Random::new(faults::seed()));
    let ask = |options: &[&str]| {
        let mut asked = Vec::new();
        while !over.load(Ordering::SeqCst) {
            let mut client = Command::new(aether_tests::daemon::bin_dir().join("aether"));
            client.env("AETHER_SOCKET", &socket).args(["run", "-d"]).args(options).args(["--", "true"]);
            asked.push(cli::spawn(client, b"").end(PATIENCE).ok().text().trim().to_owned());
        }
        asked
    };
    let asked: Vec<String> = thread::scope(|scope| {
        let clients = [scope.spawn(|| ask(&[])), scope.spawn(|| ask(&[])), scope.spawn(|| ask(&["--mount", &lent]))];
        for _ in 0..faults::points(6) {
            thread::sleep(Duration::from_millis(random.next() % 200));
            unit.kill9();
            let command = unit.command_with(&listener);
            unit.start_as(command);
        }
        over.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    let there: BTreeSet<String> = unit.aether(&["ps", "-a", "-q"]).ok().text().lines().map(str::to_owned).collect();
    assert_eq!(asked.iter().cloned().collect::<BTreeSet<_>>(), there, "what was answered is what there is");
    assert_eq!(asked.len(), there.len(), "each is an agent of its own");
    let again = unit.log().matches("a request was sent again").count();
    println!("{} agents during {} kills, {again} of them asked for again", asked.len(), faults::points(6));
    drop(listener);
    fs::remove_file(&socket).expect("remove");
}
