//! An agent as it is: identity, life-cycle, isolation really in force, resources from its cgroup.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AgentId, AgentName, AgentSpec, Limits, Timestamp};

/// Life-cycle state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Waits for a free place.
    Queued,
    /// Its sandbox is being built.
    Created,
    /// Runs.
    Running,
    /// Runs, but waits for a person or an event.
    Sleeping,
    /// Its program was stopped by a signal (SIGSTOP, SIGTSTP).
    Stopped,
    /// Its whole cgroup is frozen.
    Paused,
    /// Its program ended; the sandbox is being taken down.
    Zombie,
    /// Nothing of it runs; its home and history remain until `rm`.
    Dead,
}

impl AgentState {
    /// Ended for good.
    pub const fn is_dead(self) -> bool {
        matches!(self, Self::Dead)
    }

    /// Has (or is getting, or losing) a sandbox.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Queued | Self::Dead)
    }
}

/// What the agent is doing within its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentPhase {
    /// Before its first step.
    Booting,
    /// Asks its model.
    Thinking,
    /// Runs a tool, or its own program.
    Executing,
    /// Waits for a person.
    Waiting,
    /// Reads a result.
    Observing,
    /// Alive with nothing to do.
    Idle,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExitInfo {
    /// Exit status, 128 + n for signal n, 255 when unknown, 125/126/127 when it could not start.
    pub code: u8,
    /// Signal name, for example `SIGKILL`, when a signal ended it.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub signal: Option<String>,
    /// One line for people: why it ended.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub reason: Option<String>,
}

/// Host uids (and gids) that belong to one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UidRange {
    /// First host uid; 0 inside.
    pub start: u32,
    /// How many.
    pub size: u32,
}

/// Which isolation is really in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Enforcement {
    /// All layers, or fewer by somebody's explicit choice.
    pub mode: EnforcementMode,
    /// Each layer by its name.
    pub layers: BTreeMap<String, LayerReport>,
    /// What the kernel was given at the launch and shows nobody afterwards, by name: `filter` and `spawner-filter` (seccomp), `ruleset`
    /// (Landlock). An agent keeps it for its life, whatever a later version of the service installs.
    #[serde(default)]
    pub policies: BTreeMap<String, PolicyDigest>,
    /// The limits that were set at the launch, whatever the defaults are now. None of its disk where nothing can limit it.
    #[serde(default)]
    pub limits: Limits,
}

/// A policy of the kernel, by which two can be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyDigest {
    /// Instructions of a filter, lines of a ruleset.
    pub size: u32,
    /// SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Full or reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnforcementMode {
    /// Every layer is active.
    Full,
    /// A layer is missing, by `--allow-reduced`.
    Reduced,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// In force.
    pub active: bool,
    /// How (for example `landlock ABI 7`), or why not.
    pub detail: String,
}

/// Resources, read from the agent's cgroup.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// CPU time used, microseconds.
    #[ts(type = "number")]
    pub cpu_usec: u64,
    /// CPUs in use over the last sampling interval (1.0 = one whole CPU).
    pub cpus: f64,
    /// Memory now, bytes.
    #[ts(type = "number")]
    pub memory_bytes: u64,
    /// Highest memory so far, bytes.
    #[ts(type = "number")]
    pub memory_peak_bytes: u64,
    /// Memory limit, bytes.
    #[ts(type = "number | null")]
    pub memory_limit_bytes: Option<u64>,
    /// Processes and threads now.
    pub pids: u32,
    /// Limit of processes and threads.
    pub pids_limit: Option<u32>,
}

/// What an agent keeps on disk, as the means of limiting it counts. What is not counted is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskUsage {
    /// Space, bytes; some file systems say it ten seconds late.
    #[ts(type = "number | null")]
    pub bytes: Option<u64>,
    /// The limit of it in force, bytes.
    #[ts(type = "number | null")]
    pub bytes_limit: Option<u64>,
    /// Files and directories.
    #[ts(type = "number | null")]
    pub inodes: Option<u64>,
    /// The limit of them in force.
    #[ts(type = "number | null")]
    pub inodes_limit: Option<u64>,
}

/// An agent as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentInfo {
    /// Identity.
    pub id: AgentId,
    /// Running number, shown to people and used as `pid` on the WebSocket; never reused.
    #[ts(type = "number")]
    pub number: u64,
    /// `agent_<number>`.
    pub uid: String,
    /// Name.
    pub name: AgentName,
    /// Who owns it: `root`, a user name of the host, or `operator`.
    pub owner: String,
    /// The agent that started it, which may have been removed since.
    #[serde(default)]
    pub parent: Option<AgentId>,
    /// Host pid of its PID 1 inside, while it lives.
    pub pid: Option<u32>,
    /// Life-cycle state.
    pub state: AgentState,
    /// Phase within it.
    pub phase: AgentPhase,
    /// Role, for goals.
    pub role: Option<String>,
    /// What it was asked for.
    pub spec: AgentSpec,
    /// Provider and model in use, for goals, for example `heuristic`.
    pub model: Option<String>,
    /// Steps taken, for goals.
    pub step: u32,
    /// Steps allowed, for goals.
    pub max_steps: Option<u32>,
    /// Place in the queue, from 1, while queued.
    pub queue_position: Option<u32>,
    /// Its cgroup below the cgroup mount point, while it lives.
    pub cgroup: Option<String>,
    /// Its host uids, while it lives.
    pub uid_range: Option<UidRange>,
    /// Isolation in force; absent before the first launch.
    pub enforcement: Option<Enforcement>,
    /// Home directory inside.
    pub home: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its program started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub exit: Option<ExitInfo>,
    /// The last thing it did, one line.
    pub last_action: Option<String>,
    /// Who works in its sandbox just now, so that its loop begins nothing new.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub held_by: Option<String>,
    /// Last sample of its resources.
    pub usage: Option<Usage>,
    /// Last look at what it keeps on disk.
    #[serde(default)]
    pub disk: Option<DiskUsage>,
}
