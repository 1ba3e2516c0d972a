//! Refusals in the words of the interface that was asked, so that its libraries show cause and fix.

use aether_protocol::ModelProvider;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Response, StatusCode, header};
use serde_json::json;

use crate::answer::AnswerBody;

/// Why the gateway itself says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Cause and fix, one line.
    pub(crate) message: String,
    /// Seconds after which to ask again.
    pub(crate) retry_after: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    /// As an answer.
    pub(crate) fn answer(&self, provider: Option<ModelProvider>) -> Response<AnswerBody> {
        let (status, message) = (self.status.as_u16(), &self.message);
        let body = match provider {
            Some(ModelProvider::Anthropic) => {
                json!({ "type": "error", "error": { "type": anthropic(self.status), "message": message } })
            }
            Some(ModelProvider::Gemini) => {
                json!({ "error": { "code": status, "message": message, "status": gemini(self.status) } })
            }
            Some(ModelProvider::Ollama) => json!({ "error": message }),
            Some(ModelProvider::Openai) | None => {
                json!({ "error": { "message": message, "type": "aether_gateway", "param": null, "code": status.to_string() } })
            }
        };
        let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        // Says to people and programs that this is not the provider's answer.
        headers.insert("x-aether-gateway", header::HeaderValue::from_static("refused"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn anthropic(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        _ => "api_error",
    }
}

fn gemini(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 413 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNAVAILABLE",
    }
}
