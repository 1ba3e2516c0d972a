//! Ways in which a provider fails, each with the bytes that it sends and the errors that may come of it.

use std::time::Duration;

use aether_llm::{Completion, Interface, LlmError, Timing};
use serde_json::{Value, json};

use super::{Act, Script, answer, framed, scripts, stream_of};

/// What comes of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Answer,
    Auth,
    Limited,
    Overloaded,
    Invalid,
    Network,
    Timeout,
    Malformed,
    TooLarge,
}

pub(crate) fn kind(result: &Result<Completion, LlmError>) -> Kind {
    match result {
        Ok(_) => Kind::Answer,
        Err(LlmError::Auth(_)) => Kind::Auth,
        Err(LlmError::RateLimited { .. }) => Kind::Limited,
        Err(LlmError::Overloaded { .. }) => Kind::Overloaded,
        Err(LlmError::Invalid(_)) => Kind::Invalid,
        Err(LlmError::Network(_)) => Kind::Network,
        Err(LlmError::Timeout(_)) => Kind::Timeout,
        Err(LlmError::Malformed(_)) => Kind::Malformed,
        Err(LlmError::TooLarge(_)) => Kind::TooLarge,
        Err(other) => panic!("no single provider says that: {other}"),
    }
}

pub(crate) struct Fault {
    /// Its name.
    pub(crate) what: &'static str,
    /// What the provider does.
    pub(crate) acts: Vec<Act>,
    /// What may come of it.
    pub(crate) kinds: &'static [Kind],
}

impl Fault {
    /// Is the question asked again, and answered if the provider is well by then?
    pub(crate) fn passes(&self) -> bool {
        use Kind::{Limited, Malformed, Network, Overloaded};
        let again = |kind: &Kind| matches!(kind, Limited | Overloaded | Network | Malformed);
        self.kinds.iter().all(again) && self.what != "429 for an hour"
    }

    /// Bytes that are sent.
    pub(crate) fn bytes(&self) -> usize {
        self.acts.iter().map(|act| if let Act::Send(bytes) = act { bytes.len() } else { 0 }).sum()
    }
}

/// Every fault, in the middle of this answer where it has one.
pub(crate) fn all(script: &Script) -> Vec<Fault> {
    of_status().into_iter().chain(of_connection(script)).chain(of_content(script)).collect()
}

fn fault(what: &'static str, acts: Vec<Act>, kinds: &'static [Kind]) -> Fault {
    Fault { what, acts, kinds }
}

fn raw(text: impl Into<Vec<u8>>) -> Vec<Act> {
    vec![Act::Send(text.into())]
}

/// An answer of a status with this error in it.
fn refused(what: &'static str, status: &str, kinds: &'static [Kind]) -> Fault {
    fault(what, answer(status, "content-type: application/json\r\n", r#"{"error":{"message":"no","type":"x"}}"#), kinds)
}

/// Short where the fault is time itself; elsewhere long enough for a machine that has other things to do.
pub(crate) fn timing(fault: &Fault) -> Timing {
    let waits = fault.kinds.contains(&Kind::Timeout);
    let (idle, total) = if waits { (300, 1000) } else { (10_000, 25_000) };
    Timing {
        connect: Duration::from_secs(5),
        idle: Duration::from_millis(idle),
        total: Duration::from_millis(total),
        tries: 2,
        backoff: Duration::from_millis(1),
        longest_backoff: Duration::from_millis(50),
    }
}

/// A stream that begins well and goes on like this.
fn goes_on(script: &Script, pieces: usize, rest: impl Into<Vec<u8>>) -> Vec<Act> {
    let mut acts = stream_of(script.interface, &script.pieces[..pieces]);
    acts.push(Act::Send(rest.into()));
    acts
}

/// A piece with one call whose arguments have so many bytes.
fn long_call(interface: Interface, bytes: usize) -> Value {
    let text = "x".repeat(bytes);
    let object = json!({ "t": text });
    let whole = object.to_string();
    match interface {
        Interface::Chat => {
            json!({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": whole}}]}}]})
        }
        Interface::Responses => json!({"type": "response.output_item.done", "output_index": 0,
            "item": {"type": "function_call", "call_id": "a", "name": "f", "arguments": whole}}),
        Interface::Anthropic => json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "tool_use", "id": "a", "name": "f", "input": object}}),
        Interface::Gemini => json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": object}}]}}]}),
        Interface::Ollama => {
            json!({"message": {"tool_calls": [{"function": {"name": "f", "arguments": object}}]}, "done": false})
        }
    }
}

/// A call that says that it is the so many millionth.
fn far_call(interface: Interface) -> Value {
    let far = 4_000_000_000_u64;
    match interface {
        Interface::Chat => {
            json!({"choices": [{"delta": {"tool_calls": [{"index": far, "id": "a", "function": {"name": "f"}}]}}]})
        }
        Interface::Responses => json!({"type": "response.output_item.added", "output_index": far,
            "item": {"type": "function_call", "call_id": "a", "name": "f"}}),
        Interface::Anthropic => json!({"type": "content_block_start", "index": far,
            "content_block": {"type": "tool_use", "id": "a", "name": "f"}}),
        Interface::Gemini => json!({"candidates": [{"index": far, "content": {"parts": [{"functionCall": {"name": "f"}}]}}]}),
        Interface::Ollama => json!({"message": {"tool_calls": [{"function": {"index": far, "name": "f"}}]}, "done": false}),
    }
}

fn ends_well(interface: Interface, piece: &Value) -> Vec<Act> {
    let last = scripts(interface).pieces.split_off(scripts(interface).pieces.len() - 2);
    let pieces: Vec<String> = std::iter::once(piece.to_string()).chain(last).collect();
    stream_of(interface, &pieces)
}

fn trickle(text: &str) -> Vec<Act> {
    text.bytes().flat_map(|byte| [Act::Send(vec![byte]), Act::Wait(Duration::from_millis(40))]).collect()
}

fn head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes()
}

