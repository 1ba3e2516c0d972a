//! Texts as vectors, so that those which mean the same lie close together.

use async_trait::async_trait;

use crate::LlmError;

/// Most texts of one request.
pub const MOST_TEXTS: usize = 64;
/// The longest vector that is taken, numbers.
pub const MOST_DIMENSIONS: usize = 4096;

/// Vectors, and what they took.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One of length 1 for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of the texts, as the provider counted them; estimated at four bytes each where it does not say.
    pub tokens: u64,
}

/// Something that turns texts into vectors.
#[async_trait]
pub trait Embedder: std::fmt::Debug + Send + Sync {
    /// `PROVIDER/MODEL`. Vectors of different names have nothing to do with each other.
    fn name(&self) -> &str;

    /// One vector of length 1 for each text, in their order. All have the same number of dimensions, at most [`MOST_DIMENSIONS`].
    ///
    /// # Errors
    /// What went wrong, by kind. [`LlmError::Invalid`] for more than [`MOST_TEXTS`] texts.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, LlmError>;
}
