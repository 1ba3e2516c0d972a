//! How a request to a model fails.

use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The key is missing, wrong or may not use this model.
    #[error("the provider refused the key: {0}")]
    Auth(String),
    /// Too many requests or no quota.
    #[error("the provider limits requests: {message}")]
    RateLimited {
        /// What the provider said.
        message: String,
        /// When it may be tried again.
        retry_after: Option<Duration>,
    },
    /// The provider has a problem of its own.
    #[error("the provider is overloaded or failing: {message}")]
    Overloaded {
        /// What the provider said.
        message: String,
        /// When it may be tried again.
        retry_after: Option<Duration>,
    },
    /// The provider understood the request and refused it.
    #[error("the provider refused the request: {0}")]
    Invalid(String),
    /// The provider could not be reached, or the connection broke.
    #[error("the provider cannot be reached: {0}")]
    Network(String),
    /// The provider went silent.
    #[error("the provider did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The answer is not what the interface promises.
    #[error("the provider's answer cannot be read: {0}")]
    Malformed(String),
}

impl LlmError {
    /// The same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Auth(_) | Self::Invalid(_))
    }

    /// When the provider wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
