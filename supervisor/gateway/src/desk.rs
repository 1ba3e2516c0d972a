//! What the gateway asks of whoever knows the agents and the secrets.

use std::{fmt, net::IpAddr};

use aether_protocol::{AgentId, ModelProvider, ModelUsage, SecretPlace};
use aether_secrets::Value;
use async_trait::async_trait;

/// What an agent may do here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// The providers it may ask.
    pub providers: Vec<ModelProvider>,
    /// Tokens it may use in all.
    pub token_budget: Option<u64>,
    /// What it has in the place of every secret.
    pub placeholder: String,
    /// Step of its built-in agent; 0 for programs.
    pub step: u32,
}

/// A secret and its place in a request.
#[derive(Debug, Clone)]
pub struct Key {
    /// The value.
    pub value: Value,
    /// Where it goes.
    pub place: SecretPlace,
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoKey {
    /// The cause, one line.
    pub cause: String,
    /// The fix, one line, for whoever runs the service.
    pub hint: String,
}

/// Somebody inside tried something that no honest program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// A placeholder that is not this agent's.
    ForeignPlaceholder,
    /// A path that was made to be understood in two ways.
    CraftedPath,
    /// The provider's answer held the key.
    KeyInAnswer,
    /// A provider or a host that was not granted.
    NotGranted,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignPlaceholder => "a placeholder that is not its own",
            Self::CraftedPath => "a path that can be read in two ways",
            Self::KeyInAnswer => "an answer held the secret",
            Self::NotGranted => "a provider or host that was not granted",
        })
    }
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What it adds to the count.
    pub usage: ModelUsage,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
}

/// Who knows the agents, the secrets and the count.
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// What `agent` may do; `None` when it does not live.
    fn lent(&self, agent: &AgentId) -> Option<Lent>;

    /// Tokens that `agent` has used before this service started.
    async fn used(&self, agent: &AgentId) -> u64;

    /// The key of a provider; `Ok(None)` when it is asked without one.
    ///
    /// # Errors
    /// What the provider lacks.
    fn key(&self, provider: ModelProvider) -> Result<Option<Key>, NoKey>;

    /// The key of a provider is being added to a request of `agent`. Never waits.
    fn key_used(&self, agent: &AgentId, provider: ModelProvider);

    /// The secret that `agent` was granted for such a request.
    fn granted(&self, agent: &AgentId, host: &str, method: &str, path: &str) -> Option<Key>;

    /// May a request to a granted host end at this address? (Providers are where the configuration says.)
    fn may_connect(&self, address: IpAddr) -> bool;

    /// Counts a call. Never waits.
    fn count(&self, agent: &AgentId, call: Call);

    /// Raises an alarm. Never waits.
    fn alarm(&self, agent: &AgentId, what: Alarm, about: &str);
}
