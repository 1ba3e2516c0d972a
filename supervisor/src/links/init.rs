//! The link to the init of one sandbox: one connection, many requests at a time, told apart by their tags.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aether_protocol::{ApiError, ErrorCode};
use aether_sandbox::{
    sys::packet::recv_packet,
    wire::init::{FromInit, InitReply, InitRequest, MAX_FRAME, NetworkSocket, ToInit},
};
use nix::errno::Errno;
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::oneshot,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{errors::from_init, requests::Requests};

/// An answer and the descriptor that came beside it.
type Answer = (InitReply, Option<OwnedFd>);
type Pending = Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>;

/// How often, and how long apart, a process that cannot be looked at is tried again.
const HIDDEN_TRIES: u32 = 4;
const HIDDEN_PAUSE: Duration = Duration::from_millis(5);
/// Bytes of a frame's length.
const HEAD: usize = 4;
/// Room for answers, bytes: at first, which is enough for most agents, and once more came at a time. All of it is wiped in the end,
/// used or not.
const FIRST_INPUT: usize = 4 * 1024;
const INPUT: usize = 512 * 1024;
/// A larger one than the first is given back when nothing has come for so long.
const QUIET: Duration = Duration::from_secs(1);

/// The init of one sandbox. Cheap to clone; the connection ends with the last clone.
#[derive(Clone)]
pub struct InitLink {
    shared: Arc<Shared>,
}

/// The sockets by which a sandbox with a network is served; see [`aether_sandbox::net`]. They lie in its namespace, which lives as
/// long as one of them is open.
#[derive(Debug)]
pub struct NetworkSockets {
    /// See [`NetworkSocket::Tcp4`], and so on.
    pub tcp4: OwnedFd,
    /// Questions for names.
    pub udp4: OwnedFd,
    /// Where the host has IPv6.
    pub tcp6: Option<OwnedFd>,
    /// Where the host has IPv6.
    pub udp6: Option<OwnedFd>,
}

struct Shared {
    requests: Requests,
    pending: Pending,
    next_tag: AtomicU64,
    closed: CancellationToken,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl InitLink {
    /// Connects to the control socket at `path`.
    ///
    /// # Errors
    /// Those of connect(2).
    pub async fn connect(path: &Path) -> io::Result<Self> {
        // Its sockets take connections until their backlog is full; a full one refuses instead of blocking.
        let stream = Arc::new(tokio::net::UnixStream::connect(path).await?.into_std()?);
        let closed = CancellationToken::new();
        let pending = Pending::default();
        let requests = Requests::new(stream.clone(), closed.clone());
        // For reading alone: each request that init takes would wake this side once more for room that nobody waits for.
        #[expect(deprecated, reason = "its successor is unsafe; an owned descriptor stays open as long as this value holds it")]
        let reader = AsyncFd::with_interest(stream, Interest::READABLE)?;
        let (answers, ended) = (pending.clone(), closed.clone());
        tokio::spawn(async move {
            let outcome = tokio::select! {
                () = ended.cancelled() => Ok(()),
                outcome = read_frames(&reader, &answers) => outcome,
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "an init's connection ended");
            }
            ended.cancel();
            lock(&answers).clear();
        });
        Ok(Self { shared: Arc::new(Shared { requests, pending, next_tag: AtomicU64::new(1), closed }) })
    }

    /// Completes when the connection is over: the sandbox is gone or going.
    pub async fn closed(&self) {
        self.shared.closed.cancelled().await;
    }

    /// Asks and waits for the answer; a failure inside is an error.
    ///
    /// # Errors
    /// By the errno of the failure; `Unavailable` when the sandbox is gone.
    pub async fn ask(&self, body: InitRequest) -> Result<InitReply, ApiError> {
        self.ask_with_fd(body).await.map(|(reply, _)| reply)
    }

    /// As [`InitLink::ask`], with the descriptor of an opened file.
    ///
    /// # Errors
    /// As [`InitLink::ask`].
    pub async fn ask_with_fd(&self, body: InitRequest) -> Result<Answer, ApiError> {
        match self.exchange(body).await? {
            (InitReply::Failed { errno, step }, _) => Err(from_init(errno, &step)),
            answer => Ok(answer),
        }
    }