fn of_status() -> Vec<Fault> {
    use Kind::{Auth, Invalid, Limited, Overloaded};
    vec![
        refused("400", "400 Bad Request", &[Invalid]),
        refused("401", "401 Unauthorized", &[Auth]),
        refused("402", "402 Payment Required", &[Invalid]),
        refused("403", "403 Forbidden", &[Auth]),
        refused("404", "404 Not Found", &[Invalid]),
        refused("408", "408 Request Timeout", &[Overloaded]),
        refused("413", "413 Content Too Large", &[Invalid]),
        refused("418", "418 I'm a teapot", &[Invalid]),
        refused("429", "429 Too Many Requests", &[Limited]),
        fault("429 for an hour", answer("429 Too Many Requests", "retry-after: 3600\r\n", ""), &[Limited]),
        fault("429 until nonsense", answer("429 Too Many Requests", "retry-after: soon\r\n", "{}"), &[Limited]),
        fault("429 until never", answer("429 Too Many Requests", "retry-after: 1e400\r\n", "{}"), &[Limited]),
        refused("500", "500 Internal Server Error", &[Overloaded]),
        fault("502 with a page", answer("502 Bad Gateway", "content-type: text/html\r\n", "<html>oops</html>"), &[Overloaded]),
        refused("503", "503 Service Unavailable", &[Overloaded]),
        refused("529", "529 Overloaded", &[Overloaded]),
        fault("a redirect", answer("307 Temporary Redirect", "location: http://127.0.0.1:1/x\r\n", ""), &[Invalid]),
        fault("an endless error", raw([b"HTTP/1.1 400 Bad\r\n\r\n".to_vec(), vec![b'x'; 1 << 20]].concat()), &[Invalid]),
        fault("204", raw("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"), &[Kind::Malformed]),
    ]
}

