//! The WebSocket `/kernel`: commands, answers, and events that can be resumed by number.
#![forbid(unsafe_code)]

use std::{
    collections::VecDeque,
    net::TcpStream,
    time::{Duration, Instant},
};

use aether_tests::{Daemon, Scripted, eventually, http, scripted::call, terminal};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// A connection, frame by frame.
struct Kernel {
    socket: WebSocket<TcpStream>,
    waiting: VecDeque<Value>,
    /// Events heard while waiting for something else.
    events: Vec<Value>,
}

impl Kernel {
    fn connect(daemon: &Daemon) -> (Self, Value) {
        let socket = terminal::connect(daemon, "/kernel", &[]).expect("the handshake");
        let mut kernel = Self { socket, waiting: VecDeque::new(), events: Vec::new() };
        let ready = kernel.next();
        assert_eq!(ready["type"], "kernel.ready", "{ready}");
        (kernel, ready)
    }

    fn next(&mut self) -> Value {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return frame;
            }
            match self.socket.read().expect("a frame") {
                Message::Text(text) => match serde_json::from_str(&text).expect("JSON") {
                    Value::Array(batch) => self.waiting.extend(batch),
                    frame => self.waiting.push_back(frame),
                },
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// The next frame of a kind; durable events on the way are kept.
    #[track_caller]
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let frame = self.next();
            // Figures come every two seconds for ever, so silence never ends a wait.
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "waited in vain; events so far: {:?}",
                self.events.iter().map(|event| event["type"].clone()).collect::<Vec<_>>()
            );
            if !frame["seq"].is_null() && frame["type"] != "kernel.ready" {
                self.events.push(frame.clone());
            }
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// Waits for a durable event, unless it came already: events and answers travel in no fixed order.
    #[track_caller]
    fn event(&mut self, kind: &str, pid: &Value) {
        let wanted = |frame: &Value| frame["type"] == kind && frame["pid"] == *pid;
        if !self.events.iter().any(wanted) {
            self.until(wanted);
        }
    }

    fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).expect("send");
    }

    #[track_caller]
    fn answer(&mut self, id: &str) -> Value {
        let answer = self.until(|frame| frame["type"].as_str().is_some_and(|kind| kind.starts_with("response.")));
        assert_eq!(answer["id"], id, "the answers keep the order here: {answer}");
        answer
    }

    #[track_caller]
    fn ask(&mut self, id: &str, kind: &str, mut fields: Value) -> Value {
        fields["id"] = json!(id);
        fields["type"] = json!(kind);
        self.send(fields.to_string());
        let answer = self.answer(id);
        assert_eq!(answer["type"], "response.ok", "{kind}: {answer}");
        answer["data"].clone()
    }
}

#[test]
fn commands_are_answered_alone_and_in_batches() {
    let daemon = Daemon::start();
    let (mut kernel, _) = Kernel::connect(&daemon);
    let batch = json!([{ "id": "a", "type": "process.list" }, { "id": "b", "type": "kernel.status" }]);
    kernel.send(batch.to_string());
    assert_eq!(kernel.answer("a")["data"], json!([]));
    assert_eq!(kernel.answer("b")["data"]["live"], 0);
    for (frame, id) in [
        (json!({ "id": "c", "type": "no.such.command" }).to_string(), "c"),
        (json!({ "id": "d", "type": "process.info" }).to_string(), "d"),
        ("{ this is no JSON".to_owned(), ""),
        (json!("text").to_string(), ""),
    ] {
        kernel.send(frame);
        let answer = kernel.answer(id);
        assert_eq!((&answer["type"], &answer["code"]), (&json!("response.error"), &json!("INVALID")), "{answer}");
    }
    kernel.send(json!({ "id": "e", "type": "process.info", "pid": "nobody" }).to_string());
    assert_eq!(kernel.answer("e")["code"], "NOT_FOUND");
}

