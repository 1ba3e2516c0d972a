//! What an agent serves, in a browser and on this machine: let in by a link alone, at an origin of its own, as it comes.
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::Path,
    process::Stdio,
    time::Duration,
};

use aether_tests::{
    Agent, Daemon,
    http::{self, Request, Response},
    raw,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue};

const LARGE: usize = 100 << 20;

/// An agent that serves on 8080 and, less well, on 8081 to 8084.
fn server<'d>(daemon: &'d Daemon, name: &str) -> Agent<'d> {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/preview.py")).expect("the server");
    let args = ["run", "-d", "--name", name, "--", "python3", "-c", &source];
    let agent = Agent::new(daemon, daemon.aether(args).ok().text().trim());
    agent.prints("serving");
    agent
}

fn host(daemon: &Daemon, agent: &str, port: u16) -> String {
    format!("{port}-{agent}.localhost:{}", daemon.port())
}

/// A request to a preview, as a browser addresses it.
fn at(daemon: &Daemon, host: &str, method: &str, path: &str) -> Request {
    http::tcp(daemon.port(), method, path).header("host", host)
}

/// Path and code of a new link, which has to be for `host`.
fn link(daemon: &Daemon, agent: &str, port: u16, host: &str) -> String {
    let url = daemon.aether(["port", agent, &port.to_string()]).ok().text();
    url.trim().strip_prefix(&format!("http://{host}")).unwrap_or_else(|| panic!("{url}")).to_owned()
}

/// The cookie that a new link leaves.
fn enter(daemon: &Daemon, agent: &str, port: u16) -> String {
    let host = host(daemon, agent, port);
    let answer = at(daemon, &host, "GET", &link(daemon, agent, port, &host)).send();
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer}");
    let cookie = answer.header("set-cookie").expect("a cookie");
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.to_lowercase().contains("domain"), "for this host alone: {cookie}");
    cookie.split(';').next().expect("name=value").to_owned()
}

