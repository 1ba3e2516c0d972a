//! A served API for tests: real listeners, a fleet without agents.

use std::{
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
};

use aether_sandbox::{
    host::{Feature, HostSupport},
    sys::packet::{recv_packet, send_packet},
    wire::spawner::{MAX_PACKET, SpawnerReply, SpawnerRequest},
};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    sync::oneshot,
};

use super::{ApiState, Setup, connection::serve_with};
use crate::{
    auth::Token,
    config::Current,
    fleet::{Fleet, Foundation, Roots},
    links::spawner::SpawnerLink,
};

/// State over a fleet without agents, whose files are below `dir`.
pub(crate) async fn state(dir: &Path) -> ApiState {
    let setup = Setup {
        token: Token::generate().expect("randomness"),
        service_uid: nix::unistd::getuid().as_raw(),
        group: "aether".to_owned(),
        host_names: Vec::new(),
    };
    ApiState::new(fleet(dir).await, setup)
}

/// A fleet without agents, whose files are below `dir`.
pub(crate) async fn fleet(dir: &Path) -> Fleet {
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("a socket pair");
    std::thread::spawn(move || play_spawner(&theirs));
    let foundation = Foundation {
        config: Current::default(),
        store: aether_store::Store::open(&dir.join("aether.db"), aether_store::Options::default()).expect("a store"),
        spawner: SpawnerLink::new(ours).expect("a thread"),
        state: dir.to_owned(),
        sockets: std::fs::File::open(dir).expect("the directory").into(),
        roots: Roots::default(),
        templates: dir.join("templates.d"),
        trust: std::fs::File::open(dir).expect("the directory").into(),
        vault: aether_secrets::Vault::open(dir, None).expect("a key"),
    };
    Fleet::open(foundation).await.expect("a fleet")
}

/// A spawner of a host that can do everything and has nothing running; it launches nothing.
fn play_spawner(control: &OwnedFd) {
    let mut buffer = vec![0; MAX_PACKET];
    while let Ok((length, _)) = recv_packet(control.as_fd(), &mut buffer) {
        let (reply, tail) = match postcard::take_from_bytes(&buffer[..length]) {
            Ok((SpawnerRequest::Host, tail)) => (SpawnerReply::Host(Box::new(able_host())), tail),
            Ok((SpawnerRequest::List(_), tail)) => (SpawnerReply::Live(Vec::new()), tail),
            _ => return,
        };
        let mut bytes = postcard::to_stdvec(&reply).expect("a packet");
        bytes.extend_from_slice(tail);
        if send_packet(control.as_fd(), &bytes, &[]).is_err() {
            return;
        }
    }
}

fn able_host() -> HostSupport {
    let yes = || Feature::yes("for a test");
    HostSupport {
        kernel: "6.18".to_owned(),
        landlock_abi: 7,
        landlock: yes(),
        user_namespaces: yes(),
        seccomp: yes(),
        system_calls: yes(),
        idmapped_state: yes(),
        idmapped_usr: yes(),
        overlay: yes(),
        disk: yes(),
        inodes: yes(),
        cgroup: yes(),
        memory: yes(),
        pids: yes(),
        cpu: yes(),
        relay: yes(),
        cgroup_layout: "unified".to_owned(),
        service_uid: nix::unistd::getuid().as_raw(),
    }
}

/// A served API; it stops when this is dropped.
pub(crate) struct Served {
    pub(crate) state: ApiState,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    _dir: TempDir,
    _stop: oneshot::Sender<()>,
}

/// An answer: status, head in lower case, body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Served {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("aether.sock");
        let unix = UnixListener::bind(&socket).expect("a socket");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = tcp.local_addr().expect("its address");
        let (stop, stopped) = oneshot::channel::<()>();
        let state = state(dir.path()).await;
        tokio::spawn(serve_with(state.clone(), unix, Some(tcp), async move {
            drop(stopped.await);
        }));
        Self { state, address, socket, _dir: dir, _stop: stop }
    }

    pub(crate) fn token(&self) -> String {
        self.state.auth().token().reveal().to_owned()
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token())
    }

    pub(crate) fn own_origin(&self) -> String {
        format!("Origin: http://{}", self.address)
    }

    /// Sends a request over TCP to the right host.
    pub(crate) async fn tcp(&self, line: &str, headers: &[&str], body: &[u8]) -> Reply {
        let host = format!("Host: {}", self.address);
        self.tcp_raw(line, &[&[host.as_str()], headers].concat(), body).await
    }

    /// Sends a request over TCP with exactly these headers.
    pub(crate) async fn tcp_raw(&self, line: &str, headers: &[&str], body: &[u8]) -> Reply {
        exchange(TcpStream::connect(self.address).await.expect("a connection"), line, headers, body).await
    }

    /// Sends a request over the Unix socket.
    pub(crate) async fn unix(&self, line: &str, headers: &[&str], body: &[u8]) -> Reply {
        exchange(UnixStream::connect(&self.socket).await.expect("a connection"), line, headers, body).await
    }
}

async fn exchange(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, line: &str, headers: &[&str], body: &[u8]) -> Reply {
    let mut head = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("written");
    stream.write_all(body).await.expect("written");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
    Reply { status, head: head.to_lowercase(), body: body.to_owned() }
}

impl Reply {
    /// Code of the error in the body.
    pub(crate) fn code(&self) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body));
        assert!(value["error"]["message"].is_string() && value["error"]["hint"].is_string(), "{}", self.body);
        value["error"]["code"].as_str().expect("a code").to_owned()
    }

    /// Value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
