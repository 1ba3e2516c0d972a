//! The walk through the host's trees by a process of its own: it takes seconds on a slow disk, and nobody else shall wait for it.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{fcntl::OFlag, unistd::pipe2};

use super::{
    closed::{self, Found, Walked},
    mounts::Stage,
    system::HostTrees,
};
use crate::sys::task::{Cloned, clone_into, dup_to, exit_now, kill_pidfd};

/// Longest time that a walk may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A walk under way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Walk {
    at: Instant,
    report: File,
    process: OwnedFd,
}

impl Walk {
    /// Begins one.
    ///
    /// # Errors
    /// Those of pipe2(2) and clone3(2).
    pub(super) fn begin(hosts: &HostTrees, null: BorrowedFd<'_>) -> io::Result<Self> {
        let (at, (report, write)) = (Instant::now(), pipe2(OFlag::O_CLOEXEC)?);
        match clone_into(0, None)? {
            Cloned::Child => {
                // Without the line to the service, whose end tells it that the spawner has ended.
                nix::unistd::alarm::set(u32::try_from(PATIENCE.as_secs()).unwrap_or(u32::MAX));
                let told = dup_to(null, 0).and_then(|()| {
                    let found = closed::walk(hosts).map_err(|error| error.to_string());
                    let bytes = postcard::to_stdvec(&found).map_err(io::Error::other)?;
                    File::from(write).write_all(&bytes)
                });
                exit_now(i32::from(told.is_err()))
            }
            Cloned::Parent { pidfd, .. } => Ok(Self { at, report: report.into(), process: pidfd }),
        }
    }

    /// What becomes readable when it is over.
    pub(super) fn over(&self) -> BorrowedFd<'_> {
        self.report.as_fd()
    }

    /// Keeps what it found.
    ///
    /// # Errors
    /// What kept it from its end.
    pub(super) fn finish(&mut self, stage: &Stage) -> io::Result<()> {
        let mut bytes = Vec::new();
        // Less than a pipe holds, written at once.
        self.report.read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Err(io::Error::other("the process that looks through the host's trees has ended"));
        }
        let found: Result<Found, String> = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
        *stage.walked.borrow_mut() = Some(Walked { at: self.at, found: found.map_err(io::Error::other)? });
        Ok(())
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // Failing means that it has ended.
        let _ = kill_pidfd(&self.process);
    }
}
