//! What is connected and no longer allowed is cut, and a cut does not look like an end.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aether_net::{Host, Reason, Seen, Verdict};
use aether_protocol::network::NetworkVerdict;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::{agent::AgentNet, pipe::Client};

/// What a connection was allowed to carry, and why.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) kind: Kind,
    /// The address that is connected to, once it is.
    pub(super) address: Option<IpAddr>,
    pub(super) reason: Reason,
    /// The program that connected, if something depended on it.
    pub(super) program: Option<Arc<str>>,
}

/// What is seen of it, as [`Seen`].
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Nothing,
    Opaque,
    Request { method: String, path: String },
}

impl Kind {
    pub(super) fn seen(&self) -> Seen<'_> {
        match self {
            Self::Nothing => Seen::Nothing,
            Self::Opaque => Seen::Opaque,
            Self::Request { method, path } => Seen::Request { method, path },
        }
    }
}

impl AgentNet {
    /// Is it allowed by the policy of the moment as well? What nothing names goes on where a person allowed it.
    pub(super) fn still(&self, passed: &Passed) -> Result<(), Reason> {
        match self.verdict(passed.program.as_ref(), &passed.host, passed.port, passed.kind.seen(), passed.address.as_slice()) {
            Verdict::Allow(_) => Ok(()),
            Verdict::Ask if passed.reason == Reason::Person => Ok(()),
            Verdict::Ask => Err(Reason::Unlisted),
            Verdict::Deny(reason) => Err(reason),
        }
    }

    /// Completes when what `passed` says is no longer allowed; that is recorded. `passed` is asked at each change.
    pub(super) async fn denied(&self, passed: impl Fn() -> Option<Passed>) {
        let mut changes = self.policy_changes();
        loop {
            if let Some(passed) = passed()
                && let Err(reason) = self.still(&passed)
            {
                self.record(&passed.host, passed.port, NetworkVerdict::Denied, &reason);
                return;
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// A connection that can be closed at once.
pub(super) trait Reset {
    /// The other side sees a reset when it is closed, not an orderly end.
    fn reset(&self);
}

impl Reset for TcpStream {
    fn reset(&self) {
        let _closed = self.set_zero_linger();
    }
}

impl Reset for Client {
    fn reset(&self) {
        self.stream.reset();
    }
}

/// A connection in the hands of others, which is reset when it is dropped after the cut.
pub(super) struct Cuttable<S: Reset> {
    /// Taken when the connection changes hands.
    stream: Option<S>,
    cut: CancellationToken,
}

impl<S: Reset> Cuttable<S> {
    pub(super) const fn new(stream: S, cut: CancellationToken) -> Self {
        Self { stream: Some(stream), cut }
    }

    pub(super) fn into_inner(mut self) -> Option<S> {
        self.stream.take()
    }

    fn stream(&mut self) -> io::Result<&mut S> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: Reset> Drop for Cuttable<S> {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream
            && self.cut.is_cancelled()
        {
            stream.reset();
        }
    }
}

impl<S: Reset + AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_read(cx, into)
    }
}

impl<S: Reset + AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream()?).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream()?).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_shutdown(cx)
    }
}
