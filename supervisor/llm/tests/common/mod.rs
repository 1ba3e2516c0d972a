//! A server that plays back bytes: each connection gets the next script, whatever it asks.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod faults;
pub(crate) mod turns;

use std::sync::{Arc, Mutex};

use aether_llm::Interface;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What to do on one connection, after the request was read.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Send these bytes at once.
    Send(Vec<u8>),
    /// Let time pass.
    Wait(std::time::Duration),
    /// Say nothing more and keep the connection open.
    Stall,
}

pub(crate) struct Server {
    pub(crate) url: String,
    /// Every request: head and body as text.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// Told when a client went away while the server stalled.
    pub(crate) gone: Arc<tokio::sync::Notify>,
    /// Ends it.
    pub(crate) task: tokio::task::AbortHandle,
}

impl Server {
    pub(crate) async fn play(scripts: Vec<Vec<Act>>) -> Self {
        let (rounds, mut scripts) = (scripts.len(), scripts.into_iter());
        Self::answering(rounds, move |_| scripts.next().unwrap_or_default()).await
    }

    /// Answers so many questions, each by what it says.
    pub(crate) async fn answering(rounds: usize, mut script: impl FnMut(&str) -> Vec<Act> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}/v1/", listener.local_addr().expect("address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let gone = Arc::new(tokio::sync::Notify::new());
        let (log, bell) = (requests.clone(), gone.clone());
        let task = tokio::spawn(async move {
            for _ in 0..rounds {
                let (mut socket, request) = loop {
                    let (mut socket, _) = listener.accept().await.expect("accept");
                    // A connection that nothing is asked on is none.
                    if let Some(request) = read_request(&mut socket).await {
                        break (socket, request);
                    }
                };
                let acts = script(&request);
                log.lock().expect("lock").push(request);
                let bell = bell.clone();
                tokio::spawn(async move {
                    for act in acts {
                        match act {
                            Act::Send(bytes) => {
                                if socket.write_all(&bytes).await.is_err() {
                                    bell.notify_one();
                                    return;
                                }
                                let _ = socket.flush().await;
                                // Lets the reader take this chunk before the next one is written.
                                for _ in 0..20 {
                                    tokio::task::yield_now().await;
                                }
                            }
                            Act::Wait(time) => tokio::time::sleep(time).await,
                            Act::Stall => {
                                let mut rest = [0; 64];
                                while socket.read(&mut rest).await.is_ok_and(|n| n > 0) {}
                                bell.notify_one();
                            }
                        }
                    }
                    let _ = socket.shutdown().await;
                });
            }
        });
        Self { url, requests, gone, task: task.abort_handle() }
    }
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = socket.read(&mut part).await.ok()?;
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length = text.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        let length = length.or_else(|| text.starts_with("GET ").then_some(0));
        if let (Some((_, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
            && body.len() >= length
        {
            return Some(text);
        }
        if n == 0 {
            assert!(text.is_empty(), "the request ended early: {text}");
            return None;
        }
    }
}

/// A whole answer with a status, more headers and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::Send(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes(),
    )]
}

/// The head of a stream that ends with the connection.
pub(crate) fn stream_head() -> Act {
    Act::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n".to_vec())
}

/// A stream of `data:` lines, cut into chunks of `size` bytes.
pub(crate) fn stream(data: &[&str], size: usize) -> Vec<Act> {
    let text: String = data.iter().map(|d| format!("data: {d}\n\n")).collect();
    let mut acts = vec![stream_head()];
    acts.extend(text.as_bytes().chunks(size).map(|c| Act::Send(c.to_vec())));
    acts
}

/// The head of a stream as this interface names it, and its pieces.
pub(crate) fn stream_of(interface: Interface, pieces: &[String]) -> Vec<Act> {
    let kind = if interface == Interface::Ollama { "application/x-ndjson" } else { "text/event-stream" };
    let mut acts = vec![Act::Send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes())];
    acts.extend(pieces.iter().map(|piece| Act::Send(framed(interface, piece).into_bytes())));
    acts
}

