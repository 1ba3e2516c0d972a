//! Whoever waits is told when the main program has ended, however long it takes to take the rest down. The spawner stands still
//! meanwhile, so that nothing here depends on how quick it is. And what was told stands, whoever is killed then.
#![forbid(unsafe_code)]

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use aether_tests::{Agent, Daemon, Leaks, http, locked::Locked, proc, stopped::Stopped, wait::until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

fn start(daemon: &Daemon, name: &str, ephemeral: bool, script: &str) -> http::Response {
    let spec = json!({ "name": name, "ephemeral": ephemeral, "program": { "type": "command", "argv": ["sh", "-c", script] } });
    http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec).send()
}

fn wait_for(daemon: &Daemon, id: &str) -> Value {
    let answer = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{id}/wait")).send();
    assert_eq!(answer.status, 200, "{answer}");
    answer.data()
}

/// Lets the program end. It may have done so before the answer is written, so that is not judged: that the agent ends is.
fn go(daemon: &Daemon, id: &str) {
    let path = format!("/api/v1/agents/{id}/files?path=/home/agent/go");
    http::unix(&daemon.socket(), "PUT", &path).body("").send();
}

const WHEN_TOLD: &str = "until [ -e go ]; do sleep 0.01; done; ";

#[test]
fn the_end_is_told_before_what_was_left_running_is_gone() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "parent"], &format!("sleep 600 & {WHEN_TOLD} seq 1 20000; exit 7"));
    let cgroup = agent.info()["cgroup"].as_str().expect("cgroup").to_owned();
    until("both programs to run", || proc::in_cgroup(&cgroup).len() >= 3);
    let left = {
        let _stopped = Stopped::spawner_of(&daemon);
        go(&daemon, "parent");
        assert_eq!(wait_for(&daemon, "parent")["code"], 7);
        assert_eq!(agent.state(), "dead");
        let expected: String = (1..=20_000).map(|n| format!("{n}\n")).collect();
        assert!(agent.logs() == expected, "the output is kept to the last byte: {} bytes", agent.logs().len());
        let left = proc::in_cgroup(&cgroup);
        assert!(left.len() >= 2, "only the spawner ends init and what was left: {left:?}");
        left
    };
    until("nothing of it to run", || !left.iter().any(|pid| proc::runs(*pid)));
    daemon.aether(["rm", "parent"]).ok();
}

#[test]
fn the_name_of_an_ended_ephemeral_agent_is_free_for_whoever_saw_it_end() {
    let daemon = Daemon::start();
    daemon.service_cgroup();
    let before = Leaks::of(&daemon);
    let first = start(&daemon, "again", true, &format!("sleep 600 & {WHEN_TOLD} exit 3"));
    assert_eq!(first.status, 201, "{first}");
    start(&daemon, "again", true, "true").refused(409, "CONFLICT");
    let second = {
        let _stopped = Stopped::spawner_of(&daemon);
        go(&daemon, "again");
        assert_eq!(wait_for(&daemon, "again")["code"], 3);
        // It cannot be gone yet; who asks now gets the name when it is.
        let socket = daemon.socket();
        let spec = json!({ "name": "again", "ephemeral": true, "program": { "type": "command", "argv": ["sleep", "600"] } });
        thread::spawn(move || http::unix(&socket, "POST", "/api/v1/agents").json(&spec).send())
    };
    let second = second.join().expect("an answer");
    assert_eq!(second.status, 201, "{second}");
    assert_ne!(second.data()["id"], first.data()["id"]);
    let listed = daemon.aether(["ps", "-a", "-q"]).ok().text();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    daemon.aether(["kill", "again"]).ok();
    before.assert_gone_but_output(&daemon);

    // The control: an ended agent that is kept keeps its name.
    assert_eq!(start(&daemon, "kept", false, "true").status, 201);
    Agent::new(&daemon, "kept").reaches("dead");
    start(&daemon, "kept", false, "true").refused(409, "CONFLICT");
    daemon.aether(["rm", "kept"]).ok();
}

