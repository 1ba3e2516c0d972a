//! What agents use up: counted on every path, frozen at the limit, thawed when it is raised.
#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use aether_tests::{
    Daemon, Provider, Scripted, eventually, http,
    internet::{Internet, PUBLIC},
    scripted::call,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn info(daemon: &Daemon, agent: &str) -> Value {
    daemon.aether(["--json", "inspect", agent]).ok().json()
}

fn reaches(daemon: &Daemon, agent: &str, state: &str) -> Value {
    eventually(state, SOON, || Some(info(daemon, agent)).filter(|info| info["state"] == state))
}

fn budget(daemon: &Daemon, agent: &str) -> Value {
    http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{agent}/budget")).send().data()
}

fn count(daemon: &Daemon, agent: &str, kind: &str) -> usize {
    let path = format!("/api/v1/agents/{agent}/timeline?since=0&limit=500");
    let events = http::unix(&daemon.socket(), "GET", &path).send().data();
    events.as_array().expect("events").iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn tokens_freeze_a_goal_and_a_higher_limit_thaws_it_also_after_a_restart() {
    let turn = |n: u32| call("write_file", json!({ "path": format!("~/f{n}"), "content": "x" }));
    let model = Scripted::start([("costly goal", (0..6).map(turn).collect())]);
    let mut daemon = Daemon::with(&model.config());
    daemon.aether(["run", "-d", "--name", "costly", "--budget", "tokens=30", "--goal", "the costly goal"]).ok();
    reaches(&daemon, "costly", "paused");
    let found = eventually("a post-mortem", SOON, || Some(budget(&daemon, "costly")).filter(|b| !b["postMortem"].is_null()));
    assert_eq!(found["spent"]["tokens"], 39, "three answers: the one that went over it, and none after: {found}");
    assert!(found["frozen"].as_str().is_some_and(|why| why.contains("39 of 30")), "{found}");
    assert_eq!(found["postMortem"]["byTool"][0]["tool"], "write_file", "{found}");
    let of_model = json!([{ "model": "openai/m-1", "answers": 3, "tokens": 39, "costMicrousd": 0 }]);
    assert_eq!((&found["postMortem"]["byModel"], &found["byModel"]), (&of_model, &of_model));
    assert!(found["postMortem"]["files"].to_string().contains("/home/agent/f0"), "{found}");
    assert_eq!((count(&daemon, "costly", "budget.warning"), count(&daemon, "costly", "resource.exceeded")), (1, 1));
    daemon.aether(["resume", "costly"]).refused(5, "is used up");
    let asked = model.seen().len();

    daemon.kill9();
    daemon.revive();
    assert_eq!(info(&daemon, "costly")["state"], "paused");
    daemon.aether(["resume", "costly"]).refused(5, "is used up");
    assert_eq!(model.seen().len(), asked, "a restart brings no answer");
    let shown = daemon.aether(["budget", "costly", "set", "tokens=50"]).ok();
    assert!(shown.text().contains("50") && !shown.text().contains("frozen:"), "{shown}");
    let again = eventually("frozen again", SOON, || {
        Some(budget(&daemon, "costly")).filter(|b| b["spent"]["tokens"] == 52 && !b["frozen"].is_null())
    });
    assert_eq!(again["spent"]["steps"], 4, "{again}");
    daemon.aether(["budget", "costly", "set", "tokens=none"]).ok();
    assert_eq!(reaches(&daemon, "costly", "dead")["exit"]["code"], 0);
    // Six answers of the goal, its end, and who looked back at it.
    let all = eventually("the look back", SOON, || Some(budget(&daemon, "costly")).filter(|b| b["spent"]["tokens"] == 8 * 13));
    assert_eq!(all["byModel"][0]["answers"], 7, "{all}");
    assert_eq!(all["byModel"][1], json!({ "model": "openai/m-1 (looking back)", "answers": 1, "tokens": 13, "costMicrousd": 0 }));
    assert_eq!(all["spent"]["steps"], 7, "a look back is no step: {all}");
    let shown = daemon.aether(["budget", "costly"]).ok().text();
    assert!(shown.contains("openai/m-1 (looking back): 1 answer, 13 tokens"), "{shown}");
}

/// Waits until it is frozen and gives what was found.
fn frozen(daemon: &Daemon, agent: &str) -> Value {
    eventually("a frozen agent and why", SOON, || {
        let found = budget(daemon, agent);
        (found["frozen"].is_string() && found["postMortem"].is_object() && info(daemon, agent)["state"] == "paused")
            .then_some(found)
    })
}

/// Asks a model, or sends 40,000 bytes, without end.
const ASKS: &str = "
import json, os, time, urllib.request
while True:
    body = json.dumps({'model': 'm-1', 'messages': []}).encode()
    head = {'Authorization': 'Bearer ' + os.environ['OPENAI_API_KEY'], 'Content-Type': 'application/json'}
    urllib.request.urlopen(urllib.request.Request(os.environ['OPENAI_BASE_URL'] + '/chat/completions', body, head)).read()
    time.sleep(0.3)
";
const SENDS: &str = "
import time, urllib.request
while True:
    urllib.request.urlopen('http://allowed.test/', b'x' * 40000).read()
    time.sleep(0.3)
";

/// Takes a request with its body.
fn takes(mut stream: TcpStream) {
    let (mut seen, mut chunk) = (0, [0; 4096]);
    while let Ok(length) = stream.read(&mut chunk) {
        seen += length;
        if length == 0 || seen > 40_000 {
            break;
        }
    }
    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

/// It is frozen at its limit, found out about, and goes on when that is raised, to be frozen again.
fn is_frozen_and_thaws(daemon: &Daemon, agent: &str, kind: &str, least: u64, more: &str) -> Value {
    let found = frozen(daemon, agent);
    let used = found["spent"][kind].as_u64().expect("a number");
    assert!(used >= least, "{found}");
    assert_eq!(found["lines"][0]["kind"], kind.trim_end_matches("Microusd"), "{found}");
    let told = ["budget.warning", "resource.exceeded", "agent.postMortem"].map(|event| count(daemon, agent, event));
    assert_eq!(told, [1; 3], "{found}");
    daemon.aether(["resume", agent]).refused(5, "is used up");
    daemon.aether(["budget", agent, "set", more]).ok();
    let again = eventually("frozen again", SOON, || {
        Some(frozen(daemon, agent)).filter(|now| now["postMortem"]["at"] != found["postMortem"]["at"])
    });
    assert!(again["spent"][kind].as_u64() > Some(used), "it went on, and was frozen at the higher limit: {again}");
    again
}

#[test]
fn a_program_is_frozen_for_what_it_asks_through_the_gateway() {
    let provider = Provider::start();
    let daemon = Daemon::with(&format!("[models.openai]\nbase_url = \"{}/v1\"\n", provider.url()));
    daemon.aether_with(["secret", "set", "OPENAI_API_KEY"], b"sk-of-a-test", SOON).ok();
    let run = ["run", "-d", "--name", "asker", "--models", "openai", "--budget", "tokens=30", "--", "python3", "-c", ASKS];
    daemon.aether(run).ok();
    let found = is_frozen_and_thaws(&daemon, "asker", "tokens", 39, "tokens=60");
    let by_model = &found["postMortem"]["byModel"];
    assert!(by_model[0]["model"] == "openai/m-1" && by_model[0]["answers"].as_u64() >= Some(5), "{by_model}");
    let asked = provider.seen().len() as u64;
    assert!(asked * 13 >= found["spent"]["tokens"].as_u64().expect("tokens"), "{asked} were asked: {found}");
}

#[test]
fn a_program_is_frozen_for_the_bytes_that_it_sends() {
    let internet = Internet::new();
    let _server = internet.serve(PUBLIC, 80, takes);
    let daemon = internet.daemon(&format!("{PUBLIC} allowed.test"));
    let run =
        ["run", "-d", "--name", "sender", "--allow", "allowed.test", "--budget", "bytes=100K", "--", "python3", "-c", SENDS];
    daemon.aether(run).ok();
    is_frozen_and_thaws(&daemon, "sender", "bytesOut", 100 << 10, "bytes=300K");
}

#[test]
fn programs_are_frozen_for_time_and_days_hold_for_all_agents_of_an_owner() {
    let model = Scripted::start([("daily goal", vec![call("think", json!({ "thought": "x" })); 3])]);
    let daemon = Daemon::with(&format!("{}[budgets.owner_daily]\ntokens = 20\n", model.config()));
    daemon.aether(["run", "-d", "--name", "burner", "--budget", "cpu=1s", "--", "sh", "-c", "while :; do :; done"]).ok();
    daemon.aether(["run", "-d", "--name", "sleeper", "--budget", "wall=1s", "--", "sleep", "100"]).ok();
    daemon.aether(["run", "-d", "--name", "free", "--", "sleep", "100"]).ok();
    daemon.aether(["run", "-d", "--name", "one", "--goal", "the daily goal"]).ok();
    reaches(&daemon, "one", "paused");
    assert_eq!(budget(&daemon, "one")["lines"][0]["scope"], "ownerToday");
    // What one has used up another does not have, and ending the first brings nothing back.
    daemon.aether(["rm", "-f", "one"]).ok();
    let asked = model.seen().len();
    daemon.aether(["run", "-d", "--name", "two", "--goal", "the daily goal"]).ok();
    reaches(&daemon, "two", "paused");
    assert_eq!(model.seen().len(), asked, "the second was never answered");
    for name in ["burner", "sleeper"] {
        reaches(&daemon, name, "paused");
        let found = budget(&daemon, name);
        assert!(found["frozen"].is_string(), "{found}");
    }
    // Who ends an agent does not ask for its budget.
    daemon.aether(["stop", "burner"]).ok();
    assert_eq!(info(&daemon, "burner")["state"], "dead");
    assert_eq!(info(&daemon, "free")["state"], "running", "control: nothing is limited unless somebody says so");
    daemon.aether(["run", "--budget", "tokens=0", "--", "true"]).refused(2, "no limit");
}

#[test]
fn the_day_of_all_owners_is_one() {
    let model = Scripted::start([("shared day", vec![call("think", json!({ "thought": "x" })); 3])]);
    let daemon = Daemon::with(&format!("{}[budgets.daily]\ntokens = 20\n", model.config()));
    daemon.aether(["run", "-d", "--name", "one", "--goal", "the shared day"]).ok();
    reaches(&daemon, "one", "paused");
    let asked = model.seen().len();
    let two = json!({ "name": "two", "program": { "type": "goal", "goal": "the shared day" } });
    http::tcp(daemon.port(), "POST", "/api/v1/agents").token(&daemon.token()).json(&two).send().data();
    reaches(&daemon, "two", "paused");
    assert_ne!(info(&daemon, "one")["owner"], info(&daemon, "two")["owner"]);
    assert_eq!(model.seen().len(), asked, "the other owner's was never answered");
    for name in ["one", "two"] {
        assert_eq!(budget(&daemon, name)["lines"][0]["scope"], "today", "{name}");
    }
}

#[test]
fn money_freezes_a_goal_and_every_goal_of_its_owner_for_the_day() {
    // Of nine tokens that are read and four that are written, at the prices below.
    const ANSWER: u64 = 4_900;
    let turns = || (0..12).map(|n| call("write_file", json!({ "path": format!("~/f{n}"), "content": "x" }))).collect();
    let model = Scripted::start([("dear goal", turns()), ("next goal", turns()), ("last goal", turns())]);
    let prices = "[models.prices.\"m-\"]\ninput = 100.0\noutput = 1000.0\n";
    let daemon = Daemon::with(&format!("{}{prices}[budgets.owner_daily]\ncost_usd = 0.03\n", model.config()));
    let start = |name: &str, more: &[&str], goal: &str| {
        daemon.aether(["run", "-d", "--name", name].iter().chain(more).chain(&["--goal", goal])).ok();
    };
    start("dear", &["--budget", "cost=0.005"], "the dear goal");
    let found = is_frozen_and_thaws(&daemon, "dear", "costMicrousd", 5_000, "cost=0.012");
    let spent = |agent: &str| budget(&daemon, agent)["spent"]["costMicrousd"].as_u64().expect("a number");
    let (dear, answers) = (spent("dear"), found["byModel"][0]["answers"].as_u64().expect("answers"));
    assert_eq!((dear, found["byModel"][0]["costMicrousd"].as_u64()), (answers * ANSWER, Some(dear)), "{found}");
    assert!((12_000..12_000 + ANSWER).contains(&dear), "beyond its limit by less than one answer: {found}");
    // The day counts what both spent, and a third is never answered.
    start("next", &[], "the next goal");
    assert_eq!(frozen(&daemon, "next")["lines"][0]["scope"], "ownerToday");
    assert!((30_000..30_000 + ANSWER).contains(&(dear + spent("next"))), "{dear} and {}", spent("next"));
    daemon.aether(["rm", "-f", "dear"]).ok();
    let asked = model.seen().len();
    start("last", &[], "the last goal");
    reaches(&daemon, "last", "paused");
    assert_eq!((model.seen().len(), spent("last")), (asked, 0));
}

#[test]
fn going_in_circles_freezes_and_asks() {
    let same = call("run_command", json!({ "command": "cat /nothing" }));
    let model = Scripted::start([("round goal", vec![same; 6])]);
    let daemon = Daemon::with(&model.config());
    daemon.aether(["run", "-d", "--name", "round", "--goal", "the round goal"]).ok();
    reaches(&daemon, "round", "paused");
    let id = eventually("a wish to go on", SOON, || {
        let all = http::unix(&daemon.socket(), "GET", "/api/v1/approvals").send().data();
        all.as_array()?.iter().find(|one| one["wish"]["type"] == "continue")?["id"].as_u64()
    });
    assert_eq!(count(&daemon, "round", "agent.runaway"), 1);
    assert_eq!(model.seen().len(), 4, "the fourth call in a row is the one that is held");
    daemon.aether(["approvals", "deny", &id.to_string(), "--reason", "look elsewhere"]).ok();
    assert_eq!(reaches(&daemon, "round", "dead")["exit"]["code"], 0);
    assert!(model.was_told("round goal", "look elsewhere"));
}