/// Memory of the service, now (`VmRSS:`) or at its most (`VmHWM:`), KiB.
fn memory(daemon: &Daemon, which: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(which)).expect("a figure");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[track_caller]
fn refused(answer: &Response, status: u16, cause: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert!(answer.status == status && text.contains(cause), "{status} {cause:?} in {answer}");
    assert!(answer.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
}

#[test]
fn only_a_link_opens_a_preview_and_only_its_own() {
    let daemon = Daemon::start();
    let (_web, _other) = (server(&daemon, "web"), server(&daemon, "other"));
    let own = host(&daemon, "web", 8080);
    let by_link = "opens by a link only";
    refused(&at(&daemon, &own, "GET", "/").send(), 403, by_link);
    // A stranger does not learn which agents there are.
    refused(&at(&daemon, &host(&daemon, "nobody", 8080), "GET", "/").send(), 403, by_link);
    for wrong in ["", "x", &"0".repeat(64)] {
        refused(&at(&daemon, &own, "GET", &format!("/?aether-preview={wrong}")).send(), 403, "this link was used");
        refused(&at(&daemon, &own, "GET", "/").header("cookie", &format!("aether_preview={wrong}")).send(), 403, by_link);
    }
    let once = link(&daemon, "web", 8080, &own);
    assert_eq!(at(&daemon, &own, "GET", &once).send().status, 303);
    refused(&at(&daemon, &own, "GET", &once).send(), 403, "this link was used");
    let cookie = enter(&daemon, "web", 8080);
    for (agent, port) in [("other", 8080), ("web", 8081)] {
        let elsewhere = host(&daemon, agent, port);
        refused(&at(&daemon, &elsewhere, "GET", "/").header("cookie", &cookie).send(), 403, by_link);
        let link = link(&daemon, "web", 8080, &own);
        refused(&at(&daemon, &elsewhere, "GET", &link).send(), 403, "this link was used");
    }
    let answer = at(&daemon, &own, "GET", "/a?b=1").header("cookie", &cookie).send();
    assert_eq!((answer.status, answer.json()["path"].as_str()), (200, Some("/a?b=1")), "the control: {answer}");
    let made = daemon.audit().into_iter().filter(|record| record["action"] == "preview.link").count();
    assert_eq!(made, 4, "every link is on record");
}

#[test]
fn names_that_are_not_exactly_a_preview_are_refused() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let (cookie, port) = (enter(&daemon, "web", 8080), daemon.port());
    for (host, status) in [
        (format!("8080-web.localhost:{}", port ^ 1), 421),
        ("8080-web.localhost".to_owned(), 421),
        (format!("8080-web.localhost.evil.example:{port}"), 421),
        (format!("8080-web.evil.example:{port}"), 421),
        (format!("a.8080-web.localhost:{port}"), 421),
        (format!("evil@8080-web.localhost:{port}"), 403),
        (format!("08080-web.localhost:{port}"), 403),
        (format!("8080-we.localhost:{port}"), 403),
        (format!("web.localhost:{port}"), 403),
        (format!("-web.localhost:{port}"), 403),
        (format!(".localhost:{port}"), 403),
    ] {
        let answer = at(&daemon, &host, "GET", "/").header("cookie", &cookie).send();
        assert_eq!(answer.status, status, "{host}: {answer}");
    }
    let own = host(&daemon, "web", 8080);
    for head in [format!("Host: {own}\r\nHost: localhost:{port}"), format!("Host: localhost:{port}\r\nHost: {own}")] {
        let bytes = format!("GET / HTTP/1.1\r\n{head}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
        let answer = raw::tcp(port, bytes.as_bytes(), Duration::from_secs(10));
        assert!([400, 421].contains(&answer.status()), "two hosts: {}", answer.text);
    }
    let bytes = format!("GET http://localhost:{port}/ HTTP/1.1\r\nHost: {own}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    assert_eq!(raw::tcp(port, bytes.as_bytes(), Duration::from_secs(10)).status(), 421, "two targets");
    assert_eq!(at(&daemon, &own.to_uppercase(), "GET", "/").header("cookie", &cookie).send().status, 200, "the control");
}

#[test]
fn the_api_and_a_preview_never_meet() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let (cookie, session) = (enter(&daemon, "web", 8080), daemon.sign_in());
    let (own, token) = (host(&daemon, "web", 8080), daemon.token());
    // What is the API's anywhere else is the agent's there, however it is written.
    for path in
        ["/api/v1/agents", "/health", "/metrics", "/kernel", "/../api/v1/agents", "//localhost/api/v1/agents", "/%2e%2e/health"]
    {
        let answer = at(&daemon, &own, "GET", path).header("cookie", &format!("{session}; {cookie}; a=1")).send();
        assert_eq!(answer.json()["path"].as_str(), Some(path), "{answer}");
        let seen = answer.json()["headers"].to_string();
        assert!(seen.contains("a=1") && !seen.contains("aether_"), "its own cookies only: {seen}");
        let stranger = at(&daemon, &own, "GET", path).header("cookie", &session).send();
        refused(&stranger, 403, "opens by a link only");
    }
    refused(&at(&daemon, &own, "GET", "/").header("cookie", &cookie).token(&token).send(), 403, "token is not for agents");
    // And the preview's cookie is nothing to the API.
    let api = |path: &str| http::tcp(daemon.port(), "GET", path);
    assert_eq!(api("/api/v1/agents").header("cookie", &cookie).send().status, 401);
    assert_eq!(api("/?aether-preview=x").send().status, 200, "Mission Control's own page");
    // A page of the preview, with the operator's session as a browser would add it if it thought of both as one site.
    let page = format!("http://{own}");
    for site in ["same-site", "cross-site"] {
        let answer =
            api("/api/v1/agents").header("cookie", &session).header("origin", &page).header("sec-fetch-site", site).send();
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None), "{answer}");
    }
    let act = http::tcp(daemon.port(), "POST", "/api/v1/agents/web/kill").header("cookie", &session).header("origin", &page);
    assert_eq!(act.send().status, 403);
    assert_eq!(api("/api/v1/agents").header("cookie", &session).send().status, 200, "the control");
}

