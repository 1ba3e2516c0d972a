//! Which model answers a step.

use std::sync::Arc;

use aether_llm::{Delta, Provider};

/// What is known when a model is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// `PROVIDER/MODEL` that people asked for.
    pub model: Option<&'a str>,
    /// Step it is for, from 1.
    pub step: u32,
    /// Names of the tools on offer.
    pub tools: &'a [String],
    /// Tokens of the conversation, estimated.
    pub tokens: u64,
    /// A call of the last step failed.
    pub last_failed: bool,
    /// Role of the agent.
    pub role: Option<&'a str>,
}

/// A provider and what to ask it for.
pub struct Choice<'a> {
    /// Who answers.
    pub provider: Arc<dyn Provider + 'a>,
    /// Model within the provider; its default when absent.
    pub model: Option<String>,
    /// Why this one, for people; told when it is another one than before.
    pub why: Option<String>,
}

/// Chooses a model for each step.
pub trait Models: Send + Sync {
    /// The model for a step.
    ///
    /// # Errors
    /// Why there is none, for people: the goal has failed.
    fn choose(&self, wish: &Wish<'_>) -> Result<Choice<'_>, String>;
}

/// Hears an answer while it is written. Nothing of it is kept, and nobody waits for the listener.
pub trait Listener: Send + Sync {
    /// A piece of the answer for `step`.
    fn heard(&self, step: u32, delta: &Delta);
}

/// Nobody listens.
impl Listener for () {
    fn heard(&self, _: u32, _: &Delta) {}
}
