//! Listeners that the service manager bound before this program ran (sd_listen_fds(3)).

use std::{
    net::TcpListener,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::net::UnixListener,
    },
};

use aether_sandbox::sys::process::inherited;
use anyhow::{Context, bail, ensure};
use nix::sys::socket::{AddressFamily, SockType, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt};

/// The listeners that were passed.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) unix: Option<UnixListener>,
    pub(super) tcp: Option<TcpListener>,
}

/// Takes them. To be called once, before anything else is opened or started: a program that is started would inherit them.
pub(super) fn take() -> anyhow::Result<Passed> {
    let mut passed = Passed::default();
    let listed: Vec<_> = sd_notify::listen_fds_with_names().context("the sockets from the service manager")?.collect();
    for (number, name) in listed {
        let socket = inherited(number).with_context(|| format!("socket {number} from the service manager"))?;
        passed.add(socket, &name)?;
    }
    Ok(passed)
}

impl Passed {
    fn add(&mut self, socket: OwnedFd, name: &str) -> anyhow::Result<()> {
        let hint = "aetherd takes one stream socket of each kind: a Unix socket (FileDescriptorName=unix) and a TCP socket (tcp)";
        let listens = getsockopt(&socket, sockopt::AcceptConn).unwrap_or(false);
        let stream = getsockopt(&socket, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream);
        ensure!(listens && stream, "what the service manager passed as {name:?} is no listening stream socket\nhint: {hint}");
        let family = family(&socket)?;
        let taken = match family {
            AddressFamily::Unix if name != "tcp" => self.unix.replace(socket.into()).is_some(),
            AddressFamily::Inet | AddressFamily::Inet6 if name != "unix" => self.tcp.replace(socket.into()).is_some(),
            other => bail!("the service manager passed a socket of the family {other:?} as {name:?}\nhint: {hint}"),
        };
        ensure!(!taken, "the service manager passed more than one socket of the family {family:?}\nhint: {hint}");
        Ok(())
    }
}

fn family(socket: &OwnedFd) -> anyhow::Result<AddressFamily> {
    let address: SockaddrStorage = getsockname(socket.as_fd().as_raw_fd()).context("the address of a passed socket")?;
    address.family().context("a passed socket has no family")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn sockets_are_known_by_what_they_are_and_held_to_their_name() {
        let dir = tempfile::tempdir().expect("dir");
        let unix = |name: &str| OwnedFd::from(UnixListener::bind(dir.path().join(name)).expect("bind"));
        let tcp = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("bind"));
        let mut passed = Passed::default();
        passed.add(unix("a"), "aetherd.socket").expect("a Unix socket");
        passed.add(tcp(), "tcp").expect("a TCP socket");
        assert!(passed.unix.is_some() && passed.tcp.is_some());
        assert!(passed.add(tcp(), "tcp").expect_err("a second one").to_string().contains("more than one"));
        assert!(Passed::default().add(unix("b"), "tcp").is_err(), "not what its name says");
        let (connected, _) = UnixStream::pair().expect("pair");
        assert!(Passed::default().add(connected.into(), "unix").is_err(), "it does not listen");
    }
}
