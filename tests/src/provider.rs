//! A provider of models that a test plays: every interface, at once and streamed, always with the same words.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};

const WORDS: &str = "hello from the model";

/// The provider; it ends with the test process.
pub struct Provider {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    /// Starts one on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || serve(stream, &log));
            }
        });
        Self { port, seen }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far: head and body as text.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>) {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    let request = loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break text;
            }
        }
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => all.extend_from_slice(&piece[..read]),
            _ => return,
        }
    };
    log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
    let path = head.split(' ').nth(1).unwrap_or_default();
    let asked: Value = serde_json::from_str(body).unwrap_or_default();
    let (status, kind, answer) = answer(path, &asked, head);
    let extra = if status.starts_with("429") { "Retry-After: 3\r\n" } else { "" };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{extra}Content-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
    drop(stream.write_all(text.as_bytes()));
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

fn answer(path: &str, asked: &Value, head: &str) -> (&'static str, &'static str, String) {
    let streamed = asked["stream"] == true;
    let ok = |kind, text: String| ("200 OK", kind, text);
    let events = |list: &[(&str, Value)]| {
        list.iter()
            .map(
                |(name, data)| {
                    if name.is_empty() { format!("data: {data}\n\n") } else { format!("event: {name}\ndata: {data}\n\n") }
                },
            )
            .collect::<String>()
    };
    if asked["model"] == "limited" {
        return ("429 Too Many Requests", JSON, json!({"error": {"message": "slow down", "type": "rate_limit"}}).to_string());
    }
    if asked["echo"] == 1 {
        let said = json!({"choices": [], "echo": head, "usage": {"prompt_tokens": 9, "completion_tokens": 4}});
        return ok(JSON, said.to_string());
    }
    match path.split('?').next().unwrap_or_default() {
        "/v1/chat/completions" if streamed => {
            let chunk = |delta: Value, end: Value| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
                "choices": [{"index": 0, "delta": delta, "finish_reason": end}], "usage": null})
            };
            let report = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [],
                "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}});
            let mut list = vec![("", chunk(json!({"role": "assistant", "content": "hello "}), Value::Null))];
            list.push(("", chunk(json!({"content": "from the model"}), json!("stop"))));
            if asked["stream_options"]["include_usage"] == true {
                list.push(("", report));
            }
            ok(EVENTS, events(&list) + "data: [DONE]\n\n")
        }
        "/v1/chat/completions" => ok(
            JSON,
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m-1",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}})
            .to_string(),
        ),
        "/v1/responses" if streamed => {
            let delta = json!({"type": "response.output_text.delta", "sequence_number": 1, "item_id": "i", "output_index": 0,
                "content_index": 0, "delta": WORDS, "logprobs": []});
            let end = json!({"type": "response.completed", "sequence_number": 2, "response": response()});
            ok(EVENTS, events(&[("response.output_text.delta", delta), ("response.completed", end)]))
        }
        "/v1/responses" => ok(JSON, response().to_string()),
        "/v1/models" => ok(
            JSON,
            json!({"object": "list", "data": [{"id": "m-1", "object": "model", "created": 1, "owned_by": "t"}]}).to_string(),
        ),
        "/v1/messages" if streamed => ok(
            EVENTS,
            events(&[
                ("message_start", json!({"type": "message_start", "message": message(&json!([]), Value::Null)})),
                (
                    "content_block_start",
                    json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                ),
                (
                    "content_block_delta",
                    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORDS}}),
                ),
                ("content_block_stop", json!({"type": "content_block_stop", "index": 0})),
                (
                    "message_delta",
                    json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 4}}),
                ),
                ("message_stop", json!({"type": "message_stop"})),
            ]),
        ),
        "/v1/messages" => ok(JSON, message(&json!([{"type": "text", "text": WORDS}]), json!("end_turn")).to_string()),
        "/api/chat" if asked["stream"] != false => {
            let line = |text: &str, done: bool| {
                json!({"model": "m-1", "created_at": "2026-01-01T00:00:00Z", "done": done,
                "message": {"role": "assistant", "content": text}, "prompt_eval_count": 9, "eval_count": 4})
                .to_string()
                    + "\n"
            };
            ok("application/x-ndjson", line("hello ", false) + &line("from the model", true))
        }
        "/api/chat" => ok(
            JSON,
            json!({"model": "m-1", "created_at": "2026-01-01T00:00:00Z", "done": true,
            "message": {"role": "assistant", "content": WORDS}, "prompt_eval_count": 9, "eval_count": 4})
            .to_string(),
        ),
        path if path.ends_with(":streamGenerateContent") => ok(EVENTS, events(&[("", generated())])),
        path if path.ends_with(":generateContent") => ok(JSON, generated().to_string()),
        _ => ("404 Not Found", JSON, json!({"error": {"message": "no such path"}}).to_string()),
    }
}

fn response() -> Value {
    json!({"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m-1", "parallel_tool_calls": true,
        "tool_choice": "auto", "tools": [], "error": null, "incomplete_details": null, "instructions": null, "metadata": {},
        "output": [{"type": "message", "id": "i", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": WORDS, "annotations": []}]}],
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 13}})
}

fn message(content: &Value, stop: Value) -> Value {
    json!({"id": "m", "type": "message", "role": "assistant", "model": "m-1", "content": content, "stop_reason": stop,
        "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 4}})
}

fn generated() -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": WORDS}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}, "modelVersion": "m-1"})
}
