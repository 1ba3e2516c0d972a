//! The sockets by which a sandbox with a network is served. Init uses none of them: it keeps them for whichever supervisor there is,
//! so that the network outlives a restart of it.

use std::{
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{SockaddrStorage, getsockname};

use super::files;
use crate::{
    net::{DNS_PORT, PROXY_PORT, SERVICE, SERVICE_V6},
    sys::process::inherited,
    wire::init::{InitReply, NetworkSocket},
};

/// First of the numbers at which the spawner leaves them: the link of the program that leads connections to them, then the sockets.
pub const NETWORK: i32 = 5;
/// First number after them.
pub(super) const AFTER: u32 = 10;

/// What this sandbox was given.
pub(super) struct Network {
    /// Open as long as init lives: closed, nothing leads to the sockets any more.
    _link: Option<OwnedFd>,
    sockets: [(NetworkSocket, Option<OwnedFd>); 4],
}

impl Network {
    /// Takes what the spawner left; what is not that is closed.
    pub(super) fn inherited() -> Self {
        let link = inherited(NETWORK).ok();
        let mut numbers = NETWORK + 1..;
        let sockets = [NetworkSocket::Tcp4, NetworkSocket::Udp4, NetworkSocket::Tcp6, NetworkSocket::Udp6].map(|which| {
            let socket = numbers.next().and_then(|number| inherited(number).ok());
            (which, socket.filter(|socket| is_bound_to(socket, address(which))))
        });
        let any = sockets.iter().any(|(_, socket)| socket.is_some());
        Self { _link: link.filter(|_| any), sockets }
    }

    /// A copy of one of them.
    pub(super) fn socket(&self, wanted: NetworkSocket) -> Result<OwnedFd, InitReply> {
        let found = self.sockets.iter().find_map(|(which, socket)| if *which == wanted { socket.as_ref() } else { None });
        let Some(socket) = found else {
            return Err(InitReply::Failed { errno: libc::ENOTCONN, step: "this sandbox has no such socket".to_owned() });
        };
        socket.try_clone().map_err(files::failed("copy a socket"))
    }
}

fn address(which: NetworkSocket) -> SocketAddr {
    let v4 = |port| SocketAddr::V4(SocketAddrV4::new(SERVICE, port));
    let v6 = |port| SocketAddr::V6(SocketAddrV6::new(SERVICE_V6, port, 0, 0));
    match which {
        NetworkSocket::Tcp4 => v4(PROXY_PORT),
        NetworkSocket::Udp4 => v4(DNS_PORT),
        NetworkSocket::Tcp6 => v6(PROXY_PORT),
        NetworkSocket::Udp6 => v6(DNS_PORT),
    }
}

fn is_bound_to(socket: &OwnedFd, address: SocketAddr) -> bool {
    getsockname::<SockaddrStorage>(socket.as_raw_fd()).is_ok_and(|bound| bound == SockaddrStorage::from(address))
}
