//! What people and scripts see: status, standard output, standard error.

mod fake;

use fake::{Fake, Reply, agent, ran};
use serde_json::json;

const A: &str = "/api/v1/agents/a";

#[test]
fn errors_have_a_cause_a_hint_and_a_status() {
    for (status, code, exit) in [
        (400, "INVALID", 2),
        (401, "UNAUTHENTICATED", 4),
        (403, "DENIED", 4),
        (404, "NOT_FOUND", 3),
        (409, "CONFLICT", 5),
        (422, "WRONG_KIND", 1),
        (429, "BUSY", 1),
        (500, "INTERNAL", 1),
        (503, "UNAVAILABLE", 69),
        (507, "NO_SPACE", 1),
    ] {
        let fake = Fake::start();
        fake.error(&format!("GET {A}"), status, code, "it went wrong", "do this");
        assert_eq!(fake.run(&["inspect", "a"]), ran(exit, "", "error: it went wrong\nhint: do this\n"), "{code}");
    }
}

#[test]
fn an_unreachable_supervisor_is_said() {
    let fake = Fake::start();
    let ran = fake.run(&["--socket", "/nowhere/s", "ps"]);
    assert_eq!(ran.status, 69);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.stderr,
        "error: cannot reach the supervisor at /nowhere/s: no such file or directory\n\
         hint: start it (sudo systemctl start aetherd), or name its socket with --socket PATH or AETHER_SOCKET\n"
    );
    assert_eq!(fake.run(&["--socket", "/nowhere/s", "run", "--", "true"]).status, 125);
    assert_eq!(fake.run(&["--socket", "/nowhere/s", "run", "-d", "--", "true"]).status, 69);
    assert_eq!(fake.run(&["--socket", "/nowhere/s", "run", "--goal", "x"]).status, 69);
    assert_eq!(fake.run(&["--socket", "/nowhere/s", "exec", "a", "--", "true"]).status, 125);
}

#[test]
fn usage_errors_send_nothing() {
    let fake = Fake::start();
    let long = "x".repeat(128 * 1024 - 10);
    let env = format!("A={}", "y".repeat(200));
    for args in [
        &["pss"][..],
        &["run"],
        &["run", "--"],
        &["run", "--", ""],
        &["run", "--goal", ""],
        &["run", "--goal", "x", "--", "y"],
        &["run", "--gpus", "1", "--", "true"],
        &["run", "--memory", "lots", "--", "true"],
        &["run", "--memory", "1M", "--", "true"],
        &["run", "--name", "Bad Name", "--", "true"],
        &["run", "--allow-reduced", "everything", "--", "true"],
        &["run", "--mount", "/tmp", "--", "true"],
        &["run", "--mount", "/tmp:/a/../b", "--", "true"],
        &["run", "--env", "A", "--", "true"],
        &["run", "--workdir", "x", "--", "true"],
        &["run", "--role", "Coder", "--", "true"],
        &["run", "-it", "--", "true"],
        &["run", "--json", "--", "true"],
        &["run", "--env", &env, "--", "true", &long, &long, &long, &long, &long, &long, &long, &long, &long],
        &["exec", "a", "--", ""],
        &["exec", "a"],
        &["inspect", ""],
        &["cp", "a", "b"],
        &["cp", "a:x", "b:y"],
        &["ls", "/x"],
        &["signal", "a", "SIGFOO"],
        &["completion", "tcsh"],
    ] {
        let ran = fake.run(args);
        let short: Vec<&str> = args.iter().map(|arg| &arg[..arg.len().min(20)]).collect();
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{short:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("\nhint: "), "{short:?}: {}", ran.stderr);
    }
    assert_eq!(fake.seen(), Vec::<String>::new());
}

