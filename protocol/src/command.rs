//! Commands of the WebSocket `/kernel` and their answers.
//!
//! Every command carries an `id`; the answer is `response.ok` or `response.error` with the same `id`. Commands that name an
//! agent take its number, its id, its name or a unique prefix in `pid`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::response::{Response, ResponseError, ResponseOk};
use crate::{AgentSpec, Budget, Decision, MemoryLayer, NewMemory, TtyId};

/// A command with its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
pub struct CommandEnvelope {
    /// Chosen by the client, echoed in the answer.
    pub id: String,
    /// The command.
    #[serde(flatten)]
    pub command: Command,
}

/// An agent by number, id, name or unique prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(untagged)]
pub enum AgentRef {
    /// Its number.
    Number(#[ts(type = "number")] u64),
    /// Its id, name or a prefix.
    Text(String),
}

macro_rules! commands {
    ($( $(#[$doc:meta])* $variant:ident($payload:ident) = $name:literal { $( $(#[$fdoc:meta])* $field:ident : $ty:ty ),* $(,)? } )*) => {
        /// The closed set of commands; `type` has the name on the wire.
        #[allow(clippy::large_enum_variant, reason = "a command is read once and taken apart, never kept in numbers")]
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
        #[serde(tag = "type")]
        pub enum Command {
            $( $(#[$doc])* #[serde(rename = $name)] $variant($payload), )*
        }
        impl Command {
            /// Names of all commands on the wire.
            pub const NAMES: &'static [&'static str] = &[ $( $name, )* ];
            /// Name on the wire.
            pub const fn name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )* }
            }
        }
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
            #[serde(rename_all = "camelCase")]
            pub struct $payload { $( $(#[$fdoc])* pub $field: $ty, )* }
        )*
    };
}

commands! {
    /// Deploys an agent; answers with its `AgentInfo`.
    Spawn(ProcessSpawnCommand) = "process.spawn" {
        /// What to deploy. Descriptor mounts need the Unix socket's HTTP API.
        config: AgentSpec,
    }
    /// Sends a signal to the agent's program (`SIGTERM`, `SIGKILL` ends the whole sandbox, `SIGSTOP`, `SIGCONT`, `SIGINT`, `SIGUSR1`, ...).
    Signal(ProcessSignal) = "process.signal" {
        /// The agent.
        pid: AgentRef,
        /// Name with or without `SIG`.
        signal: String,
    }
    /// Lists agents; answers with `AgentInfo[]`.
    List(ProcessListCommand) = "process.list" {
        /// Also the ended ones.
        #[serde(default)] all: bool,
    }
    /// One agent; answers with its `AgentInfo`.
    Info(ProcessInfo) = "process.info" {
        /// The agent.
        pid: AgentRef,
    }
    /// Changes the priority of a queued agent.
    SetPriority(ProcessSetPriority) = "process.setPriority" {
        /// The agent.
        pid: AgentRef,
        /// 1 (first) to 5 (last).
        priority: u8,
    }
    /// The queue in order; answers with `AgentInfo[]`.
    GetQueue(ProcessGetQueue) = "process.getQueue" {}
    /// Removes the record and home of an ended agent.
    Remove(ProcessRemove) = "process.remove" {
        /// The agent.
        pid: AgentRef,
    }
    /// Freezes an agent's cgroup.
    Pause(AgentPauseCommand) = "agent.pause" {
        /// The agent.
        pid: AgentRef,
    }
    /// Thaws an agent's cgroup.
    Resume(AgentResumeCommand) = "agent.resume" {
        /// The agent.
        pid: AgentRef,
    }
    /// Continues an agent past its step limit by 25 steps.
    Continue(AgentContinue) = "agent.continue" {
        /// The agent.
        pid: AgentRef,
    }
    /// Writes to the built-in agent; it reads the message before its next step.
    Message(AgentMessage) = "agent.message" {
        /// The agent.
        pid: AgentRef,
        /// What to say.
        content: String,
    }
    /// Changes the tools or the model of a built-in agent from its next step on; answers with its `AgentInfo`. What is absent stays.
    Steer(AgentSteer) = "agent.steer" {
        /// The agent.
        pid: AgentRef,
        /// Only these tools (and `complete`).
        #[serde(default)] tools: Option<Vec<String>>,
        /// Every tool there is.
        #[serde(default)] all_tools: bool,
        /// `PROVIDER/MODEL`.
        #[serde(default)] model: Option<String>,
    }
    /// Allows, once, the one call or connection of an agent that waits for a person; answers with the `Approval`.
    Approve(ProcessApprove) = "process.approve" {
        /// The agent.
        pid: AgentRef,
    }
    /// Denies it.
    Reject(ProcessReject) = "process.reject" {
        /// The agent.
        pid: AgentRef,
        /// Why: the built-in agent reads it.
        #[serde(default)] reason: Option<String>,
    }
    /// What waits for a person, oldest first; answers with `Approval[]`.
    ApprovalList(ApprovalList) = "approval.list" {}
    /// Decides about one of those; answers with the `Approval`.
    ApprovalDecide(ApprovalDecide) = "approval.decide" {
        /// Its number.
        #[ts(type = "number")] approval_id: u64,
        /// The word.
        decision: Decision,
        /// Why: the built-in agent reads it.
        #[serde(default)] reason: Option<String>,
    }
    /// Has an agent remember something; answers with the `Memory`.
    MemoryStore(MemoryStore) = "memory.store" {
        /// The agent.
        pid: AgentRef,
        /// What to remember.
        memory: NewMemory,
    }
    /// What an agent remembers, the most fitting first; answers with `Memory[]`. Looking does not make it weigh more.
    MemoryRecall(MemoryRecall) = "memory.recall" {
        /// The agent.
        pid: AgentRef,
        /// Words to look for; the weightiest memories when absent.
        #[serde(default)] query: Option<String>,
        /// Only of this layer.
        #[serde(default)] layer: Option<MemoryLayer>,
        /// Only with all of these tags.
        #[serde(default)] tags: Vec<String>,
        /// At most so many: 10 when absent, 1000 at most.
        #[serde(default)] limit: Option<u32>,
    }
    /// The memories of an agent, the weightiest first, at most 1000; answers with `Memory[]`.
    MemoryList(MemoryList) = "memory.list" {
        /// The agent.
        pid: AgentRef,
        /// Only of this layer.
        #[serde(default)] layer: Option<MemoryLayer>,
    }
    /// Has an agent forget something.
    MemoryForget(MemoryForget) = "memory.forget" {
        /// The agent.
        pid: AgentRef,
        /// Number of the memory.
        #[ts(type = "number")] memory_id: u64,
    }
    /// Gives a copy of a memory to another agent of the same owner; answers with the `Memory`, which weighs four fifths there.
    MemoryShare(MemoryShare) = "memory.share" {
        /// The agent.
        pid: AgentRef,
        /// Number of the memory.
        #[ts(type = "number")] memory_id: u64,
        /// The other agent.
        to: AgentRef,
    }
    /// The newest plan of an agent; answers with its `Plan`.
    PlanGet(PlanGet) = "plan.get" {
        /// The agent.
        pid: AgentRef,
    }
    /// Rates a step that an agent took; answers with the `Feedback`.
    FeedbackSubmit(FeedbackSubmit) = "feedback.submit" {
        /// The agent.
        pid: AgentRef,
        /// The step, from 1.
        step: u32,
        /// 1 or -1.
        rating: i8,
        /// In your words.
        #[serde(default)] comment: String,
    }
    /// What people thought of an agent's steps, newest first; answers with `Feedback[]`.
    FeedbackGet(FeedbackGet) = "feedback.get" {
        /// The agent.
        pid: AgentRef,
    }
    /// What an agent is known for; answers with its `AgentProfile`.
    ProfileGet(ProfileGet) = "profile.get" {
        /// The agent.
        pid: AgentRef,
    }
    /// Every mind; answers with `MindInfo[]`.
    ProfileList(ProfileList) = "profile.list" {}
    /// What an agent may use up and what it used; answers with its `AgentBudget`.
    GetQuota(ResourceGetQuota) = "resource.getQuota" {
        /// The agent.
        pid: AgentRef,
    }
    /// Sets the limits of an agent, all of them; answers with its `AgentBudget`. One that was frozen goes on when nothing is used up.
    SetQuota(ResourceSetQuota) = "resource.setQuota" {
        /// The agent.
        pid: AgentRef,
        /// The limits.
        quota: Budget,
    }
    /// What an agent used up; answers with a `Spent`.
    GetUsage(ResourceGetUsage) = "resource.getUsage" {
        /// The agent.
        pid: AgentRef,
    }
    /// The newest figures of every live agent; answers with `KernelMetrics`.
    GetSummary(ResourceGetSummary) = "resource.getSummary" {}
    /// Who did what, oldest first; answers with `AuditRecord[]`.
    AuditQuery(AuditQuery) = "audit.query" {
        /// Only those after this number.
        #[serde(default)] #[ts(type = "number")] since: u64,
        /// At most so many (default and most: 1000).
        #[serde(default)] limit: Option<u32>,
    }
    /// Every template, by name; answers with `Template[]`.
    TemplateList(TemplateList) = "template.list" {}
    /// Reads a text file (at most 1 MiB; larger ones through `GET .../files`); answers `{content, size}`.
    FsRead(FsRead) = "fs.read" {
        /// The agent.
        pid: AgentRef,
        /// Path inside; relative ones start at the home.
        path: String,
    }
    /// Writes a text file (whole, through a temporary file and a rename).
    FsWrite(FsWrite) = "fs.write" {
        /// The agent.
        pid: AgentRef,
        /// Path inside.
        path: String,
        /// New content.
        content: String,
    }
    /// Makes a directory.
    FsMkdir(FsMkdir) = "fs.mkdir" {
        /// The agent.
        pid: AgentRef,
        /// Path inside.
        path: String,
        /// Make parents as well.
        #[serde(default)] recursive: bool,
    }
    /// Removes a file or directory.
    FsRm(FsRm) = "fs.rm" {
        /// The agent.
        pid: AgentRef,
        /// Path inside.
        path: String,
        /// Remove a directory with all it holds.
        #[serde(default)] recursive: bool,
    }
    /// Lists a directory; answers with `FileEntry[]`.
    FsLs(FsLs) = "fs.ls" {
        /// The agent.
        pid: AgentRef,
        /// Path inside.
        path: String,
    }
    /// One file; answers with a `FileEntry`.
    FsStat(FsStat) = "fs.stat" {
        /// The agent.
        pid: AgentRef,
        /// Path inside.
        path: String,
    }
    /// Moves or renames.
    FsMv(FsMv) = "fs.mv" {
        /// The agent.
        pid: AgentRef,
        /// From.
        from: String,
        /// To.
        to: String,
    }
    /// Copies a file or a directory.
    FsCp(FsCp) = "fs.cp" {
        /// The agent.
        pid: AgentRef,
        /// From.
        from: String,
        /// To.
        to: String,
    }
    /// Opens a terminal with a login shell (or `argv`) and attaches this connection; answers with `TtyInfo`.
    TtyOpen(TtyOpen) = "tty.open" {
        /// The agent.
        pid: AgentRef,
        /// Columns (default 120).
        #[serde(default)] cols: Option<u16>,
        /// Rows (default 36).
        #[serde(default)] rows: Option<u16>,
        /// Program; a login shell when empty.
        #[serde(default)] argv: Vec<String>,
        /// Environment added.
        #[serde(default)] env: BTreeMap<String, String>,
    }
    /// Attaches this connection to a terminal from an offset; `tty.output` frames follow. Answers with `TtyInfo`.
    TtyAttach(TtyAttach) = "tty.attach" {
        /// The terminal.
        tty_id: TtyId,
        /// First byte wanted; the oldest one held when absent.
        #[serde(default)] #[ts(type = "number | null")] from: Option<u64>,
    }
    /// Ends this connection's `tty.output` frames for a terminal.
    TtyDetach(TtyDetach) = "tty.detach" {
        /// The terminal.
        tty_id: TtyId,
    }
    /// Says that this client has shown output up to an offset; the service never runs more than 1 MiB ahead.
    TtyAck(TtyAck) = "tty.ack" {
        /// The terminal.
        tty_id: TtyId,
        /// Offset after the last byte shown.
        #[ts(type = "number")] offset: u64,
    }
    /// Types into a terminal.
    TtyInput(TtyInput) = "tty.input" {
        /// The terminal.
        tty_id: TtyId,
        /// Keys.
        data: String,
    }
    /// Changes a terminal's size.
    TtyResize(TtyResize) = "tty.resize" {
        /// The terminal.
        tty_id: TtyId,
        /// Columns, 2 to 1000.
        cols: u16,
        /// Rows, 1 to 500.
        rows: u16,
    }
    /// Hangs a terminal up: its programs get SIGHUP, then SIGKILL.
    TtyClose(TtyClose) = "tty.close" {
        /// The terminal.
        tty_id: TtyId,
    }
    /// The terminals of an agent; answers with `TtyInfo[]`.
    TtyList(TtyList) = "tty.list" {
        /// The agent.
        pid: AgentRef,
    }
    /// Sends durable events after a number, then the live ones.
    EventsResume(EventsResume) = "events.resume" {
        /// Last number already seen; 0 for all.
        #[ts(type = "number")] seq: u64,
    }
    /// Devices of the host; answers with a list (empty without GPUs).
    GpuList(GpuList) = "gpu.list" {}
    /// Providers of models; answers with `ProviderStatus[]`.
    LlmList(LlmList) = "llm.list" {}
    /// The service; answers with `SystemStatus`.
    Status(KernelStatus) = "kernel.status" {}
    /// Stops the service; agents stay. Only for root and group `aether` on the Unix socket and the operator.
    Shutdown(KernelShutdown) = "kernel.shutdown" {}
}
