//! Where in a file a key or an error is.

use std::{fmt, path::Path};

use toml::de::{DeTable, DeValue};

/// A configuration that cannot be used. Reads `FILE:LINE: KEY: cause`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct ConfigError {
    place: String,
    cause: String,
    fix: String,
}

impl ConfigError {
    /// At a place that is shown as it is.
    pub(super) fn new(place: impl fmt::Display, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: place.to_string(), cause: cause.into().replace('\n', " "), fix: fix.into() }
    }

    /// At a key of a file.
    pub(super) fn at(path: &Path, line: usize, key: &str, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        let path = path.display();
        let place = if key.is_empty() { format!("{path}:{line}") } else { format!("{path}:{line}: {key}") };
        Self::new(place, cause, fix)
    }

    /// What to do about it, one line.
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

/// What a file cannot be read for, with its line and key.
pub(super) fn of_toml(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    // A text that is no TOML has no keys; what stands before the equals sign of the line is the best that can be said.
    let key = match DeTable::parse(text) {
        Ok(table) => key_at(table.get_ref(), at).unwrap_or_default(),
        Err(_) => line_at(text, at).split_once('=').map_or_else(String::new, |(key, _)| key.trim().to_owned()),
    };
    let fix = if error.message().starts_with("unknown field") {
        "correct the name or remove the line; docs/CONFIGURATION.md lists every key"
    } else {
        "correct or remove that line; every key is optional"
    };
    ConfigError::at(path, line_number(text, at), &key, error.message(), fix)
}

/// Line, from 1, of the key `a.b.c`; `None` when the file does not set it.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut parts = key.split('.').peekable();
    let mut inner = table.get_ref();
    while let Some(part) = parts.next() {
        let (name, value) = inner.iter().find(|(name, _)| name.get_ref().as_ref() == part)?;
        if parts.peek().is_none() {
            return Some(line_number(text, name.span().start));
        }
        inner = value.get_ref().as_table()?;
    }
    None
}

/// Line, from 1, of a byte.
pub(super) fn line_number(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

fn line_at(text: &str, at: usize) -> &str {
    text.lines().nth(line_number(text, at) - 1).unwrap_or_default()
}

/// The dotted key whose name or value is at byte `at`.
fn key_at(table: &DeTable<'_>, at: usize) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let own = name.get_ref().as_ref();
        let below = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, at),
            _ => None,
        };
        below.map(|below| format!("{own}.{below}")).or_else(|| {
            let meant = name.span().contains(&at) || value.span().contains(&at);
            meant.then(|| own.to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[b]\nc.d = 2\n\n[b.e]\nf = { g = 3 }\n";

    #[test]
    fn finds_keys_however_they_are_written() {
        let line = |key| line_of(TEXT, key);
        assert_eq!((line("a"), line("b.c.d"), line("b.e.f.g")), (Some(1), Some(3), Some(6)));
        assert_eq!((line("b.x"), line("a.x")), (None, None));
    }

    #[test]
    fn names_the_key_at_a_place() {
        let table = DeTable::parse(TEXT).expect("TOML");
        let key = |what: &str| key_at(table.get_ref(), TEXT.find(what).expect("there"));
        assert_eq!(key("2").as_deref(), Some("b.c.d"));
        assert_eq!(key("g").as_deref(), Some("b.e.f.g"));
    }
}