    /// Asks and waits for the answer, whatever it is.
    ///
    /// # Errors
    /// `Unavailable` when the sandbox is gone.
    pub async fn exchange(&self, body: InitRequest) -> Result<Answer, ApiError> {
        let tag = self.shared.next_tag.fetch_add(1, Ordering::Relaxed);
        let (answer, reply) = oneshot::channel();
        lock(&self.shared.pending).insert(tag, answer);
        if self.shared.closed.is_cancelled() {
            lock(&self.shared.pending).remove(&tag);
            return Err(gone());
        }
        let frame = encode(&ToInit { tag, body })?;
        self.shared.requests.send(frame).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())
    }

    /// The sockets by which this sandbox's network is served: copies of the same at every call.
    ///
    /// # Errors
    /// `Conflict` for a sandbox without a network; as [`InitLink::ask`].
    pub async fn network_sockets(&self) -> Result<NetworkSockets, ApiError> {
        let all = [NetworkSocket::Tcp4, NetworkSocket::Udp4, NetworkSocket::Tcp6, NetworkSocket::Udp6];
        let [tcp4, udp4, tcp6, udp6] = all.map(|which| self.network_socket(which));
        let (tcp4, udp4, tcp6, udp6) = tokio::try_join!(tcp4, udp4, tcp6, udp6)?;
        let none = || ApiError::new(ErrorCode::Conflict, "the sandbox has no network", "start an agent with a network");
        Ok(NetworkSockets { tcp4: tcp4.ok_or_else(none)?, udp4: udp4.ok_or_else(none)?, tcp6, udp6 })
    }

    /// The program that holds the connection from `near` to `far`, both as they are inside; nothing when several hold it, or when that
    /// cannot be told.
    ///
    /// # Errors
    /// As [`InitLink::ask`].
    pub async fn holder(&self, near: SocketAddr, far: SocketAddr) -> Result<Option<String>, ApiError> {
        for _ in 0..HIDDEN_TRIES {
            match self.exchange(InitRequest::Holders { near, far }).await?.0 {
                // A program that is being started lets nobody look for a moment.
                InitReply::Holders { hidden: true, .. } => tokio::time::sleep(HIDDEN_PAUSE).await,
                InitReply::Holders { mut programs, .. } if programs.len() == 1 => return Ok(programs.pop().flatten()),
                InitReply::Holders { .. } => return Ok(None),
                InitReply::Failed { errno, step } => return Err(from_init(errno, &step)),
                other => return Err(unexpected(&other)),
            }
        }
        Ok(None)
    }

    async fn network_socket(&self, which: NetworkSocket) -> Result<Option<OwnedFd>, ApiError> {
        match self.exchange(InitRequest::NetworkSocket(which)).await? {
            (InitReply::Opened { .. }, Some(socket)) => Ok(Some(socket)),
            (InitReply::Failed { errno, .. }, _) if Errno::from_raw(errno) == Errno::ENOTCONN => Ok(None),
            (InitReply::Failed { errno, step }, _) => Err(from_init(errno, &step)),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Asks without waiting for an answer: for what is dropped.
    pub fn tell(&self, body: InitRequest) {
        let tag = self.shared.next_tag.fetch_add(1, Ordering::Relaxed);
        if let Ok(frame) = encode(&ToInit { tag, body }) {
            self.shared.requests.offer(frame);
        }
    }
}

/// The answer to a request that has no other kind of answer.
pub fn unexpected(reply: &InitReply) -> ApiError {
    tracing::error!(?reply, "an init answered something else");
    ApiError::internal("the sandbox answered something that was not asked")
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::Conflict, "the sandbox is gone", "the agent has ended; aether inspect says how")
}

fn lock(pending: &Pending) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn encode(message: &ToInit) -> Result<Vec<u8>, ApiError> {
    let mut frame = postcard::to_extend(message, vec![0; HEAD])
        .map_err(|error| ApiError::internal(format!("cannot encode a request: {error}")))?;
    let length = frame.len() - HEAD;
    if length > MAX_FRAME {
        return Err(ApiError::new(ErrorCode::TooLarge, "the request is larger than 1 MiB", "send it in pieces"));
    }
    frame[..HEAD].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    Ok(frame)
}

async fn read_frames(stream: &AsyncFd<Arc<UnixStream>>, pending: &Pending) -> io::Result<()> {
    // Read into where frames are taken from: output passes through here in bulk.
    let mut input = vec![0; FIRST_INPUT];
    let mut filled = 0;
    // The kernel never merges bytes across descriptors, so descriptors arrive in the order of their frames.
    let mut descriptors: VecDeque<OwnedFd> = VecDeque::new();
    loop {
        if filled == 0 && input.len() > FIRST_INPUT && timeout(QUIET, stream.readable()).await.is_err() {
            // The links of a thousand agents that were busy once would hold half a gibibyte.
            input = vec![0; FIRST_INPUT];
        }
        let mut ready = stream.readable().await?;
        let Ok(received) = ready.try_io(|stream| recv_packet(stream.get_ref().as_fd(), &mut input[filled..])) else { continue };
        let (length, fds) = received?;
        if length == 0 {
            return Ok(());
        }
        if length < input.len() - filled && fds.is_empty() {
            // All that there was: to ask once more is not needed to hear of the next (epoll(7), edge-triggered).
            ready.clear_ready();
        }
        filled += length;
        let full = filled == input.len();
        descriptors.extend(fds);
        let mut used = 0;
        while let Some(frame) = next_frame(&input[used..filled])? {
            used += HEAD + frame.len();
            let FromInit { tag, body } = postcard::from_bytes(frame).map_err(io::Error::other)?;
            let fd = if matches!(body, InitReply::Opened { .. }) { descriptors.pop_front() } else { None };
            let asker = lock(pending).remove(&tag);
            if let Some(asker) = asker {
                let _ = asker.send((body, fd));
            }
        }
        input.copy_within(used..filled, 0);
        filled -= used;
        if full && input.len() < INPUT {
            // Not resized: the pages of this one that nothing was ever read into take no memory.
            let mut larger = vec![0; INPUT];
            larger[..filled].copy_from_slice(&input[..filled]);
            input = larger;
        } else if filled == input.len() {
            input.resize(HEAD + MAX_FRAME, 0);
        } else if filled == 0 && input.len() > INPUT {
            input = vec![0; INPUT];
        }
    }
}

fn next_frame(input: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some((head, rest)) = input.split_first_chunk::<HEAD>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::other("a frame is too large"));
    }
    Ok(rest.get(..length))
}
