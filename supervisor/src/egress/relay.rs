//! Bytes, both ways, until both sides have ended, nothing moves for long, or the policy no longer allows it.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::tcp::{ReadHalf, WriteHalf},
};

use super::{
    agent::AgentNet,
    cut::{Passed, Reset},
    lock,
    pipe::Client,
};

/// A connection on which nothing moves for so long is over.
const IDLE: Duration = Duration::from_secs(3600);
/// Bytes moved at a time at first, and when there is more than that at once.
const SMALL: usize = 16 * 1024;
const LARGE: usize = 512 * 1024;

/// Sides of a relay; one that is dropped before both have ended is reset: a cut must not look like an end.
struct Side {
    client: Client,
    whole: bool,
}

impl Drop for Side {
    fn drop(&mut self) {
        if !self.whole {
            self.client.reset();
        }
    }
}

/// Relays to the end; what has been read of each side goes first.
pub(super) async fn relay(net: &AgentNet, client: Client, upstream: Client, passed: &Passed) {
    let side = |client| Side { client, whole: false };
    let (mut near, mut far) = (side(client), side(upstream));
    let (asked, answered) = (std::mem::take(&mut near.client.first), std::mem::take(&mut far.client.first));
    let (sent, received, told) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let both = async {
        let (from_near, to_near) = near.client.stream.split();
        let (from_far, to_far) = far.client.stream.split();
        tokio::try_join!(pump(asked, from_near, to_far, &sent), pump(answered, from_far, to_near, &received)).map(drop)
    };
    let whole = tokio::select! {
        outcome = both => outcome.is_ok(),
        () = net.denied(|| Some(passed.clone())) => false,
        () = idle(&sent, &received) => false,
        () = account(net, passed, &sent, &told) => false,
    };
    (near.whole, far.whole) = (whole, whole);
    let left = sent.into_inner().saturating_sub(told.into_inner());
    lock(&net.ledger).moved(&passed.host.to_string(), passed.port, left, received.into_inner());
}

/// One way. A side that ends is ended on the other side as well, and that one may still speak.
async fn pump(first: Vec<u8>, from: ReadHalf<'_>, mut to: WriteHalf<'_>, count: &AtomicU64) -> io::Result<()> {
    to.write_all(&first).await?;
    count.fetch_add(first.len() as u64, Ordering::Relaxed);
    drop(first);
    let mut size = SMALL;
    let mut buffer = Vec::new();
    loop {
        // Nothing is held for a connection that is silent.
        from.readable().await?;
        buffer.resize(size, 0);
        match from.try_read(&mut buffer) {
            Ok(0) => return to.shutdown().await,
            Ok(length) => {
                to.write_all(&buffer[..length]).await?;
                count.fetch_add(length as u64, Ordering::Relaxed);
                if length == size && size < LARGE {
                    size = LARGE;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if size == SMALL {
                    buffer = Vec::new();
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Counts what was sent while it is being sent: a budget must not have to wait for the end of a long connection.
pub(super) async fn account(net: &AgentNet, passed: &Passed, sent: &AtomicU64, told: &AtomicU64) {
    let host = passed.host.to_string();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = sent.load(Ordering::Relaxed);
        let more = now.saturating_sub(told.swap(now, Ordering::Relaxed));
        if more > 0 {
            lock(&net.ledger).moved(&host, passed.port, more, 0);
        }
    }
}

/// Completes when nothing has moved for long.
pub(super) async fn idle(sent: &AtomicU64, received: &AtomicU64) {
    let mut last = u64::MAX;
    loop {
        let now = sent.load(Ordering::Relaxed).wrapping_add(received.load(Ordering::Relaxed));
        if now == last {
            return;
        }
        last = now;
        tokio::time::sleep(IDLE).await;
    }
}