#[test]
fn agents_are_listed() {
    let fake = Fake::start();
    let usage = json!({"cpuUsec": 1, "cpus": 0.25, "memoryBytes": 1_572_864, "memoryPeakBytes": 1, "memoryLimitBytes": null, "pids": 2, "pidsLimit": null});
    let enforcement = json!({"mode": "reduced", "layers": {"landlock": {"active": false, "detail": "not there"}}});
    let first = agent("builder", json!({"usage": usage, "startedAt": null, "enforcement": enforcement}));
    let second = agent(
        "old",
        json!({"state": "dead", "phase": "failed", "endedAt": "2026-01-01T00:02:05.000Z",
        "exit": {"code": 137, "signal": "SIGKILL", "reason": null}}),
    );
    let body = format!("{{\"data\":[{first},{second}],\"meta\":{{\"total\":2,\"limit\":500,\"offset\":0}}}}");
    fake.on("GET /api/v1/agents", Reply::Json(200, body));
    let table = "NAME     ID            STATE       PHASE      UPTIME    CPU      MEM  ISOLATION  WHAT\n\
                 builder  abcdefghijkl  running     executing       -  25.0%  1.5 MiB  REDUCED    sleep 1000\n\
                 old      abcdefghijkl  dead (137)  failed      2m 5s      -        -  full       sleep 1000\n";
    assert_eq!(fake.run(&["ps", "-a"]), ran(0, table, ""));
    assert_eq!(fake.run(&["ps", "-q"]), ran(0, "abcdefghijkl\nabcdefghijkl\n", ""));
    assert_eq!(fake.run(&["ps", "--json"]), ran(0, &format!("[{first},\n {second}]\n"), ""));
    assert_eq!(fake.run(&["stats", "--json"]), ran(0, &format!("{first}\n{second}\n"), ""));
    assert_eq!(fake.seen()[0], "GET /api/v1/agents?all=true&limit=500&offset=0");
}

