//! Google's `generateContent`.
//!
//! A call comes with the signature of the thought behind it, and newer models refuse a conversation that brings it back without.
//! So the id of a call is the provider's id, or one made up after `~`, then `|`, then the signature.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answer, Say,
    answer::made_up,
    shape::{self, count, str_at},
};
use crate::{CompletionRequest, Image, LlmError, Message, StopReason, TokenUsage, ToolCall};

/// Stands for the signature of a call that another provider made; the interface takes it for that.
const FOREIGN: &str = "skip_thought_signature_validator";

pub(super) fn request(request: &CompletionRequest, model: &str) -> serde_json::Result<Vec<u8>> {
    let signs = !["gemini-1", "gemini-2"].iter().any(|old| model.starts_with(old));
    let mut contents: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let (role, parts) = parts(message, signs);
        match contents.last_mut() {
            _ if parts.is_empty() => {}
            Some((last, so_far)) if *last == role => so_far.extend(parts),
            _ => contents.push((role, parts)),
        }
    }
    let contents: Vec<Value> = contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect();
    let mut body = json!({"contents": contents});
    let rules = shape::rules(request);
    if !rules.is_empty() {
        body["systemInstruction"] = json!({"parts": [{"text": rules}]});
    }
    if let Some(most) = request.max_tokens {
        body["generationConfig"] = json!({"maxOutputTokens": most});
    }
    let tools = request.tools.iter();
    let function_declarations: Vec<_> = tools
        .map(|tool| Function { name: &tool.name, description: &tool.description, parameters_json_schema: &tool.parameters })
        .collect();
    let all = (!function_declarations.is_empty()).then_some(Tools { function_declarations });
    shape::written(&body, all.as_slice())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tools<'a> {
    function_declarations: Vec<Function<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters_json_schema: &'a Value,
}

fn parts(message: &Message, signs: bool) -> (&'static str, Vec<Value>) {
    let words = |text: &str| (!text.is_empty()).then(|| json!({"text": text}));
    let shown = |image: &Image| json!({"inlineData": {"mimeType": image.media_type, "data": shape::base64(image)}});
    match message {
        Message::System { .. } => ("user", Vec::new()),
        Message::User { text, images } => ("user", words(text).into_iter().chain(images.iter().map(shown)).collect()),
        Message::Tool { call_id, name, text, images } => {
            let mut response = json!({"name": name, "response": {"result": text}});
            if let (Some(id), _) = split(call_id) {
                response["id"] = id.into();
            }
            ("user", std::iter::once(json!({"functionResponse": response})).chain(images.iter().map(shown)).collect())
        }
        Message::Assistant { text, calls } => {
            let calls = calls.iter().enumerate().map(|(i, call)| call_part(call, signs && i == 0));
            ("model", words(text).into_iter().chain(calls).collect())
        }
    }
}

fn call_part(call: &ToolCall, needs_signature: bool) -> Value {
    let (id, signature) = split(&call.id);
    let mut function = json!({"name": call.name, "args": shape::object(&call.arguments)});
    if let Some(id) = id {
        function["id"] = id.into();
    }
    let mut part = json!({"functionCall": function});
    if let Some(signature) = signature.or(needs_signature.then_some(FOREIGN)) {
        part["thoughtSignature"] = signature.into();
    }
    part
}

/// The provider's own id, if it gave one, and the signature, if there was one.
fn split(id: &str) -> (Option<&str>, Option<&str>) {
    // An id without a bar is another provider's.
    let Some((id, signature)) = id.split_once('|') else { return (None, None) };
    ((!id.starts_with('~')).then_some(id), Some(signature).filter(|signature| !signature.is_empty()))
}

pub(super) fn read(answer: &mut Answer, piece: &Value, say: Say<'_>) -> Result<(), LlmError> {
    answer.model(piece, "modelVersion");
    if let Some(usage) = piece.get("usageMetadata").filter(|usage| usage.is_object()) {
        let sum = |places: [&str; 2]| places.iter().filter_map(|place| count(usage, place)).fold(0, u64::saturating_add);
        answer.usage = Some(TokenUsage {
            input: sum(["/promptTokenCount", "/toolUsePromptTokenCount"]),
            output: sum(["/candidatesTokenCount", "/thoughtsTokenCount"]),
            cached: count(usage, "/cachedContentTokenCount").unwrap_or(0),
            cache_written: 0,
            reasoning: count(usage, "/thoughtsTokenCount").unwrap_or(0),
        });
    }
    if !str_at(piece, "/promptFeedback/blockReason").is_empty() {
        answer.stop(StopReason::Filtered);
    }
    for part in piece.pointer("/candidates/0/content/parts").and_then(Value::as_array).into_iter().flatten() {
        if let Some(call) = part.get("functionCall") {
            let key = answer.count() as u64;
            let own = str_at(call, "/id");
            let id = if own.is_empty() { format!("~{}", made_up()) } else { own.to_owned() };
            answer.call(key, &format!("{id}|{}", str_at(part, "/thoughtSignature")), str_at(call, "/name"), say)?;
            answer
                .whole_arguments(key, call.get("args").filter(|args| args.is_object()).cloned().unwrap_or_else(|| json!({})))?;
        } else if part.get("thought") != Some(&Value::Bool(true)) {
            answer.say(str_at(part, "/text"), say);
        }
    }
    match str_at(piece, "/candidates/0/finishReason") {
        "" | "FINISH_REASON_UNSPECIFIED" => {}
        "STOP" => answer.stop(StopReason::End),
        "MAX_TOKENS" => answer.stop(StopReason::Length),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" => {
            answer.stop(StopReason::Filtered)
        }
        // The model wrote a call that its own provider cannot read; the next try is often right.
        bad @ ("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL") => return Err(LlmError::Malformed(bad.to_owned())),
        other => answer.stop(StopReason::Other(other.to_owned())),
    }
    Ok(())
}
