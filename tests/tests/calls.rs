//! Calls of a loop that run programs: counted with everything that they start, and ended with it. A person at the keyboard comes first.
#![forbid(unsafe_code)]

use std::{fs, time::Duration};

use aether_tests::{
    Daemon, Scripted, eventually, http, proc,
    scripted::{Turn, call},
    terminal::Terminal,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn run(line: &str) -> Turn {
    call("run_command", json!({ "command": line }))
}

fn info(daemon: &Daemon, agent: &str) -> Value {
    daemon.aether(["--json", "inspect", agent]).ok().json()
}

fn reaches(daemon: &Daemon, agent: &str, key: &str, value: &str) {
    eventually(value, SOON, || (info(daemon, agent)[key] == value).then_some(()));
}

fn events(daemon: &Daemon, agent: &str) -> Vec<Value> {
    let path = format!("/api/v1/agents/{agent}/timeline?since=0&limit=500");
    http::unix(&daemon.socket(), "GET", &path).send().data().as_array().expect("events").clone()
}

fn observations(daemon: &Daemon, agent: &str) -> Vec<Value> {
    events(daemon, agent).into_iter().filter(|event| event["type"] == "agent.observation").collect()
}

/// Processes of the host with this text among their arguments.
fn running(mark: &str) -> usize {
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        proc::runs(*pid) && String::from_utf8_lossy(&line).replace('\0', " ").contains(mark)
    };
    proc::all().iter().filter(|pid| has(pid)).count()
}

#[test]
fn a_call_is_counted_and_ends_with_all_that_it_started() {
    let burn = "setsid sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; touch burned; while :; do :; done' burner-8461 \
                >/dev/null 2>&1 & until [ -e burned ]; do sleep 0.05; done";
    let model = Scripted::start([(
        "be counted",
        vec![
            run("dd if=/dev/zero of=big bs=1M count=8 conv=fsync 2>/dev/null; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"),
            run(burn),
            call("run_command", json!({ "command": "setsid sleep 8462 >/dev/null 2>&1 & true", "keep_running": true })),
            call("run_command", json!({ "command": "setsid sleep 8463 & exec sleep 8463", "timeout": 0.3 })),
            // Here the first look is taken, and the service killed in the middle of the next one.
            run("setsid sleep 8464 & exec sleep 8464"),
            run("exec sleep 8466"),
        ],
    )]);
    let mut daemon = Daemon::with(&model.config());
    daemon.aether(["run", "-d", "--name", "counted", "--max-steps", "4", "--goal", "be counted"]).ok();
    reaches(&daemon, "counted", "phase", "waiting");
    let seen = observations(&daemon, "counted");
    let figure = |at: usize, key: &str| seen[at]["used"][key].as_u64();
    let used = &seen[0]["used"];
    assert!(figure(0, "cpuUsec").is_some_and(|usec| usec > 10_000), "{used}");
    assert!(figure(0, "writtenBytes").is_some_and(|bytes| bytes >= 8 << 20), "{used}");
    assert!(figure(0, "largestProcessBytes").is_some_and(|bytes| bytes > 1 << 20), "{used}");
    let absent = used["absent"].to_string();
    for (key, least) in [("memoryPeakBytes", 8 << 20), ("mostTasks", 2)] {
        match figure(0, key) {
            Some(value) => assert!(value >= least, "{key}: {used}"),
            None => assert!(absent.contains(key), "absent with its reason: {used}"),
        }
    }
    let said = daemon.aether(["logs", "counted"]).ok();
    assert!(said.text().contains("CPU ") || said.stderr.contains("CPU "), "people see it: {said}");

    // The way round: a child that leaves its session, its parent and the call's output.
    assert!(figure(1, "cpuUsec").is_some_and(|usec| usec > 30_000), "what it forked away is counted: {}", seen[1]);
    assert_eq!((&seen[1]["used"]["left"], &seen[1]["used"]["leftRunning"]), (&json!(1), &json!(false)));
    assert_eq!(running("burner-8461"), 0, "and ends with it");
    assert!(seen[1]["result"].to_string().contains("keep_running"), "the agent is told: {}", seen[1]);
    assert_eq!((&seen[2]["used"]["left"], &seen[2]["used"]["leftRunning"]), (&json!(1), &json!(true)), "control");
    assert_eq!(running("sleep 8462"), 1, "control: what was asked for lives on");
    assert_eq!(running("sleep 8463"), 0, "a call that took too long leaves nothing");
    daemon.aether(["exec", "counted", "--", "sh", "-c", "setsid sleep 8465 >/dev/null 2>&1 & true"]).ok();
    assert_eq!(running("sleep 8465"), 1, "control: a program that is no call leaves what it likes");

    daemon.aether(["steer", "counted", "--more-steps"]).ok();
    eventually("the cut call", SOON, || (running("sleep 8464") == 2).then_some(()));
    daemon.kill9();
    assert_eq!(running("sleep 8464"), 2);
    daemon.revive();
    eventually("the end of the cut call", SOON, || (running("sleep 8464") == 0).then_some(()));
    assert_eq!((running("sleep 8462"), running("sleep 8465")), (1, 1), "nothing else ends with it");
    eventually("the next call", SOON, || (running("sleep 8466") == 1).then_some(()));
    daemon.aether(["kill", "counted"]).ok();
    eventually("the end of everything", SOON, || (running("sleep 846") == 0).then_some(()));
    assert!(observations(&daemon, "counted")[4]["result"].to_string().contains("unknown outcome"));
}

