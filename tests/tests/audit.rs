//! Who did what is on record, and what holds an agent is what the kernel says: both against a real sandbox.
#![forbid(unsafe_code)]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    process::Command,
    time::Duration,
};

use aether_tests::{
    Agent, Daemon, eventually, http,
    proc::{self, NAMESPACES},
};
use serde_json::Value;

/// Every audit record, oldest first.
#[track_caller]
fn records(daemon: &Daemon) -> Vec<Value> {
    let text = daemon.aether(["audit", "--json"]).ok().text();
    text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

/// Actions on one subject.
#[track_caller]
fn actions(daemon: &Daemon, subject: &str) -> Vec<String> {
    let about = records(daemon).into_iter().filter(|record| record["subject"] == subject);
    about.map(|record| record["action"].as_str().expect("an action").to_owned()).collect()
}

#[test]
fn what_people_do_to_an_agent_is_on_record() {
    let mut daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "watched"], "trap '' USR1; echo up; exec sleep 600");
    let id = agent.id.clone();
    agent.prints("up");
    daemon.aether(["exec", &id, "--", "true"]).ok();
    daemon.aether(["pause", &id]).ok();
    daemon.aether(["resume", &id]).ok();
    daemon.aether(["signal", &id, "USR1"]);
    let file = daemon.scratch().join("note");
    fs::write(&file, "x").expect("write");
    daemon.aether(["cp", file.to_str().expect("UTF-8"), &format!("{id}:note")]).ok();
    daemon.aether(["stop", &id]).ok();
    daemon.aether(["pause", &id]).refused(5, "cannot pause");
    daemon.aether(["rm", &id]).ok();

    let found = actions(&daemon, &id);
    for action in [
        "agent.deploy",
        "agent.exec",
        "agent.pause",
        "agent.resume",
        "agent.signal",
        "file.created",
        "agent.stop",
        "agent.remove",
    ] {
        assert!(found.iter().any(|known| known == action), "no {action} in {found:?}");
    }
    assert_eq!(found.iter().filter(|action| *action == "agent.pause").count(), 2, "the refusal as well: {found:?}");
    let all = records(&daemon);
    assert!(all.iter().filter(|record| record["subject"] == id.as_str()).all(|record| record["who"] == "root"), "{all:?}");
    let numbers: Vec<_> = all.iter().map(|record| record["number"].as_u64().expect("a number")).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "no gap");
    assert_eq!(all[0]["action"], "service.start");

    // A restart goes on with the same chain.
    daemon.stop();
    daemon.restart();
    let last = records(&daemon);
    assert_eq!(last[..all.len()], all[..], "nothing of before was changed");
    assert!(last[all.len()..].iter().any(|record| record["action"] == "service.stop"));
    daemon.aether(["audit", "verify"]).ok();
}

#[test]
fn strangers_are_on_record_and_cannot_flood_it() {
    let daemon = Daemon::start();
    for _ in 0..200 {
        assert_eq!(http::tcp(daemon.port(), "GET", "/api/v1/agents").send().status, 401);
    }
    let denied = || records(&daemon).into_iter().filter(|record| record["action"] == "request.denied").collect::<Vec<_>>();
    let found = eventually("the refusals to be on record", Duration::from_secs(20), || Some(denied()).filter(|d| !d.is_empty()));
    assert!(found.len() <= 2, "{} records for one kind of request", found.len());
    assert_eq!((&found[0]["who"], &found[0]["subject"]), (&Value::from("nobody"), &Value::from("/api/v1/agents")));
    let token = serde_json::json!({ "token": daemon.token() });
    let origin = format!("http://127.0.0.1:{}", daemon.port());
    let signed_in = http::tcp(daemon.port(), "POST", "/api/v1/session").header("origin", &origin).json(&token).send();
    assert_eq!(signed_in.status, 200);
    assert!(records(&daemon).iter().any(|record| record["action"] == "session.signin" && record["who"] == "operator"));
}

