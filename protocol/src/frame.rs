//! Frames that only travel on a connection and are not numbered.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, TtyId};

/// Frames that only travel on a connection and are not numbered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(tag = "type")]
pub enum StreamFrame {
    /// First frame of a connection.
    #[serde(rename = "kernel.ready")]
    Ready(KernelReady),
    /// Figures of the service, every 2 s while subscribed.
    #[serde(rename = "kernel.metrics")]
    Metrics(KernelMetrics),
    /// What a built-in agent is about to say, while its model writes it.
    #[serde(rename = "agent.delta")]
    Delta(AgentDelta),
    /// Output of a terminal.
    #[serde(rename = "tty.output")]
    TtyOutput(TtyOutput),
    /// Standard output of the agent's program.
    #[serde(rename = "process.stdout")]
    Stdout(ProcessOutput),
    /// Standard error of the agent's program.
    #[serde(rename = "process.stderr")]
    Stderr(ProcessOutput),
    /// Events were skipped because this client read too slowly; it can catch up from `resume`.
    #[serde(rename = "lagged")]
    Lagged(Lagged),
}

/// The service greets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KernelReady {
    /// Version of the daemon.
    pub version: String,
    /// Seconds since start.
    #[ts(type = "number")]
    pub uptime: u64,
    /// Number of the newest event: resume from here.
    #[ts(type = "number")]
    pub seq: u64,
}

/// A piece of an answer. It is not kept, and a client may miss pieces: the whole thought follows as `agent.thought`, the calls as
/// `agent.action`, and what came of them for the same step is then out of date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentDelta {
    /// Number of the agent.
    #[ts(type = "number")]
    pub pid: u64,
    /// Step that is being answered, from 1.
    pub step: u32,
    /// What to do with the text.
    pub kind: DeltaKind,
    /// More text, or the name of a tool.
    pub text: String,
}

/// What a piece of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeltaKind {
    /// More of the thought.
    Text,
    /// A call of the tool that the text names has begun.
    Call,
    /// The answer starts anew: what came before is void.
    Restart,
}

/// Figures of the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KernelMetrics {
    /// Agents with a sandbox.
    pub process_count: u32,
    /// CPUs used by all agents together.
    pub cpus: f64,
    /// Memory of all agents together, bytes.
    #[ts(type = "number")]
    pub memory_bytes: u64,
    /// Newest sample of each live agent: number, CPUs, memory in bytes.
    #[ts(type = "[number, number, number][]")]
    pub agents: Vec<(u64, f64, u64)>,
}

/// Bytes a terminal printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TtyOutput {
    /// The terminal.
    pub tty_id: TtyId,
    /// Offset of the first byte; bytes between the last offset and this one were lost (scrollback overflow).
    #[ts(type = "number")]
    pub offset: u64,
    /// The bytes as text; incomplete UTF-8 at the end is kept back for the next frame, invalid bytes become U+FFFD.
    pub data: String,
    /// Number of bytes that `data` stands for.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// Bytes the agent's program printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessOutput {
    /// Number of the agent.
    #[ts(type = "number")]
    pub pid: u64,
    /// Offset of the first byte within its stream.
    #[ts(type = "number")]
    pub offset: u64,
    /// The bytes as text, as in [`TtyOutput`].
    pub data: String,
    /// Number of bytes that `data` stands for.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// This client missed events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lagged {
    /// How many.
    #[ts(type = "number")]
    pub missed: u64,
    /// Send `events.resume` with this number.
    #[ts(type = "number")]
    pub resume: u64,
    /// Always [`ErrorCode::Busy`].
    pub code: ErrorCode,
}
