//! The ports that programs inside listen on, and connections to them from outside. Init makes the socket, because it is inside; whoever
//! asked gets it and does the talking.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, connect as connect_to, socket},
};

use super::files;
use crate::{
    net::{SERVICE, SERVICE_V6},
    wire::init::{InitReply, MAX_LISTENERS},
};

/// The kernel lists sockets that listen first (proc_net_tcp); so much of a list holds [`MAX_LISTENERS`] of them in both widths.
const MAX_LIST: u64 = 128 << 10;
/// State of a socket that listens, as the lists have it.
const LISTENS: &str = "0A";

/// A socket on its way to a port of loopback. Nothing waits for it here: on loopback it is connected or refused by the time it is
/// looked at, unless the program does not accept.
pub(super) fn connect(port: u16, v6: bool) -> Result<OwnedFd, InitReply> {
    let (family, address) = if v6 {
        (AddressFamily::Inet6, IpAddr::from(Ipv6Addr::LOCALHOST))
    } else {
        (AddressFamily::Inet, IpAddr::from(Ipv4Addr::LOCALHOST))
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let failed = |error: Errno| files::failed("connect")(error.into());
    let made = socket(family, SockType::Stream, flags, SockProtocol::Tcp).map_err(failed)?;
    match connect_to(made.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, port))) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(made),
        Err(error) => Err(failed(error)),
    }
}

/// Where somebody listens, but for the sockets by which the sandbox is served.
pub(super) fn listening() -> Result<InitReply, InitReply> {
    let mut found = BTreeSet::new();
    for list in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let file = match File::open(list) {
            Ok(file) => file,
            // A host without IPv6.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(files::failed("list ports")(error)),
        };
        let lines = BufReader::new(file.take(MAX_LIST)).lines().skip(1);
        found.extend(lines.map_while(|line| listener(&line.ok()?)));
    }
    let ours = |address: &SocketAddr| [IpAddr::from(SERVICE), IpAddr::from(SERVICE_V6)].contains(&address.ip());
    Ok(InitReply::Listening(found.into_iter().filter(|address| !ours(address)).take(MAX_LISTENERS).collect()))
}

/// The address of a line; nothing for a socket that does not listen, after which none does.
fn listener(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, _remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state != LISTENS {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some(SocketAddr::new(parse_address(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the lists have it: words of 32 bits, each a number of this machine's byte order.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::from(bytes))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_kernel_are_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1";
        assert_eq!(listener(line), Some("127.0.0.1:8080".parse().unwrap()));
        let line = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000";
        assert_eq!(listener(line), Some("[::1]:80".parse().unwrap()));
        assert_eq!(listener("   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000"), None, "connected");
        for bad in ["", "x", "0: 01:1 0:0 0A", "0: 0100007F 0:0 0A", "0: 0100007G:0050 0:0 0A", "0: ääääääää:0050 0:0 0A"]
        {
            assert_eq!(listener(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_listener_is_found_and_reached() {
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = own.local_addr().unwrap();
        let Ok(InitReply::Listening(found)) = listening() else { panic!("no list") };
        assert!(found.contains(&address) || found.len() == MAX_LISTENERS, "{address} in {found:?}");
        connect(address.port(), false).unwrap();
        assert!(own.accept().is_ok());
    }
}