/// A piece as it stands in a stream.
pub(crate) fn framed(interface: Interface, piece: &str) -> String {
    if interface == Interface::Ollama { format!("{piece}\n") } else { format!("data: {piece}\n\n") }
}

/// What one provider says in the conversation of the tests.
pub(crate) struct Script {
    pub(crate) interface: Interface,
    /// The answer's pieces; the last one marks its end.
    pub(crate) pieces: Vec<String>,
}

impl Script {
    /// The whole answer in chunks of `size` bytes.
    pub(crate) fn answer(&self, size: usize) -> Vec<Act> {
        let mut acts = stream_of(self.interface, &[]);
        let text: String = self.pieces.iter().map(|piece| framed(self.interface, piece)).collect();
        acts.extend(text.as_bytes().chunks(size).map(|chunk| Act::Send(chunk.to_vec())));
        acts
    }

    /// A short answer in one piece.
    pub(crate) fn whole(&self) -> Value {
        let arguments = json!({"path": "/"});
        match self.interface {
            Interface::Chat => json!({"model": "m-1", "choices": [{"message": {"role": "assistant", "content": "hello",
                "tool_calls": [{"id": "x", "type": "function", "function": {"name": "look", "arguments": arguments.to_string()}}]},
                "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}),
            Interface::Responses => {
                json!({"object": "response", "status": "completed", "model": "m-1", "error": null, "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "hello"}]},
                {"type": "function_call", "call_id": "x", "name": "look", "arguments": arguments.to_string()}],
                "usage": {"input_tokens": 7, "output_tokens": 3}})
            }
            Interface::Anthropic => json!({"type": "message", "role": "assistant", "model": "m-1", "content": [
                {"type": "text", "text": "hello"}, {"type": "tool_use", "id": "x", "name": "look", "input": arguments}],
                "stop_reason": "tool_use", "usage": {"input_tokens": 7, "output_tokens": 3}}),
            Interface::Gemini => json!([{"candidates": [{"content": {"role": "model", "parts": [
                {"text": "hello"}, {"functionCall": {"name": "look", "args": arguments}}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3}}]),
            Interface::Ollama => json!({"model": "m-1", "message": {"role": "assistant", "content": "hello",
                "tool_calls": [{"function": {"name": "look", "arguments": arguments}}]},
                "done": true, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}),
        }
    }
}

/// The same answer in each provider's words: a text in two pieces, and three calls.
pub(crate) fn scripts(interface: Interface) -> Script {
    let pieces: Vec<Value> = match interface {
        Interface::Chat => {
            let part = |delta: Value| json!({"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
            let call = |value: Value| part(json!({"tool_calls": [value]}));
            vec![
                part(json!({"role": "assistant", "content": ""})),
                part(json!({"content": "Grüße, "})),
                part(json!({"content": "世界 😀"})),
                call(json!({"index": 0, "id": "id-a", "type": "function", "function": {"name": "look", "arguments": ""}})),
                call(json!({"index": 0, "function": {"arguments": "{\"path\":"}})),
                call(json!({"index": 0, "function": {"arguments": "\"/ä/😀\"}"}})),
                call(json!({"index": 1, "id": "id-b", "type": "function", "function": {"name": "think", "arguments": "{}"}})),
                call(json!({"index": 2, "id": "id-c", "type": "function",
                    "function": {"name": "look", "arguments": "{\"path\":\"b\",\"n\":2}"}})),
                json!({"model": "m-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
                json!({"model": "m-1", "choices": [], "usage": {"prompt_tokens": 1011, "completion_tokens": 25,
                    "prompt_tokens_details": {"cached_tokens": 800}, "completion_tokens_details": {"reasoning_tokens": 5}}}),
            ]
        }
        Interface::Responses => {
            let item = |kind: &str, index: u64, id: &str, name: &str, arguments: &str| {
                json!({"type": format!("response.output_item.{kind}"), "output_index": index,
                    "item": {"type": "function_call", "id": "fc", "call_id": id, "name": name, "arguments": arguments}})
            };
            let text = |delta: &str| json!({"type": "response.output_text.delta", "output_index": 1, "delta": delta});
            vec![
                json!({"type": "response.created", "response": {"status": "in_progress"}}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}}),
                text("Grüße, "),
                text("世界 😀"),
                item("added", 2, "id-a", "look", ""),
                json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"path\":"}),
                item("done", 2, "id-a", "look", "{\"path\":\"/ä/😀\"}"),
                item("added", 3, "id-b", "think", ""),
                item("done", 3, "id-b", "think", "{}"),
                item("added", 4, "id-c", "look", ""),
                item("done", 4, "id-c", "look", "{\"path\":\"b\",\"n\":2}"),
                json!({"type": "response.completed", "response": {"status": "completed", "model": "m-1", "output": [],
                    "usage": {"input_tokens": 1011, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 25,
                        "output_tokens_details": {"reasoning_tokens": 5}}}}),
            ]
        }
        Interface::Anthropic => {
            let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
            let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
            let tool =
                |index, id: &str, name: &str| start(index, json!({"type": "tool_use", "id": id, "name": name, "input": {}}));
            vec![
                json!({"type": "message_start", "message": {"model": "m-1", "usage": {"input_tokens": 111, "output_tokens": 1,
                    "cache_read_input_tokens": 800, "cache_creation_input_tokens": 100}}}),
                start(0, json!({"type": "text", "text": ""})),
                json!({"type": "ping"}),
                delta(0, json!({"type": "text_delta", "text": "Grüße, "})),
                delta(0, json!({"type": "text_delta", "text": "世界 😀"})),
                json!({"type": "content_block_stop", "index": 0}),
                tool(1, "id-a", "look"),
                delta(1, json!({"type": "input_json_delta", "partial_json": "{\"path\":"})),
                delta(1, json!({"type": "input_json_delta", "partial_json": "\"/ä/😀\"}"})),
                tool(2, "id-b", "think"),
                tool(3, "id-c", "look"),
                delta(3, json!({"type": "input_json_delta", "partial_json": "{\"path\":\"b\",\"n\":2}"})),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 25}}),
                json!({"type": "message_stop"}),
            ]
        }
        Interface::Gemini => {
            let parts =
                |parts: Value| json!({"modelVersion": "m-1", "candidates": [{"content": {"role": "model", "parts": parts}}]});
            vec![
                parts(json!([{"text": "hidden", "thought": true}, {"text": "Grüße, "}])),
                parts(json!([{"text": "世界 😀"}])),
                parts(
                    json!([{"functionCall": {"id": "g-1", "name": "look", "args": {"path": "/ä/😀"}}, "thoughtSignature": "c2lnbmVk"},
                    {"functionCall": {"name": "think"}}]),
                ),
                json!({"modelVersion": "m-1", "candidates": [{"content": {"role": "model",
                    "parts": [{"functionCall": {"name": "look", "args": {"path": "b", "n": 2}}}]}, "finishReason": "STOP"}],
                    "usageMetadata": {"promptTokenCount": 1011, "cachedContentTokenCount": 800, "candidatesTokenCount": 20,
                        "thoughtsTokenCount": 5}}),
            ]
        }
        Interface::Ollama => {
            let line =
                |message: Value| json!({"model": "m-1", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false});
            vec![
                line(json!({"role": "assistant", "content": "", "thinking": "hidden"})),
                line(json!({"role": "assistant", "content": "Grüße, "})),
                line(json!({"role": "assistant", "content": "世界 😀"})),
                line(json!({"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"index": 0, "name": "look", "arguments": {"path": "/ä/😀"}}},
                    {"function": {"index": 0, "name": "think", "arguments": {}}}]})),
                line(json!({"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": "look", "arguments": {"path": "b", "n": 2}}}]})),
                json!({"model": "m-1", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop",
                    "prompt_eval_count": 1011, "prompt_eval_cached_count": 800, "eval_count": 25}),
            ]
        }
    };
    Script { interface, pieces: pieces.iter().map(Value::to_string).collect() }
}