#[test]
fn the_report_says_what_the_kernel_says() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "held", "--pids", "100"], "echo up; exec sleep 600");
    agent.prints("up");
    let signed = daemon.aether(["inspect", "--isolation", "--json", &agent.id]).ok().json();
    let report = &signed["report"];
    let pid = agent.pid();
    assert_eq!((&report["full"], &report["pid"]), (&Value::from(true), &Value::from(pid)), "{report:#}");
    let layers = report["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 11);
    let facts: Vec<&str> =
        layers.iter().flat_map(|layer| layer["evidence"].as_array().expect("evidence")).filter_map(Value::as_str).collect();
    let has = |fact: &str| assert!(facts.iter().any(|known| known.starts_with(fact)), "no {fact:?} in {facts:#?}");

    let status = proc::status(pid).expect("it lives");
    for name in [
        "Uid",
        "Gid",
        "Groups",
        "NSpid",
        "Seccomp",
        "Seccomp_filters",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
    ] {
        has(&format!("status {name}: {}", status[name]));
    }
    for name in NAMESPACES {
        let (inside, outside) = (proc::namespace(pid, name), proc::namespace(daemon.pid(), name));
        assert_ne!(inside, outside);
        has(&format!("ns/{name}: {inside}, the service's own is {outside}"));
    }
    for name in ["uid_map", "gid_map"] {
        let map = fs::read_to_string(format!("/proc/{pid}/{name}")).expect("a map");
        has(&format!("{name}: {}", map.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("mounts");
    for line in mounts.lines() {
        let (first, second) = line.split_once(" - ").expect("two parts");
        let first: Vec<&str> = first.split(' ').collect();
        has(&format!("mount {} {} {}", first[4], second.split(' ').next().expect("a type"), first[5]));
    }
    has(&format!("cgroup (v2): {}", proc::cgroup(pid).expect("a cgroup")));
    let pids = proc::controller_file(pid, "pids", &["pids.max"]).expect("a limit");
    assert_eq!(pids, "100");
    assert!(facts.iter().any(|fact| fact.ends_with("pids.max: 100")), "{facts:#?}");
}

/// The evidence of a layer in the report of an agent, and whether the report is full.
fn evidence(daemon: &Daemon, id: &str, layer: &str) -> (String, bool) {
    let report = daemon.aether(["inspect", "--isolation", "--json", id]).json()["report"].clone();
    let layers = report["layers"].as_array().expect("layers").iter();
    let facts = layers.filter(|found| found["name"] == layer).map(|found| found["evidence"].to_string()).collect();
    (facts, report["full"] == true)
}

#[test]
fn an_old_agent_is_reported_with_what_it_was_given() {
    let mut daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "old"], "echo up; exec sleep 600");
    agent.prints("up");
    let given = |agent: &Agent<'_>, policy: &str| {
        agent.info()["enforcement"]["policies"][policy]["sha256"].as_str().expect("a digest").to_owned()
    };
    let other = daemon.agent(&["--profile", "browser"], "echo up; exec sleep 600");
    other.prints("up");
    let filter = given(&agent, "filter");
    assert_ne!(filter, given(&other, "filter"), "another profile has another filter");
    assert_eq!(given(&agent, "spawner-filter"), given(&other, "spawner-filter"));
    assert_ne!(filter, given(&agent, "spawner-filter"));
    let (facts, full) = evidence(&daemon, "old", "seccomp");
    assert!(full && facts.contains(&format!("sha256 {filter}; a launch now gives the same")), "{facts}");
    let (facts, _) = evidence(&daemon, "old", "filesystem");
    assert!(facts.contains("\"disk: "), "{facts}");

    // A service of another version: its filter is another one than that on record, and its defaults are others.
    let id = agent.id.clone();
    daemon.kill9();
    let old = "ab".repeat(32);
    let change = "import sqlite3, sys
path, agent, filter, old = sys.argv[1:]
with sqlite3.connect(path) as db:
    print(db.execute('UPDATE agents SET enforcement = replace(enforcement, ?, ?) WHERE id = ?', (filter, old, agent)).rowcount)";
    let database = fs::read_dir(daemon.state()).expect("state").flatten().map(|entry| entry.path());
    let database = database.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).expect("a database");
    let changed =
        Command::new("python3").args(["-c", change]).arg(database).args([&id, &filter, &old]).output().expect("python3");
    assert_eq!(String::from_utf8_lossy(&changed.stdout), "1\n", "{changed:?}");
    fs::write(daemon.scratch().join("aether.toml"), "[limits]\nmemory = \"300M\"\npids = 77\n").expect("write");
    daemon.restart();
    let (facts, full) = evidence(&daemon, &id, "seccomp");
    assert!(facts.contains(&format!("sha256 {old}; a launch now gives another one")) && facts.contains(&filter), "{facts}");
    assert!(full, "what is in force is as it was promised to this agent");
    let (facts, _) = evidence(&daemon, &id, "pids");
    assert!(!facts.contains(": 77"), "{facts}");
    assert_eq!(evidence(&daemon, &daemon.agent(&["--name", "new"], "exec sleep 600").id, "pids").0.matches(": 77").count(), 1);
}

