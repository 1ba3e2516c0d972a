//! Hosts, origins, headers, paths that do not exist, panics.

use axum::{Router, body::Body, http::Request, middleware, routing::get};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{
    api::{
        ApiState,
        connection::{DescriptorQueue, Descriptors, Peer, UnixPeer},
        edge,
        testing::{self, Served},
    },
    fleet::Caller,
};

const HANDSHAKE: [&str; 4] =
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="];

#[tokio::test]
async fn other_hosts_are_misdirected() {
    let served = Served::start().await;
    let port = served.address.port();
    for host in ["evil.example".to_owned(), format!("evil.example:{port}"), "localhost".to_owned(), "localhost:1".to_owned()] {
        let refused = served.tcp_raw("GET /health", &[&format!("Host: {host}")], b"").await;
        assert_eq!((refused.status, refused.code().as_str()), (421, "MISDIRECTED"), "{host}");
    }
    assert_eq!(served.tcp_raw("GET /health", &[&format!("Host: localhost:{port}")], b"").await.status, 200);
}

#[tokio::test]
async fn other_origins_may_not_change_anything() {
    let served = Served::start().await;
    let bearer = served.bearer();
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let origin = format!("Origin: {origin}");
        for line in
            ["POST /api/v1/agents", "DELETE /api/v1/agents/x", "PUT /api/v1/agents/x/files?path=a", "POST /api/v1/session"]
        {
            let refused = served.tcp(line, &[&bearer, &origin], b"{}").await;
            assert_eq!((refused.status, refused.code().as_str()), (403, "DENIED"), "{line} {origin}");
        }
        let mut headers = HANDSHAKE.to_vec();
        headers.extend([bearer.as_str(), origin.as_str()]);
        for path in ["/kernel", "/api/v1/attach/x"] {
            let refused = served.tcp(&format!("GET {path}"), &headers, b"").await;
            assert_eq!((refused.status, refused.code().as_str()), (403, "DENIED"), "{path} {origin}");
        }
    }
    let own = served.tcp("GET /api/v1/agents", &[&bearer, &served.own_origin()], b"").await;
    assert_eq!(own.status, 200);
    assert_eq!(own.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_cookie_opens_no_websocket_without_a_page() {
    let served = Served::start().await;
    let cookie = format!("Cookie: aether_token={}", served.state.auth().sessions.begin().unwrap());
    let mut headers = HANDSHAKE.to_vec();
    headers.push(&cookie);
    assert_eq!(served.tcp("GET /kernel", &headers, b"").await.code(), "DENIED");
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let served = Served::start().await;
    let own = format!("ws://{}", served.address);
    let page =
        ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", &own];
    let data = ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "sandbox"];
    for (line, parts) in [
        ("GET /", &page[..]),
        ("GET /agents/x", &page),
        ("GET /signin?code=x", &page),
        ("GET /health", &data),
        ("GET /api/v1/agents", &data),
        ("GET /api/nothing", &data),
        ("POST /health", &data),
    ] {
        let reply = served.tcp(line, &["Accept: text/html"], b"").await;
        let policy = reply.header("content-security-policy").unwrap_or_else(|| panic!("{line}"));
        for part in parts {
            assert!(policy.contains(part), "{line}: {policy}");
        }
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{line}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{line}");
        assert_eq!(reply.header("cross-origin-opener-policy"), Some("same-origin"), "{line}");
        assert!(reply.header("x-aether-version").is_some() && reply.header("x-request-id").is_some(), "{line}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_json() {
    let served = Served::start().await;
    let gone = served.tcp("GET /api/v1/nothing", &["Accept: text/html"], b"").await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "NOT_FOUND"));
    let method = served.tcp("PATCH /api/v1/agents", &[&served.bearer()], b"").await;
    assert_eq!((method.status, method.code().as_str()), (405, "INVALID"));
    let query = served.tcp("GET /api/v1/agents?nonsense=1", &[&served.bearer()], b"").await;
    assert_eq!((query.status, query.code().as_str()), (400, "INVALID"));
    let page = served.tcp("GET /agents/abc", &["Accept: text/html"], b"").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "the UI's own addresses are its own");
}

