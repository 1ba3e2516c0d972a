//! A provider behind HTTP: asked, read within bounds, and asked again where that helps.

mod embed;
mod http;
mod lines;
mod retry;
mod unseen;

pub use embed::Embedding;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Url, header};
use serde_json::Value;
use tokio::time::timeout;

use crate::{Completion, CompletionRequest, Delta, Interface, LlmError, Provider, Secret, Sight};

/// Longest wait before the second and last try where somebody else can answer.
const BRIEF: Duration = Duration::from_secs(5);

/// Gives the key for a request that is about to go out; `None` where none is needed, in words why there is none.
pub type KeySource = Arc<dyn Fn() -> Result<Option<Secret>, String> + Send + Sync>;

/// Where a provider is and how to speak to it.
#[derive(Clone)]
pub struct Endpoint {
    /// Name as in `PROVIDER/MODEL`.
    pub name: String,
    /// What it speaks.
    pub interface: Interface,
    /// Base URL as the provider's own libraries take it: `https://api.openai.com/v1`, `https://api.anthropic.com`.
    pub base_url: String,
    /// Its key.
    pub key: KeySource,
    /// Model for requests that name none.
    pub model: String,
    /// Which of its models take images.
    pub images: Sight,
    /// How long to wait and how often to try.
    pub timing: Timing,
}

impl Endpoint {
    /// One with a key that does not change, no images, and the usual times.
    pub fn new(name: &str, interface: Interface, base_url: &str, key: Option<Secret>, model: &str) -> Self {
        Self {
            name: name.to_owned(),
            interface,
            base_url: base_url.to_owned(),
            key: Arc::new(move || Ok(key.clone())),
            model: model.to_owned(),
            images: Sight::Said(false),
            timing: Timing::default(),
        }
    }
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest silence, before the first byte and between pieces.
    pub idle: Duration,
    /// Longest time until the answer is whole, further tries included.
    pub total: Duration,
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
            idle: Duration::from_secs(120),
            total: Duration::from_secs(900),
            tries: 5,
            backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(60),
        }
    }
}

/// A provider behind HTTP.
#[derive(Clone)]
pub struct Remote {
    client: Client,
    endpoint: Endpoint,
    base: Url,
    refused: unseen::Refused,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { name, interface, model, .. } = &self.endpoint;
        f.debug_struct("Remote").field("name", name).field("interface", interface).field("model", model).finish_non_exhaustive()
    }
}

