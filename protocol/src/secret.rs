//! Secrets and who may have them used: names, places and hosts, never values on the way out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AgentId, Timestamp, error::ApiError};

/// A secret as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// How often it was set.
    #[ts(type = "number")]
    pub version: u64,
    /// When it was set first.
    pub created_at: Timestamp,
    /// When it was set last.
    pub updated_at: Timestamp,
    /// What it may be used for.
    pub grants: Vec<Grant>,
    /// Requests it was added to, ever.
    #[serde(default)]
    #[ts(type = "number")]
    pub times_used: u64,
    /// Whose requests these were, last used first; the last 32 agents.
    #[serde(default)]
    pub used_by: Vec<SecretUsed>,
}

/// An agent that used a secret. It may be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretUsed {
    /// The agent.
    pub agent: AgentId,
    /// Its name when it used the secret.
    pub name: String,
    /// Requests of its that the secret was added to.
    #[ts(type = "number")]
    pub times: u64,
    /// When it was added last.
    pub last_at: Timestamp,
}

/// Sets a secret, or replaces its value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretSet {
    /// Its name.
    pub name: SecretName,
    /// Its value: 8 bytes to 16 KiB without control characters.
    pub value: String,
}

impl fmt::Debug for SecretSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretSet").field("name", &self.name).field("value", &"[redacted]").finish()
    }
}

/// Where in a request a secret goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum SecretPlace {
    /// `Authorization: Bearer VALUE`.
    Bearer {},
    /// A header of its own.
    Header(HeaderPlace),
    /// `Authorization: Basic`, the secret being the password.
    Basic(BasicPlace),
    /// A parameter of the query.
    Query(QueryPlace),
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderPlace {
    /// Its name, for example `X-Api-Key`.
    pub name: String,
}

/// A user and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicPlace {
    /// The user.
    pub user: String,
}

/// A parameter of the query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryPlace {
    /// Its name, for example `key`.
    pub name: String,
}

/// Lets one agent have a secret added to its requests to one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantSpec {
    /// The agent: name, id, number or a unique prefix.
    pub agent: String,
    /// The host: one exact name, without a port.
    pub host: String,
    /// The only method; any when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub method: Option<String>,
    /// What the path has to begin with, as whole parts; any path when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub path: Option<String>,
    /// Where it goes.
    pub place: SecretPlace,
}

/// A secret that an agent may use from its start: granted in the same step in which the agent is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretUse {
    /// The secret.
    pub name: SecretName,
    /// The variable that its programs find the placeholder in; the secret's name when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub env: Option<SecretName>,
    /// The host: one exact name, without a port.
    pub host: String,
    /// The only method; any when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub method: Option<String>,
    /// What the path has to begin with, as whole parts; any path when absent.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub path: Option<String>,
    /// Where it goes; a bearer token when absent.
    #[serde(default = "bearer")]
    #[ts(as = "Option<SecretPlace>", optional)]
    pub place: SecretPlace,
}

/// Most secrets that an agent is given at its start.
pub const MAX_USES: usize = 32;

const fn bearer() -> SecretPlace {
    SecretPlace::Bearer {}
}

impl SecretUse {
    /// The variable inside.
    pub fn variable(&self) -> &SecretName {
        self.env.as_ref().unwrap_or(&self.name)
    }

    /// The grant to `agent`, checked.
    ///
    /// # Errors
    /// As [`GrantSpec::checked`].
    pub fn grant(&self, agent: &str) -> Result<GrantSpec, ApiError> {
        let Self { host, method, path, place, .. } = self.clone();
        let spec = GrantSpec { agent: agent.to_owned(), host, method, path, place };
        spec.checked().map_err(|error| ApiError { message: format!("secret {}: {}", self.name, error.message), ..error })
    }
}

/// Checks the secrets of a wish: how many, and the shape of each.
///
/// # Errors
/// `Invalid` with the field and the fix.
pub fn check_uses(uses: &[SecretUse]) -> Result<(), ApiError> {
    if uses.len() > MAX_USES {
        return Err(ApiError::invalid(format!("{} secrets are too many", uses.len()), format!("give at most {MAX_USES}")));
    }
    uses.iter().try_for_each(|one| one.grant("").map(drop))
}

/// A grant in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Its number.
    #[ts(type = "number")]
    pub id: u64,
    /// The secret.
    pub secret: SecretName,
    /// Whose requests.
    pub agent: AgentId,
    /// To which host.
    pub host: String,
    /// Only with this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only below this path.
    #[serde(default)]
    pub path: Option<String>,
    /// Where it goes.
    pub place: SecretPlace,
    /// Since when.
    pub created_at: Timestamp,
}

