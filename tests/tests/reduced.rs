//! A host without Landlock: refused by name, taken only by who allows exactly that, and then said wherever the agent is shown. ESC-24.
#![forbid(unsafe_code)]

use std::{fs, path::Path, process::Command};

use aether_tests::{Daemon, http, pty::Pty};
use serde_json::Value;

/// Red, as the client paints what is bad.
const RED: &str = "\u{1b}[31m";

/// What a person sees on a terminal.
fn on_terminal(daemon: &Daemon, args: &[&str]) -> String {
    let client = daemon.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#""$@"; echo "the end of it""#, "sh"]).arg(client.get_program()).args(client.get_args());
    for (name, value) in client.get_envs() {
        shell.env(name, value.expect("nothing is taken away"));
    }
    String::from_utf8_lossy(&Pty::start(&shell).until("the end of it")).into_owned()
}

/// A daemon under a kernel that answers as one without Landlock does, and an agent from before: the control.
fn without_landlock() -> (Daemon, String) {
    let mut daemon = Daemon::start();
    let full = daemon.agent(&["--name", "full"], "echo up; exec sleep 600");
    full.prints("up");
    let id = full.id.clone();
    let front = daemon.scratch().join("without-landlock");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/without_landlock.c");
    let gcc = Command::new("gcc").args(["-Wall", "-Werror", "-o"]).arg(&front).arg(source).status();
    assert!(gcc.expect("gcc (package gcc)").success(), "the fixture compiles");
    daemon.kill9();
    daemon.behind(front);
    daemon.restart();
    (daemon, id)
}

#[test]
fn a_host_without_landlock_is_refused_by_name() {
    let (daemon, _) = without_landlock();
    for options in [&[][..], &["--allow-reduced", "seccomp"]] {
        let args = [&["run", "--rm"], options, &["--", "true"]].concat();
        let refused = daemon.aether(args);
        assert_ne!(refused.code, 0, "{refused:?}");
        let said = &refused.stderr;
        for word in ["landlock", "lsm=landlock", "--allow-reduced landlock"] {
            assert!(said.contains(word), "no {word:?} in {said}");
        }
    }
    let doctor = daemon.aether(["doctor", "--json"]);
    assert_ne!(doctor.code, 0);
    let findings = doctor.json()["findings"].clone();
    let found = findings.as_array().expect("findings").iter().find(|finding| finding["name"] == "landlock").expect("judged");
    assert_ne!(found["status"], "ok", "{found}");
    assert!(daemon.audit().iter().all(|record| record["action"] != "agent.launch.reduced"), "nobody was taken");
}

#[test]
fn an_agent_without_landlock_says_so_everywhere() {
    let (daemon, full) = without_landlock();
    let run = daemon.aether(["run", "-d", "--name", "bare", "--allow-reduced", "landlock", "--", "sleep", "600"]).ok();
    let id = run.text().trim().to_owned();
    assert!(run.stderr.contains("REDUCED ISOLATION: bare runs without landlock"), "{run:?}");

    // The API.
    let data = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{id}")).send().data();
    let (mode, layers) = (&data["enforcement"]["mode"], &data["enforcement"]["layers"]);
    assert_eq!((mode, &layers["landlock"]["active"]), (&Value::from("reduced"), &Value::from(false)), "{data:#}");
    assert!(layers["landlock"]["detail"].as_str().is_some_and(|why| why.contains("Landlock")), "{layers:#}");
    let others = layers.as_object().expect("layers").iter().filter(|(name, _)| *name != "landlock");
    assert!(others.clone().count() == 10 && others.clone().all(|(_, layer)| layer["active"] == true), "{layers:#}");
    assert!(data["enforcement"]["policies"]["ruleset"].is_null(), "{data:#}");
    assert!(data["enforcement"]["policies"]["filter"]["sha256"].is_string(), "{data:#}");

    // The signed report: not full, with one layer missing.
    let report = daemon.aether(["inspect", "--isolation", "--json", &id]);
    assert_eq!((report.code, &report.json()["report"]["full"]), (1, &Value::from(false)));
    let missing = |report: &Value| {
        let layers = report["report"]["layers"].as_array().expect("layers").iter();
        let off: Vec<String> = layers.filter(|layer| layer["active"] == false).map(|layer| layer["name"].to_string()).collect();
        off
    };
    assert_eq!(missing(&report.json()), ["\"landlock\""], "{:#}", report.json());
    let file = daemon.scratch().join("report.json");
    fs::write(&file, &report.stdout).expect("write");
    daemon.aether(["verify-report", file.to_str().expect("UTF-8")]).ok();

    // The audit says who allowed it and what.
    let records = daemon.audit();
    let record = records.iter().find(|record| record["action"] == "agent.launch.reduced").expect("on record");
    assert_eq!((&record["subject"], &record["who"]), (&Value::from(id.as_str()), &Value::from("root")));
    assert_eq!(record["outcome"], serde_json::json!(["landlock"]));

    // The command line, in red.
    for (args, words) in [
        (&["ps"][..], "REDUCED"),
        (&["inspect", &id], "REDUCED"),
        (&["inspect", &id], "OFF landlock"),
        (&["inspect", "--isolation", &id], "MISSING"),
        (&["audit"], "agent.launch.reduced"),
    ] {
        let shown = on_terminal(&daemon, args);
        let marked = shown.lines().any(|line| line.split_once(RED).is_some_and(|(_, after)| after.starts_with(words)));
        assert!(marked, "no red {words:?} in {args:?}:\n{shown}");
    }

    // The control: the one from before keeps what it was given, and none of its lines is red.
    let shown = on_terminal(&daemon, &["inspect", &full]);
    assert!(shown.contains("on  landlock") && !shown.contains(RED), "{shown}");
    let report = daemon.aether(["inspect", "--isolation", "--json", &full]).json();
    let landlock = report["report"]["layers"].as_array().expect("layers").iter().find(|layer| layer["name"] == "landlock");
    let facts = landlock.expect("a layer")["evidence"].to_string();
    assert!(facts.contains("at the launch: fully enforced") && facts.contains("a launch now gives none"), "{facts}");
}