#[test]
fn json_is_the_servers_own() {
    let fake = Fake::start();
    fake.data(&format!("GET {A}"), r#"{"zeta":1,"id":"abcdefghijkl","new":{"field":2.50}}"#);
    assert_eq!(
        fake.run(&["inspect", "--json", "a"]),
        ran(0, "{\"zeta\":1,\"id\":\"abcdefghijkl\",\"new\":{\"field\":2.50}}\n", "")
    );
}

#[test]
fn several_agents_fail_one_by_one() {
    let fake = Fake::start();
    let info = agent("a", json!({}));
    fake.data(&format!("POST {A}/kill"), &info)
        .on(&format!("DELETE {A}"), Reply::Json(204, String::new()))
        .data(&format!("POST {A}/stop"), &info);
    let missing = "error: no agent is named so\nhint: aether ps -a lists them\n";
    assert_eq!(fake.run(&["kill", "b", "a"]), ran(3, "a\n", missing));
    assert_eq!(fake.run(&["rm", "-f", "a"]), ran(0, "a\n", ""));
    assert_eq!(fake.run(&["rm", "--json", "a"]), ran(0, "", ""));
    assert_eq!(fake.run(&["stop", "--grace", "2", "a"]), ran(0, "a\n", ""));
    assert_eq!(fake.run(&["kill", "--json", "a"]), ran(0, &format!("{info}\n"), ""));
    let seen = fake.seen();
    assert!(seen.contains(&"DELETE /api/v1/agents/a?force=true".to_owned()), "{seen:?}");
    assert!(seen.contains(&"POST /api/v1/agents/a/stop {\"graceSeconds\":2}".to_owned()), "{seen:?}");
}

#[test]
fn references_and_paths_cannot_leave_their_place() {
    let fake = Fake::start();
    assert_eq!(fake.run(&["inspect", "../../x?y"]).status, 3);
    assert_eq!(fake.seen(), ["GET /api/v1/agents/..%2F..%2Fx%3Fy"]);
}

#[test]
fn doctor_fails_with_the_host() {
    let fake = Fake::start();
    let finding = |status: &str| {
        json!({"findings": [{"name": "landlock", "group": "kernel", "status": status, "detail": "ABI 7",
            "meaning": "the second wall", "fix": "boot with lsm=landlock"}]})
    };
    fake.data("GET /api/v1/doctor", &finding("failure").to_string()).data("GET /api/v1/doctor", &finding("warning").to_string());
    let text = |word: &str, summary: &str| {
        format!(
            "Kernel\n  {word}  landlock  ABI 7\n           for: the second wall\n           fix: boot with lsm=landlock\n\n{summary}\n"
        )
    };
    let failed = "Agents cannot run in full isolation: 1 failure, 0 warnings, 0 not checked, 0 ok";
    assert_eq!(fake.run(&["doctor"]), ran(1, &text("FAILURE", failed), ""));
    let weaker = "Agents can run: 0 failures, 1 warning, 0 not checked, 0 ok";
    assert_eq!(fake.run(&["doctor"]), ran(0, &text("warning", weaker), ""));
    let json = fake.run(&["doctor", "--json"]);
    assert_eq!((json.status, serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap()), (0, finding("warning")));
}

#[test]
fn version_needs_no_supervisor() {
    let fake = Fake::start();
    fake.on("GET /health", Reply::Json(200, r#"{"status":"ok","version":"9.9.9","uptime":61}"#.into()));
    assert_eq!(fake.run(&["version"]), ran(0, "aether  0.1.0\naetherd 9.9.9 (ok, up 1m 1s)\n", ""));
    assert_eq!(fake.run(&["--socket", "/nowhere/s", "version"]).status, 0);
}

#[test]
fn completion_scripts_are_printed() {
    let fake = Fake::start();
    for shell in ["bash", "zsh", "fish"] {
        let ran = fake.run(&["completion", shell]);
        assert_eq!(ran.status, 0);
        assert!(ran.stdout.contains("aether"), "{shell}");
    }
}

#[test]
fn logs_never_reach_for_the_terminal() {
    let fake = Fake::start();
    fake.data(&format!("GET {A}"), &agent("a", json!({})));
    fake.on(
        "GET /api/v1/agents/abcdefghijkl/logs",
        Reply::Bytes(b"one\r\n\x1b]52;c;eA==\x07\x1b[31mtwo\x1b[0m\x1b[2J\n".to_vec()),
    );
    assert_eq!(fake.run(&["logs", "a"]), ran(0, "one\n\x1b[31mtwo\x1b[0m\n", ""));
}

fn event(seq: u64, body: serde_json::Value) -> String {
    let mut event = json!({"seq": seq, "at": "2026-01-01T00:00:00.000Z", "agentId": "abcdefghijkl", "owner": "root"});
    for (key, value) in body.as_object().unwrap() {
        event[key] = value.clone();
    }
    event.to_string()
}

#[test]
fn a_goal_is_told_line_by_line_across_a_broken_stream() {
    let fake = Fake::start();
    let info = agent("g", json!({"spec": {"program": {"type": "goal", "goal": "look"}}}));
    let thought = event(3, json!({"type": "agent.thought", "pid": 7, "step": 1, "thought": "look around"}));
    let other = event(4, json!({"type": "agent.thought", "pid": 8, "step": 1, "thought": "not mine", "agentId": "zzzzzzzzzzzz"}));
    let action =
        event(5, json!({"type": "agent.action", "pid": 7, "step": 1, "tool": "run_command", "args": {"command": "uname"}}));
    let observed =
        event(6, json!({"type": "agent.observation", "pid": 7, "step": 1, "tool": "run_command", "ok": true, "result": "Linux"}));
    let done = event(7, json!({"type": "agent.completed", "pid": 7, "summary": "looked"}));
    let exit = event(8, json!({"type": "process.exit", "pid": 7, "exit": {"code": 0}}));
    fake.on("POST /api/v1/agents", Reply::Json(201, format!("{{\"data\":{info}}}")));
    fake.on("GET /api/v1/events", Reply::Events { data: vec![thought, other, action.clone()], stays_open: false });
    fake.on("GET /api/v1/events", Reply::Events { data: vec![action, observed, done, exit], stays_open: true });
    let lines = "   1  think   look around\n   1  act     run_command uname\n   1  ok      Linux\n      done    looked\n";
    assert_eq!(fake.run(&["run", "--goal", "look"]), ran(0, lines, "agent g (abcdefghijkl)\n"));
    let events: Vec<String> = fake.seen().into_iter().filter(|line| line.contains("/events")).collect();
    assert_eq!(events, ["GET /api/v1/events", "GET /api/v1/events?since=5"]);
    assert_eq!(fake.seen()[0], "GET /api/v1/events", "opened before the agent is, so that nothing is missed");
}

#[test]
fn a_failed_goal_has_status_1() {
    let fake = Fake::start();
    fake.on("POST /api/v1/agents", Reply::Json(201, format!("{{\"data\":{}}}", agent("g", json!({})))));
    let exit = event(3, json!({"type": "process.exit", "pid": 7, "exit": {"code": 3, "reason": "out of steps"}}));
    fake.on("GET /api/v1/events", Reply::Events { data: vec![exit], stays_open: true });
    assert_eq!(fake.run(&["run", "--goal", "x"]), ran(1, "      ended   out of steps\n", "agent g (abcdefghijkl)\n"));
}

#[test]
fn past_events_end_with_the_newest() {
    let fake = Fake::start();
    let first = event(1, json!({"type": "process.reaped", "pid": 7}));
    let second = event(2, json!({"type": "process.reaped", "pid": 8}));
    let ready = json!({"type": "kernel.ready", "version": "1", "uptime": 1, "seq": 2}).to_string();
    fake.on("GET /kernel", Reply::Channel(vec![fake::Step::Text(ready), fake::Step::Linger]));
    fake.on("GET /api/v1/events", Reply::Events { data: vec![first.clone(), second.clone()], stays_open: true });
    assert_eq!(fake.run(&["events", "--json"]), ran(0, &format!("{first}\n{second}\n"), ""));
    assert_eq!(fake.run(&["events", "--since", "2"]), ran(0, "", ""));
}

#[test]
fn a_refused_handshake_keeps_the_servers_words() {
    let fake = Fake::start();
    fake.error("GET /api/v1/attach/a", 409, "CONFLICT", "a has no program of its own", "watch it with aether logs -f a");
    let error = "error: a has no program of its own\nhint: watch it with aether logs -f a\n";
    assert_eq!(fake.run(&["attach", "a"]), ran(5, "", error));
}

#[test]
fn ctrl_c_leaves_a_goal_at_work() {
    let fake = Fake::start();
    fake.on("POST /api/v1/agents", Reply::Json(201, format!("{{\"data\":{}}}", agent("g", json!({})))));
    let thought = event(3, json!({"type": "agent.thought", "pid": 7, "step": 1, "thought": "hm"}));
    fake.on("GET /api/v1/events", Reply::Events { data: vec![thought], stays_open: true });
    fake.data("POST /api/v1/agents/abcdefghijkl/kill", &agent("g", json!({})));
    for interrupts in [1, 2] {
        let mut command = fake.command(&["run", "--goal", "x"]);
        let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = [0; 16];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let mut said = vec![0; "agent g (abcdefghijkl)\n\nThe agent goes on. Watch it with: aether logs -f abcdefghijkl\nCtrl-C again kills it.\n".len()];
        std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut said).unwrap();
        if interrupts == 2 {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        }
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let killed = fake.seen().iter().any(|line| line.contains("/kill"));
        assert_eq!(killed, interrupts == 2, "{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn the_log_of_a_goal_goes_on_where_its_timeline_ends() {
    let fake = Fake::start();
    fake.data(&format!("GET {A}"), &agent("a", json!({"spec": {"program": {"type": "goal", "goal": "look"}}})));
    let thought = event(3, json!({"type": "agent.thought", "pid": 7, "step": 1, "thought": "hm"}));
    let exit = event(5, json!({"type": "process.exit", "pid": 7, "exit": {"code": 0}}));
    fake.data("GET /api/v1/agents/abcdefghijkl/timeline?since=0&limit=1000", &format!("[{thought}]"));
    fake.data("GET /api/v1/agents/abcdefghijkl/timeline?since=3&limit=1000", "[]");
    fake.on("GET /api/v1/events", Reply::Events { data: vec![thought.clone(), exit.clone()], stays_open: true });
    assert_eq!(fake.run(&["logs", "a"]), ran(0, "   1  think   hm\n", ""));
    assert_eq!(fake.run(&["--json", "logs", "-f", "a"]), ran(0, &format!("{thought}\n{exit}\n"), ""));
    assert!(fake.seen().contains(&"GET /api/v1/events?since=3".to_owned()));
}
