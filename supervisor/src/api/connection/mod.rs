//! Connections: the Unix socket (with the peer's identity and descriptors) and TCP, both HTTP/1.1 only.

mod descriptors;
mod socket;

use std::{
    io,
    net::{IpAddr, TcpListener as StdTcpListener},
    os::unix::net::UnixListener as StdUnixListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aether_protocol::ApiError;
use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    sync::Semaphore,
};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::{ApiState, Setup, metrics, router, session};
use crate::{
    auth::{
        Hosts, Token,
        peer::{Accounts, identify},
    },
    fleet::{Caller, PeerIds},
    serving::Serving,
};

pub use descriptors::{DescriptorQueue, Descriptors};
pub use socket::DescriptorSocket;

/// A request's head has to arrive within this time; an idle connection is kept as long.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// After an accept that failed (no descriptors left, most often) nobody tries again for so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Running requests get so much time when the service stops.
const STOP_TIME: Duration = Duration::from_secs(5);
/// TCP connections at a time, and Unix ones of anybody but root. Anybody on this host can open one of the first kind; the
/// descriptors of the service are for more than them, and root has to get in when others took all they may.
const MOST: usize = 512;
/// Connections on which nothing was asked yet get so much time for it when the service stops: who was let in is about to ask, and
/// would not know whether a request was heard that it had sent already.
const LATE: Duration = Duration::from_millis(250);
const HEAD_BYTES: usize = 256 * 1024;

/// Where a request comes from; in the extensions of every request.
#[derive(Debug, Clone)]
pub enum Peer {
    /// The Unix socket.
    Unix(UnixPeer),
    /// TCP, with the names it answers to.
    Tcp(TcpPeer),
}

/// The other end of a TCP connection.
#[derive(Debug, Clone)]
pub struct TcpPeer {
    /// Its address.
    pub address: IpAddr,
    /// Names this side answers to.
    pub hosts: Arc<Hosts>,
}

impl std::fmt::Display for Peer {
    /// As the audit names it: `uid 1000`, or an address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(peer) => write!(f, "uid {}", peer.uid),
            Self::Tcp(peer) => peer.address.fmt(f),
        }
    }
}

/// The other end of the Unix socket.
#[derive(Debug, Clone)]
pub struct UnixPeer {
    /// Its user, as the kernel says.
    pub uid: u32,
    /// Who it is, or why they may not.
    pub caller: Result<Caller, ApiError>,
    /// Descriptors received and not yet taken by a request.
    pub descriptors: DescriptorQueue,
}

/// Serves until [`Fleet::stopping`](crate::fleet::Fleet::stopping) completes; then running requests and WebSockets get a moment
/// to end.
///
/// # Errors
/// When a listener or the token's file cannot be used.
pub async fn serve(serving: Serving) -> io::Result<()> {
    let Serving { fleet, unix, tcp, token_file, config, service_uid, socket_gid: _ } = serving;
    let config = config.get();
    let setup = Setup {
        token: Token::load_or_create(&token_file)?,
        service_uid,
        group: config.service.group.clone(),
        host_names: config.host_names.clone(),
    };
    let state = ApiState::new(fleet.clone(), setup);
    session::restore(&state).await.map_err(io::Error::other)?;
    serve_with(state, unix, tcp, async move { fleet.stopping().await }).await
}

/// Serves until `shutdown` completes.
pub(super) async fn serve_with(
    state: ApiState,
    unix: StdUnixListener,
    tcp: Option<StdTcpListener>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    unix.set_nonblocking(true)?;
    let unix = UnixListener::from_std(unix)?;
    let tcp = match tcp {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let bound = listener.local_addr()?;
            let hosts = state.0.hosts.get_or_init(|| Hosts::new(bound, &state.0.setup.host_names)).clone();
            Some((listener, Arc::new(hosts)))
        }
        None => None,
    };
    let edge = Edge { app: router(state.clone()), state: state.clone(), open: TaskTracker::new() };
    let local = edge.open.spawn(edge.clone().accept_unix(unix));
    let remote = tcp.map(|(listener, hosts)| edge.open.spawn(edge.clone().accept_tcp(listener, hosts)));
    let upkeep = edge.open.spawn(metrics::upkeep(state.clone()));
    shutdown.await;
    state.stopping().cancel();
    local.abort();
    upkeep.abort();
    if let Some(remote) = remote {
        remote.abort();
    }
    edge.open.close();
    state.0.sessions.close();
    let ended = async { tokio::join!(edge.open.wait(), state.0.sessions.wait()) };
    if tokio::time::timeout(STOP_TIME, ended).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    Ok(())
}

