//! What goes where.

use std::{
    io::{IoSlice, IoSliceMut, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::fd::AsRawFd,
};

use aether_sandbox::plan::NetworkPlan::Relayed;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg};

use super::{Host, Sockets};

/// Accepts one connection, answers with `text`, and says where the agent meant to go.
fn answer(listener: &TcpListener, text: &str) -> SocketAddr {
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.local_addr().unwrap()
}

pub(crate) fn every_connection_arrives_with_its_destination(host: &Host) {
    let sandbox = host.launch("traffic", 30, Relayed);
    let Sockets { tcp4, tcp6, .. } = sandbox.sockets();
    let v4 = ["93.184.216.34:443", "10.1.2.3:22", "169.254.169.254:80", "198.18.0.1:3128", "198.19.255.254:65535", "1.1.1.1:53"];
    let v6 = ["[2001:db8::5]:8080", "[fd00::1]:1", "[fd61:6574:6865::1]:443"];
    let cases = v4.map(|to| (to, &tcp4, "198.18.0.2")).into_iter().chain(v6.map(|to| (to, &tcp6, "fd61:6574:6865::2")));
    for (to, listener, own) in cases {
        std::thread::scope(|scope| {
            let said = scope.spawn(|| sandbox.says(&["connect", to]));
            assert_eq!(answer(listener, "hello").to_string(), to);
            assert_eq!(said.join().unwrap(), format!("from {own}: hello"), "{to}");
        });
    }
    // Version 4 by a socket of version 6 is version 4 on the way.
    std::thread::scope(|scope| {
        let said = scope.spawn(|| sandbox.says(&["connect", "[::ffff:93.184.216.34]:80"]));
        assert_eq!(answer(&tcp4, "hello").to_string(), "93.184.216.34:80");
        assert_eq!(said.join().unwrap(), "from ::ffff:198.18.0.2: hello");
    });
}

/// Takes one question, and answers from the address it was sent to.
fn answer_question(socket: &UdpSocket) -> String {
    let mut question = [0; 64];
    let mut space = nix::cmsg_space!(libc::in6_pktinfo);
    let (asker, asked) = {
        let mut parts = [IoSliceMut::new(&mut question)];
        let got = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty()).unwrap();
        (got.address.unwrap(), got.cmsgs().unwrap().next().unwrap())
    };
    let text = match asked {
        ControlMessageOwned::Ipv4PacketInfo(info) => std::net::Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).to_string(),
        ControlMessageOwned::Ipv6PacketInfo(info) => std::net::Ipv6Addr::from(info.ipi6_addr.s6_addr).to_string(),
        other => panic!("{other:?}"),
    };
    let parts = [IoSlice::new(b"answer")];
    let send = |from: ControlMessage<'_>| sendmsg(socket.as_raw_fd(), &parts, &[from], MsgFlags::empty(), Some(&asker)).unwrap();
    match asked {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: info.ipi_addr, ..info }))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => send(ControlMessage::Ipv6PacketInfo(&info)),
        _ => 0,
    };
    text
}

pub(crate) fn names_are_asked_at_any_address(host: &Host) {
    let sandbox = host.launch("traffic", 30, Relayed);
    let Sockets { udp4, udp6, .. } = sandbox.sockets();
    for (ip, to, socket) in [
        ("198.18.0.1", "198.18.0.1:53", &udp4),
        ("8.8.8.8", "8.8.8.8:53", &udp4),
        ("fd61:6574:6865::1", "[fd61:6574:6865::1]:53", &udp6),
        ("2001:4860:4860::8888", "[2001:4860:4860::8888]:53", &udp6),
    ] {
        std::thread::scope(|scope| {
            let said = scope.spawn(|| sandbox.says(&["ask", to]));
            assert_eq!(answer_question(socket), ip);
            assert_eq!(said.join().unwrap(), "answer", "{to}");
        });
    }
}

pub(crate) fn other_datagrams_are_refused_at_once(host: &Host) {
    let sandbox = host.launch("traffic", 30, Relayed);
    for to in ["8.8.8.8:443", "198.18.0.1:3128", "[2001:db8::1]:443"] {
        assert_eq!(sandbox.says(&["ask", to]), format!("errno {}", libc::ECONNREFUSED), "{to}");
    }
}

