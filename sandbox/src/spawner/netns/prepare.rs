//! One network namespace, made and furnished: links, addresses, routes, sockets, program.

use std::{
    io,
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsFd, OwnedFd},
};

use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_ROUTE};
use nix::{
    sched::{CloneFlags, unshare},
    sys::socket::{
        AddressFamily, Backlog, SetSockOpt, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
        sockopt::{IpFreebind, Ipv4PacketInfo, Ipv6RecvPacketInfo, Ipv6V6Only, ReuseAddr},
    },
};

use super::{NetSockets, program};
use crate::{
    net::{DNS_PORT, OWN, OWN_V6, PROXY_PORT, SERVICE, SERVICE_V6},
    plan::NetworkPlan,
    sys::netns::namespace_of,
};

/// Connections that may wait to be accepted; the kernel's limit of a new namespace (net.core.somaxconn).
const BACKLOG: i32 = 4096;

/// What the host can do; found out by trying.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abilities {
    /// Connections to every address are relayed, not only those to the service's.
    pub(super) every_address: bool,
    /// Version 6 of the protocol.
    pub(super) v6: bool,
}

/// A step that failed.
pub(super) type Failure = (&'static str, io::Error);

fn at(step: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| (step, error)
}

/// Leaves the calling process in a new namespace with loopback up, which is what it returns; with sockets where they are wanted.
pub(super) fn namespace(kind: NetworkPlan, host: Abilities) -> Result<(OwnedFd, Option<NetSockets>), Failure> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|e| at("make a network namespace")(e.into()))?;
    let mut netlink = Socket::new(NETLINK_ROUTE).map_err(at("open a netlink socket"))?;
    netlink.bind_auto().map_err(at("bind a netlink socket"))?;
    netlink.connect(&NetlinkAddress::new(0, 0)).map_err(at("connect a netlink socket"))?;
    request(&netlink, &loopback_up()).map_err(at("bring loopback up"))?;
    let namespace = namespace_of(netlink.as_fd()).map_err(at("open the network namespace"))?;
    let sockets = match kind {
        NetworkPlan::LoopbackOnly => None,
        NetworkPlan::Relayed => Some(relay(&netlink, &namespace, host)?),
    };
    Ok((namespace, sockets))
}

fn relay(netlink: &Socket, namespace: &OwnedFd, host: Abilities) -> Result<NetSockets, Failure> {
    request(netlink, &address(&OWN.octets(), 32)).map_err(at("add the own address"))?;
    let v6 = host.v6 && host.every_address;
    if v6 {
        request(netlink, &address(&OWN_V6.octets(), 128)).map_err(at("add the own address of version 6"))?;
        request(netlink, &everything_is_local(&OWN_V6.octets())).map_err(at("add the route of version 6"))?;
    }
    if host.every_address {
        request(netlink, &everything_is_local(&OWN.octets())).map_err(at("add the route"))?;
    } else {
        request(netlink, &address(&SERVICE.octets(), 32)).map_err(at("add the service's address"))?;
    }
    let v4 = |port| SocketAddr::V4(SocketAddrV4::new(SERVICE, port));
    let v6_at = |port| SocketAddr::V6(SocketAddrV6::new(SERVICE_V6, port, 0, 0));
    let tcp4 = listener(v4(PROXY_PORT)).map_err(at("listen for connections"))?;
    let udp4 = datagrams(v4(DNS_PORT)).map_err(at("listen for questions"))?;
    let (mut tcp6, mut udp6) = (None, None);
    if v6 {
        tcp6 = Some(listener(v6_at(PROXY_PORT)).map_err(at("listen for connections of version 6"))?);
        udp6 = Some(datagrams(v6_at(DNS_PORT)).map_err(at("listen for questions of version 6"))?);
    }
    let mut link = None;
    if host.every_address {
        let places = [(program::TCP, Some(&tcp4)), (program::UDP, Some(&udp4))];
        let places_v6 = [(program::V6 + program::TCP, tcp6.as_ref()), (program::V6 + program::UDP, udp6.as_ref())];
        let sockets: Vec<_> =
            places.into_iter().chain(places_v6).filter_map(|(place, socket)| Some((place, socket?.as_fd()))).collect();
        link = Some(program::attach(namespace.as_fd(), &sockets).map_err(at("attach the program that picks a socket"))?);
    }
    Ok(NetSockets { link, tcp4, udp4, tcp6, udp6 })
}

