//! Long file operations in a child, so that the loop goes on.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use super::{identity::Identity, tree::TreeError};
use crate::{
    sys::process::{self, Forked},
    wire::init::InitReply,
};

/// Workers at one time.
pub(super) const MAX_WORKERS: usize = 16;
/// Longest step in words that a worker reports; less than a pipe takes at once.
const MAX_STEP: usize = 1024;
const REPORT: i32 = 3;

/// A child at work.
pub(super) struct Worker {
    report: File,
    received: Vec<u8>,
    pub(super) connection: u32,
    pub(super) tag: u64,
}

impl Worker {
    /// Starts `work` in a child.
    pub(super) fn start(
        connection: u32,
        tag: u64,
        identity: Identity,
        work: impl FnOnce() -> Result<(), TreeError>,
    ) -> io::Result<Self> {
        let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)?;
        match process::fork()? {
            Forked::Parent(_) => Ok(Self { report: File::from(read), received: Vec::new(), connection, tag }),
            Forked::Child => run(&write, identity, work),
        }
    }

    /// Takes what has arrived; the answer once the worker is done.
    pub(super) fn receive(&mut self) -> Option<InitReply> {
        let mut part = [0; MAX_STEP];
        loop {
            match self.report.read(&mut part) {
                Ok(0) => return Some(self.answer()),
                Ok(count) => self.received.extend_from_slice(&part[..count]),
                Err(error) if super::connection::again(&error) => return None,
                Err(_) => return Some(self.answer()),
            }
        }
    }

    fn answer(&self) -> InitReply {
        match self.received.split_first_chunk() {
            Some((errno, _)) if *errno == [0; 4] => InitReply::Done,
            Some((errno, step)) => {
                InitReply::Failed { errno: i32::from_le_bytes(*errno), step: String::from_utf8_lossy(step).into_owned() }
            }
            None => InitReply::Failed { errno: libc::EINTR, step: "the file operation was killed".to_owned() },
        }
    }
}

impl AsFd for Worker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }
}

fn run(report: &OwnedFd, identity: Identity, work: impl FnOnce() -> Result<(), TreeError>) -> ! {
    // The clients' sockets and the programs' pipes must not stay open because of a worker. Nothing below drops a descriptor.
    let ready = process::place_cloexec(report.as_fd(), REPORT).and_then(|()| process::close_from(4));
    if ready.is_err() || identity.become_agent().is_err() || process::block_signals(false).is_err() {
        process::leave(1);
    }
    let mut bytes = match work() {
        Ok(()) => 0_i32.to_le_bytes().to_vec(),
        Err(error) => [&error.errno.to_le_bytes()[..], error.step.as_bytes()].concat(),
    };
    bytes.truncate(MAX_STEP);
    let sent = process::write_to(REPORT, &bytes);
    process::leave(i32::from(sent.is_err()))
}
