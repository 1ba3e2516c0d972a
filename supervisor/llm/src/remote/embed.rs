//! Vectors of a provider behind HTTP.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::header;
use serde_json::Value;
use tokio::time::timeout;

use super::{Remote, http, redacted, retry};
use crate::{
    Embedder, LlmError,
    embed::{Embedded, MOST_TEXTS},
};

/// Longest wait for vectors, further tries included. Whoever asks can do without.
const PATIENCE: Duration = Duration::from_secs(20);

/// One model of a provider that gives vectors.
#[derive(Clone)]
pub struct Embedding {
    remote: Arc<Remote>,
    model: String,
    name: String,
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Embedding").field(&self.name).finish()
    }
}

impl Embedding {
    /// This model of a provider.
    ///
    /// # Errors
    /// [`LlmError::Invalid`] where the interface has no vectors.
    pub fn new(remote: Arc<Remote>, model: &str) -> Result<Self, LlmError> {
        if remote.interface().embedding(model, &[]).is_none() {
            let why = format!("the interface {} has no embeddings", remote.interface().name());
            return Err(LlmError::Invalid(why));
        }
        let name = format!("{}/{model}", remote.endpoint.name);
        Ok(Self { remote, model: model.to_owned(), name })
    }

    async fn ask(&self, parts: &[String], body: &Value, texts: &[String]) -> Result<Embedded, LlmError> {
        let remote = &self.remote;
        let url = remote.url(parts.iter().map(String::as_str), None)?;
        let (key, request) = remote.signed(remote.client.post(url))?;
        let bytes = serde_json::to_vec(body).map_err(|error| LlmError::Invalid(error.to_string()))?;
        let asked = async {
            let response = request.header(header::CONTENT_TYPE, "application/json").body(bytes).send().await;
            let answer = http::json(response.map_err(|error| http::network(&error))?, &remote.endpoint.timing).await?;
            let vectors = remote.interface().embedded(&answer, texts.len())?;
            let guess = || texts.iter().map(|text| text.len() as u64 / 4 + 1).sum();
            Ok(Embedded { vectors, tokens: remote.interface().embedding_tokens(&answer).unwrap_or_else(guess) })
        };
        asked.await.map_err(|error| redacted(error, key.as_ref()))
    }
}

#[async_trait]
impl Embedder for Embedding {
    fn name(&self) -> &str {
        &self.name
    }

    async fn embed(&self, texts: &[String]) -> Result<Embedded, LlmError> {
        if texts.is_empty() {
            return Ok(Embedded { vectors: Vec::new(), tokens: 0 });
        }
        let question = self.remote.interface().embedding(&self.model, texts).filter(|_| texts.len() <= MOST_TEXTS);
        let Some((parts, body)) = question else {
            return Err(LlmError::Invalid(format!("{} texts at once, of at most {MOST_TEXTS}", texts.len())));
        };
        let asked = async {
            let mut attempt = 1;
            loop {
                let error = match self.ask(&parts, &body, texts).await {
                    Ok(embedded) => return Ok(embedded),
                    Err(error) => error,
                };
                let Some(wait) = retry::wait(&self.remote.endpoint.timing, attempt, &error) else { return Err(error) };
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
        };
        timeout(PATIENCE, asked).await.map_err(|_| LlmError::Timeout(PATIENCE))?
    }
}