/// A listener. An agent's own may share its port on other addresses (`SO_REUSEADDR`): connections accepted here bear the ports of the
/// world's services.
fn listener(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = unbound(address, SockType::Stream)?;
    set(&socket, ReuseAddr)?;
    bind_to(&socket, address)?;
    listen(&socket, Backlog::new(BACKLOG)?)?;
    Ok(socket)
}

/// A socket of questions that tells which address each was sent to. Without `SO_REUSEADDR`, by which another could take its place.
fn datagrams(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = unbound(address, SockType::Datagram)?;
    match address {
        SocketAddr::V4(_) => set(&socket, Ipv4PacketInfo)?,
        SocketAddr::V6(_) => set(&socket, Ipv6RecvPacketInfo)?,
    }
    bind_to(&socket, address)?;
    Ok(socket)
}

/// Version 6 binds and answers from addresses that no interface has, which takes `IP_FREEBIND`; version 4 looks at the routes.
fn unbound(address: SocketAddr, kind: SockType) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    if address.is_ipv6() {
        set(&socket, Ipv6V6Only)?;
        set(&socket, IpFreebind)?;
    }
    Ok(socket)
}

fn set(socket: &OwnedFd, option: impl SetSockOpt<Val = bool>) -> io::Result<()> {
    Ok(setsockopt(socket, option, &true)?)
}

fn bind_to(socket: &OwnedFd, address: SocketAddr) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    Ok(bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?)
}

// Messages of rtnetlink(7): a header, a fixed part, attributes.
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
/// Request, acknowledge.
const CHANGE: u16 = 0x5;
/// The same, and make it, which must not be there yet.
const MAKE: u16 = 0x605;
/// Loopback is always the first.
const LO: u32 = 1;

const fn family(address: &[u8]) -> u8 {
    if address.len() == 4 { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

fn loopback_up() -> Vec<u8> {
    // family, type; index; flags IFF_UP; change IFF_UP
    message(RTM_NEWLINK, CHANGE, &[&[0; 4][..], &LO.to_ne_bytes(), &1_u32.to_ne_bytes(), &1_u32.to_ne_bytes()].concat(), &[])
}

fn address(address: &[u8], prefix: u8) -> Vec<u8> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    // IFA_F_NODAD: nobody else is there to have it.
    let fixed = [&[family(address), prefix, 2, libc::RT_SCOPE_UNIVERSE][..], &LO.to_ne_bytes()].concat();
    message(RTM_NEWADDR, MAKE, &fixed, &[(IFA_ADDRESS, address), (IFA_LOCAL, address)])
}

/// Every address is this host's, as far as the namespace is concerned; what is sent comes from `own`.
fn everything_is_local(own: &[u8]) -> Vec<u8> {
    const RTA_OIF: u16 = 4;
    const RTA_PREFSRC: u16 = 7;
    const RTPROT_BOOT: u8 = 3;
    const RTN_LOCAL: u8 = 2;
    // family, prefixes and type of service 0; table, protocol, scope, type; flags
    let fixed = [family(own), 0, 0, 0, libc::RT_TABLE_LOCAL, RTPROT_BOOT, libc::RT_SCOPE_HOST, RTN_LOCAL, 0, 0, 0, 0];
    message(RTM_NEWROUTE, MAKE, &fixed, &[(RTA_OIF, &LO.to_ne_bytes()), (RTA_PREFSRC, own)])
}

fn message(kind: u16, flags: u16, fixed: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes.extend_from_slice(fixed);
    for (name, value) in attributes {
        // Lengths are those of addresses: multiples of four, so nothing needs padding.
        let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&name.to_ne_bytes());
        bytes.extend_from_slice(value);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes
}

/// Sends one request and waits for its acknowledgement, which holds 0 or a negative errno.
fn request(netlink: &Socket, message: &[u8]) -> io::Result<()> {
    netlink.send(message, 0)?;
    let (reply, _) = netlink.recv_from_full()?;
    let error = reply.get(16..20).and_then(|bytes| bytes.try_into().ok()).map_or(-libc::EBADMSG, i32::from_ne_bytes);
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-error)) }
}
