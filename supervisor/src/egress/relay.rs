//! Bytes, both ways, until both sides have ended, nothing moves for long, or the policy no longer allows it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::tcp::{ReadHalf, WriteHalf},
    sync::Notify,
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
    let moved = Moved::new(net, passed);
    let both = async {
        let (from_near, to_near) = near.client.stream.split();
        let (from_far, to_far) = far.client.stream.split();
        tokio::try_join!(pump(asked, from_near, to_far, &moved.sent), pump(answered, from_far, to_near, &moved.received))
            .map(drop)
    };
    let whole = tokio::select! {
        outcome = both => outcome.is_ok(),
        () = net.denied(|| Some(passed.clone())) => false,
        () = moved.idle() => false,
        () = moved.tell_always() => false,
    };
    (near.whole, far.whole) = (whole, whole);
}

/// One way. A side that ends is ended on the other side as well, and that one may still speak.
async fn pump(first: Vec<u8>, from: ReadHalf<'_>, mut to: WriteHalf<'_>, count: &Count) -> io::Result<()> {
    to.write_all(&first).await?;
    count.add(first.len());
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
                count.add(length);
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

/// What moved on a connection. The rest of it is counted when this is dropped: also when the agent ends in the middle.
pub(super) struct Moved<'a> {
    net: &'a AgentNet,
    host: String,
    port: u16,
    /// By the agent.
    pub(super) sent: Count,
    /// To the agent.
    pub(super) received: Count,
    told: [AtomicU64; 2],
    stirred: Arc<Notify>,
}

/// Bytes of one way.
pub(super) struct Count {
    bytes: AtomicU64,
    stirred: Arc<Notify>,
}

impl Count {
    fn new(stirred: &Arc<Notify>) -> Self {
        Self { bytes: AtomicU64::new(0), stirred: stirred.clone() }
    }

    /// So many more.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.stirred.notify_one();
    }

    fn now(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl<'a> Moved<'a> {
    /// Nothing yet.
    pub(super) fn new(net: &'a AgentNet, passed: &Passed) -> Self {
        let (host, port) = (passed.host.to_string(), passed.port);
        let stirred = Arc::new(Notify::new());
        Self { net, host, port, sent: Count::new(&stirred), received: Count::new(&stirred), told: Default::default(), stirred }
    }

    /// Counts while it moves: a budget must not have to wait for the end of a long connection. Nothing is awake for a silent one.
    pub(super) async fn tell_always(&self) {
        loop {
            self.stirred.notified().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.tell();
        }
    }

    fn tell(&self) {
        let [told_sent, told_received] = &self.told;
        let more = |count: &Count, told: &AtomicU64| {
            let now = count.now();
            now.saturating_sub(told.swap(now, Ordering::Relaxed))
        };
        let (sent, received) = (more(&self.sent, told_sent), more(&self.received, told_received));
        if sent + received > 0 {
            lock(&self.net.ledger).moved(&self.host, self.port, sent, received);
        }
    }

    /// Completes when nothing has moved for long.
    pub(super) async fn idle(&self) {
        let mut last = u64::MAX;
        loop {
            let now = self.sent.now().wrapping_add(self.received.now());
            if now == last {
                return;
            }
            last = now;
            tokio::time::sleep(IDLE).await;
        }
    }
}

impl Drop for Moved<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}