fn of_connection(script: &Script) -> Vec<Fault> {
    use Kind::{Malformed, Network, Timeout};
    let interface = script.interface;
    let all: String = script.pieces.iter().map(|piece| framed(interface, piece)).collect();
    let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\nzz\r\n".to_vec();
    chunked.extend_from_slice(all.as_bytes());
    vec![
        fault("nothing", vec![], &[Network]),
        fault("no HTTP", raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), &[Network]),
        fault("half a head", raw("HTTP/1.1 200 OK\r\ncontent-ty"), &[Network]),
        fault(
            "a thousand headers",
            raw(format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", (0..1000).map(|i| format!("x-{i}: y\r\n")).collect::<String>())),
            &[Network],
        ),
        fault("a huge header", raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n{{}}", "y".repeat(2 << 20))), &[Network]),
        fault("chunks that are none", raw(chunked), &[Network]),
        fault(
            "less than announced",
            raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"),
            &[Network],
        ),
        fault("silence", vec![Act::Stall], &[Timeout]),
        fault("silence after the head", vec![Act::Send(head("text/event-stream")), Act::Stall], &[Timeout]),
        fault("silence in between", [stream_of(interface, &script.pieces[..2]), vec![Act::Stall]].concat(), &[Timeout]),
        fault("a byte at a time", [stream_of(interface, &[]), trickle(&all)].concat(), &[Timeout]),
        fault("comments for ever", [stream_of(interface, &[]), trickle(&":\n".repeat(200))].concat(), &[Timeout, Malformed]),
        fault("cut before the first piece", stream_of(interface, &[]), &[Network]),
        fault("cut between pieces", stream_of(interface, &script.pieces[..3]), &[Network]),
        fault(
            "cut within a piece",
            goes_on(script, 2, framed(interface, &script.pieces[2]).as_bytes()[..12].to_vec()),
            &[Network, Malformed],
        ),
        fault("cut within a character", goes_on(script, 1, b"data: {\"\xf0\x9f".to_vec()), &[Malformed]),
        fault("cut after the calls", stream_of(interface, &script.pieces[..script.pieces.len() - 2]), &[Network]),
        fault("packed", answer("200 OK", "content-encoding: gzip\r\n", "\x1f\x08"), &[Malformed]),
    ]
}

fn of_content(script: &Script) -> Vec<Fault> {
    use Kind::{Answer, Auth, Invalid, Limited, Malformed, Network, Overloaded, TooLarge};
    let interface = script.interface;
    let json = |body: &str| answer("200 OK", "content-type: application/json\r\n", body);
    let deep = framed(interface, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let piece = |text: &str| framed(interface, text);
    let many: String = (0..200).map(|_| framed(interface, &far_call(interface).to_string())).collect();
    let flood = framed(interface, &json!({ "x": "y".repeat(1 << 20) }).to_string()).into_bytes();
    vec![
        fault("an error in a good answer", json(r#"{"error":{"message":"engine died"}}"#), &[Overloaded]),
        fault("a bad key in a good answer", json(r#"{"error":{"message":"no","type":"authentication_error"}}"#), &[Auth]),
        fault("a limit in a good answer", json(r#"{"error":{"message":"no","code":429}}"#), &[Limited]),
        fault("an error that is a text", json(r#"{"error":"model not loaded"}"#), &[Overloaded]),
        fault(
            "an error in the stream",
            goes_on(script, 2, piece(r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#)),
            &[Overloaded],
        ),
        fault(
            "an error after the calls",
            goes_on(script, script.pieces.len() - 2, piece(r#"{"error":{"message":"engine died"}}"#)),
            &[Overloaded],
        ),
        fault(
            "a refusal in the stream",
            goes_on(script, 2, piece(r#"{"error":{"code":400,"status":"INVALID_ARGUMENT"}}"#)),
            &[Invalid],
        ),
        fault("no JSON", goes_on(script, 1, piece("{]")), &[Malformed]),
        fault("a number", goes_on(script, 1, piece("7")), &[Malformed]),
        fault(
            "other types than promised",
            goes_on(script, 1, piece(r#"{"choices":7,"candidates":{},"message":[],"usage":"x"}"#)),
            &[Network],
        ),
        fault("no text", goes_on(script, 1, b"data: \xff\xfe\n\n".to_vec()), &[Malformed]),
        fault("a deep piece", goes_on(script, 1, deep), &[Malformed]),
        fault("a page", answer("200 OK", "content-type: text/html\r\n", "<html>Sign in to the wifi</html>"), &[Malformed]),
        fault("an empty answer", json(""), &[Malformed, Network]),
        fault("an empty object", json("{}"), &[Malformed, Network]),
        fault(
            "a stream of another type",
            {
                let all: String = script.pieces.iter().map(|piece| framed(interface, piece)).collect();
                answer("200 OK", "content-type: text/plain\r\n", &all)
            },
            &[Answer],
        ),
        fault("more after the end", goes_on(script, script.pieces.len(), vec![b'\n'; 100]), &[Answer]),
        fault(
            "a call far away",
            goes_on(script, script.pieces.len(), piece(&far_call(interface).to_string())),
            &[Answer, Network],
        ),
        fault("two hundred calls", goes_on(script, 1, many), &[Malformed, Network]),
        fault("a megabyte of arguments", ends_well(interface, &long_call(interface, 1 << 20)), &[Answer]),
        fault("ten megabytes of arguments", ends_well(interface, &long_call(interface, 10 << 20)), &[TooLarge]),
        fault("a flood", [stream_of(interface, &[]), vec![Act::Send(flood); 12]].concat(), &[TooLarge]),
        fault("a line without an end", goes_on(script, 1, vec![b'x'; 9 << 20]), &[TooLarge]),
    ]
}
