//! From a destination that is allowed to a connection: names are looked up, every address is judged, and one of those judged is
//! connected to.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use aether_net::{Host, HostName, LookUp, Reason, Seen};
use aether_protocol::event::AgentLog;
use tokio::{net::TcpStream, sync::oneshot, time::timeout};

use super::{agent::AgentNet, caller::Caller, lock};

/// How long a lookup may take.
const LOOKUP: Duration = Duration::from_secs(10);
/// How long one address is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// How long addresses that were found count, for connections made together.
const FRESH: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const TRIED: usize = 8;
/// Names whose addresses are remembered at a time.
const REMEMBERED: usize = 256;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// An address may not be connected to.
    #[error("{0}")]
    Denied(Reason),
    /// The name has no address, or the resolver does not answer.
    #[error("the name cannot be resolved: {0}")]
    Unknown(#[source] io::Error),
    /// Nobody answers there.
    #[error("cannot connect: {0}")]
    Unreachable(#[source] io::Error),
}

impl AgentNet {
    /// Connects to a destination that was allowed by name. Redirects and later answers of the resolver change nothing: the address
    /// connected to is one of those judged here.
    pub(super) async fn dial(&self, from: &Caller, host: &Host, port: u16) -> Result<TcpStream, DialError> {
        let addresses = match host {
            Host::Address(address) => Arc::from([*address]),
            Host::Name(name) => match self.known(name) {
                Some(addresses) => addresses,
                None => {
                    self.may_look_up(name).await.map_err(|reason| DialError::Denied(self.deny(host, port, reason)))?;
                    self.look_up(name).await.map_err(DialError::Unknown)?
                }
            },
        };
        self.permit(from, host, port, Seen::Nothing, &addresses).await.map_err(DialError::Denied)?;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses.iter().take(TRIED) {
            match timeout(CONNECT, TcpStream::connect(SocketAddr::new(*address, port))).await {
                Ok(Ok(stream)) => {
                    let _slower = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(DialError::Unreachable(last))
    }

    /// The addresses of a name that were found a moment ago.
    fn known(&self, name: &HostName) -> Option<Arc<[IpAddr]>> {
        let found = lock(&self.found);
        found.get(name).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, addresses)| addresses.clone())
    }

    /// Waits until a name may be looked up: questions carry their labels to whoever answers.
    async fn may_look_up(&self, name: &HostName) -> Result<(), Reason> {
        let asked = lock(&self.looked_up).ask(name, Instant::now());
        let wait = match asked {
            LookUp::After(wait) => wait,
            LookUp::Unusual(wait, domain) => {
                tracing::warn!(target: "aether::denied", agent = %self.id(), domain, "an agent looks up very many names below one domain");
                let pid = self.world.about(self.id()).map_or(0, |about| about.number);
                let message = format!("network: it looks up very many names below {domain}; names can carry data out");
                self.tell(AgentLog { pid, level: "warn".into(), message });
                wait
            }
            LookUp::TooMany(domain) => {
                return Err(Reason::Lookups(format!("it looked up as many names below {domain} as it may in an hour")));
            }
            LookUp::TooFast => return Err(Reason::Lookups("it looks up more names than 20 a second".to_owned())),
        };
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// The addresses of a name, by the host's resolver.
    async fn look_up(&self, name: &HostName) -> io::Result<Arc<[IpAddr]>> {
        let busy = |_| io::Error::other("the service is ending");
        let mine = self.lookups.clone().acquire_owned().await.map_err(busy)?;
        let shared = self.shared.lookups.clone().acquire_owned().await.map_err(busy)?;
        let (answer, found) = oneshot::channel();
        let asked = name.as_str().to_owned();
        // A lookup that takes too long keeps its places until its thread is free again.
        tokio::spawn(async move {
            let outcome = tokio::net::lookup_host((asked.as_str(), 0)).await.map(|all| all.map(|to| to.ip()).collect::<Vec<_>>());
            drop((mine, shared));
            let _nobody_waits = answer.send(outcome);
        });
        let slow = |_| io::Error::new(io::ErrorKind::TimedOut, "the host's resolver does not answer");
        let mut addresses = timeout(LOOKUP, found).await.map_err(slow)?.map_err(|_| io::Error::other("the lookup failed"))??;
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|address| seen.insert(address.to_canonical()));
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
        }
        let addresses: Arc<[IpAddr]> = addresses.into();
        let mut known = lock(&self.found);
        known.retain(|_, (at, _)| at.elapsed() < FRESH);
        if known.len() < REMEMBERED {
            known.insert(name.clone(), (Instant::now(), addresses.clone()));
        }
        Ok(addresses)
    }
}
