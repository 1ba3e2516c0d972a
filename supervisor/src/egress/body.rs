//! Bodies on their way through: counted, and scrubbed where a secret was added to the request.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{agent::AgentNet, lock, seam::Scrub};

/// Bytes after which a body that is still under way is counted.
const PIECE: u64 = 1 << 20;

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the agent.
    Sent,
    /// To the agent.
    Received,
}

/// A body that is counted.
pub(super) struct Counted<B> {
    body: B,
    net: Arc<AgentNet>,
    host: String,
    port: u16,
    way: Way,
    count: u64,
    scrub: Option<std::sync::Mutex<Box<dyn Scrub>>>,
}

impl<B> Counted<B> {
    pub(super) fn new(body: B, net: Arc<AgentNet>, host: &str, port: u16, way: Way, scrub: Option<Box<dyn Scrub>>) -> Self {
        Self { body, net, host: host.to_owned(), port, way, count: 0, scrub: scrub.map(std::sync::Mutex::new) }
    }
}

impl<B> Counted<B> {
    fn tell(&mut self) {
        let more = std::mem::take(&mut self.count);
        let (sent, received) = match self.way {
            Way::Sent => (more, 0),
            Way::Received => (0, more),
        };
        lock(&self.net.ledger).moved(&self.host, self.port, sent, received);
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        self.tell();
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                self.count += data.len() as u64;
                if self.count >= PIECE {
                    self.tell();
                }
            }
            let Some(scrub) = &self.scrub else { return Poll::Ready(frame) };
            let rest = match &frame {
                Some(Ok(frame)) => match frame.data_ref() {
                    Some(data) => lock(scrub).push(data),
                    // Trailers are not worth a way around the scrubbing.
                    None => continue,
                },
                Some(Err(_)) => return Poll::Ready(frame),
                None => {
                    let rest = lock(scrub).finish();
                    self.scrub = None;
                    rest
                }
            };
            if !rest.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(rest)))));
            }
            if frame.is_none() {
                return Poll::Ready(None);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.scrub.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
