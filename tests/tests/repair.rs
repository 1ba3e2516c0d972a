//! A failing test in a repository of Git, repaired by the built-in agent: the same in every provider's words, and whatever is cut.
#![forbid(unsafe_code)]

use std::{fs, path::Path, time::Duration};

use aether_tests::{
    Daemon, Scripted, eventually, http,
    scripted::{Turn, call},
    tongues::Tongue,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
const GOAL: &str = "Mend the failing test in ~/sums";

const WRONG: &str = "def total(prices, discount=0):\n    return sum(prices) + discount\n";
const RIGHT: &str = "def total(prices, discount=0):\n    return sum(prices) - discount\n";
const TEST: &str = "import unittest\nfrom sums import total\n\n\nclass Totals(unittest.TestCase):\n    def test_a_discount_is_taken_off(self):\n        \
    self.assertEqual(total([5, 6], discount=1), 10)\n\n    def test_nothing_costs_nothing(self):\n        self.assertEqual(total([]), 0)\n";

/// The same author at the same time: the same tree is the same commit.
const FIXED: &str = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a.test GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a.test \
    GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_CONFIG_NOSYSTEM=1; cd ~/sums &&";

/// What is done before the repair: the repository as somebody left it.
fn prepare() -> Turn {
    let text = format!(
        "mkdir -p ~/sums && {FIXED} git init -q -b main . && printf '%s' \"$SUMS\" > sums.py && printf '%s' \"$TEST\" > test_sums.py && \
         printf '__pycache__/\\n' > .gitignore && git add . && \
         if ! git rev-parse -q --verify HEAD; then git commit -qm 'Add up prices'; fi"
    );
    call("run_command", json!({ "command": text }))
}

/// Without compiled copies: one of a source of the same second and length would be taken for that of the repaired one.
const RUN: &str = "cd ~/sums && python3 -B -m unittest -q";

fn turns() -> Vec<Turn> {
    let commit =
        format!("{FIXED} if git diff --quiet; then echo nothing to commit; else git commit -qam 'Take the discount off'; fi");
    vec![
        prepare(),
        call("run_command", json!({ "command": RUN })),
        vec![("list_files", json!({ "path": "~/sums" })), ("read_file", json!({ "path": "~/sums/sums.py" }))],
        call("write_file", json!({ "path": "~/sums/sums.py", "content": RIGHT })),
        call("run_command", json!({ "command": RUN })),
        call("run_command", json!({ "command": commit })),
    ]
}

fn start(daemon: &Daemon, name: &str, more: &[&str]) {
    let (sums, test) = (format!("SUMS={WRONG}"), format!("TEST={TEST}"));
    let start = ["run", "-d", "--name", name, "--env", &sums, "--env", &test];
    daemon.aether(start.into_iter().chain(more.iter().copied()).chain(["--goal", GOAL])).ok();
}

fn ended(daemon: &Daemon, name: &str) {
    let info = eventually("the end", SOON, || {
        let info = daemon.aether(["--json", "inspect", name]).ok().json();
        (info["state"] == "dead").then_some(info)
    });
    assert_eq!(info["exit"]["code"], 0, "{name}: {info}");
}

/// The commit at the top, how many there are, and what stands in the file; nothing is left uncommitted.
fn result(daemon: &Daemon, name: &str) -> (String, usize, String) {
    let copy = daemon.scratch().join(name);
    daemon.aether(["cp", &format!("{name}:/home/agent/sums"), copy.to_str().expect("UTF-8")]).ok();
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {}: {error}", path.display()));
    let commits = read(&copy.join(".git/logs/HEAD"));
    (read(&copy.join(".git/refs/heads/main")), commits.lines().count(), read(&copy.join("sums.py")))
}

fn observations(daemon: &Daemon, name: &str) -> Vec<(bool, String)> {
    let path = format!("/api/v1/agents/{name}/timeline?since=0&limit=500");
    let events = http::unix(&daemon.socket(), "GET", &path).send().data();
    let seen = events.as_array().expect("events").iter().filter(|event| event["type"] == "agent.observation");
    seen.map(|event: &Value| (event["ok"] == true, event["result"].as_str().unwrap_or_default().to_owned())).collect()
}

#[test]
fn the_repair_is_the_same_in_every_providers_words() {
    let model = Scripted::start([("failing test", turns())]);
    let daemon = Daemon::with(&model.every_tongue());
    for (name, _) in Tongue::ALL {
        start(&daemon, name, &["--model", &format!("as-{name}/m-1")]);
    }
    let mut results = Vec::new();
    for (name, tongue) in Tongue::ALL {
        ended(&daemon, name);
        let seen = observations(&daemon, name);
        assert!(!seen[1].0 && seen[1].1.contains("FAILED (failures=1)"), "{name}: the test failed before: {seen:?}");
        assert!(seen[5].0 && seen[5].1.contains("OK"), "{name}: it passes: {seen:?}");
        let asked = model.seen_by(tongue);
        assert!(asked > turns().len(), "{name}: asked in its own words {asked} times");
        results.push(result(&daemon, name));
    }
    let (commit, count, content) = &results[0];
    assert_eq!((commit.trim().len(), *count, content.as_str()), (40, 2, RIGHT), "{results:?}");
    assert!(results.iter().all(|one| one == &results[0]), "{results:?}");
}

/// Every boundary of steps in one provider's words; in those of all of them in `make test-faults`.
#[test]
fn killed_between_any_two_steps_the_repair_is_the_same() {
    let model = Scripted::start([("failing test", turns())]);
    let mut daemon = Daemon::with(&model.every_tongue());
    start(&daemon, "whole", &["--model", "as-chat/m-1"]);
    ended(&daemon, "whole");
    let wanted = result(&daemon, "whole");
    assert_eq!(wanted.1, 2, "control: {wanted:?}");
    let tongues = if std::env::var_os("AETHER_FAULT_EVERY").is_some() { Tongue::ALL.len() } else { 1 };
    for (tongue, _) in Tongue::ALL.into_iter().take(tongues) {
        for step in 1..=turns().len() {
            // It stands still after exactly so many steps; what it knows then is what is on the disk.
            let name = format!("{tongue}-cut-{step}");
            start(&daemon, &name, &["--model", &format!("as-{tongue}/m-1"), "--max-steps", &step.to_string()]);
            eventually("the boundary", SOON, || {
                let info = daemon.aether(["--json", "inspect", &name]).ok().json();
                (info["phase"] == "waiting" && info["step"] == step).then_some(())
            });
            daemon.kill9();
            daemon.revive();
            daemon.aether(["steer", &name, "--more-steps"]).ok();
            ended(&daemon, &name);
            assert_eq!(result(&daemon, &name), wanted, "{tongue}: cut after step {step}");
        }
        println!("{tongue}: killed at each of {} boundaries, the same commit each time", turns().len());
    }
}

/// The service is killed at whatever it is doing: twice here, and in every provider's words over and over in `make test-faults`.
#[test]
fn killed_at_any_moment_the_repair_is_the_same_in_every_providers_words() {
    let model = Scripted::careful([("failing test", turns())]);
    let mut daemon = Daemon::with(&model.every_tongue());
    start(&daemon, "whole", &["--model", "as-chat/m-1"]);
    ended(&daemon, "whole");
    let wanted = result(&daemon, "whole");
    let (tongues, step) = if std::env::var_os("AETHER_FAULT_EVERY").is_some() { (Tongue::ALL.len(), 1) } else { (1, 6) };
    for (tongue, _) in Tongue::ALL.into_iter().take(tongues) {
        for moment in (3..15u64).step_by(step) {
            let name = format!("{tongue}-{moment}");
            start(&daemon, &name, &["--model", &format!("as-{tongue}/m-1")]);
            std::thread::sleep(Duration::from_millis(moment * 37));
            daemon.kill9();
            daemon.revive();
            ended(&daemon, &name);
            assert_eq!(result(&daemon, &name), wanted, "{name}: {:?}", observations(&daemon, &name));
        }
        println!("{tongue}: killed at {} moments, the same commit each time", (3..15u64).step_by(step).count());
    }
}
