//! The gateway's questions, answered by the fleet.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};

use aether_gateway::{Alarm, Call, Desk, Key, Lent, NoKey};
use aether_protocol::{AgentId, ModelProvider, SecretName, SecretPlace, Spent, event::AgentLog, secret::HeaderPlace};
use aether_store::{AuditEntry, Change};
use async_trait::async_trait;
use serde_json::json;

use crate::{
    fleet::{Core, lock},
    govern::meter,
};

/// The same alarm of the same agent is recorded once in this time.
const QUIET: Duration = Duration::from_secs(60);
/// Kinds of alarms remembered; beyond that the oldest are forgotten.
const REMEMBERED: usize = 4096;

/// Answers for a fleet, as long as that lives.
pub(crate) struct FleetDesk {
    core: Weak<Core>,
    alarms: Mutex<HashMap<(AgentId, String), Instant>>,
}

impl FleetDesk {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::downgrade(core), alarms: Mutex::default() }
    }

    /// Is this one new, or did it ring a moment ago?
    fn is_news(&self, agent: &AgentId, what: Alarm) -> bool {
        let now = Instant::now();
        let mut alarms = lock(&self.alarms);
        if alarms.len() >= REMEMBERED {
            alarms.retain(|_, rung| now.duration_since(*rung) < QUIET);
        }
        let rung = alarms.insert((agent.clone(), what.to_string()), now);
        rung.is_none_or(|rung| now.duration_since(rung) >= QUIET)
    }
}

/// Where a provider takes its key.
fn place(provider: ModelProvider) -> SecretPlace {
    let header = |name: &str| SecretPlace::Header(HeaderPlace { name: name.to_owned() });
    match provider {
        ModelProvider::Openai | ModelProvider::Ollama => SecretPlace::Bearer {},
        ModelProvider::Anthropic => header("x-api-key"),
        ModelProvider::Gemini => header("x-goog-api-key"),
    }
}

const fn usual_secret(provider: ModelProvider) -> &'static str {
    match provider {
        ModelProvider::Openai => "OPENAI_API_KEY",
        ModelProvider::Anthropic => "ANTHROPIC_API_KEY",
        ModelProvider::Gemini => "GEMINI_API_KEY",
        ModelProvider::Ollama => "OLLAMA_API_KEY",
    }
}

/// The secret with the key of a provider.
fn secret_of(core: &Core, provider: ModelProvider) -> Result<SecretName, String> {
    match &core.config.get().models.upstream(provider).secret {
        Some(name) => Ok(name.clone()),
        None => usual_secret(provider).parse().map_err(|error: <SecretName as std::str::FromStr>::Err| error.to_string()),
    }
}

#[async_trait]
impl Desk for FleetDesk {
    fn lent(&self, agent: &AgentId) -> Option<Lent> {
        let core = self.core.upgrade()?;
        core.sandbox(agent)?;
        let (spec, step) = core.registry().get(agent).map(|entry| (entry.info.spec.clone(), entry.info.step))?;
        let placeholder = core.secrets.placeholder(agent);
        Some(Lent { providers: spec.models, token_budget: spec.limits.model_tokens, placeholder, step })
    }

    async fn used(&self, agent: &AgentId) -> u64 {
        let Some(core) = self.core.upgrade() else { return u64::MAX };
        match core.store.model_usage(agent.clone()).await {
            Ok(usage) => usage.iter().map(|one| one.input_tokens.saturating_add(one.output_tokens)).sum(),
            Err(error) => {
                // An unknown count is no free budget.
                tracing::error!(%agent, %error, "what an agent used of its budget cannot be read");
                u64::MAX
            }
        }
    }

