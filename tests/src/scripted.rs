//! A model that does what the test wrote down, turn by turn. Which turn it is follows from the conversation alone, so that one that is
//! asked again after a restart answers the same.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};

/// Tokens that each answer costs.
pub const TOKENS: u64 = 13;

/// Calls of one turn: the tool and its arguments.
pub type Turn = Vec<(&'static str, Value)>;

/// The model; it ends with the test process.
pub struct Scripted {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

/// One call.
pub fn call(tool: &'static str, args: Value) -> Turn {
    vec![(tool, args)]
}

impl Scripted {
    /// Starts one. A goal that contains a name of `scripts` gets its turns, and then completes.
    ///
    /// # Panics
    /// Without a free port.
    pub fn start(scripts: impl IntoIterator<Item = (&'static str, Vec<Turn>)>) -> Self {
        let scripts: Arc<BTreeMap<_, _>> = Arc::new(scripts.into_iter().collect());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (scripts, log) = (scripts.clone(), log.clone());
                thread::spawn(move || serve(stream, &scripts, &log));
            }
        });
        Self { port, seen }
    }

    /// Configuration of a daemon that asks it first.
    pub fn config(&self) -> String {
        format!("[llm.openai]\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodel = \"m-1\"\n", self.port)
    }

    /// Every request so far, as text.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Was this text in a request whose goal contains `name`?
    pub fn was_told(&self, name: &str, text: &str) -> bool {
        self.seen().iter().any(|request| request.contains(name) && request.contains(text))
    }
}

fn serve(stream: TcpStream, scripts: &BTreeMap<&str, Vec<Turn>>, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_ok_and(|read| read == 0) || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    let asked: Value = serde_json::from_str(&text).unwrap_or_default();
    log.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    let events: String = answer(&asked, scripts).iter().map(|event| format!("data: {event}\n\n")).collect();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    drop(reader.into_inner().write_all(format!("{head}{events}data: [DONE]\n\n").as_bytes()));
}

fn answer(asked: &Value, scripts: &BTreeMap<&str, Vec<Turn>>) -> Vec<Value> {
    let messages = asked["messages"].as_array().cloned().unwrap_or_default();
    let turn = messages.iter().filter(|message| message["role"] == "assistant").count();
    let goal = messages.iter().find(|message| message["role"] == "user").map(|m| m["content"].to_string()).unwrap_or_default();
    let script = scripts.iter().find(|(name, _)| goal.contains(**name)).map(|(_, turns)| turns);
    let end = call("complete", json!({ "summary": "done" }));
    let calls: Vec<Value> = script
        .and_then(|turns| turns.get(turn))
        .unwrap_or(&end)
        .iter()
        .enumerate()
        .map(|(index, (tool, args))| {
            let function = json!({ "name": tool, "arguments": args.to_string() });
            json!({ "index": index, "id": format!("call-{turn}-{index}"), "type": "function", "function": function })
        })
        .collect();
    let chunk = |delta: Value, end: Value| {
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": end }] })
    };
    let usage = json!({ "prompt_tokens": TOKENS - 4, "completion_tokens": 4, "total_tokens": TOKENS });
    vec![
        chunk(json!({ "role": "assistant", "content": "so", "tool_calls": calls }), Value::Null),
        chunk(json!({}), json!("tool_calls")),
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [], "usage": usage }),
    ]
}
