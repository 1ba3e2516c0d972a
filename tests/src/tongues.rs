//! The answers of a scripted model in the words of each interface, and what was said before in a question.

use serde_json::{Value, json};

/// Which interface a question came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's generateContent.
    Gemini,
    /// Ollama's chat.
    Ollama,
}

impl Tongue {
    /// Every one, by the name that the configuration has for it.
    pub const ALL: [(&'static str, Self); 5] = [
        ("chat", Self::Chat),
        ("responses", Self::Responses),
        ("anthropic", Self::Anthropic),
        ("gemini", Self::Gemini),
        ("ollama", Self::Ollama),
    ];

    /// That of an address.
    pub fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        match path {
            _ if path.ends_with("/responses") => Self::Responses,
            _ if path.ends_with("/messages") => Self::Anthropic,
            _ if path.contains("GenerateContent") || path.contains("generateContent") => Self::Gemini,
            _ if path.ends_with("/api/chat") => Self::Ollama,
            _ => Self::Chat,
        }
    }

    /// The turns that were taken, and the first words of the user.
    pub fn so_far(self, asked: &Value) -> (usize, String) {
        let (list, mine) = match self {
            Self::Chat | Self::Ollama | Self::Anthropic => ("messages", "assistant"),
            Self::Responses => ("input", "assistant"),
            Self::Gemini => ("contents", "model"),
        };
        let said = asked[list].as_array().cloned().unwrap_or_default();
        let turns = said.iter().filter(|one| one["role"] == mine).count();
        let first = said.iter().find(|one| one["role"] == "user");
        let words = first.map(|one| if self == Self::Gemini { one["parts"][0].to_string() } else { one["content"].to_string() });
        (turns, words.unwrap_or_default())
    }

    /// An answer as a body with its type. `usage` is what was read and written.
    pub fn answer(self, turn: usize, calls: &[(&str, Value)], usage: (u64, u64)) -> (&'static str, String) {
        let pieces = match self {
            Self::Chat => chat(turn, calls, usage),
            Self::Responses => responses(turn, calls, usage),
            Self::Anthropic => anthropic(turn, calls, usage),
            Self::Gemini => gemini(calls, usage),
            Self::Ollama => ollama(calls, usage),
        };
        let line = |piece: &Value| match (self, piece["type"].as_str()) {
            (Self::Ollama, _) => format!("{piece}\n"),
            (Self::Anthropic | Self::Responses, Some(kind)) => format!("event: {kind}\ndata: {piece}\n\n"),
            _ => format!("data: {piece}\n\n"),
        };
        let mut body: String = pieces.iter().map(line).collect();
        if self == Self::Chat {
            body.push_str("data: [DONE]\n\n");
        }
        (if self == Self::Ollama { "application/x-ndjson" } else { "text/event-stream" }, body)
    }
}

fn chat(turn: usize, calls: &[(&str, Value)], (read, written): (u64, u64)) -> Vec<Value> {
    let calls: Vec<Value> = (0..)
        .zip(calls)
        .map(|(index, (tool, args))| {
            let function = json!({ "name": tool, "arguments": args.to_string() });
            json!({ "index": index, "id": format!("call-{turn}-{index}"), "type": "function", "function": function })
        })
        .collect();
    let chunk = |delta: Value, end: Value| {
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": end }] })
    };
    let usage = json!({ "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written });
    vec![
        chunk(json!({ "role": "assistant", "content": "so", "tool_calls": calls }), Value::Null),
        chunk(json!({}), json!("tool_calls")),
        json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [], "usage": usage }),
    ]
}

fn responses(turn: usize, calls: &[(&str, Value)], (read, written): (u64, u64)) -> Vec<Value> {
    let mut pieces = vec![
        json!({ "type": "response.created", "response": { "status": "in_progress" } }),
        json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "so" }),
    ];
    for (at, (tool, args)) in (1..).zip(calls) {
        let item = |kind: &str, args: &str| {
            json!({ "type": format!("response.output_item.{kind}"), "output_index": at,
                "item": { "type": "function_call", "call_id": format!("call-{turn}-{at}"), "name": tool, "arguments": args } })
        };
        pieces.extend([item("added", ""), item("done", &args.to_string())]);
    }
    pieces.push(json!({ "type": "response.completed", "response": { "status": "completed", "model": "m-1", "output": [],
        "usage": { "input_tokens": read, "output_tokens": written } } }));
    pieces
}

fn anthropic(turn: usize, calls: &[(&str, Value)], (read, written): (u64, u64)) -> Vec<Value> {
    let usage = json!({ "input_tokens": read, "output_tokens": 1 });
    let start = |at: usize, block: Value| json!({ "type": "content_block_start", "index": at, "content_block": block });
    let mut pieces = vec![
        json!({ "type": "message_start", "message": { "model": "m-1", "usage": usage } }),
        start(0, json!({ "type": "text", "text": "" })),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "so" } }),
    ];
    for (at, (tool, args)) in (1..).zip(calls) {
        pieces.push(start(at, json!({ "type": "tool_use", "id": format!("call-{turn}-{at}"), "name": tool, "input": {} })));
        let delta = json!({ "type": "input_json_delta", "partial_json": args.to_string() });
        pieces.push(json!({ "type": "content_block_delta", "index": at, "delta": delta }));
    }
    let usage = json!({ "output_tokens": written });
    pieces.push(json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": usage }));
    pieces.push(json!({ "type": "message_stop" }));
    pieces
}

fn gemini(calls: &[(&str, Value)], (read, written): (u64, u64)) -> Vec<Value> {
    let parts =
        |parts: Value| json!({ "modelVersion": "m-1", "candidates": [{ "content": { "role": "model", "parts": parts } }] });
    let mut pieces = vec![parts(json!([{ "text": "so" }]))];
    pieces.extend(calls.iter().map(|(tool, args)| parts(json!([{ "functionCall": { "name": tool, "args": args } }]))));
    let usage = json!({ "promptTokenCount": read, "candidatesTokenCount": written });
    let end = json!({ "content": { "role": "model", "parts": [] }, "finishReason": "STOP" });
    pieces.push(json!({ "candidates": [end], "usageMetadata": usage }));
    pieces
}

fn ollama(calls: &[(&str, Value)], (read, written): (u64, u64)) -> Vec<Value> {
    let line = |message: Value| json!({ "model": "m-1", "message": message, "done": false });
    let mut pieces = vec![line(json!({ "role": "assistant", "content": "so" }))];
    pieces.extend(calls.iter().map(|(tool, args)| {
        let call = json!({ "function": { "name": tool, "arguments": args } });
        line(json!({ "role": "assistant", "content": "", "tool_calls": [call] }))
    }));
    pieces.push(json!({ "model": "m-1", "message": { "role": "assistant", "content": "" }, "done": true, "done_reason": "stop",
        "prompt_eval_count": read, "eval_count": written }));
    pieces
}
