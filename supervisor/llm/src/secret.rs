//! Keys that never reach a log.

use std::{fmt, sync::Arc};

/// Secret text; shown as `[redacted]`.
#[derive(Clone)]
pub struct Secret {
    text: String,
    used: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), used: None }
    }

    /// The same, of which `told` hears each time it is added to a request.
    #[must_use]
    pub fn on_use(self, told: impl Fn() + Send + Sync + 'static) -> Self {
        Self { used: Some(Arc::new(told)), ..self }
    }

    /// The text itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// It is being added to a request.
    pub(crate) fn used(&self) {
        if let Some(told) = &self.used {
            told();
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
