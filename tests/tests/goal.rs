//! The built-in agent, given a goal, without any key or model.
#![forbid(unsafe_code)]

use std::{fs, time::Duration};

use aether_tests::{Daemon, Scripted, eventually, http};
use serde_json::{Value, json};

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

fn tools_of(request: &str) -> Vec<String> {
    let request: Value = serde_json::from_str(request).expect("a request");
    let tools = request["tools"].as_array().expect("tools");
    tools.iter().filter_map(|tool| tool["function"]["name"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_list_of_tools_holds_and_can_be_changed_between_steps() {
    let run = |n: u32| ("run_command", json!({ "command": format!("echo {n} >> effects") }));
    let model = Scripted::start([(
        "be steered",
        vec![
            vec![
                run(1),
                ("read_file", json!({ "path": "/etc/passwd" })),
                ("remember", json!({ "content": "I got round my list" })),
                ("browse_web", json!({ "url": "http://a.test/" })),
            ],
            vec![run(2), ("bash", json!({ "command": "echo 3 >> effects" })), ("read_file", json!({ "path": "effects" }))],
        ],
    )]);
    let mut daemon = Daemon::with(&model.config());
    let start = ["run", "-d", "--name", "held", "--tools", "run_command,browse_web", "--max-steps", "1", "--goal", "be steered"];
    daemon.aether(start).ok();
    let phase = |phase: &str| {
        eventually(phase, Duration::from_secs(20), || {
            let info = daemon.aether(["--json", "inspect", "held"]).ok().json();
            (info["phase"] == phase).then_some(info)
        })
    };
    phase("waiting");
    let steered = daemon.aether(["steer", "held", "--tools", "read_file", "--say", "mind the gap"]).ok();
    assert_eq!(steered.text(), "held: tools read_file; model openai/m-1, step 1 of 1\n");
    let odd = daemon.aether(["steer", "held", "--tools", "../x"]);
    assert!(odd.code == 2 && odd.stderr.contains("is not the name of a tool"), "{odd}");
    for verb in [&["steer", "held"][..], &["run", "--rm", "--goal", "be careful"]] {
        let odd = daemon.aether([verb, &["--tools", "bash,raed_file"]].concat());
        let told = "there is no tool raed_file\nhint: the tools are browse_web, ";
        assert!(odd.code == 2 && odd.stderr.contains(told), "{odd}");
    }

    // What was changed holds after a restart as well.
    daemon.kill9();
    daemon.revive();
    daemon.aether(["steer", "held", "--more-steps"]).ok();
    let exit = daemon.aether(["--json", "inspect", "held"]).ok().json();
    assert_eq!(exit["spec"]["program"]["tools"], json!(["read_file"]), "{exit}");
    let info = eventually("the end", Duration::from_secs(20), || {
        let info = daemon.aether(["--json", "inspect", "held"]).ok().json();
        (info["state"] == "dead").then_some(info)
    });
    assert_eq!(info["exit"]["code"], 0, "{info}");

    let timeline = http::unix(&daemon.socket(), "GET", "/api/v1/agents/held/timeline?since=0&limit=500").send().data();
    let events = timeline.as_array().expect("events");
    assert_eq!(events.iter().filter(|event| event["type"] == "agent.steered").count(), 1);
    let seen: Vec<(bool, &str)> = events
        .iter()
        .filter(|event| event["type"] == "agent.observation")
        .map(|event| (event["ok"] == true, event["result"].as_str().unwrap_or_default()))
        .collect();
    let expected = [
        (true, "exit status 0"),
        (false, "you were not given the tool \"read_file\""),
        (false, "you were not given the tool \"remember\""),
        (false, "http://a.test/ was not fetched: the sandbox has no network"),
        (false, "you were not given the tool \"run_command\""),
        (false, "you were not given the tool \"bash\""),
        (true, "1\n"),
    ];
    for (ok, text) in expected {
        assert!(seen.iter().any(|(was, said)| *was == ok && said.starts_with(text)), "{text:?} is not in {seen:?}");
    }
    let requests: Vec<String> = model.seen().into_iter().filter(|request| request.contains("be steered")).collect();
    assert_eq!(tools_of(&requests[0]), ["run_command", "complete", "browse_web"]);
    assert_eq!(tools_of(&requests[1]), ["read_file", "complete"]);
    assert!(!requests[0].contains("mind the gap") && requests[1].contains("mind the gap"));
}
