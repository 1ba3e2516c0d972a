//! Ollama's `api/chat`: a line of JSON for each piece.

use serde_json::{Value, json};

use super::{
    Answer, Say,
    shape::{self, count, str_at},
};
use crate::{CompletionRequest, LlmError, Message, StopReason, TokenUsage};

pub(super) fn request(request: &CompletionRequest, model: &str) -> serde_json::Result<Vec<u8>> {
    let messages = shape::images_apart(&request.messages);
    let messages: Vec<Value> = messages.iter().map(|m| message(m)).collect();
    let mut body = json!({"model": model, "messages": messages, "stream": true});
    if let Some(most) = request.max_tokens {
        body["options"] = json!({"num_predict": most});
    }
    shape::written(&body, &shape::functions(&request.tools))
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text, images } if images.is_empty() => json!({"role": "user", "content": text}),
        Message::User { text, images } => {
            json!({"role": "user", "content": text, "images": images.iter().map(shape::base64).collect::<Vec<_>>()})
        }
        Message::Tool { name, text, .. } => json!({"role": "tool", "tool_name": name, "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls } => {
            let call =
                calls.iter().map(|call| json!({"function": {"name": call.name, "arguments": shape::object(&call.arguments)}}));
            json!({"role": "assistant", "content": text, "tool_calls": call.collect::<Vec<_>>()})
        }
    }
}

pub(super) fn read(answer: &mut Answer, piece: &Value, say: Say<'_>) -> Result<(), LlmError> {
    answer.model(piece, "model");
    answer.say(str_at(piece, "/message/content"), say);
    for call in piece.pointer("/message/tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let key = answer.count() as u64;
        answer.call(key, str_at(call, "/id"), str_at(call, "/function/name"), say)?;
        if let Some(arguments) = call.pointer("/function/arguments").filter(|arguments| !arguments.is_null()) {
            answer.whole_arguments(key, arguments.clone())?;
        }
    }
    if piece.get("done") == Some(&Value::Bool(true)) {
        answer.usage = Some(TokenUsage {
            input: count(piece, "/prompt_eval_count").unwrap_or(0),
            output: count(piece, "/eval_count").unwrap_or(0),
            cached: count(piece, "/prompt_eval_cached_count").unwrap_or(0),
            ..TokenUsage::default()
        });
        match str_at(piece, "/done_reason") {
            "" | "stop" => answer.stop(StopReason::End),
            "length" => answer.stop(StopReason::Length),
            other => answer.stop(StopReason::Other(other.to_owned())),
        }
    }
    Ok(())
}
