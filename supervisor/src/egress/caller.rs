//! Which program made a connection. Asked of the kernel only where something depends on it, because the answer is a search; and not
//! a boundary: programs of one agent can use one another, hand connections on, and become another one.

use std::{net::SocketAddr, sync::Arc};

use aether_net::Host;
use tokio::{net::TcpStream, sync::OnceCell};

use super::{agent::AgentNet, lock};

/// Who made a connection.
#[derive(Debug)]
pub(super) struct Caller {
    /// Both ends as the program inside has them, its own first.
    ends: Option<(SocketAddr, SocketAddr)>,
    program: OnceCell<Option<Arc<str>>>,
}

impl Caller {
    /// Who made `stream`, which was accepted.
    pub(super) fn of(stream: &TcpStream) -> Self {
        Self { ends: stream.peer_addr().ok().zip(stream.local_addr().ok()), program: OnceCell::new() }
    }

    /// Its program by the path inside, if it was found out already.
    pub(super) fn known(&self) -> Option<&Arc<str>> {
        self.program.get().and_then(Option::as_ref)
    }

    /// Finds its program out, once.
    pub(super) async fn find(&self, net: &AgentNet) -> Option<&Arc<str>> {
        let find = || async {
            let (near, far) = self.ends?;
            // A search costs init time: one of an agent after the other.
            let _turn = net.searches.acquire().await.ok()?;
            net.world.program(net.id(), near, far).await.map(Arc::from)
        };
        self.program.get_or_init(find).await.as_ref()
    }

    /// Notes its program with the destination: the first time something is asked for there, unless a search is under way.
    pub(super) async fn note(&self, net: &AgentNet, host: &Host, port: u16) {
        let host = host.to_string();
        if self.program.initialized() || lock(&net.ledger).knows(&host, port) || net.searches.available_permits() == 0 {
            return;
        }
        self.find(net).await;
    }
}
