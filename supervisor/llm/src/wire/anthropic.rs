//! Anthropic's `messages`.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answer, Say,
    shape::{self, count, str_at},
};
use crate::{CompletionRequest, Image, LlmError, Message, StopReason, TokenUsage};

/// Tokens to write when nobody says how many: the interface wants a number, and every model of today writes as many.
const MAX_TOKENS: u32 = 8192;

pub(super) fn request(request: &CompletionRequest, model: &str) -> serde_json::Result<Vec<u8>> {
    let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (role, blocks) = blocks(message);
        // Results have to follow their calls within one message, and roles to take turns.
        match messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, so_far)) if *last == role => so_far.extend(blocks),
            _ => messages.push((role, blocks)),
        }
    }
    // What comes before a mark is read from the cache the next time: the tools, the rules, and the conversation so far.
    if let Some(block) = messages.last_mut().and_then(|(_, blocks)| blocks.last_mut()) {
        mark(block);
    }
    let messages: Vec<Value> = messages.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
    let most = request.max_tokens.unwrap_or(MAX_TOKENS);
    let mut body = json!({"model": model, "max_tokens": most, "messages": messages, "stream": true});
    let rules = shape::rules(request);
    if !rules.is_empty() {
        let mut block = json!({"type": "text", "text": rules});
        mark(&mut block);
        body["system"] = json!([block]);
    }
    let tools = request.tools.iter();
    let mut tools: Vec<_> = tools
        .map(|tool| Tool {
            name: &tool.name,
            description: &tool.description,
            input_schema: &tool.parameters,
            cache_control: None,
        })
        .collect();
    if let Some(last) = tools.last_mut() {
        last.cache_control = Some(kept());
    }
    shape::written(&body, &tools)
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Value>,
}

fn kept() -> Value {
    json!({"type": "ephemeral"})
}

fn mark(block: &mut Value) {
    block["cache_control"] = kept();
}

fn blocks(message: &Message) -> (&'static str, Vec<Value>) {
    let words = |text: &str| (!text.trim().is_empty()).then(|| json!({"type": "text", "text": text}));
    let shown = |image: &Image| json!({"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": shape::base64(image)}});
    match message {
        Message::System { .. } => ("user", Vec::new()),
        Message::User { text, images } => ("user", words(text).into_iter().chain(images.iter().map(shown)).collect()),
        Message::Tool { call_id, text, images, .. } => {
            let content: Vec<Value> = words(text).into_iter().chain(images.iter().map(shown)).collect();
            ("user", vec![json!({"type": "tool_result", "tool_use_id": shape::id(call_id), "content": content})])
        }
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| {
                let input = shape::object(&call.arguments);
                json!({"type": "tool_use", "id": shape::id(&call.id), "name": call.name, "input": input})
            });
            ("assistant", words(text).into_iter().chain(calls).collect())
        }
    }
}

pub(super) fn read(answer: &mut Answer, piece: &Value, say: Say<'_>) -> Result<(), LlmError> {
    let index = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
    match str_at(piece, "/type") {
        "message_start" => {
            if let Some(message) = piece.get("message") {
                answer.model(message, "model");
                usage(answer, message);
            }
        }
        "content_block_start" => block(answer, index, piece.get("content_block").unwrap_or(&Value::Null), say)?,
        "content_block_delta" => {
            answer.say(str_at(piece, "/delta/text"), say);
            let more = str_at(piece, "/delta/partial_json");
            if !more.is_empty() {
                answer.arguments(index, more)?;
            }
        }
        "message_delta" => {
            usage(answer, piece);
            stop(answer, str_at(piece, "/delta/stop_reason"));
        }
        // Without `stream` the answer is the message itself.
        "message" => {
            answer.model(piece, "model");
            usage(answer, piece);
            for (index, one) in piece.get("content").and_then(Value::as_array).into_iter().flatten().enumerate() {
                block(answer, index as u64, one, say)?;
            }
            stop(answer, str_at(piece, "/stop_reason"));
        }
        _ => {}
    }
    Ok(())
}

fn block(answer: &mut Answer, index: u64, block: &Value, say: Say<'_>) -> Result<(), LlmError> {
    match str_at(block, "/type") {
        "text" => answer.say(str_at(block, "/text"), say),
        "tool_use" => {
            answer.call(index, str_at(block, "/id"), str_at(block, "/name"), say)?;
            // In a stream it begins with an empty object, and the pieces follow.
            if let Some(input) = block.get("input").filter(|input| input.as_object().is_some_and(|input| !input.is_empty())) {
                answer.whole_arguments(index, input.clone())?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// What was read from the cache and what was put there are not in `input_tokens`.
fn usage(answer: &mut Answer, place: &Value) {
    let Some(usage) = place.get("usage").filter(|usage| usage.is_object()) else { return };
    let before = answer.usage.unwrap_or_default();
    let cached = count(usage, "/cache_read_input_tokens").unwrap_or(before.cached);
    let cache_written = count(usage, "/cache_creation_input_tokens").unwrap_or(before.cache_written);
    let fresh = count(usage, "/input_tokens").unwrap_or(before.input.saturating_sub(before.cached + before.cache_written));
    answer.usage = Some(TokenUsage {
        input: fresh.saturating_add(cached).saturating_add(cache_written),
        output: count(usage, "/output_tokens").unwrap_or(before.output),
        cached,
        cache_written,
        reasoning: 0,
    });
}

fn stop(answer: &mut Answer, reason: &str) {
    match reason {
        "" => {}
        "end_turn" | "stop_sequence" => answer.stop(StopReason::End),
        "tool_use" => answer.stop(StopReason::Calls),
        "max_tokens" | "model_context_window_exceeded" => answer.stop(StopReason::Length),
        "refusal" => answer.stop(StopReason::Filtered),
        other => answer.stop(StopReason::Other(other.to_owned())),
    }
}
