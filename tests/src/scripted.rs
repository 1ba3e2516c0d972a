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

use crate::tongues::Tongue;

/// Tokens that each answer costs.
pub const TOKENS: u64 = 13;

/// Calls of one turn: the tool and its arguments.
pub type Turn = Vec<(&'static str, Value)>;

/// What a call is told whose outcome nobody knows.
const UNKNOWN: &str = "unknown outcome (supervisor restarted)";

/// What a model does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    GoOn,
    Again,
}

/// The model; it ends with the test process.
pub struct Scripted {
    port: u16,
    seen: Arc<Mutex<Vec<(Tongue, String)>>>,
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
        Self::with(scripts, Doubt::GoOn)
    }

    /// Starts one that takes a turn again when it is told that its outcome is unknown.
    ///
    /// # Panics
    /// As [`Scripted::start`].
    pub fn careful(scripts: impl IntoIterator<Item = (&'static str, Vec<Turn>)>) -> Self {
        Self::with(scripts, Doubt::Again)
    }

    fn with(scripts: impl IntoIterator<Item = (&'static str, Vec<Turn>)>, doubt: Doubt) -> Self {
        let scripts: Arc<BTreeMap<_, _>> = Arc::new(scripts.into_iter().collect());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (scripts, log) = (scripts.clone(), log.clone());
                thread::spawn(move || serve(stream, &scripts, doubt, &log));
            }
        });
        Self { port, seen }
    }

    /// Configuration of a daemon that asks it first.
    pub fn config(&self) -> String {
        format!("[llm.openai]\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodel = \"m-1\"\n", self.port)
    }

    /// Configuration of a daemon that can ask it by every interface: `as-chat/m-1`, `as-gemini/m-1` and so on.
    pub fn every_tongue(&self) -> String {
        let at = |name: &str| {
            let root = if ["chat", "responses"].contains(&name) { "/v1" } else { "" };
            let url = format!("http://127.0.0.1:{}{root}", self.port);
            format!("[llm.endpoints.as-{name}]\ninterface = \"{name}\"\nbase_url = \"{url}\"\nmodel = \"m-1\"\n")
        };
        Tongue::ALL.iter().map(|(name, _)| at(name)).collect()
    }

    /// Every request so far, as text.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(_, text)| text.clone()).collect()
    }

    /// How many of them came by one interface.
    pub fn seen_by(&self, tongue: Tongue) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|(by, _)| *by == tongue).count()
    }

    /// Was this text in a request whose goal contains `name`?
    pub fn was_told(&self, name: &str, text: &str) -> bool {
        self.seen().iter().any(|request| request.contains(name) && request.contains(text))
    }
}

fn serve(stream: TcpStream, scripts: &BTreeMap<&str, Vec<Turn>>, doubt: Doubt, log: &Mutex<Vec<(Tongue, String)>>) {
    let mut reader = BufReader::new(stream);
    let (mut length, mut path) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_ok_and(|read| read == 0) || line == "\r\n" {
            break;
        }
        if path.is_empty() {
            line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
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
    let tongue = Tongue::of(&path);
    log.lock().unwrap_or_else(PoisonError::into_inner).push((tongue, text));
    if path.ends_with("/embeddings") {
        drop(reader.into_inner().write_all(embedded(&asked).as_bytes()));
        return;
    }
    let (turn, calls) = calls(tongue, &asked, scripts, doubt);
    let (kind, body) = tongue.answer(turn, &calls, (TOKENS - 4, 4));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
    drop(reader.into_inner().write_all(format!("{head}{body}").as_bytes()));
}

/// What each text is about, as a vector: words that mean the same point in one direction.
fn embedded(asked: &Value) -> String {
    const MEANINGS: [&[&str]; 3] = [&["car", "automobile"], &["doctor", "physician"], &["boat", "vessel"]];
    let vector = |text: &Value| -> Vec<f64> {
        let text = text.as_str().unwrap_or_default().to_lowercase();
        let about = MEANINGS.iter().map(|words| if words.iter().any(|word| text.contains(word)) { 1.0 } else { 0.0 });
        about.chain([0.1]).collect()
    };
    let texts = asked["input"].as_array().into_iter().flatten();
    let data: Vec<Value> = texts.enumerate().map(|(i, text)| json!({ "index": i, "embedding": vector(text) })).collect();
    let body = json!({ "object": "list", "data": data }).to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The calls of the turn that a question asks for.
fn calls(tongue: Tongue, asked: &Value, scripts: &BTreeMap<&str, Vec<Turn>>, doubt: Doubt) -> (usize, Turn) {
    let (taken, goal) = tongue.so_far(asked);
    let unknown = if doubt == Doubt::Again { asked.to_string().matches(UNKNOWN).count() } else { 0 };
    let turn = taken.saturating_sub(unknown);
    let script = scripts.iter().find(|(name, _)| goal.contains(**name)).map(|(_, turns)| turns);
    let end = || call("complete", json!({ "summary": "done" }));
    (taken, script.and_then(|turns| turns.get(turn).cloned()).unwrap_or_else(end))
}
