//! Agents that agents start: what they get, who they answer to, and how they end.
#![forbid(unsafe_code)]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use aether_tests::{
    Daemon, Scripted, eventually, http,
    internet::{self, Internet, PUBLIC},
    scripted::{TOKENS, Turn, call},
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn info(daemon: &Daemon, agent: &str) -> Value {
    daemon.aether(["--json", "inspect", agent]).ok().json()
}

fn ended(daemon: &Daemon, agent: &str) -> Value {
    eventually("the end", SOON, || Some(info(daemon, agent)).filter(|info| info["state"] == "dead"))
}

fn tree(daemon: &Daemon, agent: &str) -> Vec<(u64, String, String)> {
    let tree = http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{agent}/tree")).send().data();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let node =
        |node: &Value| (node["depth"].as_u64().expect("depth"), text(&node["agent"]["name"]), text(&node["agent"]["state"]));
    tree["nodes"].as_array().expect("nodes").iter().map(node).collect()
}

fn budget(daemon: &Daemon, agent: &str) -> Value {
    http::unix(&daemon.socket(), "GET", &format!("/api/v1/agents/{agent}/budget")).send().data()
}

fn count(daemon: &Daemon, agent: &str, kind: &str) -> usize {
    let path = format!("/api/v1/agents/{agent}/timeline?since=0&limit=500");
    let events = http::unix(&daemon.socket(), "GET", &path).send().data();
    events.as_array().expect("events").iter().filter(|event| event["type"] == kind).count()
}

fn spawn(role: &str, goal: &str, more: Value) -> Value {
    let mut args = json!({ "role": role, "goal": goal });
    args.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
    args
}

