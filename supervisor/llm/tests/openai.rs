//! The OpenAI-compatible provider against scripted bytes on a local socket.

mod common;

use std::time::Duration;

use aether_llm::{
    Completion, CompletionRequest, Delta, Endpoint, Interface, LlmError, Message, Provider, Remote, Secret, StopReason, Timing,
    TokenUsage, ToolCall, ToolSpec,
};
use common::{Act, Server, answer, stream, stream_head};
use serde_json::json;

const HELLO: &[&str] = &[
    r#"{"model":"m-1","choices":[{"delta":{"role":"assistant","content":""}}]}"#,
    r#"{"model":"m-1","choices":[{"delta":{"content":"Grüße, "}}]}"#,
    r#"{"model":"m-1","choices":[{"delta":{"content":"世界 😀"}}]}"#,
    r#"{"model":"m-1","choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    r#"{"model":"m-1","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5}}"#,
    "[DONE]",
];

fn quick() -> Timing {
    Timing {
        connect: Duration::from_secs(2),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(20),
        tries: 3,
        backoff: Duration::from_millis(2),
        longest_backoff: Duration::from_millis(50),
    }
}

fn request() -> CompletionRequest {
    CompletionRequest { messages: vec![Message::user("hi")], ..CompletionRequest::default() }
}

fn remote(url: &str, key: Option<Secret>, timing: Timing) -> Result<Remote, LlmError> {
    Remote::new(Endpoint { timing, ..Endpoint::new("openai", Interface::Chat, url, key, "m") })
}

async fn ask_with(server: &Server, timing: Timing, request: CompletionRequest) -> (Result<Completion, LlmError>, Vec<Delta>) {
    let provider = remote(&server.url, Some(Secret::new("sk-secret")), timing).expect("provider");
    let mut deltas = Vec::new();
    let result = provider.complete(request, &mut |delta| deltas.push(delta)).await;
    (result, deltas)
}

async fn ask(server: &Server) -> (Result<Completion, LlmError>, Vec<Delta>) {
    ask_with(server, quick(), request()).await
}

#[tokio::test]
async fn text_streams_whatever_the_chunks() {
    for size in [1, 2, 3, 7, 64, 10_000] {
        let server = Server::play(vec![stream(HELLO, size)]).await;
        let (result, deltas) = ask(&server).await;
        let completion = result.expect("answer");
        assert_eq!(completion.text, "Grüße, 世界 😀", "chunks of {size}");
        assert_eq!(completion.usage, Some(TokenUsage { input: 11, output: 5, ..TokenUsage::default() }));
        assert_eq!((completion.stop, completion.model.as_str()), (StopReason::End, "m-1"));
        assert_eq!(deltas, [Delta::Text("Grüße, ".into()), Delta::Text("世界 😀".into())]);
    }
}

#[tokio::test]
async fn the_request_has_what_the_interface_wants() {
    let server = Server::play(vec![stream(HELLO, 1000)]).await;
    let call = ToolCall { id: "c1".into(), name: "look".into(), arguments: json!({"path": "/"}) };
    let broken = ToolCall { id: "c2".into(), name: "look".into(), arguments: json!("{\"path\": ") };
    let messages = vec![
        Message::System { text: "rules".into() },
        Message::Assistant { text: String::new(), calls: vec![call, broken] },
        Message::tool("c1", "look", "nothing"),
    ];
    let tools = vec![ToolSpec { name: "look".into(), description: "looks".into(), parameters: json!({"type": "object"}) }.into()];
    let asked = CompletionRequest { model: Some("other".into()), messages, tools, max_tokens: Some(9) };
    ask_with(&server, quick(), asked).await.0.expect("answer");
    let sent = server.requests.lock().expect("lock")[0].clone();
    assert!(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("authorization: Bearer sk-secret\r\n"), "{sent}");
    let body: serde_json::Value = serde_json::from_str(sent.split_once("\r\n\r\n").expect("body").1).expect("json");
    assert_eq!((&body["model"], &body["stream"], &body["max_completion_tokens"]), (&json!("other"), &json!(true), &json!(9)));
    assert_eq!(body["messages"][1]["content"], json!(null));
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"], json!({"name": "look", "arguments": "{\"path\":\"/\"}"}));
    assert_eq!(body["messages"][1]["tool_calls"][1]["function"]["arguments"], "{\"path\": ");
    assert_eq!(body["messages"][2], json!({"role": "tool", "tool_call_id": "c1", "content": "nothing"}));
    assert_eq!(body["tools"][0]["function"]["parameters"], json!({"type": "object"}));
}

