//! From asking to gone: states, signals, freezing, the queue, and the exit status of every way to end.
#![forbid(unsafe_code)]

use std::time::Duration;

use aether_tests::{Agent, Daemon, Leaks, eventually, http, proc, wait::until};
use serde_json::json;

#[test]
fn exit_status_and_streams_pass_through() {
    let daemon = Daemon::start();
    let run = |script: &str| daemon.aether(["run", "--rm", "--", "sh", "-c", script]);
    assert_eq!(run("exit 7").code, 7);
    assert_eq!(run("kill -TERM $$").code, 143, "128 + SIGTERM");
    assert_eq!(run("kill -KILL $$").code, 137, "128 + SIGKILL");
    assert_eq!(daemon.aether(["run", "--rm", "--", "/etc/passwd"]).code, 126, "not executable");
    assert_eq!(daemon.aether(["run", "--rm", "--", "no-such-program"]).code, 127, "not found");
    let both = run("echo to-out; echo to-err >&2").ok();
    assert_eq!(both.text(), "to-out\n");
    assert!(both.stderr.contains("to-err") && !both.stderr.contains("to-out"), "{both}");
}

#[test]
fn standard_input_passes_through_byte_for_byte() {
    let daemon = Daemon::start();
    let input: Vec<u8> =
        (0..3_000_000u32).map(|i| u8::try_from((i.wrapping_mul(2_654_435_761) >> 13) & 0xff).expect("a byte")).collect();
    let outcome = daemon.aether_with(["run", "-i", "--rm", "--", "cat"], &input, Duration::from_secs(60)).ok();
    assert!(outcome.stdout == input, "{} bytes in, {} bytes out, or others", input.len(), outcome.stdout.len());
    let closed = daemon.aether_with(["run", "--rm", "--", "cat"], b"not for it", Duration::from_secs(20)).ok();
    assert_eq!(closed.text(), "", "without -i it reads end-of-file");
}

#[test]
fn twenty_megabytes_of_output_arrive_whole() {
    let daemon = Daemon::start();
    let expected: String = (1..=2_600_000).map(|i| format!("{i}\n")).collect();
    let outcome = daemon.aether_with(["run", "--rm", "--", "seq", "1", "2600000"], b"", Duration::from_secs(120)).ok();
    assert!(outcome.text() == expected, "{} bytes of {}", outcome.stdout.len(), expected.len());
}

#[test]
fn environment_and_directory_are_as_asked() {
    let daemon = Daemon::start();
    let args = ["run", "--rm", "--env", "GREETING=hello there", "--workdir", "/tmp", "--", "sh", "-c", "echo $GREETING; pwd"];
    assert_eq!(daemon.aether(args).ok().text(), "hello there\n/tmp\n");
}

#[test]
fn states_are_told_and_history_stays_until_removed() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "short"], "echo here; read line <&- ; sleep 0.2; exit 3");
    agent.reaches("dead");
    let info = agent.info();
    assert_eq!((&info["exit"]["code"], &info["phase"], &info["pid"]), (&json!(3), &json!("failed"), &json!(null)), "{info}");
    assert!(agent.logs().contains("here"), "output is kept after the end");
    let listed = |args: &[&str]| daemon.aether(args).ok().text().contains(&agent.id);
    assert!(!listed(&["ps", "-q"]) && listed(&["ps", "-a", "-q"]));
    daemon.aether(["rm", "short"]).ok();
    assert!(!listed(&["ps", "-a", "-q"]));
    daemon.aether(["inspect", "short"]).refused(3, "short");
}

#[test]
fn a_paused_agent_does_not_run() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "ticker"], "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.01; done");
    agent.prints("tick 5");
    daemon.aether(["pause", "ticker"]).ok();
    assert_eq!(agent.state(), "paused");
    let frozen = agent.logs();
    // Another agent gets half a second of the same machine; the frozen one must not use any of it.
    daemon.aether(["run", "--rm", "--", "sleep", "0.5"]).ok();
    assert_eq!(agent.logs(), frozen);
    daemon.aether(["resume", "ticker"]).ok();
    assert_eq!(agent.state(), "running");
    until("it to go on", || agent.logs().len() > frozen.len());
    daemon.aether(["resume", "ticker"]).refused(5, "running");
}

#[test]
fn signals_are_real() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "listener"], "trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done");
    agent.prints("ready");
    daemon.aether(["signal", "listener", "USR1"]).ok();
    agent.prints("got it");
    daemon.aether(["signal", "listener", "SIGSTOP"]).ok();
    agent.reaches("stopped");
    daemon.aether(["signal", "listener", "CONT"]).ok();
    agent.reaches("running");
    daemon.aether(["signal", "listener", "NOSUCH"]).refused(2, "signal");
}

#[test]
fn stop_asks_first_and_then_insists() {
    let daemon = Daemon::start();
    let polite = daemon.agent(&["--name", "polite"], "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done");
    polite.prints("ready");
    daemon.aether(["stop", "polite"]).ok();
    polite.reaches("dead");
    assert_eq!(polite.info()["exit"]["code"], 4);
    assert!(polite.logs().contains("bye"));

    let deaf = daemon.agent(&["--name", "deaf"], "trap '' TERM; echo ready; while :; do sleep 0.05; done");
    deaf.prints("ready");
    http::unix(&daemon.socket(), "POST", "/api/v1/agents/deaf/stop").json(&json!({ "graceSeconds": 1 })).send().data();
    deaf.reaches("dead");
    assert_eq!((&deaf.info()["exit"]["code"], &deaf.info()["exit"]["signal"]), (&json!(137), &json!("SIGKILL")));
}

