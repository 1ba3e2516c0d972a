//! Requests that race, and input that means something elsewhere: exactly one wins, and text stays text.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use aether_tests::{
    Daemon, Leaks, http,
    random::{TEXTS, escaped},
    raw,
    routes::{self, resolved},
};
use serde_json::{Value, json};

/// Sends the same kind of request many times at once.
fn at_once(many: usize, request: impl Fn(usize) -> http::Request) -> Vec<http::Response> {
    let start = Arc::new(Barrier::new(many));
    let threads: Vec<_> = (0..many)
        .map(|n| {
            let (request, start) = (request(n), start.clone());
            thread::spawn(move || {
                start.wait();
                request.send()
            })
        })
        .collect();
    threads.into_iter().map(|one| one.join().expect("asked")).collect()
}

fn count(answers: &[http::Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[test]
fn of_two_hundred_of_one_name_one_is_made() {
    let daemon = Daemon::start();
    daemon.service_cgroup();
    let before = Leaks::of(&daemon);
    let spec = json!({ "name": "one", "program": { "type": "command", "argv": ["sleep", "600"] } });
    let answers = at_once(200, |_| http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec));
    assert_eq!(
        (count(&answers, 201), count(&answers, 409)),
        (1, 199),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    let agents = http::unix(&daemon.socket(), "GET", "/api/v1/agents?all=true").send().data();
    assert_eq!(agents.as_array().map(Vec::len), Some(1));
    let id = agents[0]["id"].as_str().expect("an id").to_owned();

    // Its end, twenty times at once, while programs are started in it.
    let answers = at_once(60, |n| match n % 3 {
        0 => http::unix(&daemon.socket(), "DELETE", "/api/v1/agents/one?force=true"),
        _ => http::unix(&daemon.socket(), "POST", "/api/v1/agents/one/exec").json(&json!({ "argv": ["sleep", "600"] })),
    });
    assert!(answers.iter().all(|answer| answer.status < 500), "{answers:?}");
    // To ask for what is done already is no error; it is done once.
    assert!(answers.iter().step_by(3).all(|answer| [204, 404].contains(&answer.status)), "{answers:?}");
    let request = b"GET /api/v1/events?since=0&filter=process.reaped HTTP/1.1\r\nHost: x\r\n\r\n";
    let events = raw::unix(&daemon.socket(), request, Duration::from_millis(300)).text;
    let reaped = events.lines().filter(|line| line.starts_with("data:") && line.contains(&id)).count();
    assert_eq!(reaped, 1, "{events}");
    http::unix(&daemon.socket(), "GET", "/api/v1/agents/one").send().refused(404, "NOT_FOUND");
    before.assert_gone_but_output(&daemon);
}

#[test]
fn a_quota_is_never_exceeded() {
    let daemon = Daemon::with("[agents]\nmax_concurrent = 3\nqueue_limit = 4\n");
    let spec = json!({ "program": { "type": "command", "argv": ["sleep", "600"] } });
    let answers = at_once(60, |_| http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec));
    assert_eq!((count(&answers, 201), count(&answers, 429)), (7, 53));
    let agents = http::unix(&daemon.socket(), "GET", "/api/v1/agents").send().data();
    let in_state = |state: &str| agents.as_array().expect("a list").iter().filter(|agent| agent["state"] == state).count();
    assert_eq!((in_state("queued"), in_state("running") + in_state("created")), (4, 3), "{agents}");
}

#[test]
fn text_in_a_parameter_is_only_text() {
    let daemon = Daemon::start();
    let target = daemon.agent(&["--name", "target"], "exec sleep 600");
    let get = |path: &str| http::unix(&daemon.socket(), "GET", path);
    let audit = daemon.audit().len();
    for route in routes::all().iter().filter(|route| route.method == "GET" && !route.is_socket()) {
        if ["/wait", "/events", "/logs"].iter().any(|end| route.path.ends_with(end)) {
            continue;
        }
        for parameter in route.parameters("query") {
            let name = parameter["name"].as_str().expect("a name");
            for text in TEXTS {
                let path = route.path.replace("{ref}", "target");
                let answer = get(&format!("{path}?{name}={}", escaped(text))).send();
                assert!(
                    [200, 400, 401, 403, 404, 409, 413, 422, 429].contains(&answer.status),
                    "{path}?{name}={text:?}: {answer}"
                );
            }
        }
    }
    for text in TEXTS.iter().filter(|text| !["target", ".", ".."].contains(text)) {
        let status = get(&format!("/api/v1/agents/{}", escaped(text))).send().status;
        // The beginning of an id names its agent as well, and ids are random.
        let named = target.id.starts_with(text) || *text == "0";
        assert!([200, 400, 404].contains(&status) && (status != 200 || named), "{text:?}: {status}");
    }
    let agents = get("/api/v1/agents").send().data();
    assert_eq!(agents.as_array().map(Vec::len), Some(1), "nothing was dropped");
    assert!(daemon.audit().len() >= audit);
    assert_eq!(get("/api/v1/audit/verify").send().data()["whole"], true);
    // The control: the same filters with what they are for.
    assert_eq!(get("/api/v1/agents?state=running").send().data().as_array().map(Vec::len), Some(1));
    assert_eq!(get("/api/v1/agents?state=dead&all=true").send().data().as_array().map(Vec::len), Some(0));
}

#[test]
fn names_and_arguments_reach_no_shell() {
    let daemon = Daemon::start();
    let canary = daemon.scratch().join("canary");
    let inject = format!("$(touch {0});`touch {0}`;touch {0}\n-rf --help", canary.display());
    for name in [inject.as_str(), "-x", "a\nb", "a;b", "$(id)", "..", "."] {
        let spec = json!({ "name": name, "program": { "type": "command", "argv": ["true"] } });
        http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&spec).send().refused(400, "INVALID");
    }
    let outcome = daemon.aether(["run", "--rm", "--", "/usr/bin/printf", "%s|", &inject, "-n", "--", "$HOME", "*", "\u{1b}[2J"]);
    let expected = [&inject, "-n", "--", "$HOME", "*", "\u{1b}[2J", ""].join("|");
    assert_eq!(outcome.ok().text(), expected, "every argument as it is");
    let agent = daemon.agent(&[], "echo up; exec sleep 600");
    agent.prints("up");
    let file = format!("/api/v1/agents/{}/files?path={}", agent.id, escaped(&inject));
    let put = http::unix(&daemon.socket(), "PUT", &file).body("x").header("content-type", "application/octet-stream").send();
    assert!(put.status < 300 || put.status == 404, "{put}");
    let named = format!("/api/v1/agents/{}/files?path={}", agent.id, escaped("-rf;$(id)\n"));
    let put = http::unix(&daemon.socket(), "PUT", &named).body("x").header("content-type", "application/octet-stream").send();
    assert!(put.status < 300, "{put}");
    let read = http::unix(&daemon.socket(), "GET", &named).send();
    assert_eq!((read.status, read.body.as_slice()), (200, b"x".as_slice()));
    assert_eq!(read.header("content-disposition"), Some("attachment; filename*=UTF-8''-rf%3B%24%28id%29%0A"));
    assert!(!canary.exists());
}