#[test]
fn a_child_works_within_what_its_parent_has_and_its_result_is_not_trusted() {
    let endless = vec![call("think", json!({ "thought": "more" })); 40];
    let model = Scripted::start([
        (
            "upper goal",
            vec![
                vec![
                    ("spawn_agent", spawn("Test Writer", "the lower goal", json!({ "budget_percent": 40 }))),
                    ("spawn_agent", spawn("Greedy", "any", json!({ "tools": ["write_file"] }))),
                    ("spawn_agent", spawn("Greedy", "any", json!({ "budget_percent": 400 }))),
                    ("wait_for_agents", json!({})),
                ],
                vec![("spawn_agent", spawn("Spender", "the endless goal", json!({})))],
                vec![("wait_for_agents", json!({ "timeout": 0.2 }))],
            ],
        ),
        (
            "lower goal",
            vec![
                call("write_file", json!({ "path": "~/x", "content": "y" })),
                vec![("read_file", json!({ "path": "/etc/hostname" })), ("spawn_agent", spawn("Third", "any", json!({})))],
            ],
        ),
        ("endless goal", endless),
    ]);
    let daemon = Daemon::with(&format!("{}[agents]\nmax_depth = 1\n", model.config()));
    let tools = "spawn_agent,wait_for_agents,read_file,think";
    let start = ["run", "-d", "--name", "upper", "--tools", tools, "--rule", "deny path=/etc/hostname", "--budget", "tokens=400"];
    daemon.aether(start.into_iter().chain(["--goal", "the upper goal"])).ok();
    assert_eq!(ended(&daemon, "upper")["exit"]["code"], 0, "{}", daemon.log());
    let upper = info(&daemon, "upper");
    let number = upper["number"].as_u64().expect("a number");

    let child = info(&daemon, &format!("test-writer-{number}-1"));
    assert_eq!(
        (&child["parent"], &child["owner"], &child["exit"]["code"]),
        (&upper["id"], &upper["owner"], &json!(0)),
        "{child}"
    );
    assert_eq!(
        (&child["spec"]["program"]["tools"], &child["spec"]["network"]),
        (&upper["spec"]["program"]["tools"], &json!("none"))
    );
    assert_eq!(child["spec"]["rules"], upper["spec"]["rules"], "{child}");
    // 13 tokens were used for the answer that started it.
    assert_eq!(child["spec"]["budget"]["tokens"], (400 - TOKENS) * 40 / 100, "{child}");
    let told = |text: &str| model.was_told("upper goal", text);
    assert!(
        told("reached its goal: done") && told("OUTSIDE-1 begins: this comes from agents"),
        "its result comes, and is marked"
    );
    assert!(told("cannot have what upper has not: the tool write_file") && told("budget_percent 400 is out of range"));
    assert!(model.was_told("lower goal", "you were not given the tool \\\"write_file\\\""));
    assert!(model.was_told("lower goal", "not allowed"), "its parent's rules hold for it");
    assert!(model.was_told("lower goal", "there is no tool \\\"spawn_agent\\\""), "one generation is allowed");

    // It ends with its parent, frozen or not, and what all of them used was its parent's.
    let spender = ended(&daemon, &format!("spender-{number}-2"));
    assert!(spender["exit"]["reason"].as_str().is_some_and(|why| why.contains("its parent has ended")), "{spender}");
    let own = budget(&daemon, &format!("spender-{number}-2"));
    // Three answers of the first child, and the one that looked back at it.
    let below = 4 * TOKENS + own["spent"]["tokens"].as_u64().expect("tokens");
    let all =
        eventually("what all of them used", SOON, || Some(budget(&daemon, "upper")).filter(|b| b["below"]["tokens"] == below));
    assert_eq!(all["lent"]["tokens"], 0, "{all}");
    let names = ["upper".to_owned(), format!("test-writer-{number}-1"), format!("spender-{number}-2")];
    let seen: Vec<_> = tree(&daemon, "upper").into_iter().map(|(depth, name, _)| (depth, name)).collect();
    assert_eq!(seen, [(0, names[0].clone()), (1, names[1].clone()), (1, names[2].clone())]);
    let shown = daemon.aether(["ps", "-a", "--tree"]).ok();
    let text = shown.text();
    let lines: Vec<&str> = text.lines().skip(1).filter_map(|line| line.get(..4)).collect();
    assert_eq!(lines, ["uppe", "  te", "  sp"], "{shown}");
    let path = "/api/v1/agents/upper/timeline?since=0&limit=500";
    let events = http::unix(&daemon.socket(), "GET", path).send().data();
    let spawned = events.as_array().expect("events").iter().filter(|event| event["type"] == "agent.spawned");
    assert_eq!(spawned.clone().count(), 2);
    assert_eq!(spawned.clone().next().expect("one")["child"], child["id"]);
    assert!(daemon.audit().iter().any(|record| record["action"] == "agent.deploy" && record["who"] == "agent"));
}

#[test]
fn what_children_have_is_taken_from_their_parent_and_comes_back() {
    let spend = (0..40).map(|n| call("write_file", json!({ "path": format!("~/{n}"), "content": "x" }))).collect();
    let model = Scripted::start([
        ("top goal", vec![call("think", json!({ "thought": "x" })), call("mkdir", json!({ "path": "~/d" }))]),
        ("part goal", spend),
    ]);
    let daemon = Daemon::with(&model.config());
    let run = |args: &[&str]| daemon.aether(["run", "-d"].into_iter().chain(args.iter().copied()));
    // Its second call is held, so it has used two answers and uses no more.
    run(&["--name", "top", "--rule", "ask tool=mkdir", "--budget", "tokens=126", "--goal", "the top goal"]).ok();
    eventually("a held call", SOON, || {
        let all = http::unix(&daemon.socket(), "GET", "/api/v1/approvals").send().data();
        (all.as_array().map(Vec::len) == Some(1)).then_some(())
    });
    run(&["--parent", "top", "--goal", "a part goal", "--budget", "tokens=101"]).refused(4, "100 of tokens are left");
    run(&["--parent", "top", "--name", "part", "--goal", "a part goal", "--budget", "tokens=60"]).ok();
    let lent = |daemon: &Daemon| {
        let top = budget(daemon, "top");
        let of = |key: &str| top[key]["tokens"].as_u64().expect("tokens");
        (of("spent"), of("below") + of("lent"), top["lines"][0]["used"].as_u64().expect("used"))
    };
    assert_eq!(lent(&daemon), (26, 60, 86), "what it may still use counts as used");
    eventually("frozen", SOON, || (info(&daemon, "part")["state"] == "paused").then_some(()));
    // Five answers: the last one went over its limit.
    assert_eq!(lent(&daemon), (26, 65, 91));
    daemon.aether(["budget", "part", "set", "tokens=96"]).refused(4, "at most 95 in all");
    run(&["--parent", "top", "--goal", "a part goal", "--budget", "tokens=36"]).refused(4, "35 of tokens are left");
    // What is left of a share is its parent's again.
    run(&["--parent", "top", "--name", "rest", "--goal", "the kept one", "--budget", "tokens=35"]).ok();
    ended(&daemon, "rest");
    // Its one answer, and the one that looked back at it.
    eventually("what it used", SOON, || (lent(&daemon) == (26, 65 + 26, 117)).then_some(()));
    daemon.aether(["rm", "rest"]).ok();
    assert_eq!(lent(&daemon), (26, 65 + 26, 117), "who is removed has used it all the same");
}

