//! OpenAI's `chat/completions`.

use serde_json::{Value, json};

use super::{
    Answer, Say,
    shape::{self, count, str_at},
};
use crate::{CompletionRequest, Image, LlmError, Message, StopReason, TokenUsage};

pub(super) fn request(request: &CompletionRequest, model: &str) -> serde_json::Result<Vec<u8>> {
    let messages = shape::images_apart(&request.messages);
    let messages: Vec<Value> = messages.iter().map(|m| message(m)).collect();
    let mut body = json!({"model": model, "messages": messages, "stream": true, "stream_options": {"include_usage": true}});
    if let Some(most) = request.max_tokens {
        body["max_completion_tokens"] = most.into();
    }
    shape::written(&body, &shape::functions(&request.tools))
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text, images } if images.is_empty() => json!({"role": "user", "content": text}),
        Message::User { text, images } => {
            let shown = |image: &Image| json!({"type": "image_url", "image_url": {"url": shape::data_url(image)}});
            let mut parts = vec![json!({"type": "text", "text": text})];
            parts.extend(images.iter().map(shown));
            json!({"role": "user", "content": parts})
        }
        Message::Tool { call_id, text, .. } => json!({"role": "tool", "tool_call_id": shape::id(call_id), "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| {
                json!({"id": shape::id(&call.id), "type": "function",
                    "function": {"name": call.name, "arguments": shape::text(&call.arguments)}})
            });
            let content = if text.is_empty() { Value::Null } else { Value::from(text.as_str()) };
            json!({"role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>()})
        }
    }
}

pub(super) fn read(answer: &mut Answer, piece: &Value, say: Say<'_>) -> Result<(), LlmError> {
    answer.model(piece, "model");
    if let Some(usage) = piece.get("usage").filter(|usage| usage.is_object()) {
        answer.usage = Some(tokens(usage));
    }
    let Some(choice) = piece.pointer("/choices/0") else { return Ok(()) };
    if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty()) {
        answer.stop(stop(reason));
    }
    let Some(part) = choice.get("delta").or_else(|| choice.get("message")) else { return Ok(()) };
    answer.say(str_at(part, "/content"), say);
    answer.say(str_at(part, "/refusal"), say);
    for call in part.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let id = str_at(call, "/id");
        let key = match (call.get("index").and_then(Value::as_u64), answer.last_call()) {
            (Some(index), _) => index,
            // Some leave the index out and send each call whole: a new id then begins a new call.
            (None, Some((key, last))) if id.is_empty() || id == last => key,
            (None, _) => answer.count() as u64,
        };
        answer.call(key, id, str_at(call, "/function/name"), say)?;
        match call.pointer("/function/arguments") {
            Some(Value::String(more)) => answer.arguments(key, more)?,
            // Some send an object where the interface wants its text.
            Some(whole @ Value::Object(_)) => answer.whole_arguments(key, whole.clone())?,
            _ => {}
        }
    }
    Ok(())
}

fn tokens(usage: &Value) -> TokenUsage {
    let cached = count(usage, "/prompt_tokens_details/cached_tokens").or_else(|| count(usage, "/prompt_cache_hit_tokens"));
    TokenUsage {
        input: count(usage, "/prompt_tokens").unwrap_or(0),
        output: count(usage, "/completion_tokens").unwrap_or(0),
        cached: cached.unwrap_or(0),
        cache_written: 0,
        reasoning: count(usage, "/completion_tokens_details/reasoning_tokens").unwrap_or(0),
    }
}

fn stop(reason: &str) -> StopReason {
    match reason {
        "stop" => StopReason::End,
        "tool_calls" | "function_call" => StopReason::Calls,
        "length" => StopReason::Length,
        "content_filter" => StopReason::Filtered,
        _ => StopReason::Other(reason.to_owned()),
    }
}