/// Adds a field nobody knows to an object that a schema describes, and to every object in it that is there.
fn with_strangers(document: &Value, schema: &Value, value: &Value, out: &mut Vec<Value>, place: &str) {
    let schema = resolved(document, schema);
    let Some(object) = value.as_object() else { return };
    if !schema["additionalProperties"].is_object() {
        for name in ["role", "owner", "uid", "is_admin", "__proto__", "constructor", "ID"] {
            let mut more = object.clone();
            more.insert(name.to_owned(), json!(1));
            out.push(json!({ "place": place, "value": more }));
        }
    }
    for (name, inner) in object {
        let known = &schema["properties"][name];
        let mut nested = Vec::new();
        with_strangers(document, known, inner, &mut nested, &format!("{place}.{name}"));
        for case in nested {
            let mut more = object.clone();
            more.insert(name.clone(), case["value"].clone());
            out.push(json!({ "place": case["place"], "value": more }));
        }
    }
}

#[test]
fn fields_that_nobody_offered_are_refused() {
    let daemon = Daemon::start();
    daemon.agent(&["--name", "target"], "exec sleep 600");
    let document = routes::document();
    let full = json!({ "AgentSpec": {
            "program": { "type": "command", "argv": ["true"] }, "limits": { "memoryBytes": 67_108_864 },
            "mounts": [] },
        "ExecBody": { "argv": ["true"] }, "TransferRequest": { "from": "a", "to": "b" },
        "MessageRequest": { "content": "x" }, "MkdirRequest": { "path": "d" }, "PriorityRequest": { "priority": 1 },
        "SignalRequest": { "signal": "CONT" }, "StopRequest": { "graceSeconds": 1 }, "SignInRequest": { "token": "x" },
        "NetworkChange": { "type": "replace", "policy": { "allow": [{ "host": "a.test" }] } }, "DecideRequest": { "decision": "deny" },
        "SecretSet": { "name": "KEY", "value": "a-value-of-it" },
        "Budget": { "tokens": 1 }, "NewFeedback": { "step": 1, "rating": 1 }, "NewMemory": { "content": "x" },
        "ShareRequest": { "to": "target" }, "SteerRequest": { "tools": ["read_file"] },
        "GrantSpec": { "agent": "target", "host": "a.test", "place": { "type": "bearer" } } });
    let mut tried = BTreeSet::new();
    for route in routes::all() {
        let Some(schema) = route.body() else { continue };
        let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).expect("a named body").to_owned();
        let value = full.get(&name).unwrap_or_else(|| panic!("{}: add an example of {name} to this test", route.name()));
        let mut cases = Vec::new();
        with_strangers(&document, &schema, value, &mut cases, &name);
        assert!(cases.len() >= 7, "{name}");
        for case in cases {
            let path = route.path.replace("{ref}", "target").replace("{id}", "1").replace("{name}", "KEY");
            let answer = http::unix(&daemon.socket(), &route.method, &path).json(&case["value"]).send();
            assert_eq!(answer.status, 400, "{} with {case}: {answer}", route.name());
            assert!(answer.json()["error"]["message"].as_str().is_some_and(|text| text.contains("unknown")), "{case}: {answer}");
        }
        tried.insert(name);
    }
    assert_eq!(tried.len(), full.as_object().expect("examples").len(), "{tried:?}");
    let unknown = http::unix(&daemon.socket(), "GET", "/api/v1/agents?owner=root").send();
    unknown.refused(400, "INVALID");
    let accepted = http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&full["AgentSpec"]).send();
    assert_eq!(accepted.status, 201, "the control: {accepted}");
}
