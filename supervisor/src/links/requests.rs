//! Requests on their way to an init.

use std::{
    io::{self, Write as _},
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

/// Frames that may wait to be written.
const WAITING: usize = 64;

/// The way to init. A request is sent by whoever makes it, at once, as a rule; what the socket does not take goes to a task that
/// waits for room, and while that has something, everything else behind it.
pub(super) struct Requests {
    stream: Arc<UnixStream>,
    /// Frames handed to the task and not written yet. Changed under the lock of whoever sends.
    behind: Arc<AtomicUsize>,
    sending: Mutex<()>,
    frames: mpsc::Sender<Behind>,
}

/// A frame, or the rest of one, that waits; it counts until it is dropped.
struct Behind {
    bytes: Vec<u8>,
    from: usize,
    count: Arc<AtomicUsize>,
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Requests {
    /// The way to the init at the other end of `stream`, until it is `closed`; closes that itself when init takes no more.
    pub(super) fn new(stream: Arc<UnixStream>, closed: CancellationToken) -> Self {
        let (frames, queue) = mpsc::channel(WAITING);
        let full = stream.clone();
        tokio::spawn(async move {
            let _last = closed.clone().drop_guard();
            tokio::select! {
                () = closed.cancelled() => {}
                outcome = write_behind(&full, queue) => if let Err(error) = outcome {
                    tracing::debug!(%error, "an init takes no requests");
                },
            }
        });
        Self { stream, behind: Arc::default(), sending: Mutex::default(), frames }
    }

    /// Sends a frame; waits where too many wait already. Cancel safe: all of the frame is sent or nothing.
    ///
    /// # Errors
    /// When init takes no more.
    pub(super) async fn send(&self, frame: Vec<u8>) -> Result<(), mpsc::error::SendError<()>> {
        match self.now(frame) {
            Some(behind) => self.frames.send(behind).await.map_err(|_| mpsc::error::SendError(())),
            None => Ok(()),
        }
    }

    /// Sends a frame, unless too many wait.
    pub(super) fn offer(&self, frame: Vec<u8>) {
        if let Some(behind) = self.now(frame) {
            drop(self.frames.try_send(behind));
        }
    }

    /// Gives the socket what it takes. What is left of a frame is the task's from here on; a whole one that has to queue is
    /// given back.
    fn now(&self, bytes: Vec<u8>) -> Option<Behind> {
        let _one = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut behind = Behind { bytes, from: 0, count: self.behind.clone() };
        if self.behind.fetch_add(1, Ordering::AcqRel) > 0 {
            return Some(behind);
        }
        match (&*self.stream).write(&behind.bytes) {
            Ok(count) if count == behind.bytes.len() => return None,
            Ok(count) => behind.from = count,
            // Full, or the kernel is short of memory for a moment. What lasts is found by the task, which then ends the link: whoever waits is
            // told.
            Err(_) => {}
        }
        // Nothing was behind, so the queue has room.
        drop(self.frames.try_send(behind));
        None
    }
}

async fn write_behind(stream: &UnixStream, mut queue: mpsc::Receiver<Behind>) -> io::Result<()> {
    let mut room = None;
    while let Some(mut behind) = queue.recv().await {
        // Only a link that was full once is watched for room.
        let room = match &mut room {
            Some(room) => room,
            None => room.insert(watched_for_room(stream.try_clone()?)?),
        };
        while behind.from < behind.bytes.len() {
            let Behind { bytes, from, .. } = &behind;
            let taken = room.async_io(Interest::WRITABLE, |stream| (&*stream).write(&bytes[*from..])).await?;
            behind.from += taken;
        }
    }
    Ok(())
}

#[expect(deprecated, reason = "its successor is unsafe; an owned descriptor stays open as long as this value holds it")]
fn watched_for_room(stream: UnixStream) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, Interest::WRITABLE)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_socket_loses_and_mixes_nothing() {
        const FRAMES: u32 = 400;
        const LENGTH: usize = 10_000;
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        ours.set_nonblocking(true).expect("non-blocking");
        let requests = Arc::new(Requests::new(Arc::new(ours), CancellationToken::new()));
        let senders: Vec<_> = (0..4_u32)
            .map(|sender| {
                let requests = requests.clone();
                tokio::spawn(async move {
                    for number in 0..FRAMES {
                        let frame = [&sender.to_le_bytes()[..], &number.to_le_bytes(), &[sender as u8; LENGTH]].concat();
                        requests.send(frame).await.expect("init takes it");
                    }
                })
            })
            .collect();
        let reader = std::thread::spawn(move || {
            let (mut next, mut frame) = ([0; 4], [0; 8 + LENGTH]);
            for _ in 0..4 * FRAMES {
                theirs.read_exact(&mut frame).expect("a whole frame");
                let sender = u32::from_le_bytes(frame[..4].try_into().expect("four bytes"));
                assert_eq!(frame[4..8], u32::to_le_bytes(next[sender as usize]), "of sender {sender}");
                assert!(frame[8..].iter().all(|byte| u32::from(*byte) == sender));
                next[sender as usize] += 1;
            }
            theirs
        });
        for sender in senders {
            sender.await.expect("a sender");
        }
        let theirs = tokio::task::spawn_blocking(|| reader.join().expect("the reader")).await.expect("joined");
        // The task counts a frame as written only after the reader may have it.
        while requests.behind.load(Ordering::Acquire) > 0 {
            tokio::task::yield_now().await;
        }
        drop(theirs);
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_leaves_no_part_of_a_frame() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        ours.set_nonblocking(true).expect("non-blocking");
        let requests = Requests::new(Arc::new(ours), CancellationToken::new());
        let (mut sent, mut given_up) = (0_u32, false);
        while !given_up {
            // Polled once: the first that has to wait is dropped.
            let frame = sent.to_le_bytes().repeat(25_000);
            let sending = std::pin::pin!(requests.send(frame));
            match futures_util::poll!(sending) {
                std::task::Poll::Ready(outcome) => outcome.expect("init takes it"),
                std::task::Poll::Pending => given_up = true,
            }
            sent += u32::from(!given_up);
        }
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).expect("read");
            all
        });
        requests.send(b"last".to_vec()).await.expect("init takes it");
        while requests.behind.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        drop(requests);
        let all = tokio::task::spawn_blocking(|| reader.join().expect("the reader")).await.expect("joined");
        let expected: Vec<u8> = (0..sent).flat_map(|number| number.to_le_bytes().repeat(25_000)).collect();
        assert_eq!(all.len(), expected.len() + 4);
        assert!(all == [&expected[..], b"last"].concat(), "frames in order, whole, and none of the one given up");
    }
}