#[test]
fn kill_ends_everything_however_well_it_hides() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    let script = "setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 1; done' & (sleep 600 & sleep 600 &) ; nohup sleep 600 >/dev/null 2>&1 & \
                  kill -STOP $! ; echo hidden; exec sleep 600";
    let agent = daemon.agent(&["--name", "hydra"], script);
    agent.prints("hidden");
    let cgroup = agent.info()["cgroup"].as_str().expect("cgroup").to_owned();
    let pids = proc::in_cgroup(&cgroup);
    assert!(pids.len() >= 6, "{pids:?}");
    daemon.aether(["kill", "hydra"]).ok();
    assert!(!pids.iter().any(|pid| proc::runs(*pid)), "after the answer nothing of it runs");
    assert_eq!(agent.state(), "dead");
    assert_eq!(agent.info()["exit"]["code"], 137);
    daemon.aether(["rm", "hydra"]).ok();
    before.assert_gone_but_output(&daemon);
}

#[test]
fn an_ephemeral_agent_leaves_nothing() {
    let daemon = Daemon::start();
    daemon.service_cgroup();
    let before = Leaks::of(&daemon);
    daemon.aether(["run", "--rm", "--", "sh", "-c", "echo data >~/file; sleep 600 & true"]).ok();
    before.assert_gone_but_output(&daemon);
}

#[test]
fn queued_agents_start_by_themselves_in_order_of_priority() {
    let daemon = Daemon::with("[agents]\nmax_concurrent = 1\n");
    let first = daemon.agent(&["--name", "first"], "exec sleep 600");
    let ask = |name: &str, priority: u8| {
        let program = json!({ "type": "command", "argv": ["sh", "-c", "echo started; exec sleep 600"] });
        let spec = json!({ "name": name, "priority": priority, "program": program });
        let answer = http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec).send();
        assert_eq!(answer.status, 201, "{answer}");
        Agent::new(&daemon, name)
    };
    let late = ask("late", 5);
    let soon = ask("soon", 1);
    assert_eq!((late.state().as_str(), soon.state().as_str()), ("queued", "queued"));
    assert_eq!((&soon.info()["queuePosition"], &late.info()["queuePosition"]), (&json!(1), &json!(2)));
    assert_eq!(late.info()["pid"], json!(null), "a queued agent has no process");

    daemon.aether(["kill", "first"]).ok();
    soon.prints("started");
    assert_eq!((first.state().as_str(), soon.state().as_str(), late.state().as_str()), ("dead", "running", "queued"));
    daemon.aether(["kill", "soon"]).ok();
    late.prints("started");
    assert_eq!(late.state(), "running");
    let cancelled = ask("cancelled", 3);
    daemon.aether(["kill", "cancelled"]).ok();
    assert_eq!(cancelled.state(), "dead");
}

#[test]
fn names_ids_and_prefixes_all_lead_to_the_agent() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "findable"], "exec sleep 600");
    let number = agent.info()["number"].to_string();
    for reference in ["findable", &agent.id, &agent.id[..8], &number] {
        assert_eq!(Agent::new(&daemon, reference).info()["id"], json!(agent.id), "{reference}");
    }
    let other = daemon.agent(&[], "exec sleep 600");
    let generated = other.info()["name"].as_str().expect("a name").to_owned();
    assert_eq!(Agent::new(&daemon, generated).info()["id"], json!(other.id));
}

#[test]
fn exec_runs_beside_the_program_with_its_own_status() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "host"], "exec sleep 600");
    let exec = |args: &[&str]| daemon.aether([&["exec", "host", "--"], args].concat());
    assert_eq!(exec(&["sh", "-c", "id -un; hostname; exit 9"]).code, 9);
    assert_eq!(exec(&["id", "-un"]).ok().text(), "agent\n");
    assert_eq!(exec(&["/etc/passwd"]).code, 126);
    assert_eq!(exec(&["no-such-program"]).code, 127);
    let piped = daemon.aether_with(["exec", "-i", "host", "--", "tr", "a-z", "A-Z"], b"shout", Duration::from_secs(20)).ok();
    assert_eq!(piped.text(), "SHOUT");
    let args = ["exec", "--env", "A=b", "--workdir", "/tmp", "host", "--", "sh", "-c", "echo $A; pwd"];
    assert_eq!(daemon.aether(args).ok().text(), "b\n/tmp\n");
    let running = agent.pid();
    assert!(proc::runs(running));
    daemon.aether(["kill", "host"]).ok();
    exec(&["true"]).refused(125, "host");
}

#[test]
fn waiting_over_http_ends_with_the_agent() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "brief"], "sleep 0.3; exit 5");
    let answer = http::unix(&daemon.socket(), "GET", "/api/v1/agents/brief/wait").send().data();
    assert_eq!(answer["code"], 5);
    eventually("the state", Duration::from_secs(5), || (agent.state() == "dead").then_some(()));
}
