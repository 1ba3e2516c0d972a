//! Configuration: one TOML file and drop-ins beside it, every key optional, unknown keys refused.
//!
//! What cannot be read as it was meant stops the service with exit status 78: there is no default in place of a broken value.

mod check;
mod current;
mod governed;
mod llm;
pub mod load;
mod models;
mod place;
mod values;

use std::path::PathBuf;

use serde::Deserialize;

pub use self::{
    current::Current,
    governed::{ApprovalsConfig, BudgetConfig, BudgetsConfig, OnSuspicion},
    llm::{LlmConfig, LlmProvider},
    load::{DEFAULT_PATH, Loaded, load},
    models::{ModelsConfig, PriceConfig, RuleConfig, TierName, TiersConfig, UpstreamConfig},
    place::ConfigError,
    values::{Listen, Size, Volume},
};

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
    /// Sandboxes built ahead.
    pub pool: PoolConfig,
    /// Default limits of an agent.
    pub limits: LimitsConfig,
    /// Where homes lie.
    pub storage: StorageConfig,
    /// Host directories that may be lent by path.
    pub mounts: MountsConfig,
    /// Providers of models.
    pub llm: LlmConfig,
    /// The model gateway, and which models the built-in agent takes.
    pub models: ModelsConfig,
    /// Which calls of built-in agents wait for a person.
    pub approvals: ApprovalsConfig,
    /// What agents may use up.
    pub budgets: BudgetsConfig,
    /// Where agents have their cgroups.
    pub cgroup: CgroupConfig,
}

/// Where agents have their cgroups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CgroupConfig {
    /// Path below the cgroup2 mount point that exists and is the service's to use (`AETHER_CGROUP_ROOT`; default: the cgroup
    /// that the service was started in).
    pub root: Option<String>,
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
    /// Children of one agent that have not ended; 0 for none.
    pub max_children: u32,
    /// Generations below an agent that a person started.
    pub max_depth: u32,
    /// For how long a person who types in a terminal of an agent with a goal has it after the last key, seconds; 0 for not at all.
    pub hold_secs: u32,
}

impl Default for AgentsConfig {
    fn default() -> Self {
        Self { max_concurrent: 20, queue_limit: 1000, max_steps: 50, max_children: 8, max_depth: 3, hold_secs: 30 }
    }
}

/// What is built ahead, so that an agent that asks for nothing unusual starts at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// How many; 0 builds each sandbox when it is asked for.
    pub size: u32,
    /// Network namespaces of each kind that are kept ready, for sandboxes built ahead and others.
    pub networks: u8,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { size: 4, networks: 8 }
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

/// Host directories that may be lent by path over TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MountsConfig {
    /// Absolute directories; everything below them may be lent.
    pub roots: Vec<PathBuf>,
}
