//! Whatever is sent to the API: no panic, no 5xx, no growth, and the service answers afterwards.
//!
//! The seed is fixed. `AETHER_FUZZ_SECONDS` lets it run longer and `AETHER_FUZZ_SEED` elsewhere.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aether_tests::{
    Daemon, http, proc,
    random::{Random, escaped},
    raw,
    routes::{self, Route},
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_millis(1500);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Resident memory of the service, MiB.
fn resident(daemon: &Daemon) -> u64 {
    let status = proc::status(daemon.pid()).expect("it runs");
    status["VmRSS"].split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") / 1024
}

/// One request of a route, by chance.
fn request(random: &mut Random, document: &Value, route: &Route, host: &str) -> Vec<u8> {
    let mut address = String::new();
    for part in route.path.split('/').skip(1) {
        address.push('/');
        if part.starts_with('{') {
            let value = if random.one_in(2) { "target".to_owned() } else { random.text() };
            address.push_str(&escaped(&value));
        } else {
            address.push_str(part);
        }
    }
    let mut query = Vec::new();
    for parameter in route.parameters("query") {
        if parameter["required"] == true || random.one_in(2) {
            let value = match random.value(document, &parameter["schema"], 0) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            query.push(format!("{}={}", parameter["name"].as_str().expect("a name"), escaped(&value)));
        }
    }
    if random.one_in(15) {
        query.push(format!("{}={}", escaped(&random.text()), escaped(&random.text())));
    }
    if !query.is_empty() {
        address = format!("{address}?{}", query.join("&"));
    }
    let body = match route.body() {
        Some(schema) => random.value(document, &schema, 0).to_string(),
        None if route.method == "PUT" => random.text(),
        None => String::new(),
    };
    let mut head = format!("{} {address} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", route.method);
    for parameter in route.parameters("header") {
        if !random.one_in(3) {
            continue;
        }
        let value: String = random.text().chars().filter(|c| (' '..='~').contains(c)).collect();
        head.push_str(&format!("{}: {value}\r\n", parameter["name"].as_str().expect("a name")));
    }
    if !body.is_empty() {
        head.push_str("Content-Type: application/json\r\n");
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Requests that wait for something by design, or stream without an end: nothing may come for a while.
fn may_wait(route: &Route) -> bool {
    ["/wait", "/stop", "/events", "/logs", "/signal"].iter().any(|end| route.path.ends_with(end))
}

#[test]
fn every_endpoint_survives_what_fits_its_schema_almost() {
    let seconds = number("AETHER_FUZZ_SECONDS", 20);
    let seed = number("AETHER_FUZZ_SEED", 0x00ae_74e4);
    println!("seed {seed}, {seconds} s");
    let daemon = Daemon::with("[agents]\nmax_concurrent = 3\nqueue_limit = 3\n");
    daemon.agent(&["--name", "target"], "exec sleep 600");
    let (document, routes) = (routes::document(), routes::all());
    let mut random = Random::new(seed);
    let host = format!("127.0.0.1:{}", daemon.port());
    let (mut sent, mut statuses) = (0_u64, BTreeMap::<u16, u64>::new());
    let mut warm = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        let route = random.pick(&routes).clone();
        let mut bytes = request(&mut random, &document, &route, &host);
        let whole = !random.one_in(3);
        if !whole {
            bytes = random.mutated(&bytes);
        }
        let patience = if whole && !may_wait(&route) { PATIENCE * 4 } else { Duration::from_millis(30) };
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
        let answer = match sent % 4 {
            0 => raw::tcp(daemon.port(), &bytes, patience),
            _ => raw::unix(&daemon.socket(), &bytes, patience),
        };
        for status in answer.statuses() {
            // 501 is a method that HTTP does not know, 503 an agent that is on its way.
            assert!(status < 500, "seed {seed}, request {sent}: {status}\n{}\n{}", shown(), answer.text);
            *statuses.entry(status).or_default() += 1;
        }
        assert!(
            !whole || may_wait(&route) || !answer.statuses().is_empty(),
            "seed {seed}, request {sent}: no answer to\n{}",
            shown()
        );
        sent += 1;
        if sent == 300 {
            warm = resident(&daemon);
        }
        // What was ended, filled the queue or was removed by chance is replaced.
        if sent % 100 == 0 {
            refresh(&daemon);
        }
    }
    println!("{sent} requests: {statuses:?}");
    assert!(sent > 300, "only {sent} requests in {seconds} s");
    for status in [200, 201, 400, 404, 401] {
        assert!(statuses.contains_key(&status), "no {status} in {statuses:?}: the requests do not reach the handlers");
    }
    let grown = resident(&daemon).saturating_sub(warm);
    assert!(grown < 96, "{grown} MiB more than after 300 requests");
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    assert_eq!(http::unix(&daemon.socket(), "GET", "/health").send().status, 200);
}

fn refresh(daemon: &Daemon) {
    let agents = http::unix(&daemon.socket(), "GET", "/api/v1/agents?all=true").send().data();
    for agent in agents.as_array().expect("agents") {
        if agent["name"] != "target" || agent["state"] != "running" {
            let path = format!("/api/v1/agents/{}?force=true", agent["id"].as_str().expect("an id"));
            http::unix(&daemon.socket(), "DELETE", &path).send();
        }
    }
    let target = json!({ "name": "target", "program": { "type": "command", "argv": ["sleep", "600"] } });
    http::unix(&daemon.socket(), "POST", "/api/v1/agents").json(&target).send();
}

#[test]
fn json_that_breaks_parsers_is_refused() {
    let daemon = Daemon::start();
    let post = |body: Vec<u8>| http::unix(&daemon.socket(), "POST", "/api/v1/agents").body(body).send();
    let command = |extra: &str| format!(r#"{{"program":{{"type":"command","argv":["true"]}}{extra}}}"#);
    assert_eq!(post(command("").into()).status, 201);
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let keys = (0..1_000_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",");
    let env = (0..1_000_000).map(|n| format!("\"K{n}\":\"\"")).collect::<Vec<_>>().join(",");
    for (what, body) in [
        ("100,000 arrays deep", deep("[", "]").into_bytes()),
        ("100,000 objects deep", deep("{\"a\":", "}").into_bytes()),
        ("deep in a known field", command(&format!(r#","env":{}"#, deep("[", "]"))).into()),
        ("NaN", command(r#","priority":NaN"#).into()),
        ("1e400", command(r#","priority":1e400"#).into()),
        ("a fraction", command(r#","priority":1.5"#).into()),
        ("-0", command(r#","priority":-0.0"#).into()),
        ("beyond 64 bits", command(r#","limits":{"memoryBytes":18446744073709551616}"#).into()),
        ("a duplicate", command(r#","name":"a","name":"b""#).into()),
        ("a duplicate program", command(r#","program":{"type":"command","argv":["id"]}"#).into()),
        ("NUL in text", command(r#","name":"a\u0000b""#).into()),
        ("a lone surrogate", command(r#","name":"\ud800""#).into()),
        ("surrogates in the wrong order", command(r#","name":"\udc00\ud800""#).into()),
        ("no UTF-8", [command(r#","name":""#).trim_end_matches('}').as_bytes(), b"\xff\"}"].concat()),
        ("a comment", command("/**/").into()),
        ("a comma too many", command(",").into()),
        ("two values", format!("{0}{0}", command("")).into()),
        ("a byte order mark", format!("\u{feff}{}", command("")).into()),
        ("UTF-16", command("").encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ] {
        let answer = post(body);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (400, Some("INVALID")), "{what}: {answer}");
    }
    for (what, body) in
        [("a million keys", format!("{{{keys}}}")), ("a million variables", command(&format!(r#","env":{{{env}}}"#)))]
    {
        let answer = post(body.into());
        assert!([400, 413].contains(&answer.status), "{what}: {answer}");
    }
    let before = resident(&daemon);
    for _ in 0..3 {
        post(vec![b' '; 100 << 20]).refused(413, "TOO_LARGE");
    }
    let grown = resident(&daemon).saturating_sub(before);
    assert!(grown < 48, "{grown} MiB for bodies that were refused");
    let stranger = http::tcp(daemon.port(), "POST", "/api/v1/session").body(vec![b' '; 1 << 20]).send();
    stranger.refused(413, "TOO_LARGE");
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}
