//! The Unix socket.

use crate::api::testing::Served;

#[tokio::test]
async fn the_kernel_vouches_and_no_token_is_asked_for() {
    let served = Served::start().await;
    let reply = served.unix("GET /api/v1/session", &["Host: anything"], b"").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let name = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().map(|user| user.name);
    let owner = name.unwrap_or_else(|| nix::unistd::getuid().to_string());
    assert_eq!(reply.body, format!(r#"{{"data":{{"owner":"{owner}"}}}}"#));
}

#[tokio::test]
async fn a_page_is_refused() {
    let served = Served::start().await;
    let refused = served.unix("GET /api/v1/session", &["Host: x", "Origin: http://localhost"], b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "DENIED"));
}

#[tokio::test]
async fn descriptors_that_did_not_come_are_missed() {
    let served = Served::start().await;
    let spec = br#"{"program":{"type":"command","argv":["true"]}}"#;
    let refused = served.unix("POST /api/v1/agents", &["Host: x", "Aether-Descriptors: 1"], spec).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID"));
    let remote = served.tcp("POST /api/v1/agents", &[&served.bearer(), "Aether-Descriptors: 1"], spec).await;
    assert_eq!((remote.status, remote.code().as_str()), (400, "INVALID"));
}

#[tokio::test]
async fn the_link_of_a_local_person_leads_to_the_tcp_address() {
    let served = Served::start().await;
    let made = served.unix("POST /api/v1/signin-links", &["Host: x"], b"").await;
    assert!(made.body.contains(&format!("http://{}/signin?code=", served.address)), "{}", made.body);
}
