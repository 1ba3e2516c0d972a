//! The loop with a real provider over a real socket: what a model calls is done, and what came of it is sent back.

mod common;

use aether_llm::{Endpoint, Interface, Remote};
use aether_runtime::Outcome;
use common::run;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers the n-th request with the n-th turn (text and calls) as a stream; gives the requests back.
async fn serve(listener: TcpListener, turns: Vec<(&'static str, Value)>) -> Vec<Value> {
    let mut requests = Vec::new();
    for (text, calls) in turns {
        let (mut socket, _) = listener.accept().await.expect("accept");
        let mut bytes = Vec::new();
        let body = loop {
            let mut part = [0; 8192];
            let n = socket.read(&mut part).await.expect("read");
            assert!(n > 0, "the request ended early");
            bytes.extend_from_slice(&part[..n]);
            let whole = String::from_utf8_lossy(&bytes);
            if let Some(body) = whole.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()) {
                break body;
            }
        };
        requests.push(body);
        let first = json!({"choices": [{"delta": {"content": text}}]});
        let second = json!({"choices": [{"delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]});
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let answer = format!("{head}data: {first}\n\ndata: {second}\n\ndata: [DONE]\n\n");
        socket.write_all(answer.as_bytes()).await.expect("write");
    }
    requests
}

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Value {
    json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

#[tokio::test]
async fn a_model_behind_an_endpoint_works_in_a_home() {
    let home = tempfile::tempdir().expect("dir");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let server = tokio::spawn(serve(
        listener,
        vec![
            (
                "I write and count.",
                json!([
                    call(0, "a", "write_file", r#"{"path":"~/poem.txt","content":"one\ntwo\n"}"#),
                    call(1, "b", "bash", r#"{"command":"wc -l < poem.txt; exit 4"}"#)
                ]),
            ),
            ("Done.", json!([call(0, "c", "complete", r#"{"summary":"two lines"}"#)])),
        ],
    ));
    let provider = Remote::new(Endpoint::new("openai", Interface::Chat, &url, None, "some-model")).expect("provider");
    let (outcome, journal) = run(home.path(), "write a poem", &provider).await;
    assert_eq!(outcome, Outcome::Completed("two lines".into()));
    assert_eq!(std::fs::read_to_string(home.path().join("poem.txt")).expect("poem"), "one\ntwo\n");
    assert_eq!(journal.history.lock().expect("lock").steps[0].intent.thought, "I write and count.");

    let requests = server.await.expect("server");
    assert_eq!(requests[0]["messages"][1], json!({"role": "user", "content": "write a poem"}));
    assert_eq!(requests[0]["tools"].as_array().map(Vec::len), Some(11));
    let sent = requests[1]["messages"].as_array().expect("messages");
    assert_eq!(sent[2]["tool_calls"][1]["function"]["name"], "bash");
    assert_eq!(sent[3]["tool_call_id"], "a");
    assert_eq!(sent[4], json!({"role": "tool", "tool_call_id": "b", "content": "FAILED: exit status 4\nstdout:\n2"}));
}
