//! What an agent does in the tests: this executable again, started inside. Each verb prints one line.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream},
    },
    time::Duration,
};

use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_ROUTE};
use nix::{
    sched::{CloneFlags, setns, unshare},
    sys::socket::{
        AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket,
        sockopt::{IpTransparent, Mark},
    },
};

/// Runs a verb; the exit status.
pub(crate) fn main(arguments: &[String]) -> i32 {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = match words.as_slice() {
        ["connect", to] => connect(to),
        ["ask", to] => ask(to),
        ["listen", at] => listen(at),
        ["serve", at, through @ ..] => serve(at, through),
        ["bind-udp", at] => UdpSocket::bind(at).map(|_| "bound".to_owned()),
        ["connect-unix", name] => {
            abstract_name(name).and_then(|at| UnixStream::connect_addr(&at)).map(|_| "connected".to_owned())
        }
        ["hold", name] => hold(name),
        ["call", name] => call(name),
        ["netlink", name] => netlink(name),
        other => panic!("no verb {other:?}"),
    };
    match said {
        Ok(line) => println!("{line}"),
        Err(error) => println!("errno {}", error.raw_os_error().unwrap_or(-1)),
    }
    0
}

fn timed<T>(result: io::Result<T>, set: impl Fn(&T) -> io::Result<()>) -> io::Result<T> {
    let socket = result?;
    set(&socket)?;
    Ok(socket)
}

/// Own address, then what the other side says.
fn connect(to: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(to)?;
    let mut said = String::new();
    let from = stream.local_addr()?.ip();
    stream.read_to_string(&mut said)?;
    Ok(format!("from {from}: {said}"))
}

/// A question on a connected socket, as resolvers ask: only an answer from the very address is heard.
fn ask(to: &str) -> io::Result<String> {
    let to: SocketAddr = to.parse().expect("an address");
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = timed(UdpSocket::bind(any), |s| s.set_read_timeout(Some(Duration::from_secs(10))))?;
    socket.connect(to)?;
    socket.send(b"question")?;
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

fn listen(at: &str) -> io::Result<String> {
    TcpListener::bind(at)?;
    Ok("listens".to_owned())
}

/// Serves at an address and connects to others; who answered each, `own` or not.
fn serve(at: &str, through: &[&str]) -> io::Result<String> {
    let listener = TcpListener::bind(at)?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"own");
        }
    });
    let answers = through.iter().map(|to| {
        let mut said = String::new();
        TcpStream::connect(to).and_then(|mut stream| stream.read_to_string(&mut said)).map(|_| said)
    });
    Ok(answers.collect::<io::Result<Vec<_>>>()?.join(" "))
}

fn abstract_name(name: &str) -> io::Result<UnixAddr> {
    UnixAddr::from_abstract_name(name)
}

/// Listens on TCP at the own address and on an abstract socket until it is killed.
fn hold(name: &str) -> io::Result<String> {
    let _tcp = TcpListener::bind("0.0.0.0:5000")?;
    let _unix = UnixListener::bind_addr(&abstract_name(name)?)?;
    println!("holds");
    loop {
        std::thread::park();
    }
}

/// A system call by which the network of a sandbox could be changed from inside.
fn call(name: &str) -> io::Result<String> {
    let plain = SockFlag::SOCK_CLOEXEC;
    let opened = |family, kind, protocol| socket(family, kind, plain, protocol).map(drop).map_err(io::Error::from);
    let with = |socket: io::Result<UdpSocket>, set: fn(&UdpSocket) -> nix::Result<()>| Ok(set(&socket?)?);
    match name {
        "bpf" => aether_sandbox::sys::bpf::socket_map(1).map(drop),
        "unshare" => Ok(unshare(CloneFlags::CLONE_NEWNET)?),
        "setns" => Ok(setns(std::fs::File::open("/proc/self/ns/net")?, CloneFlags::CLONE_NEWNET)?),
        "raw" => opened(AddressFamily::Inet, SockType::Raw, SockProtocol::Icmp),
        "raw6" => opened(AddressFamily::Inet6, SockType::Raw, SockProtocol::IcmpV6),
        "packet" => opened(AddressFamily::Packet, SockType::Datagram, SockProtocol::EthAll),
        "ping" => opened(AddressFamily::Inet, SockType::Datagram, SockProtocol::Icmp),
        "transparent" => with(UdpSocket::bind("127.0.0.1:0"), |socket| setsockopt(socket, IpTransparent, &true)),
        "mark" => with(UdpSocket::bind("127.0.0.1:0"), |socket| setsockopt(socket, Mark, &1)),
        other => panic!("no call {other:?}"),
    }?;
    Ok("done".to_owned())
}

/// A change of routes, addresses or links, rtnetlink(7); or, as the control, a question.
fn netlink(name: &str) -> io::Result<String> {
    let route = [2, 0, 0, 0, 255, 3, 254, 2, 0, 0, 0, 0];
    let index = 1_u32.to_ne_bytes();
    let address = [&[2, 32, 0, 0][..], &index, &[8, 0, 2, 0, 10, 0, 0, 9]].concat();
    let (kind, flags, body): (u16, u16, Vec<u8>) = match name {
        "delete-route" => (25, 0x5, route.to_vec()),
        "add-address" => (20, 0x605, address),
        "link-down" => (16, 0x5, [&[0; 4][..], &index, &[0; 4], &1_u32.to_ne_bytes()].concat()),
        "get-link" => (18, 0x5, [&[0; 4][..], &index, &[0; 8]].concat()),
        other => panic!("no message {other:?}"),
    };
    let mut message = u32::try_from(16 + body.len()).expect("short").to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&NetlinkAddress::new(0, 0))?;
    socket.send(&message, 0)?;
    let (reply, _) = socket.recv_from_full()?;
    let answer = u16::from_ne_bytes([reply[4], reply[5]]);
    let error = i32::from_ne_bytes([reply[16], reply[17], reply[18], reply[19]]);
    match (answer, error) {
        (2, 0) => Ok("done".to_owned()),
        (2, error) => Err(io::Error::from_raw_os_error(-error)),
        (kind, _) => Ok(format!("answer {kind}")),
    }
}
