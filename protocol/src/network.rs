//! What an agent's network may reach, what it did reach, and what waits for a person's word.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    AgentId, Timestamp,
    approval::{CallWish, ContinueWish},
    error::ApiError,
};

/// Most rules of one agent.
pub const MAX_RULES: usize = 256;

/// What an agent's network may reach: `"none"`, `"open"`, or rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(untagged)]
pub enum NetworkMode {
    /// By one word.
    Word(NetworkWord),
    /// By rules.
    Rules(NetworkRules),
}

/// A network without rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkWord {
    /// A network namespace of its own with nothing but loopback.
    None,
    /// Every public address.
    Open,
}

/// Which destinations are allowed. A rule never reaches private, link-local, metadata, multicast or host addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkRules {
    /// Destinations allowed.
    #[serde(default)]
    #[ts(as = "Option<Vec<NetworkRule>>", optional)]
    pub allow: Vec<NetworkRule>,
    /// Hosts denied, whatever else allows them: exact, or `*.suffix`.
    #[serde(default)]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub deny: Vec<String>,
    /// Lists of destinations that come with the service.
    #[serde(default)]
    #[ts(as = "Option<Vec<NetworkPreset>>", optional)]
    pub presets: Vec<NetworkPreset>,
    /// What happens to a destination that nothing names.
    #[serde(default)]
    #[ts(as = "Option<NetworkOtherwise>", optional)]
    pub otherwise: NetworkOtherwise,
    /// Hosts whose TLS is opened, as in `deny`: their requests are judged like plain ones. Chosen at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub open: Vec<String>,
}

/// One destination, or several of one suffix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkRule {
    /// A name, `*.suffix` (its subdomains, not itself), or an address.
    pub host: String,
    /// Ports; 80 and 443 when empty.
    #[serde(default)]
    #[ts(as = "Option<Vec<u16>>", optional)]
    pub ports: Vec<u16>,
    /// HTTP methods; every one when empty. A rule that names some covers plain HTTP only: nothing else shows its method.
    #[serde(default)]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub methods: Vec<String>,
    /// Beginnings of paths, for example `/v1/`; every one when empty. Plain HTTP only, like `methods`.
    #[serde(default)]
    #[ts(as = "Option<Vec<String>>", optional)]
    pub paths: Vec<String>,
    /// The only program that may connect, by its path inside, for example `/usr/bin/curl`; every one when absent. Keeps apart programs
    /// that mean well: one of the same agent that does not can use the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub program: Option<String>,
}

/// What happens to a destination that no rule names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkOtherwise {
    /// It is denied.
    #[default]
    Deny,
    /// The connection is held until a person decides.
    Ask,
    /// It is allowed when it is public.
    Allow,
}

/// A list of destinations that comes with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkPreset {
    /// Python packages.
    Pypi,
    /// Node packages.
    Npm,
    /// Rust packages.
    Crates,
    /// Git and downloads of GitHub.
    Github,
    /// Debian packages.
    Debian,
}

impl NetworkPreset {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Pypi, Self::Npm, Self::Crates, Self::Github, Self::Debian];

    /// Name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Crates => "crates",
            Self::Github => "github",
            Self::Debian => "debian",
        }
    }
}

impl Default for NetworkMode {
    fn default() -> Self {
        Self::Word(NetworkWord::None)
    }
}

impl From<NetworkRules> for NetworkMode {
    fn from(rules: NetworkRules) -> Self {
        Self::Rules(rules)
    }
}

impl NetworkMode {
    /// Nothing but loopback.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::Word(NetworkWord::None))
    }

    /// The same as rules.
    pub fn rules(&self) -> NetworkRules {
        match self {
            Self::Word(NetworkWord::None) => NetworkRules::default(),
            Self::Word(NetworkWord::Open) => NetworkRules { otherwise: NetworkOtherwise::Allow, ..NetworkRules::default() },
            Self::Rules(rules) => rules.clone(),
        }
    }

    /// Checks sizes; whether hosts are hosts is the compile step's to say.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid) with the field, the cause and the fix.
    pub fn check(&self) -> Result<(), ApiError> {
        let Self::Rules(rules) = self else { return Ok(()) };
        let count = rules.allow.len() + rules.deny.len() + rules.open.len();
        if count > MAX_RULES {
            let message = format!("the network has {count} rules, at most {MAX_RULES} are allowed");
            return Err(ApiError::invalid(message, "join some with *.suffix, or use a preset"));
        }
        for rule in &rules.allow {
            let lists = rule.ports.len().max(rule.methods.len()).max(rule.paths.len());
            let long = rule.methods.iter().chain(&rule.paths).map(String::len).max().unwrap_or(0);
            if lists > 64 || long > 1024 {
                let message = format!("the rule of {:?} is too large", rule.host.chars().take(80).collect::<String>());
                return Err(ApiError::invalid(message, "give at most 64 ports, methods or paths of at most 1024 bytes each"));
            }
        }
        Ok(())
    }
}

