//! How a request to a model fails.

use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// There is no key to ask with.
    #[error("there is no key for the provider: {0}")]
    NoKey(String),
    /// The key is wrong or may not use this model.
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
    /// The provider failed again and again, and is left alone for a while.
    #[error("the provider failed {failures} times in a row and is asked again in {} s: {last}", .rest.as_secs().max(1))]
    Resting {
        /// Failures in a row.
        failures: u32,
        /// Until it is asked again.
        rest: Duration,
        /// The last failure.
        last: String,
    },
    /// The provider understood the request and refused it.
    #[error("the provider refused the request: {0}")]
    Invalid(String),
    /// The provider could not be reached, or the connection broke.
    #[error("the provider cannot be reached: {0}")]
    Network(String),
    /// The provider went silent, or took too long in all.
    #[error("the provider did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The answer is not what the interface promises.
    #[error("the provider's answer cannot be read: {0}")]
    Malformed(String),
    /// The answer is longer than anybody needs.
    #[error("the provider's answer is longer than {0} bytes and was not read on")]
    TooLarge(usize),
    /// No provider of a chain answered.
    #[error("no provider answered: {0}")]
    Exhausted(String),
}

impl LlmError {
    /// The same request may succeed later.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Overloaded { .. } | Self::Network(_) | Self::Timeout(_) | Self::Malformed(_)
        )
    }

    /// When the provider wants to be asked again.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Overloaded { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The same error with its message changed.
    #[must_use]
    pub(crate) fn map_message(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::NoKey(message) => Self::NoKey(change(message)),
            Self::Auth(message) => Self::Auth(change(message)),
            Self::RateLimited { message, retry_after } => Self::RateLimited { message: change(message), retry_after },
            Self::Overloaded { message, retry_after } => Self::Overloaded { message: change(message), retry_after },
            Self::Invalid(message) => Self::Invalid(change(message)),
            Self::Network(message) => Self::Network(change(message)),
            Self::Malformed(message) => Self::Malformed(change(message)),
            Self::Exhausted(message) => Self::Exhausted(change(message)),
            same @ (Self::Resting { .. } | Self::Timeout(_) | Self::TooLarge(_)) => same,
        }
    }
}
