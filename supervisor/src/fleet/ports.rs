//! The ports of agents: what they listen on, and connections to it.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use aether_protocol::{AgentId, AgentPort, ApiError};
use aether_sandbox::wire::init::{InitReply, InitRequest};
use nix::sys::socket::{SockType, getsockopt, sockopt};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;

use super::Fleet;
use crate::links::{errors::from_init, init::unexpected};

/// A program that listens but does not accept is waited for so long.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A connection to a port inside a sandbox.
#[derive(Debug)]
pub struct Dialled {
    /// The connection.
    pub stream: TcpStream,
    /// Cancelled when the sandbox ends.
    pub over: CancellationToken,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody listens.
    Nobody,
    /// Who listens does not accept.
    Slow,
    /// The agent takes no connections now.
    Closed,
}

/// No connection was made.
#[derive(Debug)]
pub struct NotDialled {
    /// The kind.
    pub why: Why,
    /// For whoever asked.
    pub error: ApiError,
}

impl From<ApiError> for NotDialled {
    fn from(error: ApiError) -> Self {
        Self { why: Why::Closed, error }
    }
}

impl From<NotDialled> for ApiError {
    fn from(not: NotDialled) -> Self {
        not.error
    }
}

impl Fleet {
    /// The agent of exactly this id or name.
    pub(crate) fn named(&self, reference: &str) -> Option<AgentId> {
        let id = self.resolve(reference).ok()?;
        let exact = id.as_str() == reference || self.core.registry().get(&id)?.info.name.as_str() == reference;
        exact.then_some(id)
    }

    /// The ports that something inside listens on, in their order. `origin` of each is left to whoever knows the service's address.
    pub async fn ports(&self, id: &AgentId) -> Result<Vec<AgentPort>, ApiError> {
        let live = self.core.running(id)?;
        let listening = match live.init.ask(InitRequest::Listening).await? {
            InitReply::Listening(listening) => listening,
            other => return Err(unexpected(&other)),
        };
        let mut ports: BTreeMap<u16, AgentPort> = BTreeMap::new();
        for address in listening {
            let port = address.port();
            let empty = || AgentPort { port, addresses: Vec::new(), reachable: false, origin: None };
            let entry = ports.entry(port).or_insert_with(empty);
            entry.addresses.push(address.ip().to_string());
            entry.reachable |= is_reached(address.ip());
        }
        Ok(ports.into_values().collect())
    }

    /// Connects to a port on the loopback of a sandbox: 127.0.0.1 first, then ::1.
    pub async fn dial(&self, id: &AgentId, port: u16) -> Result<Dialled, NotDialled> {
        let live = self.core.running(id)?;
        let mut refused = None;
        for v6 in [false, true] {
            let socket = match live.init.exchange(InitRequest::Connect { port, v6 }).await? {
                (InitReply::Opened { .. }, Some(socket)) => socket,
                // A host without IPv6.
                (InitReply::Failed { .. }, _) if v6 => break,
                (InitReply::Failed { errno, step }, _) => return Err(from_init(errno, &step).into()),
                (other, _) => return Err(unexpected(&other).into()),
            };
            match timeout(CONNECT_TIME, connected(socket)).await {
                Ok(Ok(stream)) => return Ok(Dialled { stream, over: live.over.clone() }),
                Ok(Err(error)) => refused = Some(error),
                Err(_) => {
                    let cause = format!("the program on port {port} accepts no connection");
                    let error = ApiError::conflict(cause, "it may be busy: try again, or look at aether logs");
                    return Err(NotDialled { why: Why::Slow, error });
                }
            }
        }
        let why = refused.map(|error| format!(" ({error})")).unwrap_or_default();
        let cause = format!("nothing inside listens on port {port}{why}");
        let hint = "aether port AGENT lists the ports; start the server, then try again";
        Err(NotDialled { why: Why::Nobody, error: ApiError::conflict(cause, hint) })
    }
}

/// What listens at this address hears what is sent to 127.0.0.1 or ::1.
fn is_reached(address: IpAddr) -> bool {
    address.is_unspecified() || address == IpAddr::from([127, 0, 0, 1]) || address == IpAddr::from(std::net::Ipv6Addr::LOCALHOST)
}

/// Waits until a socket that came from inside is connected.
async fn connected(socket: OwnedFd) -> io::Result<TcpStream> {
    if getsockopt(&socket.as_fd(), sockopt::SockType)? != SockType::Stream {
        return Err(io::Error::other("the sandbox gave no stream"));
    }
    let stream = std::net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    let stream = TcpStream::from_std(stream)?;
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        None => {
            stream.set_nodelay(true)?;
            Ok(stream)
        }
    }
}
