//! Who gets in over TCP.

use crate::api::testing::Served;

const SESSION: &str = "/api/v1/session";

#[tokio::test]
async fn the_token_opens_and_nothing_else_does() {
    let served = Served::start().await;
    let line = format!("GET {SESSION}");
    let right = served.tcp(&line, &[&served.bearer()], b"").await;
    assert_eq!((right.status, right.body.as_str()), (200, r#"{"data":{"owner":"operator"}}"#));
    let none = served.tcp(&line, &[], b"").await;
    assert_eq!((none.status, none.code().as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(none.header("www-authenticate"), Some("bearer"));
    for wrong in ["Bearer x", "Bearer ", "Basic eDp5", "x"] {
        let refused = served.tcp(&line, &[&format!("Authorization: {wrong}")], b"").await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "UNAUTHENTICATED"), "{wrong}");
    }
    let in_the_address = served.tcp(&format!("GET {SESSION}?token={}", served.token()), &[], b"").await;
    assert_eq!(in_the_address.status, 401, "a token in the address does not count");
}

#[tokio::test]
async fn a_browser_signs_in_with_the_token_and_out_again() {
    let served = Served::start().await;
    let body = format!(r#"{{"token":"{}"}}"#, served.token());
    let signed_in = served.tcp(&format!("POST {SESSION}"), &[&served.own_origin()], body.as_bytes()).await;
    assert_eq!(signed_in.status, 200);
    let cookie = signed_in.header("set-cookie").unwrap().to_owned();
    for flag in ["httponly", "samesite=strict", "path=/"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains(&served.token()), "the cookie does not hold the token");
    let pair = format!("Cookie: {}", cookie.split(';').next().unwrap());
    assert_eq!(served.tcp(&format!("GET {SESSION}"), &[&pair], b"").await.status, 200);
    assert_eq!(served.tcp(&format!("GET {SESSION}"), &["Cookie: aether_token=00"], b"").await.status, 401);
    let out = served.tcp(&format!("DELETE {SESSION}"), &[&pair, &served.own_origin()], b"").await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("max-age=0"));
}

#[tokio::test]
async fn a_link_signs_in_once() {
    let served = Served::start().await;
    let made = served.tcp("POST /api/v1/signin-links", &[&served.bearer()], b"").await;
    assert_eq!(made.status, 201);
    let value: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let url = value["data"]["url"].as_str().unwrap();
    let path = url.strip_prefix(&format!("http://{}", served.address)).unwrap().to_owned();
    assert_eq!(served.tcp(&format!("HEAD {path}"), &[], b"").await.status, 400, "a preview does not use it up");
    let first = served.tcp(&format!("GET {path}"), &[], b"").await;
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    assert!(first.header("set-cookie").unwrap().starts_with("aether_token="));
    let second = served.tcp(&format!("GET {path}"), &[], b"").await;
    assert_eq!((second.status, second.code().as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(served.tcp("GET /signin", &[], b"").await.status, 400);
    assert_eq!(served.tcp("POST /api/v1/signin-links", &[], b"").await.status, 401, "only for who is in already");
}

#[tokio::test]
async fn failures_are_braked_but_the_right_token_is_not() {
    let served = Served::start().await;
    let line = format!("POST {SESSION}");
    for _ in 0..crate::auth::failures::MOST {
        assert_eq!(served.tcp(&line, &[], br#"{"token":"no"}"#).await.status, 401);
    }
    let braked = served.tcp(&line, &[], br#"{"token":"no"}"#).await;
    assert_eq!((braked.status, braked.code().as_str()), (429, "BUSY"));
    assert_eq!(served.tcp(&format!("GET {SESSION}"), &[&served.bearer()], b"").await.status, 200);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_what_is_open_in_it() {
    let served = Served::start().await;
    let value = served.state.auth().sessions.begin().unwrap();
    let other = served.state.auth().sessions.begin().unwrap();
    let cookie = format!("Cookie: aether_token={value}");
    let (address, line) = (served.address, cookie.clone());
    let stream = tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n{line}\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        let mut first = [0; 15];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        stream
    });
    let mut stream = stream.await.unwrap();
    let out = served.tcp(&format!("DELETE {SESSION}"), &[&cookie, &served.own_origin()], b"").await;
    assert_eq!(out.status, 204);
    // The last chunk: the connection itself is kept for the next request.
    let mut rest = Vec::new();
    let end = async {
        while !rest.ends_with(b"\r\n0\r\n\r\n") {
            rest.push(tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap());
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), end).await.expect("the stream ends");
    assert_eq!(served.tcp(&format!("GET {SESSION}"), &[&cookie], b"").await.status, 401, "the cookie is worth nothing");
    let kept = format!("Cookie: aether_token={other}");
    assert_eq!(served.tcp(&format!("GET {SESSION}"), &[&kept], b"").await.status, 200, "another browser stays");
    let both = format!("Cookie: aether_token={value}; aether_token={other}");
    assert_eq!(served.tcp(&format!("GET {SESSION}"), &[&both], b"").await.status, 200, "a planted cookie signs nobody out");
}

#[tokio::test]
async fn a_cookie_acts_only_for_a_page_of_ours() {
    let served = Served::start().await;
    let cookie = format!("Cookie: aether_token={}", served.state.auth().sessions.begin().unwrap());
    let line = "POST /api/v1/signin-links";
    assert_eq!(served.tcp(line, &[&cookie], b"").await.code(), "DENIED", "no page says that it asks");
    assert_eq!(served.tcp(line, &[&cookie, &served.own_origin()], b"").await.status, 201);
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
        let reply = served.tcp(&format!("GET {SESSION}"), &[&cookie, &format!("Sec-Fetch-Site: {site}")], b"").await;
        assert_eq!(reply.status, status, "{site}");
    }
}
