//! The network of one agent: its policy, the names it asked for, what it may do at a time.

use std::{
    collections::HashMap,
    net::IpAddr,
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aether_net::{Host, HostName, Lookups, Names, Policy};
use aether_protocol::{AgentEvent, AgentId, Decision, event::AgentLog, network::NetworkDestination};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use super::{
    Egress, Shared, World,
    budget::Share,
    connection,
    ledger::{Ledger, ROWS},
    lock, names,
};
use crate::links::init::NetworkSockets;

/// Connections of one agent that are told at a time that there are too many; further ones wait to be accepted.
const REFUSED: usize = 16;
/// Connections of one agent per second; further ones wait as well.
const PER_SECOND: u32 = 500;
/// Lookups of one agent at a time.
const LOOKUPS: usize = 8;
/// Events of one agent that wait to be recorded.
const EVENTS: usize = 64;
/// How long a person's word counts that is not kept.
const MINUTE: Duration = Duration::from_secs(60);
/// Pause after the kernel refused a connection for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// How often what it asked for is kept.
const KEEP: Duration = Duration::from_secs(2);
/// How long what is under way at an agent's end may take to be counted.
const LAST: Duration = Duration::from_secs(1);

/// Addresses by name, and when they were found.
pub(super) type Found = HashMap<HostName, (Instant, Arc<[IpAddr]>)>;

/// Words that count for the moment: about which destination and which program, when they were said, and what.
type Words = HashMap<(Host, u16, Option<Arc<str>>), (Instant, Decision)>;

/// The network of one agent.
pub(crate) struct AgentNet {
    id: AgentId,
    pub(super) world: Arc<dyn World>,
    pub(super) shared: Arc<Shared>,
    policy: watch::Sender<Arc<Policy>>,
    pub(super) names: Mutex<Names>,
    pub(super) ledger: Mutex<Ledger>,
    /// Addresses of names, as they were found a moment ago.
    pub(super) found: Mutex<Found>,
    words: Mutex<Words>,
    /// How much it asked resolvers.
    pub(super) looked_up: Mutex<Lookups>,
    events: mpsc::Sender<AgentEvent>,
    /// Told when something was asked for.
    pub(super) asked: Notify,
    connections: Share,
    refusals: Arc<Semaphore>,
    pub(super) lookups: Arc<Semaphore>,
    /// Held by whoever looks for the program of a connection.
    pub(super) searches: Semaphore,
    pub(super) over: CancellationToken,
}

impl Egress {
    /// Serves the network of an agent until `over`; `kept` is what it asked for under an earlier service.
    pub(crate) fn serve(
        &self,
        world: Arc<dyn World>,
        id: &AgentId,
        (policy, kept): (Policy, Vec<NetworkDestination>),
        sockets: NetworkSockets,
        over: CancellationToken,
    ) {
        let (events, told) = mpsc::channel(EVENTS);
        tokio::spawn(tell(world.clone(), id.clone(), told));
        let net = Arc::new(AgentNet {
            id: id.clone(),
            world,
            shared: self.shared.clone(),
            policy: watch::Sender::new(Arc::new(policy)),
            names: Mutex::default(),
            ledger: Mutex::new(Ledger::remembering(kept)),
            looked_up: Mutex::default(),
            found: Mutex::default(),
            words: Mutex::default(),
            events,
            asked: Notify::new(),
            connections: Share::new(&self.shared.budget),
            refusals: Arc::new(Semaphore::new(REFUSED)),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            searches: Semaphore::new(1),
            over,
        });
        self.add(&net);
        for listener in std::iter::once(sockets.tcp4).chain(sockets.tcp6) {
            spawn(&net, accept(net.clone(), listener));
        }
        spawn(&net, keep(net.clone()));
        for socket in std::iter::once(sockets.udp4).chain(sockets.udp6) {
            spawn(&net, names::serve(net.clone(), socket));
        }
    }

    /// Its agent has ended: what it asked for is kept to the last byte, and then forgotten here.
    pub(crate) async fn leave(&self, id: &AgentId) {
        if let Some(net) = self.of(id) {
            let begun = Instant::now();
            // Each connection counts when its task is dropped, and holds the network until then. One is the map's, one is here.
            while Arc::strong_count(&net) > 2 && begun.elapsed() < LAST {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            net.keep().await;
        }
        self.remove(id);
    }
}

/// Runs a task of an agent until that has ended.
pub(super) fn spawn(net: &AgentNet, task: impl Future<Output = ()> + Send + 'static) {
    let over = net.over.clone();
    tokio::spawn(async move { over.run_until_cancelled(task).await });
}

/// Records events in the order they came, those that wait together as one.
async fn tell(world: Arc<dyn World>, id: AgentId, mut events: mpsc::Receiver<AgentEvent>) {
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, EVENTS).await > 0 {
        world.tell(&id, std::mem::take(&mut batch)).await;
    }
}

/// Keeps what is asked for, now and then while something is. Nothing is awake for an agent that asks for nothing.
async fn keep(net: Arc<AgentNet>) {
    loop {
        net.asked.notified().await;
        let mut quiet = false;
        while !quiet {
            tokio::time::sleep(KEEP).await;
            // Looked at first: what ends meanwhile is counted before it ends.
            quiet = net.open() == 0;
            net.keep().await;
        }
    }
}

/// Accepts connections made inside. What waits because of a limit waits in the kernel, where it costs this process nothing.
async fn accept(net: Arc<AgentNet>, listener: OwnedFd) {
    let listener = std::net::TcpListener::from(listener);
    let listener = match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(agent = %net.id, %error, "an agent's connections cannot be accepted");
            return;
        }
    };
    let (mut second, mut accepted) = (Instant::now(), 0);
    loop {
        if second.elapsed() >= Duration::from_secs(1) {
            (second, accepted) = (Instant::now(), 0);
        } else if accepted >= PER_SECOND {
            tokio::time::sleep(Duration::from_secs(1).saturating_sub(second.elapsed())).await;
        }
        accepted += 1;
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = net.clone();
                if let Some(slot) = net.connections.take() {
                    spawn(&net, async move {
                        let _slot = slot;
                        connection::serve(served, stream).await;
                    });
                } else {
                    let Ok(turn) = net.refusals.clone().acquire_owned().await else { return };
                    spawn(&net, async move {
                        let _turn = turn;
                        connection::turn_away(served, stream).await;
                    });
                }
            }
            Err(error) => {
                tracing::warn!(agent = %net.id, %error, "a connection of an agent was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

impl AgentNet {
    /// Whose it is.
    pub(crate) const fn id(&self) -> &AgentId {
        &self.id
    }

    /// The policy of the moment.
    pub(super) fn policy(&self) -> Arc<Policy> {
        self.policy.borrow().clone()
    }

    /// Told when the policy changes.
    pub(super) fn policy_changes(&self) -> watch::Receiver<Arc<Policy>> {
        self.policy.subscribe()
    }

    /// A new policy, in force at once: also for what is connected.
    pub(crate) fn set_policy(&self, policy: Policy) {
        lock(&self.words).clear();
        self.policy.send_replace(Arc::new(policy));
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> u32 {
        u32::try_from(self.connections.open()).unwrap_or(u32::MAX)
    }

    /// Bytes it sent out since the service took it over.
    pub(crate) fn sent(&self) -> u64 {
        lock(&self.ledger).sent()
    }

    /// What it asked for, last used first.
    pub(crate) fn destinations(&self) -> Vec<NetworkDestination> {
        lock(&self.ledger).shown()
    }

    /// Tells people, unless more is told already than can be recorded: the table has it all.
    pub(super) fn tell(&self, event: impl Into<AgentEvent>) {
        let _full = self.events.try_send(event.into());
    }

    /// Keeps what changed, and says once for all that verdicts came too fast to be told one by one.
    async fn keep(&self) {
        let (changed, left_out) = {
            let mut ledger = lock(&self.ledger);
            (ledger.changed(), ledger.left_out())
        };
        if left_out > 0 {
            let pid = self.world.about(&self.id).map_or(0, |about| about.number);
            let message = format!(
                "network: {left_out} verdicts came faster than they are told one by one; the last {ROWS} destinations are in its table"
            );
            self.tell(AgentLog { pid, level: "warn".into(), message });
        }
        if !changed.is_empty() {
            self.world.keep(&self.id, changed).await;
        }
    }

    /// A person's word about a destination that counts for the moment.
    pub(super) fn word(&self, program: Option<&Arc<str>>, host: &Host, port: u16) -> Option<Decision> {
        let mut words = lock(&self.words);
        words.retain(|_, (at, _)| at.elapsed() < MINUTE);
        words.get(&(host.clone(), port, program.cloned())).map(|(_, decision)| *decision)
    }

    /// Keeps a person's word for the moment.
    pub(super) fn remember(&self, program: Option<&Arc<str>>, host: &Host, port: u16, decision: Decision) {
        lock(&self.words).insert((host.clone(), port, program.cloned()), (Instant::now(), decision));
    }
}

/// A connection as it is closed when nothing can be said on it: the other side sees a reset, not an orderly end.
pub(super) fn reset(stream: TcpStream) {
    let _closed = stream.set_zero_linger();
}
