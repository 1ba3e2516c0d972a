//! Whose requests each secret was added to, how often, and when last.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use aether_protocol::{AgentId, SecretName, SecretUsed, Timestamp};
use aether_store::{Change, MAX_USERS, Store, StoreError};

use super::core::{Core, lock};

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

impl Core {
    /// A secret is being added to a request of an agent. Never waits.
    pub(crate) fn secret_used(&self, name: &SecretName, agent: &AgentId) {
        let called = self.registry().get(agent).map(|entry| entry.info.name.as_str().to_owned()).unwrap_or_default();
        let once = lock(&self.secrets.uses.0).entry(name.clone()).or_default().add(agent, &called);
        // A count that a power cut takes back was of a request that is over; nothing waits for it.
        if let Err(error) = self.store.submit(Change::new().relaxed(true).used_secret(name, once)) {
            tracing::error!(%agent, secret = %name, %error, "the use of a secret could not be counted");
        }
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
