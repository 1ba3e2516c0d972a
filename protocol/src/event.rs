//! What can happen, as clients are told.
//!
//! Durable events carry a sequence number: one counter for the whole service, without gaps, so that a client can resume
//! from a number and miss or double nothing. Streams (`tty.output`, `process.stdout`, `process.stderr`) are resumed by byte offset.

use serde::{Deserialize, Serialize};

use crate::closed::events;
pub use crate::frame::{AgentDelta, DeltaKind, KernelMetrics, KernelReady, Lagged, ProcessOutput, StreamFrame, TtyOutput};

use crate::{
    AgentId, AgentInfo, AgentPhase, AgentState, Approval, BudgetLine, CallUsage, Decision, ExitInfo, Feedback, Letter,
    MemoryLayer, NetworkMode, Plan, Reflection, Timestamp, TtyId, TtyInfo, approval::Suspicion, budget::PostMortem,
    network::NetworkVerdict,
};

/// One durable event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Sequence number, from 1, without gaps.
    #[ts(type = "number")]
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Agent concerned.
    pub agent_id: Option<AgentId>,
    /// Owner of that agent; empty for events of the service.
    pub owner: String,
    /// What happened.
    #[serde(flatten)]
    pub body: AgentEvent,
}

events! {
    /// An agent was accepted: it exists from now on.
    Spawned(ProcessSpawned) = "process.spawned" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The agent.
        info: Box<AgentInfo>,
    }
    /// State or phase changed.
    StateChange(ProcessStateChange) = "process.stateChange" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// State now.
        state: AgentState,
        /// Phase now.
        agent_phase: AgentPhase,
    }
    /// The agent's program ended and nothing of it runs any more.
    Exit(ProcessExit) = "process.exit" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// How.
        exit: ExitInfo,
    }
    /// The agent's record and home were removed.
    Reaped(ProcessReaped) = "process.reaped" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
    }
    /// The agent waits for a free place.
    Queued(ProcessQueued) = "process.queued" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// 1 (first) to 5 (last).
        priority: u8,
        /// Place in the queue, from 1.
        position: u32,
    }
    /// The agent left the queue and starts.
    Dequeued(ProcessDequeued) = "process.dequeued" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Its priority.
        priority: u8,
    }
    /// Its priority in the queue changed.
    PriorityChanged(ProcessPriorityChanged) = "process.priorityChanged" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Priority now.
        priority: u8,
        /// Priority before.
        previous_priority: u8,
    }
    /// The built-in agent thought.
    Thought(AgentThought) = "agent.thought" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Step, from 1.
        step: u32,
        /// The thought.
        thought: String,
    }
    /// The built-in agent is about to use a tool.
    Action(AgentAction) = "agent.action" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Step, from 1.
        step: u32,
        /// Tool.
        tool: String,
        /// Its arguments.
        #[ts(type = "unknown")] args: serde_json::Value,
    }
    /// A tool answered.
    Observation(AgentObservation) = "agent.observation" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Step, from 1.
        step: u32,
        /// Tool.
        tool: String,
        /// It did what was asked.
        ok: bool,
        /// The result, shortened to 4 KiB.
        result: String,
        /// What a call that ran a program used.
        #[serde(default, skip_serializing_if = "Option::is_none")] #[ts(optional = nullable)] used: Option<CallUsage>,
    }
    /// Progress of the built-in agent.
    Progress(AgentProgress) = "agent.progress" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Step, from 1.
        step: u32,
        /// Steps allowed.
        max_steps: u32,
        /// One line.
        summary: String,
        /// Who answered, as `PROVIDER/MODEL`.
        #[serde(default)] #[ts(optional = nullable)] model: Option<String>,
        /// Tokens of the answer, read and written, when the provider tells.
        #[serde(default)] #[ts(type = "number | null", optional)] tokens: Option<u64>,
        /// Cost of the answer, millionths of a US dollar, when there is a price.
        #[serde(default)] #[ts(type = "number | null", optional)] cost_microusd: Option<u64>,
    }
    /// The built-in agent reached its goal.
    Completed(AgentCompleted) = "agent.completed" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What it did.
        summary: String,
    }
    /// The cgroup of an agent was frozen.
    Paused(AgentPaused) = "agent.paused" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
    }
    /// The cgroup of an agent was thawed.
    Resumed(AgentResumed) = "agent.resumed" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
    }
    /// A person wrote to an agent.
    UserMessage(AgentUserMessage) = "agent.userMessage" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What they wrote.
        content: String,
    }
    /// Older steps are shown to the model as a summary from now on; the journal keeps them whole.
    Compacted(AgentCompacted) = "agent.compacted" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Step before which it happened.
        step: u32,
        /// Last step that is only summed up.
        summed_up: u32,
        /// Tokens of the conversation before, estimated.
        #[ts(type = "number")] tokens_before: u64,
        /// Tokens of it from now on, estimated.
        #[ts(type = "number")] tokens_after: u64,
    }
    /// A person works in its sandbox: it begins nothing new meanwhile, and what runs goes on.
    Held(AgentHeld) = "agent.held" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Who it is.
        by: String,
    }
    /// The person gave it back, or typed nothing for a while.
    Released(AgentReleased) = "agent.released" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Who had it.
        by: String,
        /// They said so; otherwise time did.
        handed: bool,
    }
    /// What a built-in agent works with changed; it holds from its next step on.
    Steered(AgentSteered) = "agent.steered" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Its tools now; all there are when null.
        tools: Option<Vec<String>>,
        /// Its model now.
        model: Option<String>,
    }
    /// An agent was started under this one.
    ChildSpawned(ChildSpawned) = "agent.spawned" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The new one.
        child: AgentId,
        /// Its number.
        #[ts(type = "number")] child_pid: u64,
    }
    /// A note of the service about an agent, for example a restart of the supervisor it lived through.
    Log(AgentLog) = "agent.log" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// `info`, `warn` or `error`.
        level: String,
        /// One line.
        message: String,
    }
    /// Files changed through the service.
    FsChanged(FsChanged) = "fs.changed" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Path inside.
        path: String,
        /// `created`, `modified` or `removed`.
        change_type: String,
    }
    /// A terminal was opened.
    TtyOpened(TtyOpened) = "tty.opened" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The terminal.
        tty: TtyInfo,
    }
    /// A terminal's program ended.
    TtyClosed(TtyClosed) = "tty.closed" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The terminal.
        tty_id: TtyId,
    }
    /// A connection or request of an agent was allowed, denied or held. Repetitions are counted, not told one by one.
    NetworkDecided(NetworkDecided) = "network.verdict" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// What was decided.
        verdict: NetworkVerdict,
        /// Why, one line.
        reason: String,
        /// How often since the last event of the same kind; at least 1.
        count: u32,
    }
    /// The network policy of a live agent changed.
    NetworkChanged(NetworkPolicyChanged) = "network.policy" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The policy now.
        policy: NetworkMode,
    }
    /// An agent waits for a person's word.
    ApprovalRequested(ApprovalRequested) = "approval.requested" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What it wants.
        approval: Approval,
    }
    /// It waits no longer.
    ApprovalDecided(ApprovalDecided) = "approval.decided" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Which one.
        #[ts(type = "number")] id: u64,
        /// The word.
        decision: Decision,
        /// Who decided; `nobody` when time ran out.
        by: String,
        /// Why, in their words.
        #[serde(default)] reason: Option<String>,
    }
    /// A text looks like an attempt to give the agent orders.
    GuardSuspicion(GuardSuspicion) = "guard.suspicion" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// Number of the step.
        step: u32,
        /// The tool.
        tool: String,
        /// Where it stood: `result` or `arguments`.
        place: String,
        /// What was found.
        suspicions: Vec<Suspicion>,
    }
    /// Four fifths of a limit are used.
    BudgetWarning(BudgetWarning) = "budget.warning" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The limit.
        line: BudgetLine,
    }
    /// A limit is used up: the agent is frozen.
    ResourceExceeded(ResourceExceeded) = "resource.exceeded" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The limit.
        line: BudgetLine,
    }
    /// The agent goes in circles: it is frozen, and a person is asked.
    Runaway(AgentRunaway) = "agent.runaway" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What it does over and over.
        why: String,
    }
    /// What was found when an agent was frozen.
    PostMortemWritten(PostMortemWritten) = "agent.postMortem" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What was found.
        post_mortem: PostMortem,
    }
    /// An agent remembers something.
    MemoryStored(MemoryStored) = "memory.stored" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The memory.
        #[ts(type = "number")] memory_id: u64,
        /// Its layer.
        layer: MemoryLayer,
    }
    /// An agent forgot something.
    MemoryForgotten(MemoryForgotten) = "memory.forgotten" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The memory.
        #[ts(type = "number")] memory_id: u64,
    }
    /// Memories were tidied up.
    MemoryConsolidated(MemoryConsolidated) = "memory.consolidated" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// How many went, folded into others or forgotten.
        #[ts(type = "number")] removed: u64,
    }
    /// The built-in agent made a plan.
    PlanCreated(PlanCreated) = "plan.created" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The plan.
        plan: Plan,
    }
    /// Its plan changed.
    PlanUpdated(PlanUpdated) = "plan.updated" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The plan.
        plan: Plan,
    }
    /// A run was looked back at.
    ReflectionStored(ReflectionStored) = "reflection.stored" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What came of it.
        reflection: Reflection,
    }
    /// A person rated a step.
    FeedbackSubmitted(FeedbackSubmitted) = "feedback.submitted" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// What they thought.
        feedback: Feedback,
    }
    /// An agent was written to by another one.
    LetterSent(LetterSent) = "ipc.message" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The letter.
        message: Letter,
    }
    /// An agent read what another one wrote.
    LetterRead(LetterRead) = "ipc.delivered" {
        /// Number of the agent.
        #[ts(type = "number")] pid: u64,
        /// The letter.
        #[ts(type = "number")] message_id: u64,
    }
}