#[test]
fn pages_of_others_may_open_it_and_nothing_more() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let (cookie, own) = (enter(&daemon, "web", 8080), host(&daemon, "web", 8080));
    let ask = |method: &str, headers: &[(&str, &str)]| {
        let request = at(&daemon, &own, method, "/").header("cookie", &cookie);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    let foreign = host(&daemon, "evil", 8080);
    for (method, headers) in [
        ("GET", &[("origin", "http://evil.example")][..]),
        ("POST", &[("origin", &*format!("http://{foreign}"))]),
        ("POST", &[("origin", "null")]),
        ("GET", &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")]),
        ("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]),
        ("GET", &[("origin", &*daemon.origin()), ("upgrade", "websocket"), ("connection", "upgrade")]),
    ] {
        refused(&ask(method, headers), 403, "another site");
    }
    refused(&ask("GET", &[("service-worker", "script"), ("sec-fetch-site", "same-origin")]), 403, "no service worker");
    let page = format!("http://{own}");
    assert_eq!(
        ask("GET", &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]).status,
        200
    );
    assert_eq!(ask("POST", &[("sec-fetch-site", "same-origin"), ("origin", &page)]).status, 200, "its own page");
}

#[test]
fn an_answer_reaches_no_further_than_its_origin() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let (cookie, own) = (enter(&daemon, "web", 8080), host(&daemon, "web", 8080));
    let answer = at(&daemon, &own, "GET", "/wide").header("cookie", &cookie).send();
    let cookies: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    assert_eq!(cookies, ["mine=1; Path=/"]);
    for name in ["clear-site-data", "service-worker-allowed", "strict-transport-security", "alt-svc"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!((answer.status, &*answer.body), (200, &b"wide"[..]));
}

#[test]
fn large_bodies_and_websockets_pass_as_they_come() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let (cookie, own) = (enter(&daemon, "web", 8080), host(&daemon, "web", 8080));
    let before = memory(&daemon, "VmRSS:");
    let answer = at(&daemon, &own, "GET", "/large").header("cookie", &cookie).send();
    assert_eq!((answer.status, answer.body.len()), (200, LARGE));
    assert!(answer.body.chunks(256).all(|chunk| chunk.iter().copied().eq(0..=255)), "every byte in its place");
    let sent = at(&daemon, &own, "POST", "/").header("cookie", &cookie).body(answer.body).send();
    assert_eq!(sent.json()["bytes"].as_u64(), Some(LARGE as u64), "{sent}");
    let grown = memory(&daemon, "VmHWM:").saturating_sub(before);
    assert!(grown < 32 << 10, "nothing is held as a whole: {grown} KiB more");

    let mut request = format!("ws://{own}/socket").into_client_request().expect("a request");
    for (name, value) in [("cookie", cookie), ("origin", format!("http://{own}"))] {
        request.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a value"));
    }
    let stream = TcpStream::connect(("127.0.0.1", daemon.port())).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("timeout");
    let (mut socket, _) = tungstenite::client(request, stream).expect("a WebSocket");
    for text in ["one", "two"] {
        socket.send(Message::text(text)).expect("send");
        assert_eq!(socket.read().expect("an echo"), Message::text(text));
    }
    daemon.aether(["kill", "web"]).ok();
    assert!(socket.read().is_err(), "it ends with the agent");
}

#[test]
fn a_program_that_answers_badly_is_said_to() {
    let daemon = Daemon::start();
    let web = server(&daemon, "web");
    let ask = |port: u16| {
        let (cookie, own) = (enter(&daemon, "web", port), host(&daemon, "web", port));
        at(&daemon, &own, "GET", "/").header("cookie", &cookie).send()
    };
    refused(&ask(9), 502, "nothing inside listens on port 9");
    refused(&ask(8084), 502, "nothing inside listens on port 8084");
    refused(&ask(8081), 502, "without an answer in HTTP");
    refused(&ask(8082), 504, "accepts no connection");
    let (cookie, own) = (enter(&daemon, "web", 8080), host(&daemon, "web", 8080));
    let bytes = format!("GET /cut HTTP/1.1\r\nHost: {own}\r\nCookie: {cookie}\r\n\r\n");
    let cut = raw::tcp(daemon.port(), bytes.as_bytes(), Duration::from_secs(30));
    assert!(cut.closed && cut.text.ends_with("part"), "an answer that is cut is cut: {}", cut.text);
    daemon.aether(["pause", "web"]).ok();
    refused(&at(&daemon, &own, "GET", "/").header("cookie", &cookie).send(), 409, "web is paused");
    daemon.aether(["resume", "web"]).ok();
    assert_eq!(at(&daemon, &own, "GET", "/").header("cookie", &cookie).send().status, 200, "the control");
    web.remove();
    refused(&at(&daemon, &own, "GET", "/").header("cookie", &cookie).send(), 403, "opens by a link only");
    // The next of its name is another agent.
    let _web = server(&daemon, "web");
    refused(&at(&daemon, &own, "GET", "/").header("cookie", &cookie).send(), 403, "opens by a link only");
}

