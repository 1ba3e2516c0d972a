//! Network namespaces that are ready before anybody asks.
//!
//! Making one takes the kernel longer than any other part of a sandbox, and furnishing it takes privileges that neither the spawner
//! nor anything below it may have (bpf(2), CAP_NET_ADMIN). So a process of its own does both, ahead: [`maker`]; another one, [`keeper`], starts
//! it again when it dies. The namespaces belong to the host's user namespace: no agent administers its own.

mod confine;
mod keeper;
mod maker;
mod prepare;
mod program;

use std::{
    cell::OnceCell,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::{
    fcntl::{OFlag, open},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, setns},
    sys::{
        socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt::ReceiveTimeout},
        stat::Mode,
        time::TimeVal,
    },
};

use self::maker::Made;
use crate::{
    host::Feature,
    plan::NetworkPlan,
    spawner::mounts::return_to,
    sys::{
        packet::{recv_packet, send_packet},
        process::{close_from, inherited},
        task::{Cloned, clone_into, dup_to, exit_now},
    },
};

/// Longest time that one may take to be made, seconds.
const PATIENCE: i64 = 10;

/// The sockets by which a sandbox with a network is served; they lie in its namespace.
#[derive(Debug)]
pub(super) struct NetSockets {
    /// Keeps the program attached that leads connections to the sockets; not where the kernel has none.
    pub(super) link: Option<OwnedFd>,
    /// Accepts connections.
    pub(super) tcp4: OwnedFd,
    /// Takes questions for names.
    pub(super) udp4: OwnedFd,
    /// As `tcp4`, version 6.
    pub(super) tcp6: Option<OwnedFd>,
    /// As `udp4`, version 6.
    pub(super) udp6: Option<OwnedFd>,
}

impl NetSockets {
    /// In the order of the packets of the maker and of the descriptors of init.
    pub(super) fn slots(&self) -> [Option<BorrowedFd<'_>>; 5] {
        [
            self.link.as_ref().map(AsFd::as_fd),
            Some(self.tcp4.as_fd()),
            Some(self.udp4.as_fd()),
            self.tcp6.as_ref().map(AsFd::as_fd),
            self.udp6.as_ref().map(AsFd::as_fd),
        ]
    }
}

/// A network namespace with loopback up.
#[derive(Debug)]
pub(super) struct PreparedNet {
    pub(super) namespace: OwnedFd,
    /// Only of [`NetworkPlan::Relayed`].
    pub(super) sockets: Option<NetSockets>,
    /// Nobody had to wait for it.
    pub(super) was_ready: bool,
}

/// The namespaces that are ready, and the maker of more.
pub(super) struct NetPool {
    home: OwnedFd,
    bare: OwnedFd,
    relayed: OwnedFd,
    relay: OnceCell<Feature>,
    /// Namespaces of each kind that wait to be taken.
    ahead: u8,
}

/// Numbers of the maker's descriptors.
const HOME: i32 = 3;
const BARE: i32 = 4;
const RELAYED: i32 = 5;

impl NetPool {
    /// Starts the maker and its keeper. To be called while the process has one thread and all its privileges; no descriptor below 10 may be free.
    pub(super) fn start(null: BorrowedFd<'_>, ahead: u8) -> io::Result<Self> {
        let home = open("/proc/self/ns/net", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        let pair = || socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC);
        let ((bare, bare_maker), (relayed, relayed_maker)) = (pair()?, pair()?);
        if let Cloned::Child = clone_into(0, None)? {
            // Nothing here is dropped: the process goes on with copies and ends without unwinding.
            exit_now(become_keeper(null, [home.as_fd(), bare_maker.as_fd(), relayed_maker.as_fd()]));
        }
        send_packet(relayed.as_fd(), maker::RELAY, &[])?;
        for line in [&bare, &relayed] {
            setsockopt(line, ReceiveTimeout, &TimeVal::new(PATIENCE, 0))?;
            for _ in 0..ahead {
                send_packet(line.as_fd(), maker::MORE, &[])?;
            }
        }
        Ok(Self { home, bare, relayed, relay: OnceCell::new(), ahead })
    }

    /// Can connections to every address be relayed? The first time it may wait until the maker has tried it.
    pub(super) fn relay(&self) -> Feature {
        let found = || match receive(&self.relayed) {
            Ok((Made::Relay(feature), _)) => feature,
            Ok(_) => Feature::no("the maker of network namespaces said something else", RESTART),
            Err(error) => Feature::no(error.to_string(), RESTART),
        };
        self.relay.get_or_init(found).clone()
    }

