//! Connections that the service makes for a tool of an agent: through the agent's own network, judged like any other of its.

use std::io;

use aether_protocol::AgentId;
use tokio::net::{TcpListener, TcpStream};

use super::{Egress, agent::spawn, pipe::Client, proxy};

impl Egress {
    /// A connection to the proxy in the network of an agent; nothing when it has none.
    ///
    /// # Errors
    /// When this host has no loopback to make it on.
    pub(crate) async fn door(&self, id: &AgentId) -> io::Result<Option<TcpStream>> {
        let Some(net) = self.of(id) else { return Ok(None) };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (near, accepted) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept());
        let (near, (far, from)) = (near?, accepted?);
        // Anybody on this host can connect to a port that listens.
        if near.local_addr()? != from {
            return Err(io::Error::other("another program took the connection"));
        }
        spawn(&net, proxy::serve(net.clone(), Client::new(far)));
        Ok(Some(near))
    }
}