#[test]
fn the_end_of_a_parent_is_the_end_of_the_tree_also_across_restarts() {
    let sleep = || vec![call("run_command", json!({ "command": "sleep 500", "timeout": 600 }))];
    let nested = |role: &str, goal: &str, then: &Turn| vec![vec![("spawn_agent", spawn(role, goal, json!({})))], then.clone()];
    let wait = call("wait_for_agents", json!({ "timeout": 500 }));
    let model = Scripted::start([
        ("first goal", nested("Second", "the second goal", &wait)),
        ("second goal", nested("Third", "the third goal", &wait)),
        ("third goal", sleep()),
        ("kept goal", sleep()),
        ("held goal", nested("Child", "the short goal", &wait)),
        ("short goal", vec![call("run_command", json!({ "command": "sleep 2" }))]),
    ]);
    let mut daemon = Daemon::with(&model.config());
    daemon.aether(["run", "-d", "--name", "first", "--goal", "the first goal"]).ok();
    let three = eventually("three generations", SOON, || Some(tree(&daemon, "first")).filter(|nodes| nodes.len() == 3));
    assert_eq!(three.iter().map(|node| node.0).collect::<Vec<_>>(), [0, 1, 2]);
    daemon.aether(["run", "-d", "--name", "kept", "--parent", "first", "--outlive", "--goal", "the kept goal"]).ok();
    daemon.aether(["run", "-d", "--name", "other", "--goal", "the kept goal"]).ok();
    daemon.aether(["run", "-d", "--parent", "first", "--", "true"]).refused(2, "cannot be used");
    daemon.aether(["kill", "first"]).ok();
    let states: Vec<_> = tree(&daemon, "first").into_iter().map(|(_, name, state)| (name, state)).collect();
    let of = |name: &str| states.iter().find(|state| state.0.starts_with(name)).map(|state| state.1.as_str());
    assert_eq!([of("first"), of("second"), of("third"), of("kept")], ["dead", "dead", "dead", "running"].map(Some), "{states:?}");
    assert_eq!(info(&daemon, "other")["state"], "running", "control: nobody else ends");
    daemon.aether(["run", "-d", "--parent", "first", "--goal", "g"]).refused(5, "does not run");

    // A call that was made finds its child again; none is started twice, whatever was cut.
    for round in 0..3 {
        let name = format!("held-{round}");
        daemon.aether(["run", "-d", "--name", &name, "--goal", "the held goal"]).ok();
        // At once, or in the middle of what the child does.
        eventually("a child", SOON, || {
            let child = tree(&daemon, &name).get(1)?.1.clone();
            let last = info(&daemon, &child)["lastAction"].as_str().unwrap_or_default().to_owned();
            (round < 2 || last.contains("sleep")).then_some(())
        });
        daemon.kill9();
        daemon.revive();
        assert_eq!(ended(&daemon, &name)["exit"]["code"], 0);
        assert_eq!(tree(&daemon, &name).len(), 2, "one child: {:?}", tree(&daemon, &name));
    }
    assert!(!model.was_told("held goal", "unknown outcome"), "that the child was started is known");
    assert!(model.was_told("short goal", "unknown outcome"), "control: of a command it is not");
}