#[test]
fn a_person_at_the_keyboard_comes_first() {
    let turns = (1..=12).map(|n| run(&format!("echo {n} >> effects; sleep 0.15"))).collect();
    let model = Scripted::start([("be interrupted", turns)]);
    let daemon = Daemon::with(&format!("{}[agents]\nhold_secs = 4\n", model.config()));
    daemon.aether(["run", "-d", "--name", "mine", "--goal", "be interrupted"]).ok();
    let steps = || observations(&daemon, "mine").len();
    eventually("its first steps", SOON, || (steps() >= 2).then_some(()));

    let body = json!({ "argv": ["/bin/sh"], "tty": true, "stdin": true });
    let opened = http::unix(&daemon.socket(), "POST", "/api/v1/agents/mine/exec").json(&body).send().data();
    let mut terminal = Terminal::attach(&daemon, opened["ttyId"].as_str().expect("a terminal"), "?stdin=true");
    terminal.types("echo by-$((40+2))-hand > noted; cat noted\n");
    eventually("that it is held", SOON, || (info(&daemon, "mine")["heldBy"] == "operator").then_some(()));
    assert!(daemon.aether(["ps"]).ok().text().contains("held by operator"));
    terminal.until("by-42-hand");
    daemon.aether(["resume", "mine"]).ok();
    assert_eq!(info(&daemon, "mine")["heldBy"], Value::Null);
    eventually("what was done, told", SOON, || model.was_told("be interrupted", "by-42-hand").then_some(()));

    // Without a word it comes back by itself.
    terminal.types("echo again-$((50+1))\n");
    eventually("that it is held again", SOON, || (info(&daemon, "mine")["heldBy"] == "operator").then_some(()));
    reaches(&daemon, "mine", "state", "dead");
    let events = events(&daemon, "mine");
    let at = |kind: &str| -> Vec<usize> { (0..events.len()).filter(|at| events[*at]["type"] == kind).collect() };
    let (held, released) = (at("agent.held"), at("agent.released"));
    assert_eq!((held.len(), released.len()), (2, 2), "{events:?}");
    for (from, to) in held.iter().zip(&released) {
        // What had begun before the first key may be announced and end after it, nothing more.
        let begun = events[*from..*to].iter().filter(|event| event["type"] == "agent.action").count();
        let ended = events[*from..*to].iter().filter(|event| event["type"] == "agent.observation").count();
        assert!(begun <= 1 && ended <= 1, "nothing new begins: {:?}", &events[*from..*to]);
    }
    assert_eq!((&events[released[0]]["handed"], &events[released[1]]["handed"]), (&json!(true), &json!(false)));
    let told = events.iter().filter(|event| event["type"] == "agent.userMessage").map(|event| event["content"].to_string());
    let told: Vec<String> = told.collect();
    assert!(told[0].contains("A person (operator)") && told[0].contains("by-42-hand"), "{told:?}");
    assert!(told[1].contains("again-51") && !told[1].contains("by-42-hand"), "only what is new: {told:?}");
    assert_eq!(at("agent.observation").len(), 13, "control: it did all its work in the end");
}
