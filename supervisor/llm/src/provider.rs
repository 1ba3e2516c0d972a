//! The trait of every source of answers.

use async_trait::async_trait;

use crate::{Completion, CompletionRequest, Delta, LlmError};

/// Messages of the recent past that a model is shown in full unless the provider says otherwise.
pub const DEFAULT_HISTORY: usize = 20;

/// Something that answers conversations.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Name as in `PROVIDER/MODEL`.
    fn name(&self) -> &str;

    /// Model used when a request names none.
    fn default_model(&self) -> String;

    /// How many of the newest messages it wants in full; older ones come as a summary.
    fn history(&self) -> usize {
        DEFAULT_HISTORY
    }

    /// Does this model take images? The default model is meant when none is named.
    fn sees(&self, _model: Option<&str>) -> bool {
        false
    }

    /// Answers. Dropping the future ends the request; `on_delta` sees the pieces as they arrive.
    ///
    /// # Errors
    /// After its own retries: what went wrong, by kind.
    async fn complete(
        &self,
        request: CompletionRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError>;
}