#[test]
fn a_report_is_signed_and_checked_without_the_service() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&[], "echo up; exec sleep 600");
    agent.prints("up");
    let bytes = daemon.aether(["inspect", "--isolation", "--json", &agent.id]).ok().stdout;
    let file = daemon.scratch().join("report.json");
    fs::write(&file, &bytes).expect("write");
    let path = file.to_str().expect("UTF-8");
    let answer = http::unix(&daemon.socket(), "GET", "/api/v1/system/report-key").send();
    let key: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let key = key["data"]["publicKey"].as_str().expect("a key").to_owned();
    daemon.aether(["verify-report", path, "--key", &key]).ok();
    assert_eq!(daemon.aether(["verify-report", path, "--key", &"0".repeat(64)]).code, 1);

    let text = String::from_utf8(bytes).expect("UTF-8");
    for (from, to) in [("\"full\":true", "\"full\":false"), ("Seccomp: 2", "Seccomp: 0"), ("{\"", "{ \"")] {
        fs::write(&file, text.replacen(from, to, 1)).expect("write");
        assert_eq!(daemon.aether(["verify-report", path]).code, 1, "{from} -> {to}");
    }

    let found = records(&daemon).into_iter().find(|record| record["action"] == "agent.isolation").expect("on record");
    assert_eq!(found["outcome"]["full"], true);
    let secret = daemon.state().join("report.key").metadata().expect("the key");
    let service = proc::status(daemon.pid()).expect("it runs")["Uid"].split(' ').next().expect("a uid").to_owned();
    assert_eq!((secret.permissions().mode() & 0o777, secret.uid().to_string()), (0o600, service));
    daemon.aether(["kill", &agent.id]).ok();
    daemon.aether(["inspect", "--isolation", &agent.id]).refused(5, "has no sandbox");
}

/// TTY-03: whatever names somebody chose, the log holds lines of the service only, and nothing that acts on a terminal. The acts are on
/// record in the audit.
#[test]
fn chosen_names_stay_in_one_line_of_the_log() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "logged"], "echo up; exec sleep 600");
    agent.prints("up");
    let forged = "{\"level\":\"audit\",\"who\":\"forged\"}";
    for bad in ["\n", "\r", "\r\n", "\u{1b}[2K", "\u{1b}]0;title\u{7}", "\u{9b}2J", "\u{85}", "\u{2028}"] {
        let name = format!("a{bad}{forged}");
        daemon.aether(["exec", &agent.id, "--", &name]);
        let file = daemon.scratch().join("note");
        fs::write(&file, "x").expect("write");
        daemon.aether(["cp", file.to_str().expect("UTF-8"), &format!("{}:{name}", agent.id)]).ok();
    }
    let actions = actions(&daemon, &agent.id);
    assert!(actions.iter().filter(|action| *action == "file.created").count() == 8, "the acts are on record: {actions:?}");
    daemon.aether(["audit", "verify"]).ok();
    let log = daemon.log();
    assert!(log.lines().any(|line| line.starts_with("20") && line.contains("aether::audit")), "it logs at all:\n{log}");
    for line in log.split(['\n', '\r', '\u{85}', '\u{2028}']).filter(|line| !line.is_empty()) {
        assert!(line.starts_with("20") || line.starts_with("aetherd: "), "a line of somebody else: {line:?}");
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }
}