impl GrantSpec {
    /// Checks shapes and brings host and method to their one spelling.
    ///
    /// # Errors
    /// `Invalid` with the field and the fix.
    pub fn checked(mut self) -> Result<Self, ApiError> {
        self.host = self.host.trim_end_matches('.').to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        // What ends in a number is an address in one of its many spellings (WHATWG URL, "ends in a number").
        let numeric =
            self.host.rsplit('.').next().is_some_and(|last| last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit()));
        if self.host.len() > 253 || numeric || !self.host.split('.').all(label) {
            return Err(ApiError::invalid(
                format!("{:?} is not the name of a host", shown(&self.host)),
                "give one exact name such as api.github.com, without scheme, port, path or *",
            ));
        }
        if let Some(method) = &mut self.method {
            method.make_ascii_uppercase();
            if method.is_empty() || method.len() > 32 || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
                return Err(ApiError::invalid("the method is not one of HTTP", "give for example GET or POST, or leave it out"));
            }
        }
        if let Some(path) = &self.path {
            let plain = path.starts_with('/')
                && path.len() <= 2048
                && path.bytes().all(|b| b.is_ascii_graphic() && !b"%?#\\*".contains(&b));
            if !plain || path.split('/').any(|part| matches!(part, "." | "..")) {
                return Err(ApiError::invalid("the path is not a plain one", "give the beginning of a path such as /repos/me"));
            }
        }
        let token = |name: &str| {
            (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let (good, what) = match &self.place {
            SecretPlace::Bearer {} => (true, ""),
            SecretPlace::Header(header) => (token(&header.name) && !is_framing(&header.name), "header"),
            SecretPlace::Query(query) => (token(&query.name), "query parameter"),
            SecretPlace::Basic(basic) => {
                (basic.user.len() <= 256 && !basic.user.contains(':') && !basic.user.chars().any(char::is_control), "user")
            }
        };
        if !good {
            return Err(ApiError::invalid(format!("a secret cannot go into this {what}"), "choose another name for it"));
        }
        Ok(self)
    }
}

/// Headers that say how a message is framed and where it goes.
fn is_framing(name: &str) -> bool {
    ["host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing))
        || name.to_ascii_lowercase().starts_with("proxy-")
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

pub use crate::id::SecretName;

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(more: &str) -> Result<GrantSpec, ApiError> {
        let text = format!(r#"{{"agent": "a", "place": {{"type": "bearer"}}{more}}}"#);
        serde_json::from_str::<GrantSpec>(&text).expect("JSON").checked()
    }

    #[test]
    fn a_grant_names_one_host_exactly() {
        assert_eq!(grant(r#", "host": "API.GitHub.com.", "method": "get""#).expect("good").host, "api.github.com");
        for host in [
            "",
            "*.github.com",
            "github.com:443",
            "https://github.com",
            "a..b",
            "-a.com",
            "a b",
            "user@host",
            "[::1]",
            "10.0.0.1",
            "127.1",
            "2130706433",
            "a.0x7f",
        ] {
            assert!(grant(&format!(r#", "host": {host:?}"#)).is_err(), "{host}");
        }
    }

    #[test]
    fn paths_and_places_are_plain() {
        for path in ["repos", "/a/../b", "/a%2e", "/a?b", "/a*"] {
            assert!(grant(&format!(r#", "host": "h.test", "path": {path:?}"#)).is_err(), "{path}");
        }
        for name in ["Host", "transfer-encoding", "Proxy-Authorization", "a b", ""] {
            let spec = GrantSpec {
                agent: "a".into(),
                host: "h.test".into(),
                method: None,
                path: None,
                place: SecretPlace::Header(HeaderPlace { name: name.into() }),
            };
            assert!(spec.checked().is_err(), "{name}");
        }
    }

    #[test]
    fn a_secret_at_the_start_is_checked_like_a_grant() {
        let read = |text: &str| serde_json::from_str::<SecretUse>(text).expect("JSON");
        let one = read(r#"{"name": "A", "host": "API.test"}"#);
        assert_eq!((one.variable().as_str(), &one.place), ("A", &SecretPlace::Bearer {}));
        assert_eq!(one.grant("x").expect("good").host, "api.test");
        assert!(check_uses(&[one.clone(), read(r#"{"name": "A", "env": "B", "host": "b.test", "path": "/x"}"#)]).is_ok());
        let error = check_uses(&[read(r#"{"name": "A", "host": "*.test"}"#)]).expect_err("no host");
        assert!(error.message.starts_with("secret A: "), "{error:?}");
        assert!(check_uses(&vec![one; MAX_USES + 1]).is_err());
    }

    #[test]
    fn a_value_is_not_shown() {
        let set = SecretSet { name: "A".parse().expect("name"), value: "sk-canary".into() };
        assert!(!format!("{set:?}").contains("canary"));
    }
}
