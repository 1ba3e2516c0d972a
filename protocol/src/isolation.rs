//! What holds an agent, as the kernel says, signed by the service.

use serde::{Deserialize, Serialize};

use crate::{AgentId, AgentName, Profile, Timestamp};

/// A report with its signature: what `aether inspect --isolation --json` prints and `aether verify-report` checks.
///
/// The signature is Ed25519 over the canonical JSON (no blanks, sorted keys) of `report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedReport {
    /// What was found.
    pub report: IsolationReport,
    /// The service's public key: 32 bytes in lower-case hexadecimal digits.
    pub public_key: String,
    /// 64 bytes in lower-case hexadecimal digits.
    pub signature: String,
}

/// Every layer of one live sandbox, read from the kernel at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IsolationReport {
    /// Whose.
    pub agent: AgentId,
    /// Its name.
    pub name: AgentName,
    /// The profile it was launched with. Reports of earlier versions have none: they knew only this one.
    #[serde(default)]
    pub profile: Profile,
    /// Host pid of PID 1 inside.
    pub pid: u32,
    /// Start of that process, in clock ticks since boot: with the pid and the boot it names one process.
    #[ts(type = "number")]
    pub start_ticks: u64,
    /// The boot of the host.
    pub boot_id: String,
    /// Kernel of the host.
    pub kernel: String,
    /// Version of the service.
    pub version: String,
    /// When this was read.
    pub at: Timestamp,
    /// Number of the newest audit record at that time.
    #[ts(type = "number")]
    pub audit_number: u64,
    /// Hash of that record: who keeps this report can tell whether the audit up to there was changed later.
    pub audit_hash: String,
    /// Every layer was found as the profile promises it.
    pub full: bool,
    /// Every layer, in the order in which they are set up.
    pub layers: Vec<IsolationLayer>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IsolationLayer {
    /// Name, as `--allow-reduced` takes it.
    pub name: String,
    /// Found as expected.
    pub active: bool,
    /// What has to be found.
    pub expected: String,
    /// What differs; empty when nothing does.
    pub problem: String,
    /// In what the profile is weaker here than the standard one, by intent: no problem of this sandbox, but a smaller promise.
    #[serde(default)]
    pub reduced_by_profile: Vec<String>,
    /// What the kernel said: one fact each, `source: value`.
    pub evidence: Vec<String>,
}

/// The public key that reports are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportKey {
    /// `ed25519`.
    pub algorithm: String,
    /// 32 bytes in lower-case hexadecimal digits.
    pub public_key: String,
}