impl Remote {
    /// An endpoint that nothing was asked of yet.
    ///
    /// # Errors
    /// [`LlmError::Invalid`] when the base URL is not one of HTTP, [`LlmError::Network`] when no client can be made.
    pub fn new(endpoint: Endpoint) -> Result<Self, LlmError> {
        let invalid = |problem: String| LlmError::Invalid(format!("{problem} (base URL of {})", endpoint.name));
        let base = Url::parse(&endpoint.base_url).map_err(|error| invalid(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(invalid(format!("{} is neither http nor https", base.scheme())));
        }
        // Another part of the program may have installed a provider first; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(endpoint.timing.connect)
            // The key goes to where it was configured for, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("aether/", env!("CARGO_PKG_VERSION")));
        // Without TLS no certificates are needed, which a host may not have, and which take a while to be read.
        let client = if base.scheme() == "http" { client.tls_certs_only([]) } else { client };
        let client = client.build().map_err(|error| http::network(&error))?;
        Ok(Self { client, endpoint, base, refused: unseen::Refused::default() })
    }

    /// The same, for where somebody else can answer: it gives up soon.
    #[must_use]
    pub fn brief(&self) -> Self {
        let mut brief = self.clone();
        brief.endpoint.timing.tries = brief.endpoint.timing.tries.min(2);
        brief.endpoint.timing.longest_backoff = brief.endpoint.timing.longest_backoff.min(BRIEF);
        brief
    }

    /// What it speaks.
    pub const fn interface(&self) -> Interface {
        self.endpoint.interface
    }

    /// Asks which models there are: shows whether the provider is there and takes the key.
    ///
    /// # Errors
    /// Why it cannot be used, after one try.
    pub async fn models(&self, within: Duration) -> Result<Vec<String>, LlmError> {
        let url = self.url(self.interface().list().iter().copied(), None)?;
        let (key, request) = self.signed(self.client.get(url))?;
        let listed = async {
            let response = request.send().await.map_err(|error| http::network(&error))?;
            http::json(response, &self.endpoint.timing).await
        };
        let list: Value = timeout(within, listed)
            .await
            .map_err(|_| LlmError::Timeout(within))?
            .map_err(|error| redacted(error, key.as_ref()))?;
        let mut models = self.interface().listed(&list);
        models.sort_unstable();
        Ok(models)
    }

    /// A path below the base URL; a name in it may hold any character.
    fn url<'a>(&self, parts: impl Iterator<Item = &'a str>, query: Option<&str>) -> Result<Url, LlmError> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| LlmError::Invalid("the base URL has no path".into()))?.pop_if_empty().extend(parts);
        url.set_query(query);
        Ok(url)
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> Result<(Option<Secret>, reqwest::RequestBuilder), LlmError> {
        let key = (self.endpoint.key)().map_err(LlmError::NoKey)?;
        let request = match self.interface() {
            Interface::Anthropic => request.header("anthropic-version", "2023-06-01"),
            _ => request,
        };
        let Some(key) = key else { return Ok((None, request)) };
        key.used();
        let (name, text) = match self.interface() {
            Interface::Anthropic => ("x-api-key", key.expose().to_owned()),
            Interface::Gemini => ("x-goog-api-key", key.expose().to_owned()),
            _ => (header::AUTHORIZATION.as_str(), format!("Bearer {}", key.expose())),
        };
        let mut value = header::HeaderValue::from_str(&text)
            .map_err(|_| LlmError::NoKey("the key has characters that no header can carry".into()))?;
        value.set_sensitive(true);
        Ok((Some(key), request.header(name, value)))
    }

    async fn ask(&self, model: &str, body: &Bytes, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
        let (parts, query) = self.interface().question(model);
        let url = self.url(parts.iter().map(String::as_str), query)?;
        let (key, request) = self.signed(self.client.post(url))?;
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        let asked = async {
            let sent = timeout(self.endpoint.timing.idle, request.send()).await;
            let response = sent.map_err(|_| LlmError::Timeout(self.endpoint.timing.idle))?.map_err(|e| http::network(&e))?;
            http::read(response, self.interface(), model, &self.endpoint.timing, on_delta).await
        };
        asked.await.map_err(|error| redacted(error, key.as_ref()))
    }

    fn body(&self, request: &CompletionRequest, model: &str) -> Result<Bytes, LlmError> {
        let body = self.interface().body(request, model);
        body.map(Bytes::from).map_err(|error| LlmError::Invalid(format!("the question cannot be written: {error}")))
    }

    /// Asks until there is an answer, or asking again does not help.
    async fn ask_patiently(
        &self,
        model: &str,
        body: &Bytes,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let mut attempt = 1;
        loop {
            let mut shown = false;
            let mut forward = |delta: Delta| {
                shown = true;
                on_delta(delta);
            };
            let error = match self.ask(model, body, &mut forward).await {
                Ok(completion) => return Ok(Completion { provider: self.endpoint.name.clone(), ..completion }),
                Err(error) => error,
            };
            if shown {
                on_delta(Delta::Restart);
            }
            let Some(wait) = retry::wait(&self.endpoint.timing, attempt, &error) else { return Err(error) };
            tracing::debug!(attempt, wait_ms = wait.as_millis() as u64, %error, "asking the provider again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

#[async_trait]
impl Provider for Remote {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn default_model(&self) -> String {
        self.endpoint.model.clone()
    }

    fn sees(&self, model: Option<&str>) -> bool {
        self.endpoint.images.of(model.unwrap_or(&self.endpoint.model))
    }

    async fn complete(
        &self,
        mut request: CompletionRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let model = request.model.take().unwrap_or_else(|| self.endpoint.model.clone());
        self.refused.describe(&mut request.messages, self.endpoint.images.of(&model));
        let shown = unseen::shown(&request.messages);
        let body = self.body(&request, &model)?;
        let request = (!shown.is_empty()).then_some(request);
        let total = self.endpoint.timing.total;
        let patiently = async {
            let answered = self.ask_patiently(&model, &body, on_delta).await;
            let (Err(LlmError::Invalid(why)), Some(mut request)) = (&answered, request) else { return answered };
            drop(body);
            // One file that is no picture must not end a whole conversation: without the pictures there may be an answer.
            tracing::info!(provider = self.endpoint.name, why, "a question with images was refused; it is asked without them");
            unseen::leave_out(&mut request.messages, unseen::NOT_TAKEN, |_| true);
            let answered = self.ask_patiently(&model, &self.body(&request, &model)?, on_delta).await;
            if answered.is_ok() {
                self.refused.remember(shown);
            }
            answered
        };
        timeout(total, patiently).await.map_err(|_| LlmError::Timeout(total))?
    }
}

/// A provider may repeat the key in its message.
fn redacted(error: LlmError, key: Option<&Secret>) -> LlmError {
    let Some(key) = key.map(Secret::expose).filter(|key| !key.is_empty()) else { return error };
    error.map_message(|message| message.replace(key, "[redacted]"))
}
