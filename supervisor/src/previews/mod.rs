//! Previews: what an agent's program serves on a port of its loopback, in a browser, at an origin of its own.
//!
//! The content is the agent's and may be hostile. Its origin is `http://PORT-AGENT.localhost:PORT OF THE SERVICE`: no page of it shares
//! an origin with Mission Control or with another agent, no cookie of either reaches it, and nothing of the API answers there. Who
//! holds a link is let in once and gets a cookie of that origin, which the agent never sees.

mod headers;
mod name;
mod pass;
mod tickets;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub(crate) use headers::{cookie, is_foreign, shown};
pub(crate) use name::{label, parse};
pub(crate) use pass::{Passing, Refusal, pass};
pub(crate) use tickets::{LINK_TIME, Place, Tickets, Visit};

/// Requests to agents at a time: a connection and two descriptors each.
const MOST: usize = 256;

/// What every preview shares.
pub(crate) struct Previews {
    /// Who may see what.
    pub(crate) tickets: Tickets,
    places: Arc<Semaphore>,
}

impl Default for Previews {
    fn default() -> Self {
        Self { tickets: Tickets::default(), places: Arc::new(Semaphore::new(MOST)) }
    }
}
