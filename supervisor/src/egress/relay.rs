//! Bytes, both ways, until both sides have ended, nothing moves for long, or the policy no longer allows it.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use aether_net::{Host, Seen, Verdict};
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::{
    agent::{AgentNet, reset},
    lock,
    pipe::Client,
};

/// A connection on which nothing moves for so long is over.
const IDLE: Duration = Duration::from_secs(3600);
/// Bytes moved at a time at first, and when there is more than that at once.
const SMALL: usize = 16 * 1024;
const LARGE: usize = 512 * 1024;

/// Relays to the end; what has been read of the client goes first.
pub(super) async fn relay(net: &AgentNet, client: Client, mut upstream: TcpStream, host: &Host, port: u16) {
    let Client { mut stream, first } = client;
    let (sent, received) = (AtomicU64::new(first.len() as u64), AtomicU64::new(0));
    let both = async {
        upstream.write_all(&first).await?;
        let (from_client, to_client) = stream.split();
        let (from_upstream, to_upstream) = upstream.split();
        tokio::try_join!(pump(from_client, to_upstream, &sent), pump(from_upstream, to_client, &received)).map(drop)
    };
    let whole = tokio::select! {
        outcome = both => outcome.is_ok(),
        () = denied(net, host, port) => false,
        () = idle(&sent, &received) => false,
    };
    lock(&net.ledger).moved(&host.to_string(), port, sent.into_inner(), received.into_inner());
    if !whole {
        // A cut must not look like an end.
        reset(stream);
        reset(upstream);
    }
}

/// One way. A side that ends is ended on the other side as well, and that one may still speak.
async fn pump(from: ReadHalf<'_>, mut to: WriteHalf<'_>, count: &AtomicU64) -> io::Result<()> {
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

/// Completes when a change of the policy denies the destination.
async fn denied(net: &AgentNet, host: &Host, port: u16) {
    let mut changes = net.policy_changes();
    while changes.changed().await.is_ok() {
        if let Verdict::Deny(_) = net.verdict(host, port, Seen::Opaque, &[]) {
            return;
        }
    }
    std::future::pending().await
}

/// Completes when nothing has moved for long.
async fn idle(sent: &AtomicU64, received: &AtomicU64) {
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