#[test]
fn an_agent_can_be_deployed_used_and_ended() {
    let daemon = Daemon::start();
    let (mut kernel, _) = Kernel::connect(&daemon);
    kernel.ask("r", "events.resume", json!({ "seq": 0 }));
    let config = json!({ "name": "box", "program": { "type": "command", "argv": ["sleep", "600"] } });
    let info = kernel.ask("1", "process.spawn", json!({ "config": config }));
    let pid = info["number"].clone();
    kernel.ask("2", "fs.mkdir", json!({ "pid": "box", "path": "/home/agent/new/deep", "recursive": true }));
    kernel.ask("3", "fs.write", json!({ "pid": pid, "path": "/home/agent/new/file", "content": "naïve" }));
    kernel.ask("4", "fs.mv", json!({ "pid": pid, "from": "/home/agent/new/file", "to": "/home/agent/new/deep/file" }));
    let read = kernel.ask("5", "fs.read", json!({ "pid": pid, "path": "new/deep/file" }));
    assert_eq!(read["content"], "naïve");
    let names = kernel.ask("6", "fs.ls", json!({ "pid": pid, "path": "/home/agent/new" }));
    assert_eq!(names.as_array().map(Vec::len), Some(1), "{names}");

    let tty = kernel.ask("7", "tty.open", json!({ "pid": pid, "cols": 80, "rows": 24 }));
    let id = tty["ttyId"].clone();
    kernel.ask("8", "tty.input", json!({ "ttyId": id, "data": "stty size; echo $((6*7))\n" }));
    let mut shown = String::new();
    while !(shown.contains("24 80") && shown.contains("42")) {
        let frame = kernel.until(|frame| frame["type"] == "tty.output" && frame["ttyId"] == id);
        shown.push_str(frame["data"].as_str().expect("data"));
    }
    kernel.ask("9", "tty.close", json!({ "ttyId": id }));
    kernel.ask("10", "process.signal", json!({ "pid": pid, "signal": "SIGKILL" }));
    kernel.event("process.exit", &pid);
    kernel.ask("11", "process.remove", json!({ "pid": pid }));
    kernel.event("process.reaped", &pid);
    let kinds: Vec<_> = kernel.events.iter().filter_map(|event| event["type"].as_str()).collect();
    for kind in ["process.spawned", "process.stateChange", "tty.opened", "tty.closed", "fs.changed"] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
}

#[test]
fn what_agents_remember_plan_and_may_use_up_is_served_as_by_the_api() {
    let held = call("write_file", json!({ "path": "~/note", "content": "x" }));
    let plan = json!({ "goal": "notes", "nodes": [{ "title": "write" }] });
    let model = Scripted::start([("a held goal", vec![call("create_plan", plan), held.clone(), held])]);
    let daemon = Daemon::with(&model.config());
    let start = ["run", "-d", "--name", "held", "--rule", "ask tool=write_file", "--goal", "a held goal"];
    daemon.aether(start).ok();
    daemon.aether(["run", "-d", "--name", "other", "--", "sleep", "600"]).ok();
    let (mut kernel, _) = Kernel::connect(&daemon);
    let get = |path: &str| http::unix(&daemon.socket(), "GET", &format!("/api/v1/{path}")).send().data();

    let tide = json!({ "content": "The tide turns at six", "layer": "semantic", "tags": ["tide"], "importance": 0.9 });
    let kept = kernel.ask("1", "memory.store", json!({ "pid": "held", "memory": tide }));
    let found = kernel.ask("2", "memory.recall", json!({ "pid": "held", "query": "tide", "tags": ["tide"] }));
    assert_eq!((&found[0]["id"], found[1].is_null()), (&kept["id"], true), "{found}");
    let listed = kernel.ask("3", "memory.list", json!({ "pid": "held", "layer": "semantic" }));
    let by_api = get("agents/held/memory?q=tide");
    assert_eq!((&listed[0]["id"], &listed[0]["content"]), (&by_api[0]["id"], &by_api[0]["content"]));
    let copy = kernel.ask("4", "memory.share", json!({ "pid": "held", "memoryId": kept["id"], "to": "other" }));
    kernel.ask("5", "memory.forget", json!({ "pid": "other", "memoryId": copy["id"] }));
    assert_eq!(kernel.ask("6", "memory.list", json!({ "pid": "other" })), json!([]));
    kernel.send(json!({ "id": "7", "type": "memory.forget", "pid": "other", "memoryId": kept["id"] }).to_string());
    assert_eq!(kernel.answer("7")["code"], "NOT_FOUND", "control: another agent's memory is none of its own");

    let waiting = eventually("a call that waits", Duration::from_secs(20), || {
        get("approvals").as_array().and_then(|all| all.first().cloned())
    });
    assert_eq!(kernel.ask("8", "approval.list", json!({}))[0]["id"], waiting["id"]);
    assert_eq!(kernel.ask("9", "plan.get", json!({ "pid": "held" })), get("agents/held/plan"));
    assert_eq!(kernel.ask("10", "process.approve", json!({ "pid": "held" }))["id"], waiting["id"]);
    kernel.send(json!({ "id": "11", "type": "process.approve", "pid": "other" }).to_string());
    assert_eq!(kernel.answer("11")["code"], "CONFLICT", "nothing of that one waits");
    eventually("the next one", Duration::from_secs(20), || {
        get("approvals").as_array().is_some_and(|all| all.iter().any(|one| one["id"] != waiting["id"])).then_some(())
    });
    let steered = kernel.ask("12", "agent.steer", json!({ "pid": "held", "tools": ["think"] }));
    assert_eq!(steered["spec"]["program"]["tools"], json!(["think"]), "{steered}");
    kernel.ask("13", "process.reject", json!({ "pid": "held", "reason": "one note is enough" }));
    kernel.ask("14", "feedback.submit", json!({ "pid": "held", "step": 1, "rating": 1, "comment": "well planned" }));
    assert_eq!(kernel.ask("15", "feedback.get", json!({ "pid": "held" })), get("agents/held/feedback"));
    let quota = kernel.ask("16", "resource.setQuota", json!({ "pid": "other", "quota": { "cpuSecs": 60 } }));
    assert_eq!(
        (&quota["budget"]["cpuSecs"], get("agents/other/budget")["budget"].clone()),
        (&json!(60), quota["budget"].clone())
    );
    assert_eq!(kernel.ask("17", "resource.getQuota", json!({ "pid": "other" }))["budget"], quota["budget"]);
    assert!(kernel.ask("18", "resource.getUsage", json!({ "pid": "other" }))["wallMs"].is_u64());
    assert_eq!(kernel.ask("19", "profile.get", json!({ "pid": "other" })), get("agents/other/profile"));
    assert_eq!(kernel.ask("20", "profile.list", json!({})), get("minds"));
    assert_eq!(kernel.ask("21", "template.list", json!({})), get("templates"));
    let records = kernel.ask("22", "audit.query", json!({}));
    let acts: Vec<_> = records.as_array().expect("records").iter().filter_map(|record| record["action"].as_str()).collect();
    for act in ["memory.store", "memory.share", "memory.forget", "approval.decide", "agent.steer", "agent.feedback"] {
        assert!(acts.contains(&act), "{act} is on record: {acts:?}");
    }
}

