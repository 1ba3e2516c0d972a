//! The configuration in force: replaced as a whole by a reload.

use std::sync::{Arc, PoisonError, RwLock};

use super::Config;

/// The configuration in force. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Current(Arc<RwLock<Arc<Config>>>);

impl Current {
    /// Begins with this one.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    /// As it is now; a later reload does not change what was given out.
    pub fn get(&self) -> Arc<Config> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what can be changed while the service runs, and names the other keys that differ: they wait for a restart.
    pub fn reload(&self, new: &Config) -> Vec<&'static str> {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = place.clone();
        let mut next = Config::clone(&old);
        next.agents = new.agents.clone();
        next.limits = new.limits;
        next.pool.size = new.pool.size;
        *place = Arc::new(next);
        let differs = [
            ("state", old.state != new.state),
            ("socket", old.socket != new.socket),
            ("listen", old.listen != new.listen),
            ("host_names", old.host_names != new.host_names),
            ("init", old.init != new.init),
            ("service", old.service != new.service),
            ("storage", old.storage != new.storage),
            ("mounts", old.mounts != new.mounts),
            ("llm", old.llm != new.llm),
            ("models", old.models != new.models),
            ("cgroup", old.cgroup != new.cgroup),
            ("pool.networks", old.pool.networks != new.pool.networks),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

impl From<Config> for Current {
    fn from(config: Config) -> Self {
        Self::new(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AgentsConfig, Listen};

    #[test]
    fn takes_over_what_it_can_and_names_the_rest() {
        let current = Current::new(Config::default());
        let before = current.get();
        let agents = AgentsConfig { max_concurrent: 3, ..AgentsConfig::default() };
        let waits = current.reload(&Config { agents, listen: Some(Listen::None), ..Config::default() });
        assert_eq!(waits, ["listen"]);
        assert_eq!(current.get().agents.max_concurrent, 3);
        assert_eq!(current.get().listen, None, "the listener stays, and is not said to have changed");
        assert_eq!(before.agents.max_concurrent, 20, "what was given out stays as it was");
    }
}