#[test]
fn a_network_that_is_taken_from_a_parent_is_taken_from_everybody_below_it() {
    let internet = Internet::new();
    let _server = internet.serve(PUBLIC, 80, internet::http("reached"));
    let mut daemon = internet.daemon(&format!("{PUBLIC} one.test\n{PUBLIC} two.test"));
    let start = |name: &str, more: &[&str]| {
        let args = ["run", "-d", "--name", name, "--allow", "one.test", "--allow", "two.test", "--rule", "ask tool=run_command"];
        daemon.aether(args.iter().chain(more).chain(&["--goal", "run `sleep 300`"])).ok();
        eventually("its call", SOON, || info(&daemon, name)["lastAction"].as_str()?.contains("sleep").then_some(()));
    };
    start("top", &[]);
    start("middle", &["--parent", "top"]);
    start("bottom", &["--parent", "middle", "--outlive"]);
    start("other", &[]);
    let gets = |daemon: &Daemon, agent: &str, host: &str| {
        let url = format!("http://{host}/");
        daemon.aether(["exec", agent, "--", "curl", "-sS", "-m", "10", &url]).text() == "reached"
    };
    let all = ["top", "middle", "bottom", "other"];
    for agent in all {
        assert!(gets(&daemon, agent, "one.test") && gets(&daemon, agent, "two.test"), "control: {agent} reaches both");
    }
    let two = |daemon: &Daemon| all.map(|agent| gets(daemon, agent, "two.test"));
    daemon.aether(["network", "top", "deny", "two.test"]).ok();
    assert_eq!(two(&daemon), [false, false, false, true], "in force when the word is given, for all but who is not below it");
    assert_eq!(count(&daemon, "bottom", "network.policy"), 1, "and they are told");
    // What it gets back is its own; what a person gives one of them is that one's.
    daemon.aether(["network", "top", "allow", "two.test"]).ok();
    assert_eq!(two(&daemon), [true, false, false, true]);
    daemon.aether(["network", "middle", "allow", "two.test"]).ok();
    assert_eq!(two(&daemon), [true, true, false, true]);
    daemon.aether(["network", "top", "deny", "one.test"]).ok();
    daemon.kill9();
    daemon.revive();
    assert_eq!(all.map(|agent| gets(&daemon, agent, "one.test")), [false, false, false, true], "it holds after a restart");
}

