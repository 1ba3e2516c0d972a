//! What the loop writes down: intents before effects, outcomes after.

use aether_llm::TokenUsage;
use aether_protocol::{AgentEvent, AgentPhase, CallUsage};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Effect, ShownImage};

/// A step about to act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepIntent {
    /// Number of the step, from 1.
    pub step: u32,
    /// What the agent thought.
    pub thought: String,
    /// Tokens used to think it.
    pub usage: Option<TokenUsage>,
    /// The calls it is about to make, in order.
    pub calls: Vec<PlannedCall>,
}

/// A call about to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// The model's id of the call.
    pub id: String,
    /// Tool, as the model named it.
    pub tool: String,
    /// Arguments, as the model gave them.
    pub args: Value,
}

/// How a call ended, as the model is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// It did what was asked.
    pub ok: bool,
    /// The result, already shortened.
    pub text: String,
    /// Where the text comes from, when from outside the agent's own work: the model is told not to trust it, and what follows is
    /// tainted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    /// Pictures that it shows to a model that sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ShownImage>,
    /// What it used, when it ran a program. For people: the model is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Box<CallUsage>>,
}

impl CallOutcome {
    /// It did what was asked.
    pub fn done(text: impl Into<String>) -> Self {
        Self { ok: true, text: text.into(), outside: None, images: Vec::new(), used: None }
    }

    /// It did not.
    pub fn failed(text: impl Into<String>) -> Self {
        Self { ok: false, ..Self::done(text) }
    }

    /// The same, with text that comes from `source`, for example `https://example.com/` or `a message of agent_3`.
    #[must_use]
    pub fn from_outside(self, source: impl Into<String>) -> Self {
        Self { outside: Some(source.into()), ..self }
    }
}

/// A step as found after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedStep {
    /// The step.
    pub intent: StepIntent,
    /// The outcome of each call; shorter than the calls (or `None`) where none was written.
    pub outcomes: Vec<Option<CallOutcome>>,
}

/// A message and the step that took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenMessage {
    /// The step before which it was read.
    pub step: u32,
    /// What it says.
    pub content: String,
}

/// Everything written so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Steps in order, from 1, without gaps.
    pub steps: Vec<RecordedStep>,
    /// Messages that were taken, in order.
    pub messages: Vec<TakenMessage>,
}

/// What else changes together with a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The agent's phase from now on.
    pub phase: AgentPhase,
    /// Its step.
    pub step: u32,
    /// The last thing it did, one line, when that changed.
    pub last_action: Option<String>,
    /// Events to append.
    pub events: Vec<AgentEvent>,
    /// What the step does that it belongs to. Before and after what changes something the write has to be on the disk, so that no
    /// loss of power hides it; what changes nothing may get there a moment later, as it may be done again.
    pub effect: Effect,
}

/// The journal cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub String);

/// The journal of one agent. Each call returns when everything given to it is written, in one commit, and is durable when
/// [`Update::effect`] asks for it.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Everything written so far.
    async fn load(&self) -> Result<History, JournalError>;
    /// Gives the messages that nobody took yet to `step`; asked again for the same step, the same ones.
    async fn take_messages(&self, step: u32) -> Result<Vec<String>, JournalError>;
    /// Writes a step before it acts.
    async fn begin_step(&self, intent: &StepIntent, update: Update) -> Result<(), JournalError>;
    /// Writes how the call at `position` of `step` ended.
    async fn finish_call(&self, step: u32, position: u32, outcome: &CallOutcome, update: Update) -> Result<(), JournalError>;
    /// Writes nothing but the update.
    async fn note(&self, update: Update) -> Result<(), JournalError>;
}
