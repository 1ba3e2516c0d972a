//! What built-in agents remember, plan and write to each other, with a model that does what the test wrote down.
#![forbid(unsafe_code)]

use std::{fs, time::Duration};

use aether_tests::{Daemon, Scripted, eventually, http, scripted::call};
use serde_json::{Value, json};

fn observations(daemon: &Daemon, agent: &str, tool: &str) -> Vec<Value> {
    let timeline = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{agent}/timeline")).send().data();
    let all = timeline.as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|event| event["type"] == "agent.observation" && event["tool"] == tool).collect()
}

fn goal(daemon: &Daemon, name: &str, memory: Option<&str>, text: &str) {
    let mut args = vec!["run", "--name", name, "--goal", text];
    args.extend(memory.into_iter().flat_map(|memory| ["--use-memory", memory]));
    daemon.aether(args).ok();
}

#[test]
fn what_one_run_remembers_the_next_one_has_and_nobody_else() {
    let fact = "The tide table is in the harbour office";
    let remember = json!({"content": fact, "layer": "semantic", "tags": ["tide"], "importance": 0.9});
    let plan = json!({"goal": "find the table", "nodes": [{"title": "ask"}, {"title": "read", "children": ["high", "low"]}]});
    let model = Scripted::start([
        (
            "first goal",
            vec![
                call("remember", remember),
                call("create_plan", plan),
                call("update_plan", json!({"node_id": "2.1", "status": "completed"})),
            ],
        ),
        ("second goal", vec![call("recall", json!({"query": "tide\" OR mind : *"}))]),
        ("strange goal", vec![call("forget", json!({"memory_id": 1})), call("recall", json!({"query": "tide"}))]),
        ("lonely goal", vec![call("send_message", json!({"pid": 1, "message": "wake up"})), call("check_messages", json!({}))]),
    ]);
    let mut daemon = Daemon::with(&model.config());
    goal(&daemon, "one", Some("harbour"), "the first goal");
    assert!(model.was_told("first goal", "2.1 [completed] high"), "the plan stays in view");
    let shown = daemon.aether(["plan", "one"]).ok().text();
    assert!(shown.contains("find the table (active)") && shown.contains("  2.2 pending"), "{shown}");
    let listed = daemon.aether(["memory", "ls", "one", "--layer", "semantic"]).ok().text();
    assert!(listed.contains(fact) && listed.contains("0.90"), "{listed}");
    let kept = daemon.aether(["memory", "ls", "one", "--layer", "episodic"]).ok().text();
    assert!(kept.contains("Goal, reached: the first goal") && kept.lines().count() == 2, "one entry for the run: {kept}");
    let profile = daemon.aether(["profile", "one"]).ok().text();
    assert!(profile.contains("1 reached, 0 not reached") && profile.contains("no model rated a run"), "{profile}");

    daemon.aether(["rate", "one", "1", "good", "well noted"]).ok();
    daemon.aether(["rate", "one", "99", "bad"]).refused(3, "one took no step 99");
    let given = http::unix(&daemon.socket(), "GET", "/api/v1/agents/one/feedback").send().data();
    assert_eq!((&given[0]["rating"], &given[0]["comment"], given[1].is_null()), (&json!(1), &json!("well noted"), true));

    goal(&daemon, "two", Some("harbour"), "the second goal");
    assert!(model.was_told("second goal", fact), "it starts with what the first one remembered");
    assert!(observations(&daemon, "two", "recall")[0]["result"].as_str().is_some_and(|text| text.contains(fact)));
    goal(&daemon, "three", None, "a strange goal");
    let forgot = &observations(&daemon, "three", "forget")[0];
    assert_eq!((&forgot["ok"], &forgot["result"]), (&json!(false), &json!("there is no such memory")));
    assert!(!model.was_told("strange goal", fact), "an agent without that memory never sees it");
    goal(&daemon, "four", Some("harbour-2"), "the lonely goal");
    assert_eq!(observations(&daemon, "four", "send_message")[0]["ok"], false, "the first one has ended");

    daemon.aether(["rm", "one"]).ok();
    daemon.kill9();
    daemon.revive();
    let listed = daemon.aether(["memory", "ls", "two", "where is the tide table?"]).ok().text();
    assert!(listed.contains(fact), "a named memory outlives its agent and a crash: {listed}");
    let minds = daemon.aether(["memory", "minds"]).ok().text();
    assert!(minds.contains("harbour") && minds.contains("root"), "{minds}");
    let id = daemon.aether(["memory", "add", "three", "Ask the harbour master", "--tag", "tide"]).ok().text();
    let copy = daemon.aether(["--json", "memory", "share", "three", id.trim(), "two"]).ok().json();
    assert_eq!((&copy["importance"], &copy["tags"][0]), (&json!(0.4), &json!("shared_from:three")));
    daemon.aether(["memory", "forget", "two", id.trim()]).refused(3, "there is no such memory");
    daemon.aether(["memory", "forget", "three", id.trim()]).ok();
    daemon.aether(["memory", "add", "three", &"x".repeat(9000)]).refused(2, "at most 8192 are kept");
    let bad = daemon.aether_with(["memory", "ls", "three", "--layer", "liminal"], &[], Duration::from_secs(10));
    assert!(bad.code == 2 && bad.stderr.contains("procedural"), "{bad}");
}

