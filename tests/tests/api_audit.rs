//! Every refusal and every act leaves its record, with who it was; and nobody inside can change one.
#![forbid(unsafe_code)]

use std::time::Duration;

use aether_tests::{
    Daemon, eventually, http,
    stranger::{Stranger, ask},
    terminal::Terminal,
};
use serde_json::{Value, json};

fn about(daemon: &Daemon, action: &str) -> Vec<Value> {
    daemon.audit().into_iter().filter(|record| record["action"] == action).collect()
}

#[test]
fn each_refusal_is_one_record_with_its_peer() {
    let daemon = Daemon::start();
    let (port, token, session) = (daemon.port(), daemon.token(), daemon.sign_in());
    let tcp = |method: &str, path: &str| http::tcp(port, method, path);
    let body = json!({ "program": { "type": "command", "argv": ["true"] } });
    let code = "0".repeat(64);
    let refused = [
        (tcp("GET", "/api/v1/agents"), 401),
        (tcp("GET", "/api/v1/audit").token(&code), 401),
        (tcp("GET", "/api/v1/doctor").header("cookie", "aether_token=x"), 401),
        (tcp("GET", &format!("/signin?code={code}")), 401),
        (tcp("POST", "/api/v1/session").json(&json!({ "token": code })), 401),
        (tcp("POST", "/api/v1/agents").token(&token).header("origin", "http://evil.example").json(&body), 403),
        (tcp("DELETE", "/api/v1/agents/x").header("cookie", &session), 403),
        (tcp("GET", "/api/v1/events").header("cookie", &session).header("sec-fetch-site", "cross-site"), 403),
        (tcp("GET", "/metrics").header("host", "evil.example"), 421),
        (http::unix(&daemon.socket(), "GET", "/api/v1/session").header("origin", "http://localhost"), 403),
    ];
    let paths = [
        "/api/v1/agents",
        "/api/v1/audit",
        "/api/v1/doctor",
        "/signin",
        "/api/v1/session",
        "/api/v1/agents",
        "/api/v1/agents/x",
        "/api/v1/events",
        "/metrics",
        "/api/v1/session",
    ];
    for (n, (request, status)) in refused.into_iter().enumerate() {
        assert_eq!(request.send().status, status, "{}", paths[n]);
        let found = eventually("the refusal to be on record", Duration::from_secs(3), || {
            Some(about(&daemon, "request.denied")).filter(|found| found.len() > n)
        });
        assert_eq!(found.len(), n + 1, "one record each: {found:?}");
        let last = &found[n];
        assert_eq!((&last["who"], &last["subject"]), (&json!("nobody"), &json!(paths[n])), "{last}");
        assert_eq!(last["outcome"]["peer"], if n == 9 { "uid 0" } else { "127.0.0.1" }, "{last}");
        assert_eq!(last["outcome"]["times"], 1, "{last}");
    }
    // What somebody known may not do is a record of theirs.
    let root = json!({ "program": { "type": "command", "argv": ["true"] },
                       "mounts": [{ "source": { "type": "root", "path": "/etc" }, "target": "/mnt" }] });
    tcp("POST", "/api/v1/agents").token(&token).json(&root).send().refused(403, "DENIED");
    let deploys = about(&daemon, "agent.deploy");
    assert_eq!(deploys.len(), 1, "{deploys:?}");
    assert_eq!((&deploys[0]["who"], &deploys[0]["outcome"]["code"]), (&json!("operator"), &json!("DENIED")), "{deploys:?}");
    assert_eq!(about(&daemon, "request.denied").len(), 10, "and not one of a stranger as well");
    daemon.aether(["audit", "verify"]).ok();
}

#[test]
fn what_is_done_over_streams_is_on_record() {
    let daemon = Daemon::start();
    let agent = daemon.agent(&["--name", "watched"], "trap 'echo got' USR1; while :; do sleep 0.1; done");
    let mut terminal = Terminal::attach(&daemon, "watched", "?stdin=false");
    terminal.signal(10);
    terminal.until("got");
    let found = eventually("the signal", Duration::from_secs(5), || about(&daemon, "process.signal").pop());
    assert_eq!((&found["who"], &found["subject"]), (&json!("operator"), &json!(agent.id)), "{found}");
    assert_eq!((&found["outcome"]["signal"], &found["outcome"]["ok"]), (&json!(10), &json!(true)), "{found}");
    assert_eq!(about(&daemon, "process.signal").len(), 1);
}

#[test]
fn the_tools_of_a_goal_are_on_record() {
    let daemon = Daemon::start();
    let outcome = daemon.aether(["run", "--goal", "Inspect this machine and write a report"]);
    assert_eq!(outcome.code, 0, "{outcome}");
    let used = about(&daemon, "agent.tool");
    assert!(!used.is_empty(), "no tool was used");
    let agents = http::unix(&daemon.socket(), "GET", "/api/v1/agents?all=true").send().data();
    for record in &used {
        assert_eq!((&record["who"], &record["subject"]), (&json!("agent"), &agents[0]["id"]), "{record}");
        assert!(record["outcome"]["tool"].as_str().is_some_and(|tool| !tool.is_empty()), "{record}");
    }
    let path = format!("/api/v1/agents/{}/timeline", agents[0]["id"].as_str().expect("an id"));
    let timeline = http::unix(&daemon.socket(), "GET", &path).send().data();
    let actions = timeline.as_array().expect("events").iter().filter(|event| event["type"] == "agent.action").count();
    assert_eq!(used.len(), actions, "one for each action: {used:?}");
}

#[test]
fn an_agent_erases_nothing() {
    let daemon = Daemon::start();
    let before = daemon.audit();
    let state = daemon.state().display().to_string();
    let script = format!(
        "for f in {state}/aether.db {state}/aether.db-wal {state}; do (echo x >>\"$f\") 2>/dev/null && echo wrote; rm -rf \"$f\" && [ ! -e \"$f\" ] || echo left; done; \
         find / -xdev -name 'aether.db*' 2>/dev/null; echo done"
    );
    let seen = daemon.aether(["run", "--rm", "--", "sh", "-c", &script]).ok().text();
    assert!(!seen.contains("wrote") && !seen.contains("left") && !seen.contains("aether.db") && seen.contains("done"), "{seen}");
    // The database refuses it to everybody, not only to those outside it.
    let after = daemon.audit();
    assert_eq!(after[..before.len()], before[..]);
    // A stranger's words in a path or a header stay words.
    let path = "/api/v1/agents?x=%0a%7b%22level%22:%22audit%22%7d%1b%5b2J";
    http::tcp(daemon.port(), "GET", path).header("host", "evil.example").send().refused(421, "MISDIRECTED");
    assert_eq!(ask(&daemon.socket(), Stranger::Ids(0, 0), &[("GET".into(), "/api/v1/audit/verify".into())]), [200]);
    let log = daemon.log();
    assert!(!log.contains('\u{1b}') && !log.lines().any(|line| line.starts_with("{\"level\"")), "{log}");
    assert_eq!(http::unix(&daemon.socket(), "GET", "/api/v1/audit/verify").send().data()["whole"], true);
}
