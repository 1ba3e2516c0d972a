//! What a provider says when it refuses or fails.

use std::time::Duration;

use serde_json::Value;

use crate::LlmError;

/// Characters of a provider's message that are kept.
const MESSAGE: usize = 300;

/// By the status of an answer that is none.
pub(crate) fn of_status(status: u16, said: &str, retry_after: Option<Duration>) -> LlmError {
    let message = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    match status {
        401 | 403 => LlmError::Auth(message),
        429 => LlmError::RateLimited { message, retry_after },
        300..=399 => LlmError::Invalid(format!("{message}; it redirects, so its base URL has to be where it leads")),
        408 | 409 | 425 | 500..=599 => LlmError::Overloaded { message, retry_after },
        _ => LlmError::Invalid(message),
    }
}

/// By what an answer with a good status says of an error; providers use numbers, words, or both.
pub(super) fn of_error(error: &Value) -> LlmError {
    let message = text(error);
    let field = |name: &str| error.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_lowercase));
    let words: Vec<String> = ["code", "type", "status"].into_iter().filter_map(field).collect();
    let says = |any: &[&str]| words.iter().any(|word| any.iter().any(|part| word.contains(part)));
    if says(&["authentication", "permission", "api_key", "unauthenticated", "401", "403"]) {
        LlmError::Auth(message)
    } else if says(&["rate_limit", "quota", "resource_exhausted", "429"]) {
        LlmError::RateLimited { message, retry_after: None }
    } else if says(&["invalid", "not_found", "failed_precondition", "400", "404", "413", "422", "context_length", "too_large"]) {
        LlmError::Invalid(message)
    } else {
        LlmError::Overloaded { message, retry_after: None }
    }
}

/// The error in an answer of a good status, if it is one.
pub(crate) fn of_body(body: &str) -> Option<LlmError> {
    let value: Value = serde_json::from_str(body).ok()?;
    value.get("error").filter(|error| !error.is_null()).map(of_error)
}

/// The message of an error's body, or its first characters.
pub(crate) fn message_of(body: &[u8]) -> String {
    let raw = String::from_utf8_lossy(body);
    match serde_json::from_str::<Value>(&raw) {
        Ok(Value::Array(list)) => list.first().map_or_else(String::new, |first| text(first.get("error").unwrap_or(first))),
        Ok(value) => text(value.get("error").unwrap_or(&value)),
        Err(_) => shorten(&raw),
    }
}

fn text(error: &Value) -> String {
    let message = error.get("message").unwrap_or(error);
    shorten(&message.as_str().map_or_else(|| message.to_string(), str::to_owned))
}

fn shorten(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect()
}
