//! Bad input: the documented error for each, and nothing left behind.
#![forbid(unsafe_code)]

use std::fs;

use aether_tests::{Daemon, Leaks, http, terminal};
use serde_json::{Value, json};

fn post(daemon: &Daemon, body: &Value) -> http::Response {
    http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(body).send()
}

fn command(argv: &[&str]) -> Value {
    json!({ "program": { "type": "command", "argv": argv } })
}

#[test]
fn agents_that_do_not_exist() {
    let daemon = Daemon::start();
    for verb in ["inspect", "logs", "stop", "kill", "pause", "resume", "rm", "attach"] {
        daemon.aether([verb, "nobody"]).refused(3, "nobody");
    }
    daemon.aether(["signal", "nobody", "TERM"]).refused(3, "nobody");
    // `exec` passes a program's status through, so its own failures are 125.
    daemon.aether(["exec", "nobody", "--", "true"]).refused(125, "nobody");
    daemon.aether(["ls", "nobody:/"]).refused(3, "nobody");
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/kill"), ("GET", "/timeline"), ("GET", "/files?path=/x")] {
        http::unix(&daemon.socket(), method, &format!("/api/v1/agents/nobody{path}")).send().refused(404, "NOT_FOUND");
    }
    http::unix(&daemon.socket(), "GET", "/api/v1/no-such-thing").send().refused(404, "NOT_FOUND");
}

#[test]
fn programs_that_cannot_be() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    for argv in [&[][..], &[""]] {
        post(&daemon, &command(argv)).refused(400, "INVALID");
    }
    post(&daemon, &command(&["true", "nul\0byte"])).refused(400, "INVALID");
    assert_eq!(daemon.aether(["run"]).code, 2, "neither a command nor a goal");
    assert_eq!(daemon.aether(["run", "--goal", "x", "--", "true"]).code, 2, "both");
    assert_eq!(daemon.aether(["run", "--no-such-option", "--", "true"]).code, 2);
    assert_eq!(daemon.aether(["run", "--gpus", "1", "--", "true"]).code, 2, "not built yet, so not accepted");
    assert!([2, 125].contains(&daemon.aether(["run", "--", ""]).code));

    let large = "x".repeat(10 << 20);
    let answer = post(&daemon, &command(&["echo", &large]));
    assert!(
        [(400, "INVALID"), (413, "TOO_LARGE")].contains(&(answer.status, answer.json()["error"]["code"].as_str().unwrap_or(""))),
        "{answer}"
    );
    let long = "x".repeat(200 << 10);
    post(&daemon, &command(&["echo", &long])).refused(400, "INVALID");
    post(&daemon, &json!({ "program": { "type": "goal", "goal": "  " } })).refused(400, "INVALID");
    post(&daemon, &json!({ "program": { "type": "command", "argv": ["true"] }, "priority": 9 })).refused(400, "INVALID");
    post(&daemon, &json!({ "program": { "type": "command", "argv": ["true"] }, "limits": { "memoryBytes": 1 } }))
        .refused(400, "INVALID");
    post(&daemon, &json!({ "program": { "type": "command", "argv": ["true"] }, "nosuch": 1 })).refused(400, "INVALID");
    before.assert_gone(&daemon);
}

#[test]
fn bodies_that_are_not_json() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    for body in ["", "{", "[]", "null", "{\"program\":", "\u{0}"] {
        let answer = http::unix(&daemon.socket(), "POST", "/api/v1/agents").body(body).send();
        answer.refused(400, "INVALID");
    }
    before.assert_gone(&daemon);
}

#[test]
fn mounts_that_cannot_be() {
    let daemon = Daemon::start();
    let before = Leaks::of(&daemon);
    let scratch = daemon.scratch().display().to_string();
    let file = daemon.scratch().join("file");
    fs::write(&file, "").expect("write");
    let (nowhere, file) = (format!("{scratch}/nowhere:/mnt"), format!("{}:/mnt", file.display()));
    let (relative, up) = (format!("{scratch}:mnt"), format!("{scratch}:/mnt/../etc"));
    for mount in [nowhere.as_str(), &file, &relative, &up, "no-colon", &format!("{scratch}:/proc"), &format!("{scratch}:/")] {
        let outcome = daemon.aether(["run", "--rm", "--mount", mount, "--", "true"]);
        assert_ne!(outcome.code, 0, "{mount}: {outcome}");
        assert!(outcome.stderr.contains("error: ") && outcome.stdout.is_empty(), "{mount}: {outcome}");
    }
    let lend = |source: Value| json!({ "program": { "type": "command", "argv": ["true"] }, "mounts": [{ "source": source, "target": "/mnt" }] });
    let descriptor = lend(json!({ "type": "descriptor", "index": 0, "shown": "/etc" }));
    post(&daemon, &descriptor).refused(400, "INVALID");
    let root = lend(json!({ "type": "root", "path": "/etc" }));
    let answer = http::tcp(daemon.port(), "POST", "/api/v1/agents").token(&daemon.token()).json(&root).send();
    answer.refused(403, "DENIED");
    before.assert_gone(&daemon);
}

