//! OpenAI's `responses`. Nothing is kept at the provider (`store: false`): the conversation goes along each time, as with the others.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answer, Say, problem,
    shape::{self, count, str_at},
};
use crate::{CompletionRequest, Image, LlmError, Message, StopReason, TokenUsage, ToolSpec};

pub(super) fn request(request: &CompletionRequest, model: &str) -> serde_json::Result<Vec<u8>> {
    let messages = shape::images_apart(&request.messages);
    let mut input = Vec::new();
    for m in &messages {
        message(m, &mut input);
    }
    let mut body = json!({"model": model, "input": input, "stream": true, "store": false});
    let rules = shape::rules(request);
    if !rules.is_empty() {
        body["instructions"] = rules.into();
    }
    if let Some(most) = request.max_tokens {
        body["max_output_tokens"] = most.into();
    }
    // Strict schemas allow no optional arguments.
    let tools: Vec<_> = request.tools.iter().map(|tool| Function { tool, strict: false }).collect();
    shape::written(&body, &tools)
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Function<'a> {
    #[serde(flatten)]
    tool: &'a ToolSpec,
    strict: bool,
}

fn message(message: &Message, input: &mut Vec<Value>) {
    match message {
        Message::System { .. } => {}
        Message::User { text, images } => {
            let shown = |image: &Image| json!({"type": "input_image", "image_url": shape::data_url(image)});
            let mut parts = vec![json!({"type": "input_text", "text": text})];
            parts.extend(images.iter().map(shown));
            input.push(json!({"role": "user", "content": parts}));
        }
        Message::Tool { call_id, text, .. } => {
            input.push(json!({"type": "function_call_output", "call_id": shape::id(call_id), "output": text}));
        }
        Message::Assistant { text, calls } => {
            if !text.is_empty() {
                input.push(json!({"role": "assistant", "content": [{"type": "output_text", "text": text}]}));
            }
            input.extend(calls.iter().map(|call| {
                json!({"type": "function_call", "call_id": shape::id(&call.id), "name": call.name,
                    "arguments": shape::text(&call.arguments)})
            }));
        }
    }
}

pub(super) fn read(answer: &mut Answer, piece: &Value, say: Say<'_>) -> Result<(), LlmError> {
    let index = piece.get("output_index").and_then(Value::as_u64).unwrap_or(0);
    match str_at(piece, "/type") {
        "response.output_text.delta" | "response.refusal.delta" => answer.say(str_at(piece, "/delta"), say),
        "response.output_item.added" | "response.output_item.done" => {
            if let Some(item) = piece.get("item") {
                call(answer, index, item, say)?;
            }
        }
        "response.function_call_arguments.delta" => answer.arguments(index, str_at(piece, "/delta"))?,
        "response.completed" | "response.incomplete" | "response.failed" => {
            return end(answer, piece.get("response").unwrap_or(&Value::Null), say);
        }
        // Here the fields of the error stand beside its type, which is only "error".
        "error" => return Err(problem::of_error(&json!({"code": piece.get("code"), "message": piece.get("message")}))),
        // Without `stream` the answer is the response itself.
        "" if str_at(piece, "/object") == "response" => return end(answer, piece, say),
        _ => {}
    }
    Ok(())
}

/// Takes in a call. Its last piece has the arguments as a whole.
fn call(answer: &mut Answer, index: u64, item: &Value, say: Say<'_>) -> Result<(), LlmError> {
    if str_at(item, "/type") != "function_call" {
        return Ok(());
    }
    answer.call(index, str_at(item, "/call_id"), str_at(item, "/name"), say)?;
    let arguments = str_at(item, "/arguments");
    if arguments.is_empty() { Ok(()) } else { answer.whole_arguments(index, arguments.into()) }
}

fn end(answer: &mut Answer, response: &Value, say: Say<'_>) -> Result<(), LlmError> {
    if let Some(error) = response.get("error").filter(|error| !error.is_null()) {
        return Err(problem::of_error(error));
    }
    answer.model(response, "model");
    let heard = !answer.text.is_empty();
    for (index, item) in response.get("output").and_then(Value::as_array).into_iter().flatten().enumerate() {
        call(answer, index as u64, item, say)?;
        for part in item.get("content").and_then(Value::as_array).into_iter().flatten().filter(|_| !heard) {
            let text = part.get("text").or_else(|| part.get("refusal")).and_then(Value::as_str);
            answer.say(text.unwrap_or_default(), say);
        }
    }
    if let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) {
        answer.usage = Some(TokenUsage {
            input: count(usage, "/input_tokens").unwrap_or(0),
            output: count(usage, "/output_tokens").unwrap_or(0),
            cached: count(usage, "/input_tokens_details/cached_tokens").unwrap_or(0),
            cache_written: 0,
            reasoning: count(usage, "/output_tokens_details/reasoning_tokens").unwrap_or(0),
        });
    }
    match (str_at(response, "/status"), str_at(response, "/incomplete_details/reason")) {
        ("completed", _) => answer.stop(StopReason::End),
        ("incomplete", "max_output_tokens") => answer.stop(StopReason::Length),
        ("incomplete", "content_filter") => answer.stop(StopReason::Filtered),
        ("failed", _) => return Err(LlmError::Overloaded { message: "it gave up without a reason".into(), retry_after: None }),
        (status, _) => answer.stop(StopReason::Other(status.to_owned())),
    }
    Ok(())
}