    /// A namespace, which is asked for again at once. Waits only when none is ready.
    ///
    /// # Errors
    /// What kept the maker from making one; `BrokenPipe` when it has ended, `TimedOut` when it does not answer.
    pub(super) fn take(&self, kind: NetworkPlan) -> io::Result<PreparedNet> {
        let line = match kind {
            NetworkPlan::LoopbackOnly => &self.bare,
            NetworkPlan::Relayed => {
                self.relay();
                &self.relayed
            }
        };
        let was_ready = poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1);
        let mut failed = io::Error::from(io::ErrorKind::TimedOut);
        // What could not be made some time ago may work now: every failure that waits is passed over, and one more is tried.
        for _ in 0..=self.ahead {
            let (made, mut fds) = receive(line)?;
            if let Made::Relay(_) = made {
                // Said again by a maker whose forerunner died before it could strike the question off.
                continue;
            }
            // Failing, the next `take` finds that the maker has ended.
            let _ = send_packet(line.as_fd(), maker::MORE, &[]);
            match made {
                Made::Namespace(has) => {
                    let mut next = || if fds.is_empty() { None } else { Some(fds.remove(0)) };
                    let namespace = next().ok_or_else(strange)?;
                    let [link, tcp4, udp4, tcp6, udp6] = has.map(|has| if has { next() } else { None });
                    let sockets = tcp4.zip(udp4).map(|(tcp4, udp4)| NetSockets { link, tcp4, udp4, tcp6, udp6 });
                    if sockets.is_none() && kind == NetworkPlan::Relayed {
                        return Err(strange());
                    }
                    return Ok(PreparedNet { namespace, sockets, was_ready });
                }
                Made::Failed(step, 0, words) => failed = io::Error::other(format!("{step}: {words}")),
                Made::Failed(_, errno, _) => failed = io::Error::from_raw_os_error(errno),
                Made::Relay(_) => {}
            }
        }
        Err(failed)
    }

    /// [`clone_into`] with the child in a prepared network namespace, or in a new one that belongs to its user namespace and in
    /// which loopback is down. The caller is in its own before and after.
    pub(super) fn clone_into(
        &self,
        net: Option<&PreparedNet>,
        flags: CloneFlags,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> io::Result<Cloned> {
        let Some(net) = net else {
            return clone_into((flags | CloneFlags::CLONE_NEWNET).bits(), cgroup);
        };
        // Before the clone: the child is in a user namespace from which it may not enter a namespace of the host's.
        setns(&net.namespace, CloneFlags::CLONE_NEWNET)?;
        let cloned = clone_into(flags.bits(), cgroup);
        if matches!(cloned, Ok(Cloned::Child)) {
            return cloned;
        }
        return_to(&self.home, CloneFlags::CLONE_NEWNET);
        cloned
    }
}

const RESTART: &str = "restart aetherd: it starts another; agents that run go on";

fn strange() -> io::Error {
    io::Error::other("the maker of network namespaces said something else")
}

fn receive(line: &OwnedFd) -> io::Result<(Made, Vec<OwnedFd>)> {
    let mut buffer = [0; 1024];
    match recv_packet(line.as_fd(), &mut buffer) {
        Ok((0, _)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the maker of network namespaces (aether-netns) has ended")),
        Ok((length, fds)) => Ok((postcard::from_bytes(&buffer[..length]).map_err(io::Error::other)?, fds)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the maker of network namespaces (aether-netns) does not answer"))
        }
        Err(error) => Err(error),
    }
}

/// Keeps three descriptors and standard error, as the maker will; above all the spawner's control socket has to go, whose end tells of the spawner's.
fn become_keeper(null: BorrowedFd<'_>, kept: [BorrowedFd<'_>; 3]) -> i32 {
    let ready = || {
        for target in 0..2 {
            dup_to(null, target)?;
        }
        for (source, target) in kept.into_iter().zip([HOME, BARE, RELAYED]) {
            dup_to(source, target)?;
        }
        close_from(RELAYED.unsigned_abs() + 1)?;
        nix::sys::prctl::set_name(c"aether-netkeep")?;
        keeper::run(&inherited(HOME)?, &inherited(BARE)?, &inherited(RELAYED)?)
    };
    match ready() {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("aether-netkeep: {error}");
            1
        }
    }
}

/// Tries what the host can do. For a process of root's that ends soon: it may be in another network namespace afterwards.
pub(super) fn survey() -> Feature {
    maker::abilities().1
}
