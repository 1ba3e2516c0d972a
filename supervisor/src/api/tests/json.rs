//! Bodies that cannot be used.

use crate::api::testing::Served;

const AGENTS: &str = "POST /api/v1/agents";

#[tokio::test]
async fn invalid_json_is_explained() {
    let served = Served::start().await;
    let bearer = served.bearer();
    for (body, place) in [("{", "line 1 column 1"), (r#"{"program":1}"#, "line 1"), ("", "missing field `program`")] {
        let refused = served.tcp(AGENTS, &[&bearer], body.as_bytes()).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID"), "{body}");
        assert!(refused.body.contains(place), "{}", refused.body);
    }
    let unknown = served.tcp(AGENTS, &[&bearer], br#"{"program":{"type":"command","argv":["true"]},"gpus":1}"#).await;
    assert!(unknown.body.contains("unknown field `gpus`"), "{}", unknown.body);
}

#[tokio::test]
async fn a_ten_megabyte_argument_is_refused_with_its_size() {
    let served = Served::start().await;
    let body = format!(r#"{{"program":{{"type":"command","argv":["echo","{}"]}}}}"#, "x".repeat(10_000_000));
    let refused = served.tcp(AGENTS, &[&served.bearer()], body.as_bytes()).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "INVALID"));
    assert!(refused.body.contains("10000000 bytes"), "{}", refused.body);
}

#[tokio::test]
async fn a_larger_body_is_refused_and_not_hung_up_on() {
    let served = Served::start().await;
    let body = vec![b' '; 20 << 20];
    for reply in [served.tcp(AGENTS, &[&served.bearer()], &body).await, served.unix(AGENTS, &["Host: x"], &body).await] {
        assert_eq!((reply.status, reply.code().as_str()), (413, "TOO_LARGE"));
    }
}

#[tokio::test]
async fn an_upload_to_nobody_is_answered_after_its_body() {
    let served = Served::start().await;
    let body = vec![0; 8 << 20];
    let reply = served.unix("PUT /api/v1/agents/nobody/files?path=a", &["Host: x"], &body).await;
    assert!(reply.status >= 400, "{}", reply.status);
    assert!(!reply.code().is_empty());
}

#[tokio::test]
async fn a_refusal_waits_for_the_body_it_refuses() {
    let served = Served::start().await;
    let body = vec![b' '; 8 << 20];
    assert_eq!(served.tcp(AGENTS, &[], &body).await.status, 401);
    assert_eq!(served.unix(AGENTS, &["Host: x", "Origin: http://x"], &body).await.status, 403);
}
