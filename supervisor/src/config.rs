//! Configuration: one TOML file, every key optional, unknown keys refused.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use aether_sandbox::spawner::VolumeSize;
use serde::{Deserialize, Deserializer};

/// Where the file is looked for when nobody names one; it may be absent there.
pub const DEFAULT_PATH: &str = "/etc/aether/aether.toml";

/// The service user of a checkout that has no user `aether`: fixed, below every range lent to sandboxes, above what
/// distributions hand out to people and services.
pub const FALLBACK_SERVICE_ID: u32 = 64_999;

/// Everything that can be configured.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// State directory (default `/var/lib/aether`).
    pub state: Option<PathBuf>,
    /// Unix socket (default `/run/aether/aether.sock`).
    pub socket: Option<PathBuf>,
    /// TCP address, or `none` (default `127.0.0.1:3001`).
    pub listen: Option<Listen>,
    /// Names besides `localhost` by which browsers may call the TCP listener (`Host` header).
    pub host_names: Vec<String>,
    /// `aether-init` (default: beside `aetherd`).
    pub init: Option<PathBuf>,
    /// The unprivileged identity.
    pub service: ServiceConfig,
    /// Agents.
    pub agents: AgentsConfig,
    /// Default limits of an agent.
    pub limits: LimitsConfig,
    /// Where homes lie.
    pub storage: StorageConfig,
    /// Host directories that may be lent by path.
    pub mounts: MountsConfig,
    /// Providers of models.
    pub llm: LlmConfig,
}

/// The unprivileged identity of the service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// User to become (default `aether`; without such a user the fixed id [`FALLBACK_SERVICE_ID`]).
    pub user: Option<String>,
    /// User id to become, instead of a name.
    pub uid: Option<u32>,
    /// Group whose members may use the Unix socket.
    pub group: String,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self { user: None, uid: None, group: "aether".to_owned() }
    }
}

/// Agents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentsConfig {
    /// Sandboxes at a time; further agents wait in the queue.
    pub max_concurrent: u32,
    /// Agents that may wait; further ones are refused.
    pub queue_limit: u32,
    /// Steps of a goal that names none.
    pub max_steps: u32,
}

impl Default for AgentsConfig {
    fn default() -> Self {
        Self { max_concurrent: 20, queue_limit: 1000, max_steps: 50 }
    }
}

/// Default limits of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Memory.
    pub memory: Size,
    /// CPUs.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: u32,
    /// Space of a home on disk.
    pub disk: Size,
    /// Files and directories of a home.
    pub inodes: u64,
    /// Size of `/tmp`.
    pub tmp: Size,
    /// Size of `/dev/shm`.
    pub shm: Size,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            memory: Size(1 << 30),
            cpus: 1.0,
            pids: 2048,
            disk: Size(10 << 30),
            inodes: 1_000_000,
            tmp: Size(256 << 20),
            shm: Size(64 << 20),
        }
    }
}

/// Where homes lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// The volume that is made, once, where the state directory's file system limits nobody.
    pub volume: Volume,
}

/// Size of the volume: `auto` (four fifths of what is free when it is made), a size, or `none`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume(pub VolumeSize);

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let size = match text.as_str() {
            "auto" => VolumeSize::Auto,
            "none" => VolumeSize::None,
            size => parse_size(size).map(VolumeSize::Bytes).ok_or_else(|| {
                serde::de::Error::custom(format!("{text:?} is neither \"auto\" nor \"none\" nor a size such as \"100G\""))
            })?,
        };
        Ok(Self(size))
    }
}

/// Host directories that may be lent by path over TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MountsConfig {
    /// Absolute directories; everything below them may be lent.
    pub roots: Vec<PathBuf>,
}

/// Providers of models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmConfig {
    /// An endpoint that speaks OpenAI's chat completions.
    pub openai: OpenAiConfig,
}

/// An endpoint that speaks OpenAI's chat completions. Each key may come from the environment instead.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenAiConfig {
    /// Base URL (`OPENAI_BASE_URL`).
    pub base_url: Option<String>,
    /// Key (`OPENAI_API_KEY`).
    pub api_key: Option<String>,
    /// Model (`OPENAI_MODEL`).
    pub model: Option<String>,
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.api_key.as_ref().map(|_| "(hidden)");
        f.debug_struct("OpenAiConfig")
            .field("base_url", &self.base_url)
            .field("api_key", &key)
            .field("model", &self.model)
            .finish()
    }
}

/// A size: bytes, or text such as `512M` or `2G` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Bytes(u64),
            Text(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Bytes(bytes) => Ok(Self(bytes)),
            Raw::Text(text) => parse_size(&text)
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a size such as \"512M\" or \"2G\""))),
        }
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Where TCP clients are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// On this address; port 0 picks a free one.
    At(SocketAddr),
    /// Nowhere.
    None,
}

impl Default for Listen {
    fn default() -> Self {
        Self::At(SocketAddr::from(([127, 0, 0, 1], 3001)))
    }
}

