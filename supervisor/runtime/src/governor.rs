//! Who decides what the loop may do: rules, approvals, guards and budgets, asked at one place.

use aether_llm::{Completion, TokenUsage};
use async_trait::async_trait;

use crate::{CallOutcome, Effect, Hands, History, JournalError, PlannedCall, Site};

/// What follows from [`Governor::before_answer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// The model may be asked.
    Go,
    /// The goal has failed; why, for people.
    End(String),
}

/// What follows from [`Governor::permit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The call may be made.
    Allow,
    /// It is not made; the agent reads why.
    Deny(String),
}

/// A call that is about to be made.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The call as the model made it.
    pub call: &'a PlannedCall,
    /// Name of the tool itself, where the model used another one for it.
    pub tool: &'a str,
    /// What the tool does to the world.
    pub effect: Effect,
    /// Where it happens; [`Site::path`] makes paths absolute, the hands can look at what is there now.
    pub site: Site<'a>,
    /// Where text from outside came from that the model has read before this call; see [`CallOutcome::outside`].
    pub taint: &'a [String],
}

/// Tokens that an answer used, told once for each answer that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The step it is for.
    pub step: u32,
    /// Provider and model that answered, as `PROVIDER/MODEL`.
    pub model: String,
    /// Tokens, when the provider tells.
    pub usage: Option<TokenUsage>,
    /// Cost in millionths of a US dollar, when it is known.
    pub cost_microusd: Option<u64>,
}

impl Spent {
    /// Of an answer of `provider`, or of who answered in its place.
    pub fn of(step: u32, provider: &str, answer: &Completion) -> Self {
        // A fallback may have answered for the one that was asked.
        let provider = if answer.provider.is_empty() { provider } else { &answer.provider };
        let model = if answer.model == provider { provider.to_owned() } else { format!("{provider}/{}", answer.model) };
        Self { step, model, usage: answer.usage, cost_microusd: answer.cost_microusd }
    }
}

/// The one place that every answer and every call of a loop passes. Errors interrupt the loop, which is then run again.
///
/// A loop that is cut off and goes on asks again about what it had asked before, with the same step and position.
#[async_trait]
pub trait Governor: Send + Sync {
    /// Once in each run of the loop, before anything else, with what was written so far.
    async fn begin(&self, history: &History, hands: &dyn Hands) -> Result<(), JournalError>;

    /// Before the model is asked for `step`. May wait.
    async fn before_answer(&self, step: u32, history: &History) -> Result<Gate, JournalError>;

    /// After each answer, before its step is written: what arrived twice because of a restart was paid twice.
    async fn spent(&self, spent: &Spent) -> Result<(), JournalError>;

    /// Before each call, several at once where calls run side by side. May wait as long as it likes.
    async fn permit(&self, asked: &Asked<'_>) -> Result<Verdict, JournalError>;

    /// After a restart: may the call at this place have begun? Only a call that is known to wait for [`Governor::permit`] has not,
    /// and is asked about again; any other is told to the agent as unknown.
    async fn may_have_begun(&self, step: u32, position: u32) -> Result<bool, JournalError>;

    /// After each call, before its outcome is written. It may change the outcome, for example mark it as coming from outside.
    async fn observed(&self, asked: &Asked<'_>, outcome: CallOutcome) -> Result<CallOutcome, JournalError>;
}

/// Allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ungoverned;

#[async_trait]
impl Governor for Ungoverned {
    async fn begin(&self, _: &History, _: &dyn Hands) -> Result<(), JournalError> {
        Ok(())
    }

    async fn before_answer(&self, _: u32, _: &History) -> Result<Gate, JournalError> {
        Ok(Gate::Go)
    }

    async fn spent(&self, _: &Spent) -> Result<(), JournalError> {
        Ok(())
    }

    async fn permit(&self, _: &Asked<'_>) -> Result<Verdict, JournalError> {
        Ok(Verdict::Allow)
    }

    async fn may_have_begun(&self, _: u32, _: u32) -> Result<bool, JournalError> {
        Ok(true)
    }

    async fn observed(&self, _: &Asked<'_>, outcome: CallOutcome) -> Result<CallOutcome, JournalError> {
        Ok(outcome)
    }
}
