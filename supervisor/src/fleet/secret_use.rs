//! Whose requests each secret was added to, how often, and when last.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use aether_protocol::{AgentId, SecretName, SecretUsed, Timestamp};
use aether_store::{Change, MAX_USERS, Store, StoreError};

use super::{
    core::{Core, lock},
    secrets::Secrets,
};

tokio::task_local! {
    /// The agent for which a task asks models, and its name.
    static ASKER: (AgentId, String);
}

/// Runs what asks models for an agent, so that the keys it uses are counted as that agent's.
pub(super) async fn asking<T>(core: &Core, agent: &AgentId, work: impl Future<Output = T>) -> T {
    ASKER.scope((agent.clone(), core.called(agent)), work).await
}

/// The count of every secret, as the store has it.
#[derive(Default)]
pub(super) struct SecretUses(Mutex<HashMap<SecretName, Uses>>);

#[derive(Default, Clone)]
struct Uses {
    times: u64,
    /// Last used first.
    by: VecDeque<SecretUsed>,
}

impl Uses {
    fn add(&mut self, agent: &AgentId, name: &str) -> SecretUsed {
        let once = SecretUsed { agent: agent.clone(), name: name.to_owned(), times: 1, last_at: Timestamp::now() };
        let known = self.by.iter().position(|by| by.agent == *agent).and_then(|at| self.by.remove(at));
        let before = known.map_or(0, |known| known.times);
        self.times += 1;
        self.by.push_front(SecretUsed { times: before + 1, ..once.clone() });
        self.by.truncate(MAX_USERS as usize);
        once
    }
}

impl SecretUses {
    /// As the store has them.
    pub(super) async fn open(store: &Store) -> Result<Self, StoreError> {
        let uses = store.secret_uses().await?.into_iter();
        Ok(Self(Mutex::new(uses.map(|(name, times, by)| (name, Uses { times, by: by.into() })).collect())))
    }

    /// How often a secret was used, and by whom.
    pub(super) fn of(&self, name: &SecretName) -> (u64, Vec<SecretUsed>) {
        let uses = lock(&self.0).get(name).cloned().unwrap_or_default();
        (uses.times, uses.by.into())
    }

    /// It was removed: one that gets its name later begins anew.
    pub(super) fn forget(&self, name: &SecretName) {
        lock(&self.0).remove(name);
    }
}

impl Secrets {
    /// A secret is being added to a request to a model: of the agent for which this task asks, or of the service's own.
    pub(super) fn used_by_asker(&self, store: &Store, name: &SecretName) {
        let asker = ASKER.try_with(|(agent, called)| (agent.clone(), called.clone())).ok();
        self.used(store, name, asker.as_ref().map(|(agent, called)| (agent, called.as_str())));
    }

    fn used(&self, store: &Store, name: &SecretName, by: Option<(&AgentId, &str)>) {
        if !self.has(name) {
            return;
        }
        let change = {
            let mut all = lock(&self.uses.0);
            let uses = all.entry(name.clone()).or_default();
            if let Some((agent, called)) = by {
                Change::new().used_secret(name, uses.add(agent, called))
            } else {
                uses.times += 1;
                Change::new().used_secret_itself(name)
            }
        };
        // A count that a power cut takes back was of a request that is over; nothing waits for it.
        if let Err(error) = store.submit(change.relaxed(true)) {
            tracing::error!(secret = %name, %error, "the use of a secret could not be counted");
        }
    }
}

impl Core {
    /// A secret is being added to a request of an agent. Never waits.
    pub(crate) fn secret_used(&self, name: &SecretName, agent: &AgentId) {
        self.secrets.used(&self.store, name, Some((agent, &self.called(agent))));
    }

    fn called(&self, agent: &AgentId) -> String {
        self.registry().get(agent).map(|entry| entry.info.name.as_str().to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_comes_first_and_few_are_remembered() {
        let mut uses = Uses::default();
        let agent = |n| AgentId::from_random([n; 12]);
        for n in [1, 2, 1] {
            assert_eq!(uses.add(&agent(n), "a").times, 1, "the store adds");
        }
        let by: Vec<_> = uses.by.iter().map(|by| (by.agent.clone(), by.times)).collect();
        assert_eq!((uses.times, by), (3, vec![(agent(1), 2), (agent(2), 1)]));
        for n in 10..100 {
            uses.add(&agent(n), "a");
        }
        assert_eq!((uses.times, uses.by.len(), uses.by[0].agent.clone()), (93, MAX_USERS as usize, agent(99)));
    }
}