impl std::str::FromStr for Listen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        text.parse().map(Self::At).map_err(|_| format!("{text:?} is neither ADDRESS:PORT nor \"none\""))
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A configuration that cannot be used. Reads `FILE:LINE: KEY: cause`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {cause}")]
pub struct ConfigError {
    place: String,
    cause: String,
}

/// Reads the file named on the command line, or the default one when it exists.
///
/// # Errors
/// [`ConfigError`] with file, line and key.
pub fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    match fs::read_to_string(path) {
        Ok(text) => parse(&path.display().to_string(), &text),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(ConfigError { place: path.display().to_string(), cause: format!("cannot be read: {error}") }),
    }
}

fn parse(place: &str, text: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..at].matches('\n').count();
        let key = text.lines().nth(line).and_then(|l| l.split_once('=')).map_or("", |(key, _)| key.trim());
        let place = if key.is_empty() { format!("{place}:{}", line + 1) } else { format!("{place}:{}: {key}", line + 1) };
        ConfigError { place, cause: error.message().replace('\n', " ") }
    })?;
    config.check().map_err(|(key, cause)| {
        let leaf = key.rsplit('.').next().unwrap_or(key);
        let line = text.lines().position(|l| l.trim_start().starts_with(leaf)).map_or(1, |line| line + 1);
        ConfigError { place: format!("{place}:{line}: {key}"), cause }
    })?;
    Ok(config)
}

impl Config {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if self.agents.max_concurrent == 0 {
            return Err(("agents.max_concurrent", "must be at least 1".to_owned()));
        }
        if !(1..=10_000).contains(&self.agents.max_steps) {
            return Err(("agents.max_steps", "must be 1 to 10000".to_owned()));
        }
        if self.limits.memory.0 < 8 << 20 {
            return Err(("limits.memory", "must be at least 8M".to_owned()));
        }
        if !(0.01..=4096.0).contains(&self.limits.cpus) {
            return Err(("limits.cpus", "must be 0.01 to 4096".to_owned()));
        }
        if !(4..=4_194_304).contains(&self.limits.pids) {
            return Err(("limits.pids", "must be 4 to 4194304".to_owned()));
        }
        if self.limits.disk.0 < 16 << 20 {
            return Err(("limits.disk", "must be at least 16M".to_owned()));
        }
        if !(1024..=u64::from(u32::MAX)).contains(&self.limits.inodes) {
            return Err(("limits.inodes", "must be 1024 to 4294967295".to_owned()));
        }
        if matches!(self.storage.volume.0, VolumeSize::Bytes(bytes) if bytes < 256 << 20) {
            return Err(("storage.volume", "must be at least 256M".to_owned()));
        }
        if let Some(root) = self.mounts.roots.iter().find(|root| !root.is_absolute()) {
            return Err(("mounts.roots", format!("{} is not absolute", root.display())));
        }
        if self.service.user.is_some() && self.service.uid.is_some() {
            return Err(("service.uid", "give user or uid, not both".to_owned()));
        }
        if self.service.uid == Some(0) {
            return Err(("service.uid", "must not be 0: the part that answers requests holds no privilege".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_configured_gives_the_documented_defaults() {
        let config = parse("a.toml", "").expect("empty is fine");
        assert_eq!((config.agents.max_concurrent, config.limits.pids), (20, 2048));
        assert_eq!(config.limits.memory, Size(1 << 30));
    }

    #[test]
    fn errors_name_file_line_and_key() {
        let unknown = parse("a.toml", "[agents]\nmax_concurrent = 2\nfoo = 1\n").expect_err("unknown key").to_string();
        assert!(unknown.starts_with("a.toml:3: foo: unknown field"), "{unknown}");
        let kind = parse("a.toml", "[limits]\npids = \"many\"\n").expect_err("wrong kind").to_string();
        assert!(kind.starts_with("a.toml:2: pids: invalid type"), "{kind}");
        let range = parse("a.toml", "[agents]\nmax_concurrent = 0\n").expect_err("out of range").to_string();
        assert_eq!(range, "a.toml:2: agents.max_concurrent: must be at least 1");
        let size = parse("a.toml", "[limits]\nmemory = \"1X\"\n").expect_err("bad size").to_string();
        assert!(size.starts_with("a.toml:2: memory:"), "{size}");
        let volume = parse("a.toml", "[storage]\nvolume = \"1M\"\n").expect_err("too small").to_string();
        assert_eq!(volume, "a.toml:2: storage.volume: must be at least 256M");
    }

    #[test]
    fn sizes_and_addresses() {
        assert_eq!(parse_size("512M"), Some(512 << 20));
        assert_eq!(parse_size("2GiB"), Some(2 << 30));
        assert_eq!(parse_size("x"), None);
        assert_eq!("none".parse(), Ok(Listen::None));
        assert!("localhost".parse::<Listen>().is_err());
    }
}
