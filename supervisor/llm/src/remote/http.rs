//! Reads answers within bounds of time and size, whatever the other side does.

use futures_util::StreamExt;
use reqwest::{Response, header};
use serde_json::Value;
use tokio::time::timeout;

use super::{Timing, lines::Lines, retry};
use crate::{
    Completion, Interface, LlmError,
    wire::{self, Answer, Say},
};

/// Largest answer read, bytes.
const MAX_BODY: usize = 10 << 20;
/// Largest error body read, bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// An answer, streamed or in one piece.
pub(super) async fn read(
    response: Response,
    interface: Interface,
    model: &str,
    timing: &Timing,
    say: Say<'_>,
) -> Result<Completion, LlmError> {
    let response = acceptable(response, timing).await?;
    let kind = content_type(&response);
    let mut answer = Answer::new(model);
    if !matches!(kind.as_str(), "text/event-stream" | "application/x-ndjson" | "application/stream+json") {
        // Some ignore the wish for a stream and answer at once, some name their streams something else.
        let body = text(body(response, MAX_BODY, timing).await?)?;
        whole(interface, &mut answer, &body, &kind, say)?;
        return answer.finish();
    }
    let mut stream = response.bytes_stream();
    let mut lines = Lines::new(kind != "text/event-stream");
    let mut total = 0;
    loop {
        let next = timeout(timing.idle, stream.next()).await.map_err(|_| LlmError::Timeout(timing.idle))?;
        let chunk = match next {
            Some(Ok(chunk)) => chunk,
            // What breaks after the end was marked breaks nothing.
            Some(Err(_)) if answer.is_ended() => return answer.finish(),
            Some(Err(error)) => return Err(network(&error)),
            None => break,
        };
        total += chunk.len();
        if total > MAX_BODY {
            return Err(LlmError::TooLarge(MAX_BODY));
        }
        for data in lines.push(&chunk)? {
            if data == "[DONE]" {
                return answer.finish();
            }
            interface.read(&mut answer, &data, say)?;
        }
    }
    // The last line may lack its line feed.
    if let Some(data) = lines.rest()?.filter(|data| data != "[DONE]") {
        interface.read(&mut answer, &data, say)?;
    }
    if answer.is_ended() { answer.finish() } else { Err(LlmError::Network("the answer was cut off".into())) }
}

fn whole(interface: Interface, answer: &mut Answer, body: &str, kind: &str, say: Say<'_>) -> Result<(), LlmError> {
    let trimmed = body.trim_start();
    let bare = interface == Interface::Ollama;
    let is_lines = bare || ["data:", "event:", ":"].iter().any(|start| trimmed.starts_with(start));
    if (bare || !is_lines) && !kind.ends_with("json") && !trimmed.starts_with(['{', '[']) {
        let begins: String = trimmed.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let kind = if kind.is_empty() { "no content type" } else { kind };
        return Err(LlmError::Malformed(format!("it is no answer of a model ({kind}): {begins}")));
    }
    if !is_lines {
        return interface.read(answer, body, say);
    }
    let mut lines = Lines::new(bare);
    let found = lines.push(body.as_bytes())?;
    for data in found.into_iter().chain(lines.rest()?).take_while(|data| data != "[DONE]") {
        interface.read(answer, &data, say)?;
    }
    if answer.is_ended() { Ok(()) } else { Err(LlmError::Network("the answer was cut off".into())) }
}

/// A whole answer that is JSON.
pub(super) async fn json(response: Response, timing: &Timing) -> Result<Value, LlmError> {
    let response = acceptable(response, timing).await?;
    let body = text(body(response, MAX_BODY, timing).await?)?;
    if let Some(error) = wire::of_body(&body) {
        return Err(error);
    }
    serde_json::from_str(&body).map_err(|error| LlmError::Malformed(error.to_string()))
}

/// An answer that is none becomes the error that it tells.
async fn acceptable(response: Response, timing: &Timing) -> Result<Response, LlmError> {
    let status = response.status();
    let packed = response.headers().get(header::CONTENT_ENCODING).is_some_and(|how| how != "identity");
    if !status.is_success() {
        let retry_after = retry::retry_after(response.headers());
        let body = if packed { Vec::new() } else { body(response, MAX_ERROR_BODY, timing).await.unwrap_or_default() };
        return Err(wire::of_status(status.as_u16(), &wire::message_of(&body), retry_after));
    }
    if packed {
        return Err(LlmError::Malformed("it is packed (Content-Encoding) although nobody asked for that".into()));
    }
    Ok(response)
}

async fn body(response: Response, limit: usize, timing: &Timing) -> Result<Vec<u8>, LlmError> {
    let mut stream = response.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = timeout(timing.idle, stream.next()).await.map_err(|_| LlmError::Timeout(timing.idle))? {
        let chunk = chunk.map_err(|error| network(&error))?;
        if body.len() + chunk.len() > limit {
            return Err(LlmError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn text(body: Vec<u8>) -> Result<String, LlmError> {
    String::from_utf8(body).map_err(|_| LlmError::Malformed("it is not UTF-8".into()))
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The chain of causes; the outermost alone says only that something failed. URLs are left out: they may carry keys.
pub(super) fn network(error: &reqwest::Error) -> LlmError {
    let mut text = if error.is_connect() { "no connection".to_owned() } else { "the connection failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        // The layers in between only name themselves.
        if !said.starts_with("client error (") && said != "tcp connect error" {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    LlmError::Network(text)
}
