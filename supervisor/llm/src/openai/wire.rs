//! The bodies of `chat/completions`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Completion, CompletionRequest, Delta, LlmError, Message, StopReason, TokenUsage, ToolCall};

/// Calls a single answer may hold; protects memory from an absurd `index`.
const MAX_CALLS: usize = 128;

/// The request.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    messages: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    stream: bool,
    stream_options: Value,
}

impl<'a> Request<'a> {
    pub(super) fn new(request: &'a CompletionRequest, default_model: &'a str) -> Self {
        let tools = request.tools.iter().map(|t| {
            json!({"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}})
        });
        Self {
            model: request.model.as_deref().unwrap_or(default_model),
            messages: request.messages.iter().map(message).collect(),
            tools: tools.collect(),
            max_completion_tokens: request.max_tokens,
            stream: true,
            stream_options: json!({"include_usage": true}),
        }
    }
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text, .. } => json!({"role": "user", "content": text}),
        Message::Tool { call_id, text, .. } => json!({"role": "tool", "tool_call_id": call_id, "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|c| {
                    let arguments = c.arguments.as_str().map_or_else(|| c.arguments.to_string(), str::to_owned);
                    json!({"id": c.id, "type": "function", "function": {"name": c.name, "arguments": arguments}})
                })
                .collect();
            let content = if text.is_empty() { Value::Null } else { Value::from(text.as_str()) };
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
    }
}

#[derive(Debug, Deserialize)]
struct Piece {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default, alias = "message")]
    delta: Option<Part>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Part {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPart>>,
}

#[derive(Debug, Deserialize)]
struct CallPart {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionPart>,
}

#[derive(Debug, Deserialize)]
struct FunctionPart {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// An answer being put together.
#[derive(Debug)]
pub(super) struct Answer {
    model: String,
    text: String,
    calls: Vec<PartialCall>,
    usage: Option<TokenUsage>,
    stop: Option<StopReason>,
}

#[derive(Debug, Default)]
struct PartialCall {
    id: String,
    name: String,
    arguments: String,
}

impl Answer {
    pub(super) fn new(model: &str) -> Self {
        Self { model: model.to_owned(), text: String::new(), calls: Vec::new(), usage: None, stop: None }
    }

    /// The model said that it is done.
    pub(super) fn is_ended(&self) -> bool {
        self.stop.is_some()
    }

    pub(super) fn add(&mut self, data: &str, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<(), LlmError> {
        let piece: Piece = serde_json::from_str(data).map_err(|e| LlmError::Malformed(e.to_string()))?;
        if let Some(error) = piece.error {
            return Err(LlmError::Overloaded { message: error_text(&error), retry_after: None });
        }
        if let Some(model) = piece.model.filter(|m| !m.is_empty()) {
            self.model = model;
        }
        if let Some(usage) = piece.usage {
            self.usage =
                Some(TokenUsage { input: usage.prompt_tokens, output: usage.completion_tokens, ..TokenUsage::default() });
        }
        let Some(choice) = piece.choices.into_iter().next() else { return Ok(()) };
        if let Some(reason) = choice.finish_reason {
            self.stop = Some(stop_reason(reason));
        }
        let part = choice.delta.unwrap_or_default();
        if let Some(text) = part.content.filter(|t| !t.is_empty()) {
            self.text.push_str(&text);
            on_delta(Delta::Text(text));
        }
        for call in part.tool_calls.unwrap_or_default() {
            self.add_call(call, on_delta)?;
        }
        Ok(())
    }

    fn add_call(&mut self, part: CallPart, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<(), LlmError> {
        let id = part.id.filter(|id| !id.is_empty());
        // Some endpoints leave the index out and send each call whole: a new id then begins a new call.
        let index = part.index.unwrap_or_else(|| match (&id, self.calls.last()) {
            (Some(id), Some(last)) if *id == last.id => self.calls.len() - 1,
            (None, Some(_)) => self.calls.len() - 1,
            _ => self.calls.len(),
        });
        if index >= MAX_CALLS {
            return Err(LlmError::Malformed(format!("call number {index}")));
        }
        if self.calls.len() <= index {
            self.calls.resize_with(index + 1, PartialCall::default);
        }
        let call = &mut self.calls[index];
        if let Some(id) = id {
            call.id = id;
        }
        let Some(function) = part.function else { return Ok(()) };
        if let Some(name) = function.name.filter(|name| !name.is_empty() && call.name.is_empty()) {
            on_delta(Delta::Call(name.clone()));
            call.name = name;
        }
        call.arguments.push_str(function.arguments.as_deref().unwrap_or_default());
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Completion, LlmError> {
        let calls: Vec<ToolCall> = self
            .calls
            .into_iter()
            .enumerate()
            .filter(|(_, call)| !call.name.is_empty())
            .map(|(i, call)| {
                let id = if call.id.is_empty() { format!("call_{i}") } else { call.id };
                let arguments = match call.arguments.trim() {
                    "" => json!({}),
                    text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(call.arguments.as_str())),
                };
                ToolCall { id, name: call.name, arguments }
            })
            .collect();
        let stop = self.stop.unwrap_or(if calls.is_empty() { StopReason::End } else { StopReason::Calls });
        if self.text.is_empty() && calls.is_empty() && stop == StopReason::End && self.usage.is_none() {
            return Err(LlmError::Malformed("an empty answer".into()));
        }
        Ok(Completion { text: self.text, calls, usage: self.usage, stop, ..Completion::new(self.model) })
    }
}

/// An answer that came in one piece.
pub(super) fn whole(body: &[u8], model: &str, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
    let text = std::str::from_utf8(body).map_err(|_| LlmError::Malformed("not UTF-8".into()))?;
    let mut answer = Answer::new(model);
    answer.add(text, on_delta)?;
    answer.finish()
}

/// The message of an error body, or its first characters.
pub(super) fn error_message(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => error_text(value.get("error").unwrap_or(&value)),
        Err(_) => shorten(text.trim()),
    }
}

fn error_text(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error);
    shorten(message.as_str().map_or_else(|| message.to_string(), str::to_owned).trim())
}

fn shorten(text: &str) -> String {
    text.chars().take(300).collect()
}

fn stop_reason(reason: String) -> StopReason {
    match reason.as_str() {
        "stop" => StopReason::End,
        "tool_calls" | "function_call" => StopReason::Calls,
        "length" => StopReason::Length,
        "content_filter" => StopReason::Filtered,
        _ => StopReason::Other(reason),
    }
}