#[test]
fn signing_out_ends_what_was_opened_from_mission_control() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let (session, own) = (daemon.sign_in(), host(&daemon, "web", 8080));
    let signed = |method: &str, path: &str| {
        http::tcp(daemon.port(), method, path).header("cookie", &session).header("origin", &daemon.origin()).send()
    };
    let url = signed("POST", "/api/v1/agents/web/ports/8080/links").data()["url"].as_str().expect("a link").to_owned();
    let answer = at(&daemon, &own, "GET", &url[url.find("/?").expect("a path")..]).send();
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie").to_owned();
    let ask = || at(&daemon, &own, "GET", "/").header("cookie", &cookie).send();
    assert_eq!(ask().status, 200, "the control");
    assert!((200..300).contains(&signed("DELETE", "/api/v1/session").status));
    refused(&ask(), 403, "opens by a link only");
}

#[test]
fn ports_are_listed_and_forwarded() {
    let daemon = Daemon::start();
    let _web = server(&daemon, "web");
    let list = daemon.aether(["--json", "port", "web"]).ok().text();
    let ports: Vec<Value> = list.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found = |port: u16| ports.iter().find(|one| one["port"] == port).unwrap_or_else(|| panic!("{port} in {list}"));
    assert_eq!(found(8080)["origin"], format!("http://{}", host(&daemon, "web", 8080)));
    assert_eq!((&found(8083)["addresses"][0], &found(8083)["reachable"]), (&"::1".into(), &true.into()));
    assert_eq!((&found(8084)["reachable"], &found(8084)["origin"]), (&false.into(), &Value::Null));
    daemon.aether(["forward", "nobody", "80"]).refused(3, "there is no agent");
    daemon.aether(["forward", "web", "x"]).refused(2, "[LOCAL:]PORT");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let local = taken.local_addr().expect("its address").port();
    daemon.aether(["forward", "web", &format!("{local}:8080")]).refused(1, "already in use");

    let mut command = daemon.command(["forward", "web", "0:8080"]);
    let mut forward = command.stdout(Stdio::piped()).spawn().expect("forward");
    let mut line = String::new();
    BufReader::new(forward.stdout.take().expect("piped")).read_line(&mut line).expect("its address");
    let (address, to) = line.trim().split_once(" -> ").unwrap_or_else(|| panic!("{line}"));
    assert!(address.starts_with("127.0.0.1:") && to == "web:8080", "{line}");
    let exchange = |request: &str| {
        let mut stream = TcpStream::connect(address).expect("connect");
        stream.write_all(request.as_bytes()).expect("send");
        // The end of this direction is carried as well.
        stream.shutdown(Shutdown::Write).expect("shutdown");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        answer
    };
    for _ in 0..2 {
        let answer = exchange("GET /here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(String::from_utf8_lossy(&answer).contains("/here"), "{}", String::from_utf8_lossy(&answer));
    }
    let large = exchange("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(large.len() > LARGE && large.len() < LARGE + 1000, "{} bytes", large.len());
    kill(Pid::from_raw(i32::try_from(forward.id()).expect("a pid")), Signal::SIGINT).expect("Ctrl-C");
    assert_eq!(forward.wait().expect("its end").code(), Some(0));
    assert!(TcpStream::connect(address).is_err(), "nothing listens any more");
}
