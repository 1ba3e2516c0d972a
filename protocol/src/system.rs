//! The service and its host.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Answer of `GET /health` (public; says nothing about agents beyond counts).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthInfo {
    /// `ok`, or `degraded` when the spawner or the store does not answer.
    pub status: String,
    /// Version of the daemon.
    pub version: String,
    /// Seconds since start.
    #[ts(type = "number")]
    pub uptime: u64,
}

/// Answer of `GET /api/v1/system/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemStatus {
    /// Version of the daemon.
    pub version: String,
    /// Seconds since start.
    #[ts(type = "number")]
    pub uptime: u64,
    /// Started at.
    pub started_at: Timestamp,
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Agents that have a sandbox.
    pub live: u32,
    /// Agents in the queue.
    pub queued: u32,
    /// Agents ended and not removed.
    pub ended: u32,
    /// Highest number of agents at a time.
    pub max_concurrent: u32,
    /// Online CPUs of the host.
    pub cpus: u32,
    /// Load averages over 1, 5 and 15 minutes (`/proc/loadavg`).
    pub load: [f64; 3],
    /// Memory of the host, bytes.
    #[ts(type = "number")]
    pub memory_total_bytes: u64,
    /// Memory available on the host, bytes.
    #[ts(type = "number")]
    pub memory_available_bytes: u64,
    /// Size of the file system that holds the state, bytes.
    #[ts(type = "number")]
    pub disk_total_bytes: u64,
    /// Free on it, bytes.
    #[ts(type = "number")]
    pub disk_free_bytes: u64,
    /// Providers of models: name and whether it can be used.
    pub providers: Vec<ProviderStatus>,
}

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// Name as in `PROVIDER/MODEL`.
    pub name: String,
    /// Can be used now.
    pub available: bool,
    /// Default model, or why it cannot be used.
    pub detail: String,
}

/// Answer of `aether doctor`: what this host can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// Every check, in the order of [`FindingGroup`].
    pub findings: Vec<Finding>,
}

impl DoctorReport {
    /// Can agents run in full isolation, as far as it was looked at?
    pub fn passes(&self) -> bool {
        self.findings.iter().all(|finding| finding.status != FindingStatus::Failure)
    }
}

/// One check of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Short name, for example `landlock`; the same in every version.
    pub name: String,
    /// What it belongs to.
    pub group: FindingGroup,
    /// Result.
    pub status: FindingStatus,
    /// What was found.
    pub detail: String,
    /// What it is for: the layer or the feature of agents that depends on it.
    pub meaning: String,
    /// The command or setting that fixes it; empty when nothing needs fixing.
    pub fix: String,
}

/// What a check belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingGroup {
    /// The daemon itself.
    Service,
    /// The kernel and what sandboxes are built from.
    Kernel,
    /// Limits of agents.
    Cgroup,
    /// Settings of the kernel (sysctl) that protect the host.
    Settings,
    /// Loadable modules of the kernel, and the security modules.
    Modules,
    /// Where the state and the homes are.
    Storage,
    /// What the host allows the service.
    Limits,
    /// Programs and devices that features use.
    Optional,
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingStatus {
    /// As it should be.
    Ok,
    /// Not looked at: whoever asked may not, or there is no daemon to ask. The fix says how to have it looked at.
    Skipped,
    /// Works, but weaker or slower than it could.
    Warning,
    /// Agents cannot run in full isolation.
    Failure,
}