    fn key(&self, provider: ModelProvider) -> Result<Option<Key>, NoKey> {
        let core =
            self.core.upgrade().ok_or_else(|| NoKey { cause: "the service is stopping".into(), hint: "try again".into() })?;
        let name = secret_of(&core, provider).map_err(|cause| NoKey { cause, hint: String::new() })?;
        let config = core.config.get();
        let upstream = config.models.upstream(provider);
        match core.secrets.value(&name) {
            Some(Ok(value)) => Ok(Some(Key { value, place: place(provider) })),
            Some(Err(unsealable)) => Err(NoKey { cause: unsealable.to_string(), hint: "its operator can see to it".into() }),
            // An endpoint that somebody named, and a local one, may do without; a public one would only refuse.
            None if upstream.secret.is_none() && (upstream.base_url.is_some() || provider == ModelProvider::Ollama) => Ok(None),
            None => Err(NoKey {
                cause: format!("the gateway has no key for {}", provider.name()),
                hint: format!("its operator gives it one with: aether secret set {name}"),
            }),
        }
    }

    fn key_used(&self, agent: &AgentId, provider: ModelProvider) {
        let Some(core) = self.core.upgrade() else { return };
        if let Ok(name) = secret_of(&core, provider) {
            core.secret_used(&name, agent);
        }
    }

    fn granted(&self, agent: &AgentId, host: &str, method: &str, path: &str) -> Option<Key> {
        let core = self.core.upgrade()?;
        let grant = core.secrets.granted(agent, host, method, path)?;
        match core.secrets.value(&grant.secret)? {
            Ok(value) => {
                core.secret_used(&grant.secret, agent);
                Some(Key { value, place: grant.place })
            }
            Err(error) => {
                tracing::error!(secret = %grant.secret, %error, "a granted secret cannot be used");
                None
            }
        }
    }

    fn may_connect(&self, address: std::net::IpAddr) -> bool {
        self.core.upgrade().is_some_and(|core| core.egress.is_reachable(address))
    }

    fn count(&self, agent: &AgentId, call: Call) {
        let Some(core) = self.core.upgrade() else { return };
        let used = Spent {
            tokens: call.usage.input_tokens.saturating_add(call.usage.output_tokens),
            cost_microusd: call.usage.cost_microusd.unwrap_or(0),
            ..Spent::default()
        };
        meter::spend(&core, agent, used, None);
        // A count that is lost by a power cut was of calls that are over; nothing waits for it.
        if let Err(error) = core.store.submit(Change::new().relaxed(true).model_usage(agent, call.usage)) {
            tracing::error!(%agent, %error, "a call to a model could not be counted");
        }
    }

    fn alarm(&self, agent: &AgentId, what: Alarm, about: &str) {
        let about: String = about.chars().filter(|c| !c.is_control()).take(120).collect();
        tracing::warn!(target: "aether::denied", %agent, about, "the gateway raised an alarm: {what}");
        let Some(core) = self.core.upgrade() else { return };
        if !self.is_news(agent, what) {
            return;
        }
        let number = core.registry().get(agent).map_or(0, |entry| entry.info.number);
        let outcome = json!({ "ok": false, "what": what.to_string(), "about": about });
        let entry = AuditEntry { who: "agent".into(), action: "secret.alarm".into(), subject: agent.to_string(), outcome };
        let log = AgentLog { pid: number, level: "warn".into(), message: format!("gateway: {what} ({about})") };
        let change = core.with_events(agent, Change::new().audit(entry), vec![log.into()]);
        if let Err(error) = core.store.submit(change) {
            tracing::error!(%agent, %error, "an alarm could not be recorded");
        }
    }
}

impl FleetDesk {
    /// Takes out of a host's answers what may have been added to the requests: every secret that this agent has for it.
    pub(crate) fn scrubber(&self, agent: &AgentId, host: &str) -> Option<aether_secrets::Scrubber> {
        let core = self.core.upgrade()?;
        let mut scrubber = None::<aether_secrets::Scrubber>;
        for name in core.secrets.names_for(agent, host) {
            if let Some(Ok(value)) = core.secrets.value(&name) {
                scrubber.get_or_insert_default().add(&value);
            }
        }
        scrubber
    }
}