#[test]
fn names_that_are_taken_or_none() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "taken"], "exec sleep 600");
    let before = Leaks::of(&daemon);
    let outcome = daemon.aether(["run", "-d", "--name", "taken", "--", "true"]);
    assert!([5, 125].contains(&outcome.code) && outcome.stderr.contains("taken"), "{outcome}");
    post(&daemon, &json!({ "name": "taken", "program": { "type": "command", "argv": ["true"] } })).refused(409, "CONFLICT");
    for name in ["", "UPPER", "../up", "-rf", "a b", &"x".repeat(64)] {
        post(&daemon, &json!({ "name": name, "program": { "type": "command", "argv": ["true"] } })).refused(400, "INVALID");
    }
    before.assert_gone(&daemon);
    assert_eq!(agent.state(), "running");
    daemon.aether(["rm", "taken"]).refused(5, "taken");
}

#[test]
fn a_queue_that_is_full() {
    let daemon = Daemon::with("[agents]\nmax_concurrent = 1\nqueue_limit = 1\n");
    daemon.service_cgroup();
    daemon.agent(&["--name", "first"], "exec sleep 600");
    post(&daemon, &json!({ "name": "second", "program": { "type": "command", "argv": ["true"] } })).data();
    let before = Leaks::of(&daemon);
    post(&daemon, &json!({ "name": "third", "program": { "type": "command", "argv": ["true"] } })).refused(429, "BUSY");
    before.assert_gone(&daemon);
    daemon.aether(["inspect", "third"]).refused(3, "third");
}

#[test]
fn strangers_at_the_tcp_door() {
    let daemon = Daemon::start();
    let (port, token) = (daemon.port(), daemon.token());
    let agents = |method: &str| http::tcp(port, method, "/api/v1/agents");
    agents("GET").send().refused(401, "UNAUTHENTICATED");
    agents("GET").token(&"0".repeat(64)).send().refused(401, "UNAUTHENTICATED");
    agents("GET").token("").send().refused(401, "UNAUTHENTICATED");
    agents("GET").header("cookie", "aether_token=guess").send().refused(401, "UNAUTHENTICATED");
    assert_eq!(agents("GET").token(&token).send().status, 200);
    assert_eq!(agents("GET").header("cookie", &format!("aether_token={token}")).send().status, 200);

    let body = command(&["true"]);
    for origin in ["http://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1"] {
        agents("POST").token(&token).header("origin", origin).json(&body).send().refused(403, "DENIED");
        let handshake = terminal::connect(&daemon, "/kernel", &[("origin", origin)]);
        assert!(handshake.is_err(), "a WebSocket for {origin}");
    }
    for host in ["evil.example", "evil.example:3001", &format!("localhost.evil.example:{port}"), "127.0.0.1:1"] {
        agents("GET").token(&token).header("host", host).send().refused(421, "MISDIRECTED");
    }
    assert_eq!(agents("GET").token(&token).header("host", &format!("localhost:{port}")).send().status, 200);
    assert!(terminal::connect(&daemon, "/kernel", &[("authorization", "Bearer wrong")]).is_err());
    assert!(terminal::connect(&daemon, "/kernel", &[]).is_ok());
    assert_eq!(http::tcp(port, "GET", "/health").send().status, 200, "public");
}

#[test]
fn sign_in_links_work_once() {
    let daemon = Daemon::start();
    let link = http::unix(&daemon.socket(), "POST", "/api/v1/signin-links").send().data();
    let url = link["url"].as_str().expect("url").to_owned();
    let path = url.split_once(&format!(":{}", daemon.port())).map_or_else(|| panic!("{url}"), |(_, path)| path.to_owned());
    let first = http::tcp(daemon.port(), "GET", &path).send();
    assert_eq!(first.status, 303, "{first}");
    let cookie = first.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
    let session = cookie.split(';').next().expect("name=value");
    assert_eq!(http::tcp(daemon.port(), "GET", "/api/v1/session").header("cookie", session).send().data()["owner"], "operator");
    let second = http::tcp(daemon.port(), "GET", &path).send();
    assert!(second.status >= 400 && second.header("set-cookie").is_none(), "{second}");
    http::unix(&daemon.socket(), "GET", "/api/v1/agents").header("origin", "http://evil.example").send().refused(403, "DENIED");
}

#[test]
fn pages_carry_a_strict_policy() {
    let daemon = Daemon::start();
    let page = http::tcp(daemon.port(), "GET", "/").header("accept", "text/html").send();
    assert_eq!(page.status, 200, "{page}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'self'") || policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-eval") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn nobody_answers() {
    let daemon = Daemon::start();
    let mut command = daemon.command(["ps"]);
    command.env("AETHER_SOCKET", daemon.scratch().join("nothing.sock"));
    aether_tests::cli::spawn(command, b"").end(aether_tests::daemon::PATIENCE).refused(69, "nothing.sock");
}
