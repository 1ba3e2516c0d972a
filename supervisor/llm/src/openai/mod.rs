//! Any endpoint that speaks the OpenAI interface (`POST BASE/chat/completions`, streamed).

mod retry;
mod sse;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use reqwest::{Client, Response, Url, header};
use tokio::time::timeout;

use crate::{Completion, CompletionRequest, Delta, LlmError, Provider, Secret};
use sse::Lines;
use wire::Answer;

/// Largest answer read, bytes.
const MAX_BODY: usize = 10 << 20;
/// Largest error body read, bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// An OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct OpenAi {
    client: Client,
    endpoint: Url,
    key: Option<Secret>,
    model: String,
    timing: Timing,
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest silence, before the first byte and between pieces.
    pub idle: Duration,
    /// Tries in all.
    pub tries: u32,
    /// Wait before the second try; doubled for each further one.
    pub backoff: Duration,
    /// Longest wait before a try; a longer `Retry-After` ends the request with the error at once.
    pub longest_backoff: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            tries: 5,
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(60),
        }
    }
}

impl OpenAi {
    /// An endpoint below `base_url` (for example `https://api.openai.com/v1`), `http://` included; `key` is sent as a bearer token.
    ///
    /// # Errors
    /// [`LlmError::Invalid`] when the URL is not one of HTTP.
    pub fn new(base_url: &str, key: Option<Secret>, model: impl Into<String>) -> Result<Self, LlmError> {
        Self::with_timing(base_url, key, model, Timing::default())
    }

    /// As [`OpenAi::new`] with other limits of time.
    ///
    /// # Errors
    /// As [`OpenAi::new`].
    pub fn with_timing(base_url: &str, key: Option<Secret>, model: impl Into<String>, timing: Timing) -> Result<Self, LlmError> {
        let invalid = |problem: String| LlmError::Invalid(format!("{problem} (base URL of the endpoint)"));
        let endpoint = format!("{}/chat/completions", base_url.trim_end_matches('/'));
        let endpoint = Url::parse(&endpoint).map_err(|e| invalid(e.to_string()))?;
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(invalid(format!("{} is neither http nor https", endpoint.scheme())));
        }
        // Another part of the program may have installed a provider first; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = || {
            Client::builder()
                .connect_timeout(timing.connect)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("aether/", env!("CARGO_PKG_VERSION")))
        };
        let built = client().build().or_else(|error| match endpoint.scheme() {
            // A host may have no certificates of authorities; here none are needed.
            "http" => client().tls_certs_only([]).build(),
            _ => Err(error),
        });
        let client = built.map_err(|e| LlmError::Network(describe(&e)))?;
        Ok(Self { client, endpoint, key, model: model.into(), timing })
    }

    async fn ask(&self, body: &wire::Request<'_>, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
        let mut request = self.client.post(self.endpoint.clone()).header(header::ACCEPT, "text/event-stream").json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let response = self.within_idle(request.send()).await?.map_err(|e| network(&e))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        self.read(response, body.model, on_delta).await
    }

    async fn read(
        &self,
        response: Response,
        model: &str,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let streamed = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.starts_with("text/event-stream"));
        if !streamed {
            // Some endpoints ignore `stream` and answer at once.
            let body = self.body(response, MAX_BODY).await?;
            return wire::whole(&body, model, on_delta);
        }
        let mut stream = response.bytes_stream();
        let mut lines = Lines::default();
        let mut answer = Answer::new(model);
        let mut total = 0;
        while let Some(chunk) = self.within_idle(stream.next()).await? {
            let chunk = chunk.map_err(|e| network(&e))?;
            total += chunk.len();
            if total > MAX_BODY {
                return Err(LlmError::Malformed(format!("longer than {MAX_BODY} bytes")));
            }
            for data in lines.push(&chunk)? {
                if data == "[DONE]" {
                    return answer.finish();
                }
                answer.add(&data, on_delta)?;
            }
        }
        if answer.is_ended() { answer.finish() } else { Err(LlmError::Network("the answer was cut off".into())) }
    }

    async fn refusal(&self, response: Response) -> LlmError {
        let status = response.status().as_u16();
        let wait = retry::retry_after(response.headers());
        let body = self.body(response, MAX_ERROR_BODY).await.unwrap_or_default();
        let message = format!("HTTP {status}: {}", wire::error_message(&body));
        match status {
            401 | 403 => LlmError::Auth(message),
            429 => LlmError::RateLimited { message, retry_after: wait },
            408 | 409 | 500..=599 => LlmError::Overloaded { message, retry_after: wait },
            _ => LlmError::Invalid(message),
        }
    }

    async fn body(&self, response: Response, limit: usize) -> Result<Vec<u8>, LlmError> {
        let mut stream = response.bytes_stream();
        let mut body = Vec::new();
        while let Some(chunk) = self.within_idle(stream.next()).await? {
            let chunk = chunk.map_err(|e| network(&e))?;
            if body.len() + chunk.len() > limit {
                return Err(LlmError::Malformed(format!("longer than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn within_idle<F: Future>(&self, wait: F) -> Result<F::Output, LlmError> {
        timeout(self.timing.idle, wait).await.map_err(|_| LlmError::Timeout(self.timing.idle))
    }
}

#[async_trait]
impl Provider for OpenAi {
    fn name(&self) -> &str {
        "openai"
    }

    fn default_model(&self) -> String {
        self.model.clone()
    }

    async fn complete(
        &self,
        request: CompletionRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let body = wire::Request::new(&request, &self.model);
        let mut attempt = 1;
        loop {
            let mut shown = false;
            let mut forward = |delta: Delta| {
                shown = true;
                on_delta(delta);
            };
            let error = match self.ask(&body, &mut forward).await {
                Ok(completion) => return Ok(completion),
                Err(error) => error,
            };
            let Some(wait) = retry::wait(&self.timing, attempt, &error) else { return Err(error) };
            tracing::debug!(attempt, wait_ms = wait.as_millis() as u64, %error, "asking the provider again");
            if shown {
                on_delta(Delta::Restart);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

fn network(error: &reqwest::Error) -> LlmError {
    LlmError::Network(describe(error))
}

/// The chain of causes; the outermost alone says only that something failed. URLs are left out: they may carry keys.
fn describe(error: &reqwest::Error) -> String {
    let mut text = match error.is_connect() {
        true => "no connection".to_owned(),
        false => "the connection failed".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