#[test]
fn a_tool_that_is_taken_from_a_parent_is_taken_from_its_children() {
    let part = || {
        let touch = |name: &str| call("run_command", json!({ "command": format!("touch ~/{name}") }));
        vec![
            touch("before"),
            call("mkdir", json!({ "path": "~/d" })),
            touch("after"),
            call("shell", json!({ "command": "touch ~/after" })),
        ]
    };
    let model = Scripted::start([
        ("top goal", vec![call("mkdir", json!({ "path": "~/d" }))]),
        ("lower part", part()),
        ("free part", part()),
    ]);
    let daemon = Daemon::with(&model.config());
    let held = |agent: &str| {
        eventually("a held call", SOON, || {
            let all = http::unix(&daemon.socket(), "GET", "/api/v1/approvals").send().data();
            let id = info(&daemon, agent)["id"].clone();
            all.as_array()?.iter().find(|one| one["agentId"] == id)?["id"].as_u64()
        })
    };
    let start = |name: &str, goal: &str, more: &[&str]| {
        let args = ["run", "-d", "--name", name, "--rule", "ask tool=mkdir", "--goal", goal];
        daemon.aether(args.iter().chain(more)).ok();
        held(name)
    };
    start("top", "the top goal", &[]);
    let lower = start("lower", "the lower part", &["--parent", "top"]);
    let free = start("free", "the free part", &[]);
    let tools = json!(["read_file", "mkdir"]);
    daemon.aether(["steer", "top", "--tools", "read_file,mkdir", "--model", "openai/m-2"]).ok();
    assert_eq!(info(&daemon, "lower")["spec"]["program"]["tools"], tools);
    for (name, approval) in [("lower", lower), ("free", free)] {
        daemon.aether(["approvals", "allow", &approval.to_string()]).ok();
        ended(&daemon, name);
    }
    let ran = |name: &str| {
        let path = format!("/api/v1/agents/{name}/timeline?since=0&limit=500");
        let events = http::unix(&daemon.socket(), "GET", &path).send().data();
        let made = events.as_array().expect("events").iter().filter(|event| event["type"] == "agent.observation");
        made.filter(|event| event["tool"] == "run_command").map(|event| event["ok"] == true).collect::<Vec<_>>()
    };
    assert_eq!(ran("lower"), [true, false, false], "what it did before, and not after");
    assert_eq!(ran("free"), [true, true, true], "control: whose parent nobody touched");
    assert!(model.was_told("lower part", "you were not given the tool"));
    let asked = |part: &str| ["m-1", "m-2"].map(|name| model.was_told(part, &format!("\"model\":\"{name}\"")));
    assert_eq!((asked("lower part"), asked("free part")), ([true, true], [true, false]), "the model as well");
    let last = model.seen().into_iter().rfind(|request| request.contains("lower part")).unwrap_or_default();
    assert!(last.contains("\"model\":\"m-2\""), "and no other afterwards");
}

/// Says whether it was shown the secret.
fn asks_for_secret(mut stream: TcpStream) {
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(length) if length > 0 => seen.extend(&piece[..length]),
            _ => return,
        }
    }
    let body = if String::from_utf8_lossy(&seen).contains("canary-5d1f") { "shown" } else { "not shown" };
    drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()));
}

#[test]
fn a_secret_that_is_taken_from_a_parent_is_taken_from_its_children() {
    let internet = Internet::new();
    let _server = internet.serve(PUBLIC, 80, asks_for_secret);
    let mut daemon = internet.daemon(&format!("{PUBLIC} one.test"));
    daemon.aether_with(["secret", "set", "API_TOKEN"], b"canary-5d1f", SOON).ok();
    let start = |daemon: &Daemon, name: &str, more: &[&str]| {
        let secret = ["--secret", "API_TOKEN=one.test", "--allow", "one.test", "--rule", "ask tool=run_command"];
        let args = ["run", "-d", "--name", name].into_iter().chain(secret).chain(more.iter().copied());
        daemon.aether(args.chain(["--goal", "run `sleep 300`"]))
    };
    let all = ["top", "middle", "bottom", "other"];
    for (name, more) in all.into_iter().zip([&[][..], &["--parent", "top"], &["--parent", "middle"], &[]]) {
        start(&daemon, name, more).ok();
    }
    let shown = |daemon: &Daemon| {
        all.map(|agent| {
            let script = "curl -sS -m 10 -H \"Authorization: Bearer $API_TOKEN\" http://one.test/";
            daemon.aether(["exec", agent, "--", "sh", "-c", script]).text() == "shown"
        })
    };
    assert_eq!(shown(&daemon), [true; 4], "control: all of them have it");
    daemon.aether(["secret", "revoke", "API_TOKEN", "--agent", "top"]).ok();
    assert_eq!(shown(&daemon), [false, false, false, true], "the next request of everybody below goes without");
    // The way round: another child, which asks for what its parent was started with.
    start(&daemon, "later", &["--parent", "top"]).refused(4, "was taken back from top");
    start(&daemon, "another", &["--parent", "other"]).ok();
    daemon.kill9();
    daemon.revive();
    assert_eq!(shown(&daemon), [false, false, false, true], "it holds after a restart");
    daemon.aether(["secret", "grant", "API_TOKEN", "--agent", "middle", "--host", "one.test", "--bearer"]).ok();
    assert_eq!(shown(&daemon), [false, true, false, true], "what a person gives one of them is that one's");
}