#[test]
fn vectors_find_what_words_do_not() {
    let recall = call("recall", json!({"query": "car", "limit": 1}));
    let model = Scripted::start([("blind goal", vec![recall.clone()]), ("seeing goal", vec![recall])]);
    let mut daemon = Daemon::with(&model.config());
    goal(&daemon, "keeper", Some("garage"), "the first goal");
    for fact in ["The automobile stands behind the house", "The physician comes on Mondays", "The vessel lies in dock 4"] {
        daemon.aether(["memory", "add", "keeper", fact]).ok();
    }
    // Control: of all its words none is in what is remembered.
    goal(&daemon, "blind", Some("garage"), "the blind goal");
    assert_eq!(observations(&daemon, "blind", "recall")[0]["result"], "nothing is remembered about that");
    assert!(daemon.aether(["memory", "ls", "keeper", "car"]).ok().text().lines().count() <= 1);

    daemon.kill9();
    fs::write(daemon.scratch().join("aether.toml"), model.config() + "[models]\nembedding = \"openai/e-1\"\n").expect("config");
    daemon.revive();
    let found = eventually("vectors of what was remembered before", Duration::from_secs(20), || {
        let listed = daemon.aether(["memory", "ls", "keeper", "car"]).ok().text();
        listed.contains("The automobile").then_some(listed)
    });
    assert!(!found.contains("The physician") && !found.contains("The vessel"), "{found}");
    goal(&daemon, "seeing", Some("garage"), "the seeing goal");
    let told = observations(&daemon, "seeing", "recall")[0]["result"].to_string();
    assert!(told.contains("The automobile stands behind the house"), "{told}");
    // Whoever asks pays, and so does whose memory it is: the newest of those that share it.
    let spent = |agent: &str| http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{agent}/budget")).send().data();
    let vectors = |budget: &Value| {
        let on = budget["byModel"].as_array().expect("models").iter().find(|on| on["model"] == "openai/e-1 (vectors)").cloned();
        on.map_or(0, |on| on["tokens"].as_u64().expect("tokens"))
    };
    let (blind, seeing) = (spent("blind"), spent("seeing"));
    assert!(vectors(&blind) > 20 && vectors(&seeing) > 0 && vectors(&seeing) < vectors(&blind), "{blind} {seeing}");
    assert!(seeing["spent"]["tokens"].as_u64().expect("tokens") > vectors(&seeing));
    // Only what is asked for goes to the provider: the texts to remember, once each, and the questions.
    let sent =
        model.seen().iter().filter(|request| request.contains("\"model\":\"e-1\"") && request.contains("The automobile")).count();
    assert_eq!(sent, 1, "{:?}", model.seen());
}