/// How often it is on record that the agent ended.
fn ends(daemon: &Daemon, id: &str) -> usize {
    let events = daemon.aether(["--json", "events", "--since", "0"]).ok().text();
    events.lines().filter(|line| line.contains("process.exit") && line.contains(id)).count()
}

#[test]
fn nobody_hears_of_an_end_that_a_killed_service_would_forget() {
    let mut daemon = Daemon::start();
    daemon.service_cgroup();
    let shared = daemon.scratch().join("shared");
    fs::create_dir(&shared).expect("mkdir");
    let mount = format!("{}:/home/agent/shared", shared.display());
    let before = Leaks::of(&daemon);
    for (name, more) in [("kept", &["-d"][..]), ("passing", &["-d", "--rm"])] {
        let begin = ["run", "--name", name, "--mount", &mount];
        let script = format!("until [ -e shared/{name} ]; do sleep 0.01; done; exit 7");
        let id = daemon.aether([&begin, more, &["--", "sh", "-c", &script]].concat()).ok().text().trim().to_owned();
        let init = Agent::new(&daemon, id.as_str()).pid();
        until("its program to run", || proc::children(init).len() == 1);
        let waiting = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{id}/wait"));
        let waiting = thread::spawn(move || waiting.try_send());
        {
            let _held = Locked::database(&daemon.state());
            fs::write(shared.join(name), "").expect("write");
            until("its program to end", || proc::children(init).is_empty());
            // Long enough for everything that does not wait for the record.
            let start = Instant::now();
            while proc::runs(init) && start.elapsed() < Duration::from_millis(300) {
                thread::sleep(Duration::from_millis(5));
            }
            daemon.kill9();
        }
        let heard = waiting.join().expect("no panic").map(|answer| answer.to_string());
        daemon.restart();
        assert_eq!(wait_for(&daemon, &id)["code"], 7, "{name}: {heard:?} was heard before");
        assert_eq!(heard, None, "{name}: before the record");
        assert_eq!(ends(&daemon, &id), 1);
    }
    daemon.aether(["rm", "kept"]).ok();
    before.assert_gone_but_output(&daemon);
}

#[test]
fn an_end_that_was_heard_stands_when_everything_is_killed_before_the_sandbox_is() {
    let mut daemon = Daemon::start();
    daemon.service_cgroup();
    let before = Leaks::of(&daemon);
    for (name, ephemeral) in [("kept", false), ("passing", true)] {
        let started = start(&daemon, name, ephemeral, &format!("sleep 600 & {WHEN_TOLD} exit 7"));
        let id = started.data()["id"].as_str().expect("an id").to_owned();
        let cgroup = Agent::new(&daemon, id.as_str()).info()["cgroup"].as_str().expect("cgroup").to_owned();
        until("both programs to run", || proc::in_cgroup(&cgroup).len() >= 3);
        let left = {
            let _stopped = Stopped::spawner_of(&daemon);
            go(&daemon, &id);
            assert_eq!(wait_for(&daemon, &id)["code"], 7);
            let left = proc::in_cgroup(&cgroup);
            assert!(left.len() >= 2, "only the spawner ends init and what was left: {left:?}");
            kill(Pid::from_raw(i32::try_from(daemon.spawner()).expect("a pid")), Signal::SIGKILL).expect("kill");
            daemon.kill9();
            left
        };
        daemon.restart();
        assert!(!left.iter().any(|pid| proc::runs(*pid)), "{name}: what was left runs on");
        assert_eq!(wait_for(&daemon, &id)["code"], 7, "{name}");
        assert_eq!(ends(&daemon, &id), 1, "{name}: told once");
        let listed = daemon.aether(["ps", "-a", "-q"]).ok().text();
        assert_eq!(listed.lines().count(), usize::from(!ephemeral), "{name}: {listed}");
        // It holds no uids and no place any more.
        if !ephemeral {
            let info = Agent::new(&daemon, id.as_str()).info();
            assert!(info["cgroup"].is_null() && info["uidRange"].is_null() && info["state"] == "dead", "{info}");
            daemon.aether(["rm", name]).ok();
        }
    }
    before.assert_gone_but_output(&daemon);
}