#[tokio::test]
async fn calls_are_put_together_from_their_pieces() {
    let data = [
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"run","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"command\":"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"think","arguments":"{}"}},{"index":0,"function":{"arguments":"\"ls\"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":2,"id":"c","function":{"name":"bad","arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
    ];
    let server = Server::play(vec![stream(&data, 11)]).await;
    let (result, deltas) = ask(&server).await;
    let completion = result.expect("answer");
    let calls: Vec<_> = completion.calls.iter().map(|c| (c.id.as_str(), c.name.as_str(), c.arguments.clone())).collect();
    assert_eq!(
        calls,
        [("a", "run", json!({"command": "ls"})), ("b", "think", json!({})), ("c", "bad", json!("{\"x\""))],
        "text that is no JSON stays text"
    );
    assert_eq!(completion.stop, StopReason::Calls);
    assert_eq!(deltas, ["run", "think", "bad"].map(|name| Delta::Call(name.into())));
}

#[tokio::test]
async fn whole_calls_without_an_index_stay_apart() {
    let call = |id: &str| {
        format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{{"id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}]}}}}]}}"#)
    };
    let server = Server::play(vec![stream(&[&call("a"), &call("b"), "[DONE]"], 500)]).await;
    let completion = ask(&server).await.0.expect("answer");
    assert_eq!(completion.calls.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_is_understood() {
    let body = r#"{"model":"x","choices":[{"message":{"content":"hello"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let server = Server::play(vec![answer("200 OK", "content-type: application/json\r\n", body)]).await;
    let completion = ask(&server).await.0.expect("answer");
    assert_eq!((completion.text.as_str(), completion.stop), ("hello", StopReason::Length));
}

#[tokio::test]
async fn a_limit_is_waited_out_and_a_failing_server_asked_again() {
    let limited = answer("429 Too Many Requests", "retry-after: 0.03\r\n", r#"{"error":{"message":"slow down"}}"#);
    let failing = answer("500 Internal Server Error", "", "oops");
    let server = Server::play(vec![limited, failing, stream(HELLO, 1000)]).await;
    let begun = std::time::Instant::now();
    let completion = ask(&server).await.0.expect("answer");
    assert_eq!(completion.text, "Grüße, 世界 😀");
    assert!(begun.elapsed() >= Duration::from_millis(30), "Retry-After was honoured");
    assert_eq!(server.requests.lock().expect("lock").len(), 3);
}

#[tokio::test]
async fn a_wait_longer_than_we_would_is_told_at_once() {
    let server = Server::play(vec![answer("429 Too Many Requests", "Retry-After: 3600\r\n", "{}")]).await;
    let error = ask(&server).await.0.expect_err("refused");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(matches!(error, LlmError::RateLimited { .. }));
}

#[tokio::test]
async fn what_cannot_get_better_is_not_tried_again() {
    for (status, kind) in [
        ("401 Unauthorized", LlmError::Auth("HTTP 401: no such key".into())),
        ("403 Forbidden", LlmError::Auth("HTTP 403: no such key".into())),
        ("400 Bad Request", LlmError::Invalid("HTTP 400: no such key".into())),
        ("404 Not Found", LlmError::Invalid("HTTP 404: no such key".into())),
        ("302 Found", LlmError::Invalid("HTTP 302: no such key; it redirects, so its base URL has to be where it leads".into())),
    ] {
        let headers = "location: http://127.0.0.1:1/elsewhere\r\n";
        let server = Server::play(vec![answer(status, headers, r#"{"error":{"message":"no such key"}}"#)]).await;
        assert_eq!(ask(&server).await.0.expect_err("refused"), kind);
        assert_eq!(server.requests.lock().expect("lock").len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_broken_stream_starts_anew_and_says_so() {
    let cut = vec![stream_head(), Act::Send(format!("data: {}\n\ndata: {{\"cho", HELLO[1]).into_bytes())];
    let nonsense = stream(&["this is not JSON"], 100);
    let server = Server::play(vec![cut, nonsense, stream(HELLO, 1000)]).await;
    let (result, deltas) = ask(&server).await;
    assert_eq!(result.expect("answer").text, "Grüße, 世界 😀");
    assert_eq!(deltas[..2], [Delta::Text("Grüße, ".into()), Delta::Restart]);
    assert_eq!(deltas.iter().filter(|d| **d == Delta::Restart).count(), 1, "nothing was shown of the second try");
}

#[tokio::test]
async fn endless_nonsense_ends_with_its_kind() {
    let server = Server::play(vec![stream(&["{]"], 100); 3]).await;
    assert!(matches!(ask(&server).await.0, Err(LlmError::Malformed(_))));
    let not_text = vec![stream_head(), Act::Send(b"data: \xff\xfe\n\n".to_vec())];
    let server = Server::play(vec![not_text; 3]).await;
    assert!(matches!(ask(&server).await.0, Err(LlmError::Malformed(_))));
    let inside = stream(&[r#"{"error":{"message":"engine died"}}"#], 100);
    let server = Server::play(vec![inside; 3]).await;
    assert!(matches!(ask(&server).await.0, Err(LlmError::Overloaded { message, .. }) if message == "engine died"));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read_on() {
    let line = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(1 << 20));
    let mut script = vec![stream_head()];
    script.extend(std::iter::repeat_n(Act::Send(line.into_bytes()), 12));
    let server = Server::play(vec![script]).await;
    let (result, _) = ask_with(&server, Timing { tries: 1, ..quick() }, request()).await;
    assert!(matches!(result, Err(LlmError::TooLarge(_))), "{result:?}");
}

#[tokio::test]
async fn silence_is_a_timeout_at_each_stage() {
    let timing = Timing { idle: Duration::from_millis(60), tries: 1, ..quick() };
    let mid_stream = vec![stream_head(), Act::Send(format!("data: {}\n\n", HELLO[1]).into_bytes()), Act::Stall];
    for script in [vec![Act::Stall], vec![stream_head(), Act::Stall], mid_stream] {
        let server = Server::play(vec![script]).await;
        let (result, _) = ask_with(&server, timing, request()).await;
        assert_eq!(result, Err(LlmError::Timeout(timing.idle)));
    }
}

#[tokio::test]
async fn dropping_the_future_ends_the_request() {
    let server = Server::play(vec![vec![stream_head(), Act::Send(b"data: ".to_vec()), Act::Stall]]).await;
    let provider = remote(&server.url, None, quick()).expect("provider");
    let mut ignore = |_| ();
    let asking = provider.complete(request(), &mut ignore);
    let begun = async {
        while server.requests.lock().expect("lock").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = asking => panic!("{result:?}"),
        () = begun => {}
    }
    server.gone.notified().await;
    assert!(!server.requests.lock().expect("lock")[0].contains("authorization"), "no key, no header");
}

#[tokio::test]
async fn nobody_there_is_a_network_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    drop(listener);
    let provider = remote(&url, None, quick()).expect("provider");
    assert!(matches!(provider.complete(request(), &mut |_| ()).await, Err(LlmError::Network(_))));
}

#[test]
fn a_key_is_never_shown_and_a_wrong_url_is_refused() {
    let provider = remote("https://example.com/v1", Some(Secret::new("sk-secret")), quick()).expect("provider");
    assert!(!format!("{provider:?}").contains("sk-secret"));
    assert!(matches!(remote("ftp://x", None, quick()), Err(LlmError::Invalid(_))));
    assert!(matches!(remote("not a url", None, quick()), Err(LlmError::Invalid(_))));
}

#[tokio::test]
async fn where_somebody_else_can_answer_it_gives_up_soon() {
    let server = Server::play(vec![answer("503 Service Unavailable", "", "{}"); 3]).await;
    let provider = remote(&server.url, None, quick()).expect("provider").brief();
    assert!(matches!(provider.complete(request(), &mut |_| ()).await, Err(LlmError::Overloaded { .. })));
    assert_eq!(server.requests.lock().expect("lock").len(), 2);
}