// By hand: the derived one of an untagged union says only that nothing matched.
impl<'de> Deserialize<'de> for NetworkMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = NetworkMode;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"none\", \"open\" or an object with allow, deny, presets and otherwise")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<NetworkMode, E> {
                match word {
                    "none" => Ok(NetworkMode::Word(NetworkWord::None)),
                    "open" => Ok(NetworkMode::Word(NetworkWord::Open)),
                    other => Err(E::unknown_variant(other, &["none", "open"])),
                }
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<NetworkMode, A::Error> {
                NetworkRules::deserialize(de::value::MapAccessDeserializer::new(map)).map(NetworkMode::Rules)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What was decided about a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkVerdict {
    /// Allowed.
    Allowed,
    /// Denied.
    Denied,
    /// Held for a person.
    Held,
}

/// The network of an agent: its policy and what it did with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInfo {
    /// The policy in force.
    pub policy: NetworkMode,
    /// Connections open now.
    pub connections: u32,
    /// Destinations asked for, last used first; the last 1024. They are kept until the agent is removed.
    pub destinations: Vec<NetworkDestination>,
}

/// One destination of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkDestination {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The newest verdict.
    pub verdict: NetworkVerdict,
    /// Why.
    pub reason: String,
    /// Connections and requests allowed.
    #[ts(type = "number")]
    pub allowed: u64,
    /// Connections and requests denied.
    #[ts(type = "number")]
    pub denied: u64,
    /// Bytes sent by the agent.
    #[ts(type = "number")]
    pub bytes_sent: u64,
    /// Bytes it got.
    #[ts(type = "number")]
    pub bytes_received: u64,
    /// The program that asked for it last, by its path inside, as far as that is known.
    #[serde(default)]
    pub program: Option<String>,
    /// When it was last asked for.
    pub last_at: Timestamp,
}

/// A change of a live agent's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum NetworkChange {
    /// Allow a destination, and take a denial of the same host back.
    Allow(NetworkRule),
    /// Deny a host, and take what allows exactly it back.
    Deny(NetworkHost),
    /// Add a preset.
    Preset(NetworkPresetName),
    /// What happens to destinations that nothing names.
    Otherwise(NetworkRest),
    /// A whole new policy.
    Replace(NetworkReplace),
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkHost {
    /// A name, `*.suffix`, or an address.
    pub host: String,
}

/// A preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPresetName {
    /// Its name.
    pub preset: NetworkPreset,
}

/// What happens to the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkRest {
    /// `deny`, `ask` or `allow`.
    pub otherwise: NetworkOtherwise,
}

/// A whole policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkReplace {
    /// The policy.
    pub policy: NetworkMode,
}

/// Something an agent wants that a person has to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Names it; never given twice.
    #[ts(type = "number")]
    pub id: u64,
    /// The agent.
    pub agent_id: AgentId,
    /// Its number.
    #[ts(type = "number")]
    pub pid: u64,
    /// Its name.
    pub agent: String,
    /// What it wants.
    pub wish: ApprovalWish,
    /// The step of its goal, for the built-in agent.
    pub step: Option<u32>,
    /// When it asked.
    pub asked_at: Timestamp,
    /// When it is denied because nobody decided.
    pub expires_at: Timestamp,
}

/// What needs a person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ApprovalWish {
    /// Connect to a destination.
    Connect(ConnectWish),
    /// Make a call of the built-in agent.
    Call(Box<CallWish>),
    /// Go on after it was frozen.
    Continue(ContinueWish),
}

/// A destination to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectWish {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The program, by its path inside, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional = nullable)]
    pub program: Option<String>,
}

/// A person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// This call, or connections there for one minute.
    Once,
    /// And everything like it, as long as the agent lives.
    Always,
    /// Not this call, or no connections there for one minute.
    Deny,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NetworkMode, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn three_forms_are_read_and_written_the_same() {
        for text in [r#""none""#, r#""open""#, r#"{"allow":[],"deny":["a.test"],"presets":["pypi"],"otherwise":"ask"}"#] {
            let mode = read(text).expect(text);
            assert_eq!(serde_json::to_string(&mode).expect("json"), text);
        }
        let short = read(r#"{"allow":[{"host":"a.test"}]}"#).expect("short");
        assert_eq!(short.rules().allow[0].ports, Vec::<u16>::new());
        assert!(read(r#""none""#).expect("none").is_none());
    }

    #[test]
    fn a_wrong_form_is_named() {
        assert!(read(r#""opne""#).expect_err("typo").contains("expected `none` or `open`"));
        assert!(read(r#"{"alow":[]}"#).expect_err("typo").contains("unknown field `alow`"));
        assert!(read("7").expect_err("number").contains("\"none\", \"open\" or an object"));
        let many = NetworkRules { deny: vec!["a.test".into(); MAX_RULES + 1], ..NetworkRules::default() };
        assert!(NetworkMode::from(many).check().is_err());
    }
}