pub(crate) fn loopback_and_the_own_address_are_the_agents(host: &Host) {
    let sandbox = host.launch("traffic", 30, Relayed);
    let all = ["127.0.0.1:5001", "127.9.9.9:5001", "198.18.0.2:5001"];
    assert_eq!(sandbox.says(&[&["serve", "0.0.0.0:5001"][..], &all].concat()), "own own own");
    let all = ["[::1]:5002", "[fd61:6574:6865::2]:5002", "127.0.0.1:5002"];
    assert_eq!(sandbox.says(&[&["serve", "[::]:5002"][..], &all].concat()), "own own own");
    assert_eq!(sandbox.says(&["connect", "127.0.0.1:5003"]), format!("errno {}", libc::ECONNREFUSED));
    // What was connected to outside leaves a port that a server of the agent may have.
    let Sockets { tcp4, .. } = sandbox.sockets();
    std::thread::scope(|scope| {
        let said = scope.spawn(|| sandbox.says(&["connect", "192.0.2.1:5004"]));
        let (mut stream, _) = tcp4.accept().unwrap();
        assert_eq!(sandbox.says(&["serve", "0.0.0.0:5004", "127.0.0.1:5004"]), "own");
        stream.write_all(b"late").unwrap();
        drop(stream);
        assert_eq!(said.join().unwrap(), "from 198.18.0.2: late");
    });
}

pub(crate) fn an_agents_listener_takes_nothing_of_the_worlds(host: &Host) {
    let sandbox = host.launch("traffic", 30, Relayed);
    let Sockets { tcp4, tcp6, .. } = sandbox.sockets();
    for (at, control, to, listener) in [
        ("198.18.0.1:4443", None, "198.18.0.1:4443", &tcp4),
        ("203.0.113.9:4443", None, "203.0.113.9:4443", &tcp4),
        ("0.0.0.0:4444", Some("127.0.0.1:4444"), "203.0.113.9:4444", &tcp4),
        ("[::]:4445", Some("[::1]:4445"), "[2001:db8::1]:4445", &tcp6),
        ("[::]:4446", Some("127.0.0.1:4446"), "203.0.113.9:4446", &tcp4),
    ] {
        let verb: Vec<&str> = ["serve", at].into_iter().chain(control).chain([to]).collect();
        std::thread::scope(|scope| {
            let said = scope.spawn(|| sandbox.says(&verb));
            assert_eq!(answer(listener, "world").to_string(), to);
            let wanted = if control.is_some() { "own world" } else { "world" };
            assert_eq!(said.join().unwrap(), wanted, "{at}");
        });
    }
    // The port of the questions is below those that an agent may have, and taken.
    for at in ["198.18.0.1:53", "0.0.0.0:53", "127.0.0.1:53"] {
        assert_eq!(sandbox.says(&["bind-udp", at]), format!("errno {}", libc::EACCES), "{at}");
    }
    assert_eq!(sandbox.says(&["listen", "198.18.0.1:3128"]), format!("errno {}", libc::EADDRINUSE));
    assert_eq!(sandbox.says(&["bind-udp", "198.18.0.1:5353"]), "bound");
}

pub(crate) fn connections_come_many_at_a_time(host: &Host) {
    const MANY: usize = 64;
    let sandbox = host.launch("traffic", 30, Relayed);
    let Sockets { tcp4, .. } = sandbox.sockets();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|part| {
                let sandbox = &sandbox;
                scope.spawn(move || {
                    let to: Vec<String> = (0..MANY / 4).map(|n| format!("100.64.{part}.{n}:{}", 1000 + n)).collect();
                    let words: Vec<&str> = to.iter().map(String::as_str).collect();
                    let at = format!("127.0.0.1:{}", 6000 + part);
                    sandbox.says(&[&["serve", at.as_str()][..], &words].concat())
                })
            })
            .collect();
        let mut seen: Vec<SocketAddr> = (0..MANY).map(|_| answer(&tcp4, "x")).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), MANY);
        for part in all {
            assert_eq!(part.join().unwrap(), ["x"; MANY / 4].join(" "));
        }
    });
}