#[test]
fn events_resume_by_number_without_gaps_or_doubles() {
    let daemon = Daemon::start();
    for _ in 0..5 {
        daemon.aether(["run", "--rm", "--", "true"]).ok();
    }
    let (mut kernel, ready) = Kernel::connect(&daemon);
    let newest = ready["seq"].as_u64().expect("seq");
    assert!(newest >= 15, "{ready}");
    kernel.ask("r", "events.resume", json!({ "seq": 3 }));
    kernel.until(|frame| frame["seq"] == newest && frame["type"] != "kernel.ready");
    daemon.aether(["run", "--rm", "--", "true"]).ok();
    kernel.until(|frame| frame["type"] == "process.reaped" && frame["seq"].as_u64() > Some(newest));
    let numbers: Vec<u64> = kernel.events.iter().filter_map(|event| event["seq"].as_u64()).collect();
    let expected: Vec<u64> = (4..4 + numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
    assert!(kernel.events.iter().all(|event| event["owner"].is_string()), "every event has an owner");
}

#[test]
fn the_stream_of_events_resumes_over_http_as_well() {
    let daemon = Daemon::start();
    daemon.aether(["run", "--rm", "--", "true"]).ok();
    let path = format!("http://127.0.0.1:{}/api/v1/events?since=1&filter=process.*", daemon.port());
    let mut command = std::process::Command::new("timeout");
    command.args(["2", "node", "-e", &format!(
        "fetch({path:?}, {{ headers: {{ authorization: 'Bearer {}' }} }}).then(async (r) => {{ for await (const c of r.body) process.stdout.write(c) }})",
        daemon.token()
    )]);
    let text = aether_tests::cli::spawn(command, b"").end(Duration::from_secs(20)).text();
    assert!(text.contains("event: process.exit") && text.contains("id: "), "{text}");
    assert!(!text.contains("id: 1\n"), "1 was already seen: {text}");
}

#[test]
fn the_service_describes_itself() {
    let daemon = Daemon::start();
    daemon.agent(&[], "exec sleep 600");
    let metrics = http::tcp(daemon.port(), "GET", "/metrics").send();
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.status == 200 && text.contains("aether_agents{state=\"running\"} 1"), "{text}");
    let document = http::unix(&daemon.socket(), "GET", "/api/v1/openapi.json").send().json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document}");
    assert!(document["paths"].as_object().is_some_and(|paths| paths.len() > 20));
    let status = http::unix(&daemon.socket(), "GET", "/api/v1/system/status").send();
    assert_eq!(status.data()["live"], 1);
    assert!(status.header("x-aether-version").is_some());
    let doctor = daemon.aether(["--json", "doctor"]).json();
    let findings = doctor["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["name"] == "landlock" && finding["status"] == "ok"), "{doctor}");
    assert!(
        findings.iter().all(|finding| finding["status"] == "ok" || finding["fix"].as_str().is_some_and(|fix| !fix.is_empty())),
        "{doctor}"
    );
}
