//! A secret in the open.

use std::fmt;

use zeroize::Zeroizing;

/// Shortest value, bytes: a shorter one is guessed, and could not be scrubbed from answers without harming them.
pub const MIN_BYTES: usize = 8;
/// Longest value, bytes.
pub const MAX_BYTES: usize = 16 << 10;

/// The text of a secret; shown as `[redacted]`, wiped when dropped.
#[derive(Clone)]
pub struct Value(Zeroizing<String>);

/// Text that cannot be a secret. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedValue {
    /// Fewer than [`MIN_BYTES`].
    #[error("a secret has at least {MIN_BYTES} bytes")]
    Short,
    /// More than [`MAX_BYTES`].
    #[error("a secret has at most {} KiB", MAX_BYTES >> 10)]
    Long,
    /// A line end or another control character: it could not travel in a header.
    #[error("a secret holds no control characters, also no line ends")]
    Control,
    /// A placeholder: somebody mistook what an agent sees for the secret.
    #[error("this is a placeholder that agents see, not a secret")]
    Placeholder,
}

impl Value {
    /// Takes `text` over.
    ///
    /// # Errors
    /// What keeps it from being a secret.
    pub fn new(text: String) -> Result<Self, RefusedValue> {
        let value = Self(Zeroizing::new(text));
        match value.expose() {
            text if text.len() < MIN_BYTES => Err(RefusedValue::Short),
            text if text.len() > MAX_BYTES => Err(RefusedValue::Long),
            text if text.chars().any(char::is_control) => Err(RefusedValue::Control),
            text if text.starts_with(crate::PLACEHOLDER) => Err(RefusedValue::Placeholder),
            _ => Ok(value),
        }
    }

    /// The text itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_can_travel_and_shows_nothing() {
        let refused = |text: &str| Value::new(text.to_owned()).expect_err("refused");
        assert_eq!(refused("short"), RefusedValue::Short);
        assert_eq!(refused(&"x".repeat(MAX_BYTES + 1)), RefusedValue::Long);
        assert_eq!(refused("key\r\nHost: evil"), RefusedValue::Control);
        assert_eq!(refused("aether-placeholder-0123"), RefusedValue::Placeholder);
        let value = Value::new("sk-canary-0123".to_owned()).expect("a value");
        assert_eq!((format!("{value:?}").as_str(), value.expose()), ("[redacted]", "sk-canary-0123"));
    }
}
