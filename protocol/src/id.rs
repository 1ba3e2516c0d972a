//! Names and ids. Each parses from text exactly once, at the edge, and is valid from then on.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// Text that is not a valid id or name; the message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} {text:?}: {allowed}")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
    allowed: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $allowed:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ts_rs::TS, utoipa::ToSchema)]
        #[serde(transparent)]
        #[ts(type = "string")]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let shown = text.chars().take(64).collect();
                    Err(InvalidId { kind: $kind, text: shown, allowed: $allowed })
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Identity of an agent: 12 characters `[a-z0-9]`, the first a letter, random, never reused.
    AgentId, "agent id", "12 characters of a-z and 0-9, the first a letter",
    |s| s.len() == 12 && s.as_bytes()[0].is_ascii_lowercase() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
);

text_id!(
    /// Name of an agent: `[a-z0-9][a-z0-9-]{0,62}`, unique among agents that have not been removed.
    AgentName, "agent name", "1 to 63 characters of a-z, 0-9 and -, not starting with -",
    |s| !s.is_empty() && s.len() <= 63 && !s.starts_with('-') && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

text_id!(
    /// A terminal: `<agent id>.<n>`, `n` counted by the agent's init and never reused within the agent.
    TtyId, "terminal id", "an agent id, a dot and a number",
    |s| s.split_once('.').is_some_and(|(agent, n)| agent.parse::<AgentId>().is_ok() && n.parse::<u32>().is_ok())
);

text_id!(
    /// Name of a secret: `[A-Za-z_][A-Za-z0-9_-]{0,63}`, for example `GITHUB_TOKEN`.
    SecretName, "secret name", "1 to 64 characters of A-Z, a-z, 0-9, _ and -, starting with a letter or _",
    |s| s.len() <= 64
        && s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
);

impl AgentId {
    /// Twelve characters from 96 random bits (the caller brings the randomness).
    pub fn from_random(bytes: [u8; 12]) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut text = String::with_capacity(12);
        for (i, byte) in bytes.iter().enumerate() {
            let pick = if i == 0 { byte % 26 } else { byte % 32 };
            text.push(char::from(ALPHABET[usize::from(pick)]));
        }
        Self(text)
    }
}

impl TtyId {
    /// The terminal `process` (a process number given by init) of `agent`.
    pub fn new(agent: &AgentId, process: u32) -> Self {
        Self(format!("{agent}.{process}"))
    }

    /// Agent and process number.
    pub fn parts(&self) -> (AgentId, u32) {
        let (agent, process) = self.0.split_once('.').unwrap_or((&self.0, "0"));
        (AgentId(agent.to_owned()), process.parse().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_paths_and_options_out() {
        for bad in ["", ".", "..", "-rf", "a/b", "A", "a\u{202e}", "$(id)", "a b", &"x".repeat(64)] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad:?}");
            assert!(bad.parse::<AgentId>().is_err(), "{bad:?}");
        }
        assert!("builder-1".parse::<AgentName>().is_ok());
    }

    #[test]
    fn random_ids_are_valid() {
        for byte in [0, 25, 26, 255] {
            let id = AgentId::from_random([byte; 12]);
            assert_eq!(id.as_str().parse::<AgentId>().as_ref(), Ok(&id));
        }
    }

    #[test]
    fn terminal_ids_carry_their_agent() {
        let agent = AgentId::from_random([1; 12]);
        let tty = TtyId::new(&agent, 7);
        assert_eq!(tty.as_str().parse::<TtyId>().map(|t| t.parts()), Ok((agent, 7)));
    }
}
