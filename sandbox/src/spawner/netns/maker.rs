//! The maker: a process that prepares network namespaces ahead, with privileges that the spawner gives up.
//!
//! Its whole language is one byte from the spawner, mostly "one more", and a packet with descriptors in return. The sockets between them
//! are the store: what is prepared waits in the spawner's receive queue, and what is asked for stays in the maker's until it was
//! answered, so that nothing is forgotten when a maker dies over it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, setns},
    sys::socket::{MsgFlags, recv},
};
use serde::{Deserialize, Serialize};

use super::{NetSockets, confine, prepare, prepare::Abilities};
use crate::{
    host::Feature,
    plan::NetworkPlan,
    sys::packet::{recv_packet, send_packet},
};

const FIX: &str = "use a kernel of Linux 5.9 or newer with CONFIG_BPF_SYSCALL and CONFIG_INET; \
                   until then programs have to honour HTTP_PROXY and HTTPS_PROXY";

/// Asks for one more.
pub(super) const MORE: &[u8] = b"+";
/// Asks for [`Made::Relay`].
pub(super) const RELAY: &[u8] = b"?";

/// What a packet is, beside its descriptors: the namespace, then those of [`Made::Namespace`] that exist, in this order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Made {
    /// Can connections to every address be relayed? The first answer.
    Relay(Feature),
    /// A namespace with these sockets: link, tcp4, udp4, tcp6, udp6.
    Namespace([bool; 5]),
    /// The step that failed, its errno, and its words.
    Failed(String, i32, String),
}

/// The maker's whole life, below its keeper. Returns the exit status of the process.
pub(super) fn main(filtered: confine::Filtered, home: &OwnedFd, bare: &OwnedFd, relayed: &OwnedFd) -> i32 {
    match run(filtered, home, bare, relayed) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("aether-netns: {error}");
            1
        }
    }
}

/// Its end is that of the spawner, not that of its keeper: without that it works as before.
fn run(filtered: confine::Filtered, home: &OwnedFd, bare: &OwnedFd, relayed: &OwnedFd) -> io::Result<()> {
    nix::sys::prctl::set_name(c"aether-netns")?;
    confine::apply(filtered)?;
    let (host, feature) = abilities();
    setns(home, CloneFlags::CLONE_NEWNET)?;
    match serve(home, bare, relayed, host, &feature) {
        // The spawner has ended, with or without having read everything.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)) => Ok(()),
        other => other,
    }
}

fn serve(home: &OwnedFd, bare: &OwnedFd, relayed: &OwnedFd, host: Abilities, feature: &Feature) -> io::Result<()> {
    let lines = [(bare, NetworkPlan::LoopbackOnly), (relayed, NetworkPlan::Relayed)];
    loop {
        let mut waiting = lines.map(|(line, _)| PollFd::new(line.as_fd(), PollFlags::POLLIN));
        match poll(&mut waiting, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            other => other?,
        };
        let ready = waiting.map(|line| line.revents().is_some_and(|events| !events.is_empty()));
        for ((line, kind), ready) in lines.iter().zip(ready) {
            if ready {
                let mut word = [0; 8];
                match recv(line.as_raw_fd(), &mut word, MsgFlags::MSG_PEEK)? {
                    0 => return Ok(()),
                    length if word.get(..length) == Some(RELAY) => reply(line.as_fd(), &Made::Relay(feature.clone()), &[])?,
                    _ => make(line.as_fd(), *kind, host)?,
                }
                recv_packet(line.as_fd(), &mut word)?;
                // What was made would live on with this process as long as this is in it.
                setns(home, CloneFlags::CLONE_NEWNET)?;
            }
        }
    }
}

fn make(line: BorrowedFd<'_>, kind: NetworkPlan, host: Abilities) -> io::Result<()> {
    match prepare::namespace(kind, host) {
        Ok((namespace, sockets)) => {
            let slots = sockets.as_ref().map(NetSockets::slots).unwrap_or_default();
            let mut fds = vec![namespace.as_fd()];
            fds.extend(slots.into_iter().flatten());
            reply(line, &Made::Namespace(slots.map(|slot| slot.is_some())), &fds)
        }
        Err((step, error)) => {
            reply(line, &Made::Failed(step.to_owned(), error.raw_os_error().unwrap_or(0), error.to_string()), &[])
        }
    }
}

fn reply(line: BorrowedFd<'_>, made: &Made, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let packet = postcard::to_stdvec(made).map_err(io::Error::other)?;
    send_packet(line, &packet, fds)
}

/// Tries what the host can do, the most first.
pub(super) fn abilities() -> (Abilities, Feature) {
    let full = |v6| Abilities { every_address: true, v6 };
    let tried = |host| prepare::namespace(NetworkPlan::Relayed, host).map(drop);
    if tried(full(true)).is_ok() {
        return (full(true), Feature::yes("every address, IPv4 and IPv6 (sk_lookup)"));
    }
    match tried(full(false)) {
        Ok(()) => (full(false), Feature::yes("every address, IPv4 only (sk_lookup)")),
        Err((step, error)) => {
            let why = format!("only the proxy and the resolver inside can be reached: {step}: {error}");
            (Abilities { every_address: false, v6: false }, Feature::no(why, FIX))
        }
    }
}
