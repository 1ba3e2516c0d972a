//! The resolver inside: every name has an address of its own, made here. Nothing that is asked leaves this host, so that questions
//! carry no data out; a name is looked up when a connection to it was allowed.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::Ipv4Addr,
    os::fd::{AsRawFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use aether_net::{
    GATEWAY, GATEWAY_NAME,
    dns::{MAX_MESSAGE, Message, read},
};
use nix::{
    cmsg_space, libc,
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpStream, UdpSocket},
};

use super::{agent::AgentNet, lock};

/// Questions of one agent that are answered per second; further ones are dropped, and asked again by who needs them.
const PER_SECOND: u32 = 1000;
/// How long a connection for questions may be silent.
const SILENCE: Duration = Duration::from_secs(10);

/// Where a question came from and which address it was sent to.
struct Asked {
    length: usize,
    from: SockaddrStorage,
    to: Option<To>,
}

#[derive(Clone, Copy)]
enum To {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

/// Answers the questions that come to a socket.
pub(super) async fn serve(net: Arc<AgentNet>, socket: OwnedFd) {
    let socket = std::net::UdpSocket::from(socket);
    let socket = match socket.set_nonblocking(true).and_then(|()| UdpSocket::from_std(socket)) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(agent = %net.id(), %error, "an agent's questions for names cannot be read");
            return;
        }
    };
    let (mut second, mut answered) = (Instant::now(), 0);
    let mut message = vec![0; MAX_MESSAGE + 1];
    loop {
        let asked = match socket.async_io(Interest::READABLE, || receive(&socket, &mut message)).await {
            Ok(asked) => asked,
            Err(error) => {
                tracing::debug!(agent = %net.id(), %error, "a question for a name was not read");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        if second.elapsed() >= Duration::from_secs(1) {
            (second, answered) = (Instant::now(), 0);
        }
        answered += 1;
        if answered > PER_SECOND {
            // Slower than they come: what does not fit into the socket's buffer is dropped by the kernel.
            tokio::time::sleep(Duration::from_secs(1).saturating_sub(second.elapsed())).await;
        }
        if let Some(answer) = net.answer(&message[..asked.length]) {
            // A full buffer is the asker's own.
            let _dropped = send(&socket, &answer, &asked);
        }
    }
}

/// Questions over TCP, each after its length.
pub(super) async fn serve_stream(net: &AgentNet, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let slow = |_| io::Error::from(io::ErrorKind::TimedOut);
        let length = tokio::time::timeout(SILENCE, stream.read_u16()).await.map_err(slow)??;
        let mut message = vec![0; usize::from(length)];
        tokio::time::timeout(SILENCE, stream.read_exact(&mut message)).await.map_err(slow)??;
        let Some(answer) = net.answer(&message) else { return Ok(()) };
        let mut framed = u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
        framed.extend(answer);
        stream.write_all(&framed).await?;
    }
}

impl AgentNet {
    /// The answer to a question.
    fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        let query = match read(message) {
            Message::Query(query) => query,
            Message::Bad(answer) => return Some(answer),
            Message::Junk => return None,
        };
        Some(match &query.name {
            None => query.unknown(),
            Some(name) if name.as_str() == GATEWAY_NAME => query.address(GATEWAY),
            Some(name) if name.as_str() == "localhost" => query.address(Ipv4Addr::LOCALHOST),
            Some(name) if query.wants_address() => query.address(lock(&self.names).address(name)),
            Some(_) => query.address(Ipv4Addr::UNSPECIFIED),
        })
    }
}

fn receive(socket: &UdpSocket, message: &mut [u8]) -> io::Result<Asked> {
    let mut control = cmsg_space!(libc::in6_pktinfo, libc::in_pktinfo);
    let mut into = [IoSliceMut::new(message)];
    let got = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut into, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let to = got.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(To::V4(info)),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(To::V6(info)),
        _ => None,
    });
    let from = got.address.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Asked { length: got.bytes, from, to })
}

/// Answers from the address that was asked: a socket that is connected to it takes no other.
fn send(socket: &UdpSocket, answer: &[u8], asked: &Asked) -> io::Result<()> {
    let (v4, v6);
    let control = match asked.to {
        Some(To::V4(info)) => {
            v4 = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: info.ipi_addr, ipi_addr: info.ipi_addr };
            vec![ControlMessage::Ipv4PacketInfo(&v4)]
        }
        Some(To::V6(info)) => {
            v6 = libc::in6_pktinfo { ipi6_addr: info.ipi6_addr, ipi6_ifindex: 0 };
            vec![ControlMessage::Ipv6PacketInfo(&v6)]
        }
        None => Vec::new(),
    };
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(answer)], &control, MsgFlags::MSG_DONTWAIT, Some(&asked.from))?;
    Ok(())
}
