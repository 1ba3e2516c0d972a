//! The built-in agent, given a goal, without any key or model.
#![forbid(unsafe_code)]

use std::fs;

use aether_tests::{Daemon, http};
use serde_json::json;

const GOAL: &str = "Inspect this machine and write a report";

#[test]
fn it_reaches_its_goal_and_the_report_is_at_home() {
    let daemon = Daemon::start();
    let outcome = daemon.aether(["run", "--name", "inspector", "--goal", GOAL]).ok();
    assert!(outcome.text().lines().count() >= 3, "a line per thought, action and observation: {outcome}");

    let copy = daemon.scratch().join("report.md");
    daemon.aether(["cp", "inspector:/home/agent/report.md", copy.to_str().expect("UTF-8")]).ok();
    let report = fs::read_to_string(copy).expect("the report");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").expect("osrelease");
    assert!(report.starts_with('#') && report.contains(kernel.trim()), "{report}");
    assert!(report.len() > 300, "a report, not a stub: {report}");

    let info = daemon.aether(["--json", "inspect", "inspector"]).ok().json();
    assert_eq!((&info["state"], &info["phase"], &info["exit"]["code"]), (&json!("dead"), &json!("completed"), &json!(0)));
    assert!(info["model"].as_str().is_some_and(|model| model.starts_with("heuristic")), "{info}");

    let timeline = http::unix(&daemon.socket(), "GET", "/api/v1/agents/inspector/timeline?since=0&limit=500").send().data();
    let events: Vec<&str> = timeline.as_array().expect("events").iter().filter_map(|event| event["type"].as_str()).collect();
    for kind in ["process.spawned", "agent.thought", "agent.action", "agent.observation", "agent.completed", "process.exit"] {
        assert!(events.contains(&kind), "no {kind} in {events:?}");
    }
    let numbers: Vec<u64> = timeline.as_array().expect("events").iter().filter_map(|event| event["seq"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    daemon.aether(["rm", "inspector"]).ok();
}

#[test]
fn it_builds_and_tests_a_project() {
    let daemon = Daemon::start();
    let project = daemon.scratch().join("project");
    fs::create_dir(&project).expect("mkdir");
    fs::write(project.join("Makefile"), "all: hello\nhello: hello.c\n\tcc -o hello hello.c\ntest: hello\n\t./hello\n")
        .expect("write");
    fs::write(project.join("hello.c"), "#include <stdio.h>\nint main(void) { puts(\"it works\"); return 0; }\n").expect("write");
    let mount = format!("{}:/home/agent/project", project.display());
    let goal = "build and test the project in ~/project";
    daemon.aether(["run", "--rm", "--mount", &mount, "--goal", goal]).ok();
    assert!(project.join("hello").exists(), "it was built");

    fs::write(project.join("hello.c"), "this is no C\n").expect("write");
    fs::remove_file(project.join("hello")).expect("rm");
    let outcome = daemon.aether(["run", "--rm", "--mount", &mount, "--goal", goal]);
    assert_eq!(outcome.code, 1, "a failed build is a failure: {outcome}");
}

#[test]
fn it_summarises_files() {
    let daemon = Daemon::start();
    let project = daemon.scratch().join("project");
    fs::create_dir(&project).expect("mkdir");
    fs::write(project.join("notes.md"), "# Notes\n\nThe tide turns at noon.\n").expect("write");
    let mount = format!("{}:/home/agent/project:ro", project.display());
    let args = ["run", "--name", "reader", "--mount", &mount, "--goal", "summarise the files in ~/project"];
    daemon.aether(args).ok();
    let copy = daemon.scratch().join("summary.md");
    daemon.aether(["cp", "reader:/home/agent/summary.md", copy.to_str().expect("UTF-8")]).ok();
    let summary = fs::read_to_string(copy).expect("the summary");
    assert!(summary.contains("notes.md"), "{summary}");
}

#[test]
fn a_goal_nobody_here_understands_fails_plainly() {
    let daemon = Daemon::start();
    let outcome = daemon.aether(["run", "--rm", "--goal", "negotiate a lasting peace between cats and dogs"]);
    assert_eq!(outcome.code, 1, "{outcome}");
    let said = format!("{}{}", outcome.text(), outcome.stderr).to_lowercase();
    assert!(said.contains("not a") && said.contains("model"), "it says that it is no model: {outcome}");
}