#[derive(Clone)]
struct Edge {
    app: Router,
    state: ApiState,
    open: TaskTracker,
}

impl Edge {
    async fn accept_unix(self, listener: UnixListener) {
        let places = Arc::new(Semaphore::new(places()));
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let root = stream.peer_cred().is_ok_and(|cred| cred.uid() == 0);
                    let place = if root { None } else { places.clone().try_acquire_owned().ok() };
                    if !root && place.is_none() {
                        tracing::debug!("too many connections on the Unix socket");
                        continue;
                    }
                    let serving = self.clone().unix(stream);
                    drop(self.open.spawn(async move {
                        let _place = place;
                        serving.await;
                    }));
                }
                Err(error) => pause("unix", &error).await,
            }
        }
    }

    async fn accept_tcp(self, listener: TcpListener, hosts: Arc<Hosts>) {
        let places = Arc::new(Semaphore::new(places()));
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let Ok(place) = places.clone().try_acquire_owned() else {
                        tracing::debug!(%from, "too many connections");
                        continue;
                    };
                    // Keystrokes and their echo are small; waiting to fill a packet would be felt.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY");
                    }
                    let peer = Peer::Tcp(TcpPeer { address: from.ip(), hosts: hosts.clone() });
                    let serving = self.clone().http(stream, peer);
                    drop(self.open.spawn(async move {
                        let _place = place;
                        serving.await;
                    }));
                }
                Err(error) => pause("tcp", &error).await,
            }
        }
    }

    async fn unix(self, stream: UnixStream) {
        let ids = match stream.peer_cred() {
            Ok(cred) => PeerIds { uid: cred.uid(), gid: cred.gid() },
            Err(error) => return tracing::warn!(%error, "SO_PEERCRED"),
        };
        let caller = self.identify(ids).await;
        let descriptors = DescriptorQueue::default();
        let socket = DescriptorSocket::new(stream, descriptors.clone());
        self.http(socket, Peer::Unix(UnixPeer { uid: ids.uid, caller, descriptors })).await;
    }

    async fn identify(&self, peer: PeerIds) -> Result<Caller, ApiError> {
        let setup = &self.state.0.setup;
        if peer.uid == 0 {
            return Ok(Caller { owner: "root".to_owned(), peer: Some(peer) });
        }
        let group = setup.group.clone();
        // The user database may be a network service; its answer must not hold up the other connections.
        let accounts = tokio::task::spawn_blocking(move || Accounts::of(peer.uid, &group)).await;
        identify(peer, setup.service_uid, &accounts.unwrap_or_default())
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: Peer) {
        let asked = Arc::new(AtomicBool::new(false));
        let heard = asked.clone();
        let service = self.app.map_request(move |request: axum::http::Request<Incoming>| {
            heard.store(true, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            request
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = self.state.stopping().cancelled() => {
                let late = if asked.load(Ordering::Relaxed) { Duration::ZERO } else { LATE };
                match tokio::time::timeout(late, connection.as_mut()).await {
                    Ok(result) => result,
                    Err(_) => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "connection");
        }
    }
}

/// Connections of one kind at a time: a quarter of the descriptors there are.
fn places() -> usize {
    let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
    limit.map_or(MOST, |(soft, _)| usize::try_from(soft / 4).unwrap_or(MOST).clamp(1, MOST))
}

async fn pause(listener: &str, error: &io::Error) {
    tracing::warn!(listener, %error, "accept");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
