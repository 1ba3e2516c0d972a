//! The way out of the sandboxes: every connection and every name an agent asks for ends here and is judged by one function.
//!
//! The sockets lie in the sandbox's network namespace; init keeps them and gives them to each new aetherd, which accepts from them
//! itself. When aetherd is gone, nobody accepts: an agent has no network then, never an open one.

mod agent;
mod answer;
mod authority;
mod body;
mod budget;
mod caller;
mod connection;
mod cut;
mod dial;
mod door;
mod http;
mod judge;
mod ledger;
mod names;
mod open;
mod own;
mod pipe;
mod policy;
mod proxy;
mod relay;
pub(crate) mod seam;
mod wire;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aether_protocol::{AgentEvent, AgentId, AgentSpec, network::NetworkDestination};
use tokio::sync::Semaphore;

use self::{
    agent::AgentNet,
    budget::Budget,
    own::OwnAddresses,
    seam::{Credentials, Gateway},
};
use crate::approvals::Approvals;

pub(crate) use authority::Authority;
pub(crate) use policy::{compile, opens_tls, proxy, trust};

/// Lookups of all agents together at a time: each holds a thread of the runtime.
const LOOKUPS: usize = 64;

/// What the way out needs of the rest of the service.
#[async_trait::async_trait]
pub(crate) trait World: Send + Sync {
    /// Records events of an agent.
    async fn tell(&self, agent: &AgentId, events: Vec<AgentEvent>);
    /// Keeps rows of what an agent asked for beyond this service and the agent's end.
    async fn keep(&self, agent: &AgentId, rows: Vec<NetworkDestination>);
    /// Number, name and step of an agent.
    fn about(&self, agent: &AgentId) -> Option<About>;
    /// The program that holds a connection, both ends as it has them; nothing when there are several, or that cannot be told.
    async fn program(&self, agent: &AgentId, near: SocketAddr, far: SocketAddr) -> Option<String>;
}

/// Who an agent is, for people.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) step: Option<u32>,
}

/// The way out of every sandbox.
#[derive(Default)]
pub(crate) struct Egress {
    agents: Mutex<HashMap<AgentId, Arc<AgentNet>>>,
    shared: Arc<Shared>,
}

/// What all agents share.
pub(crate) struct Shared {
    pub(crate) approvals: Approvals,
    gateway: OnceLock<Arc<dyn Gateway>>,
    credentials: OnceLock<Arc<dyn Credentials>>,
    authority: OnceLock<Authority>,
    own: OwnAddresses,
    lookups: Arc<Semaphore>,
    budget: Arc<Budget>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            approvals: Approvals::default(),
            gateway: OnceLock::new(),
            credentials: OnceLock::new(),
            authority: OnceLock::new(),
            own: OwnAddresses::default(),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            budget: Arc::default(),
        }
    }
}

impl Egress {
    /// What waits for a person's word.
    pub(crate) fn approvals(&self) -> &Approvals {
        &self.shared.approvals
    }

    /// Who serves the gateway's address; once.
    #[allow(dead_code, reason = "the gateway calls it at start")]
    pub(crate) fn set_gateway(&self, gateway: Arc<dyn Gateway>) {
        let _once = self.shared.gateway.set(gateway);
    }

    /// Who adds credentials to requests; once.
    #[allow(dead_code, reason = "the secrets call it at start")]
    pub(crate) fn set_credentials(&self, credentials: Arc<dyn Credentials>) {
        let _once = self.shared.credentials.set(credentials);
    }

    /// Who signs for hosts whose TLS is opened; once.
    pub(crate) fn set_authority(&self, authority: Authority) {
        let _once = self.shared.authority.set(authority);
    }

    /// Is there one already?
    pub(crate) fn has_authority(&self) -> bool {
        self.shared.authority.get().is_some()
    }

    /// May anything inside ever reach this address: is it public, and not this host's own?
    pub(crate) fn is_reachable(&self, address: std::net::IpAddr) -> bool {
        let address = address.to_canonical();
        let foreign = self.shared.own.now().is_some_and(|own| !own.iter().any(|own| own.to_canonical() == address));
        foreign && aether_net::class_of(address) == aether_net::Class::Public
    }

    /// The network of a live agent.
    pub(crate) fn of(&self, id: &AgentId) -> Option<Arc<AgentNet>> {
        lock(&self.agents).get(id).cloned()
    }

    fn add(&self, net: &Arc<AgentNet>) {
        lock(&self.agents).insert(net.id().clone(), net.clone());
    }

    fn remove(&self, id: &AgentId) {
        lock(&self.agents).remove(id);
        self.shared.approvals.forget(id);
    }
}

/// Does an agent need a way out?
pub(crate) fn needs_network(spec: &AgentSpec) -> bool {
    !spec.network.is_none() || !spec.models.is_empty() || !spec.secrets.is_empty()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