#[tokio::test]
async fn the_document_lists_every_route() {
    let served = Served::start().await;
    let reply = served.tcp("GET /api/v1/openapi.json", &[], b"").await;
    let body = &reply.body[reply.body.find('{').unwrap()..=reply.body.rfind('}').unwrap()];
    assert!(
        reply.status == 200 && reply.header("content-type") == Some("application/json") && body.contains(r#""openapi": "3.1.0""#)
    );
    for path in ["/api/v1/agents/{ref}/exec", "/kernel", "/api/v1/attach/{target}", "/api/v1/events", "/health", "/signin"] {
        assert!(body.contains(&format!("\"{path}\"")), "{path}");
    }
}

#[tokio::test]
async fn metrics_are_there_for_prometheus() {
    let served = Served::start().await;
    let reply = served.tcp("GET /metrics", &[], b"").await;
    assert_eq!(reply.status, 200);
    for name in ["aether_agents{state=\"running\"}", "aether_events_emitted_total", "aether_process_open_fds"] {
        assert!(reply.body.contains(name), "{name} in {}", reply.body);
    }
    let value = |name: &str| {
        let line =
            reply.body.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {}", reply.body));
        line.trim().parse::<f64>().expect("a number")
    };
    for name in ["aether_store_change_seconds", "aether_store_commit_seconds"] {
        let (all, most) = (value(&format!("{name}_count")), value(&format!("{name}_bucket{{le=\"1\"}}")));
        assert!(all > 0.0 && most <= all && value(&format!("{name}_sum")) > 0.0, "{}", reply.body);
        assert_eq!(value(&format!("{name}_bucket{{le=\"+Inf\"}}")), all);
    }
}

fn local_request(queue: &DescriptorQueue, path: &str, announced: Option<&str>) -> Request<Body> {
    let caller = Ok(Caller { owner: "root".to_owned(), peer: None });
    let mut request = Request::builder().uri(path);
    if let Some(number) = announced {
        request = request.header("Aether-Descriptors", number);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Unix(UnixPeer { uid: 0, caller, descriptors: queue.clone() }));
    request
}

fn small_app(state: ApiState) -> Router {
    async fn count(descriptors: Descriptors) -> String {
        descriptors.take().len().to_string()
    }
    #[allow(clippy::unused_async, reason = "a handler")]
    async fn broken() -> &'static str {
        panic!("as a broken handler would")
    }
    Router::new()
        .route("/count", get(count))
        .route("/broken", get(broken))
        .layer(middleware::from_fn_with_state(state, edge::pass))
}

async fn ask(app: &Router, request: Request<Body>) -> (u16, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn a_request_gets_the_descriptors_it_announces() {
    let dir = tempfile::tempdir().unwrap();
    let app = small_app(testing::state(dir.path()).await);
    let queue = DescriptorQueue::default();
    let fill = || queue.push((0..3).map(|_| std::fs::File::open("/dev/null").unwrap().into()).collect());
    fill();
    assert_eq!(ask(&app, local_request(&queue, "/count", Some("2"))).await, (200, "2".to_owned()));
    assert_eq!(ask(&app, local_request(&queue, "/count", None)).await, (200, "0".to_owned()), "the third one was closed");
    fill();
    assert_eq!(ask(&app, local_request(&queue, "/count", None)).await, (200, "0".to_owned()));
    for bad in ["4", "17", "-1", "x"] {
        fill();
        assert_eq!(ask(&app, local_request(&queue, "/count", Some(bad))).await.0, 400, "{bad}");
        assert!(queue.take(1).is_empty(), "nothing is left for the next request");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let app = small_app(testing::state(dir.path()).await);
    let (status, body) = ask(&app, local_request(&DescriptorQueue::default(), "/broken", None)).await;
    assert_eq!(status, 500);
    assert!(body.contains("INTERNAL") && !body.contains("broken handler"), "{body}");
}
