//! What a web page in the operator's browser may try: with a valid session, and from everywhere but Mission Control itself.
#![forbid(unsafe_code)]

use std::{net::TcpStream, time::Duration};

use aether_tests::{
    Daemon,
    http::{self, Response},
    raw, routes,
};
use tungstenite::{client::IntoClientRequest as _, http::HeaderValue};

/// Origins that are not this service's, whatever they look like.
fn foreign(port: u16) -> Vec<String> {
    vec![
        "http://evil.example".to_owned(),
        "https://evil.example".to_owned(),
        "null".to_owned(),
        String::new(),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://evil.example#127.0.0.1:{port}"),
        format!("http://user@127.0.0.1:{port}"),
        // Another name of the same listener is another origin for a browser.
        format!("http://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("ftp://127.0.0.1:{port}"),
        "file://".to_owned(),
    ]
}

/// Opens a WebSocket as a page of `origin` would; the status of the answer.
fn handshake(daemon: &Daemon, path: &str, host: &str, headers: &[(&'static str, &str)]) -> u16 {
    let mut request = format!("ws://127.0.0.1:{}{path}", daemon.port()).into_client_request().expect("a request");
    let all = [("host", host)].into_iter().chain(headers.iter().copied());
    for (name, value) in all {
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let stream = TcpStream::connect(("127.0.0.1", daemon.port())).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
    match tungstenite::client(request, stream) {
        Ok((_, response)) => response.status().as_u16(),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => response.status().as_u16(),
        Err(error) => panic!("{path}: {error}"),
    }
}

#[test]
fn a_foreign_page_changes_nothing_with_the_operators_session() {
    let daemon = Daemon::start();
    let (port, session) = (daemon.port(), daemon.sign_in());
    let victim = daemon.agent(&["--name", "victim"], "exec sleep 600");
    for route in routes::all().iter().filter(|route| route.method != "GET") {
        let address = route.address("victim");
        let request = || http::tcp(port, &route.method, &address).header("cookie", &session);
        for origin in foreign(port) {
            // A form can send these three types; `no-cors` fetches as well.
            for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let body = r#"{"program":{"type":"command","argv":["true"]}}"#;
                let answer = request().body(body).header("content-type", kind).header("origin", &origin).send();
                assert_eq!(answer.status, 403, "{} from {origin:?} as {kind}: {answer}", route.name());
                assert_eq!(answer.header("access-control-allow-origin"), None);
            }
        }
        if route.path != "/api/v1/session" {
            assert_eq!(request().send().status, 403, "{} of something that is no page", route.name());
            let sibling = request().header("origin", &daemon.origin()).header("sec-fetch-site", "same-site").send();
            assert_eq!(sibling.status, 403, "{} from another port of this host", route.name());
        }
    }
    assert_eq!(victim.state(), "running");
    assert_eq!(http::unix(&daemon.socket(), "GET", "/api/v1/agents").send().data().as_array().map(Vec::len), Some(1));
    // The page itself may.
    let own = |kind: &str| {
        let body = r#"{"program":{"type":"command","argv":["true"]}}"#;
        let request = http::tcp(port, "POST", "/api/v1/agents").header("cookie", &session).body(body);
        request.header("content-type", kind).header("origin", &daemon.origin()).header("sec-fetch-site", "same-origin").send()
    };
    assert_eq!(own("application/json").status, 201);
    assert_eq!(own("text/plain").status, 400, "the second layer alone: a form cannot say that it sends JSON");
}

#[test]
fn no_origin_is_ever_let_in_by_cors() {
    let daemon = Daemon::start();
    let session = daemon.sign_in();
    let silent = |answer: &Response, what: &str| {
        let told: Vec<_> = answer.headers.iter().filter(|(name, _)| name.starts_with("access-control-")).collect();
        assert!(told.is_empty(), "{what}: {told:?}");
    };
    for origin in foreign(daemon.port()).into_iter().chain([daemon.origin()]) {
        for path in ["/", "/health", "/metrics", "/api/v1/agents", "/api/v1/openapi.json", "/api/v1/system/status"] {
            let get = http::tcp(daemon.port(), "GET", path).header("cookie", &session).header("origin", &origin).send();
            silent(&get, path);
            assert_eq!(get.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
            let ask = http::tcp(daemon.port(), "OPTIONS", path).header("cookie", &session).header("origin", &origin);
            let preflight = ask.header("access-control-request-method", "POST").send();
            silent(&preflight, path);
            assert!(preflight.status >= 400, "{path}: {preflight}");
        }
    }
}

#[test]
fn a_foreign_page_opens_no_websocket() {
    let daemon = Daemon::start();
    let (session, host, own) = (daemon.sign_in(), format!("127.0.0.1:{}", daemon.port()), daemon.origin());
    daemon.agent(&["--name", "victim"], "exec sleep 600");
    for path in ["/kernel", "/api/v1/attach/victim"] {
        for origin in foreign(daemon.port()) {
            let status = handshake(&daemon, path, &host, &[("cookie", &session), ("origin", &origin)]);
            assert_eq!(status, 403, "{path} from {origin:?}");
        }
        assert_eq!(handshake(&daemon, path, &host, &[("cookie", &session)]), 403, "{path} from no page");
        assert_eq!(handshake(&daemon, path, &host, &[("origin", &own)]), 401, "{path} by nobody");
        let foreign_site = [("cookie", session.as_str()), ("origin", &own), ("sec-fetch-site", "cross-site")];
        assert_eq!(handshake(&daemon, path, &host, &foreign_site), 403, "{path}");
        assert_eq!(
            handshake(&daemon, path, &host, &[("cookie", &session), ("origin", &own)]),
            101,
            "{path} from Mission Control"
        );
    }
}

#[test]
fn a_name_that_was_made_to_point_here_gets_nothing() {
    let daemon = Daemon::with("host_names = [\"box.example\"]\n");
    let (port, session, token) = (daemon.port(), daemon.sign_in(), daemon.token());
    let paths =
        ["/", "/health", "/metrics", "/assets/x.js", "/api/v1/agents", "/api/v1/openapi.json", "/signin?code=x", "/nothing"];
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port}, evil.example"),
        format!("evil@127.0.0.1:{port}"),
        format!("box.example.:{port}"),
        String::new(),
    ] {
        for path in paths {
            let answer = http::tcp(port, "GET", path).header("host", &host).token(&token).header("cookie", &session).send();
            answer.refused(421, "MISDIRECTED");
        }
        if !host.is_empty() {
            let own = format!("http://{host}");
            let status = handshake(&daemon, "/kernel", &host, &[("cookie", &session), ("origin", &own)]);
            assert_eq!(status, 421, "a WebSocket of {host}");
        }
    }
    let missing = raw::tcp(port, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", Duration::from_secs(3));
    assert_eq!(missing.status(), 421, "no host at all");
    let old = raw::tcp(port, b"GET /metrics HTTP/1.0\r\n\r\n", Duration::from_secs(3));
    assert_eq!(old.status(), 421, "HTTP/1.0 without one");
    for host in [format!("127.0.0.1:{port}"), format!("LOCALHOST:{port}"), format!("[::1]:{port}"), "box.example".to_owned()] {
        assert_eq!(http::tcp(port, "GET", "/health").header("host", &host).send().status, 200, "{host}");
    }
}

#[test]
fn plain_http_is_no_page_of_ours_behind_tls() {
    let daemon = Daemon::with("host_names = [\"box.example\"]\n");
    let token = serde_json::json!({ "token": daemon.token() });
    let sign_in = |host: &str, origin: &str, proto: &str| {
        let request = http::tcp(daemon.port(), "POST", "/api/v1/session").json(&token).header("host", host);
        request.header("origin", origin).header("x-forwarded-proto", proto).send()
    };
    let behind = sign_in("box.example", "https://box.example", "https");
    assert_eq!(behind.status, 200, "{behind}");
    assert!(behind.header("set-cookie").is_some_and(|cookie| cookie.ends_with("; Secure")), "{behind:?}");
    sign_in("box.example", "http://box.example", "https").refused(403, "DENIED");
    let (plain, own) = (format!("127.0.0.1:{}", daemon.port()), daemon.origin());
    sign_in(&plain, &format!("https://{plain}"), "https").refused(403, "DENIED");
    let direct = sign_in(&plain, &own, "https");
    assert!(direct.status == 200 && direct.header("set-cookie").is_some_and(|cookie| !cookie.contains("Secure")), "{direct:?}");
}

#[test]
fn answers_are_nothing_to_a_page_that_holds_them() {
    let daemon = Daemon::start();
    let (session, agent) =
        (daemon.sign_in(), daemon.agent(&[], "printf '<script>alert(1)</script>' >x.html; echo up; exec sleep 600"));
    agent.prints("up");
    let get = |path: &str| http::tcp(daemon.port(), "GET", path).header("cookie", &session).header("accept", "text/html").send();
    let file = get(&format!("/api/v1/agents/{}/files?path=x.html", agent.id));
    assert_eq!((file.status, file.body.as_slice()), (200, b"<script>alert(1)</script>".as_slice()));
    assert!(file.header("content-disposition").is_some_and(|how| how.starts_with("attachment;")), "{file:?}");
    for path in
        [&format!("/api/v1/agents/{}/files?path=x.html", agent.id), &format!("/api/v1/agents/{}/logs", agent.id), "/health"]
    {
        let answer = get(path);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("sandbox") && !policy.contains("'self'"),
            "{path}: {policy}"
        );
        assert_ne!(answer.header("content-type").map(|kind| kind.starts_with("text/html")), Some(true), "{path}");
    }
    for path in ["/", "/agents/x", "/api/v1/agents", "/metrics", "/nothing.js"] {
        let answer = get(path);
        assert!(
            answer.header("content-security-policy").is_some_and(|policy| policy.contains("frame-ancestors 'none'")),
            "{path}"
        );
        for (name, value) in
            [("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")]
        {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
}

#[test]
fn signing_in_leads_nowhere_else() {
    let daemon = Daemon::start();
    for more in ["&next=//evil.example", "&redirect=http://evil.example", "&url=%0d%0aLocation:%20http://evil.example"] {
        let answer = http::tcp(daemon.port(), "GET", &format!("{}{more}", daemon.sign_in_path())).send();
        assert_eq!((answer.status, answer.header("location"), answer.header("set-cookie")), (400, None, None), "{more}");
    }
    let answer = http::tcp(daemon.port(), "GET", &daemon.sign_in_path()).header("x-forwarded-host", "evil.example").send();
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "and the code is not in the address any more");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert!(answer.header("cache-control").is_some_and(|cache| cache.contains("no-store")), "{answer:?}");
    let with_token = http::tcp(daemon.port(), "GET", &format!("/api/v1/agents?token={}", daemon.token())).send();
    assert_eq!(with_token.status, 401, "a token in an address is none");
}
