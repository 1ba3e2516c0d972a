//! What others plug into the way out.

use aether_protocol::AgentId;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection made inside, whatever way it came.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Serves the gateway's address.
#[async_trait::async_trait]
pub(crate) trait Gateway: Send + Sync {
    /// Serves one connection of `agent`, which asked for `port`. Returns when it is over.
    async fn serve(&self, agent: AgentId, port: u16, stream: Box<dyn Stream>);
}

/// Adds credentials on the way out.
pub(crate) trait Credentials: Send + Sync {
    /// Called after a request was allowed and before it leaves. May change its headers, or refuse it with a reason.
    ///
    /// # Errors
    /// The reason, for the agent to read.
    fn inject(&self, agent: &AgentId, host: &str, port: u16, parts: &mut hyper::http::request::Parts) -> Result<(), String>;

    /// Takes what was added out of the answer again, when something was.
    fn scrubber(&self, _agent: &AgentId, _host: &str) -> Option<Box<dyn Scrub>> {
        None
    }
}

/// Replaces secret values in a stream by as many other bytes.
pub(crate) trait Scrub: Send {
    /// The next bytes in, what can be passed on out.
    fn push(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// What was held back.
    fn finish(&mut self) -> Vec<u8>;
}
