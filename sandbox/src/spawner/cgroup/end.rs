//! How the cgroup of a sandbox is emptied and removed: in steps, so that others are answered while the kernel works, or at once.

use std::{
    fs::File,
    io::{self, Read, Seek},
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::{
    fcntl::{OFlag, openat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{Group, Tree, write_at};
use crate::plan::SandboxId;

/// What `cgroup.events` says once nothing is left.
const EMPTY: &str = "populated 0";

/// `cgroup.events` of a cgroup; nothing when somebody else has removed that: a spawner that ends takes down what nobody had, and the next one
/// may find it half gone.
#[derive(Debug)]
pub(in super::super) struct Events(Option<File>);

impl Events {
    /// That of the cgroup `dir`.
    pub(super) fn of(dir: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(Self(Some(File::from(openat(dir, "cgroup.events", flags, Mode::empty())?))))
    }

    /// Has nothing in it, as `populated 0` says, or is frozen, `frozen 1`?
    pub(in super::super) fn say(&mut self, event: &str) -> io::Result<bool> {
        let Some(file) = &mut self.0 else { return Ok(event == EMPTY) };
        let mut text = [0; 128];
        let length = match file.rewind().and_then(|()| file.read(&mut text)) {
            Err(error) if event == EMPTY && is_removed(&error) => return Ok(true),
            length => length?,
        };
        let text = text.get(..length).unwrap_or_default();
        Ok(text.split(|byte| *byte == b'\n').any(|line| line == event.as_bytes()))
    }
}

/// What the kernel says of a file of a cgroup that is there no more, open or not (kernfs).
fn is_removed(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENOENT))
}

impl Group {
    /// Kills every process in it; [`Events::say`] tells when none is left.
    pub(in super::super) fn begin_kill(&self) -> io::Result<Events> {
        // A frozen task dies of cgroup.kill, too, but only a thawed cgroup lets later ones in: none are made after this.
        match write_at(self.unified.as_fd(), "cgroup.kill", "1").and_then(|()| self.events()) {
            Err(error) if is_removed(&error) => Ok(Events(None)),
            events => events,
        }
    }

    /// Kills every process in it and waits until none is left; `ETIMEDOUT` when one is.
    pub(in super::super) fn kill(&self, limit: Duration) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        Self::wait_for(&mut self.begin_kill()?, EMPTY, deadline)
    }

    pub(super) fn events(&self) -> io::Result<Events> {
        Events::of(self.unified.as_fd())
    }

    pub(super) fn wait_for(events: &mut Events, event: &str, deadline: Instant) -> io::Result<()> {
        for attempt in 0_u32.. {
            if events.say(event)? {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
            }
            // The kernel tells of changes to one file at most every 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV, kernel/cgroup/cgroup.c),
            // and the start of the sandbox may have been one just now: what takes less is found by looking.
            if attempt < 60 {
                std::thread::sleep(Duration::from_micros(100));
                continue;
            }
            // kernfs signals a change of cgroup.events as POLLPRI (cgroups(7)).
            let Some(file) = &events.0 else { return Ok(()) };
            let mut poll = [nix::poll::PollFd::new(file.as_fd(), nix::poll::PollFlags::POLLPRI)];
            let millis = u16::try_from(left.as_millis().min(20)).unwrap_or(20);
            nix::poll::poll(&mut poll, millis)?;
        }
        Ok(())
    }
}

impl Tree {
    /// Removes the empty cgroup of a sandbox from every hierarchy; nothing there is no error. False while the kernel has not let go
    /// of it: that is a moment after the last task is gone from `cgroup.procs`.
    pub(in super::super) fn remove_now(&self, id: &SandboxId) -> io::Result<bool> {
        for dir in std::iter::once(self.unified.as_fd()).chain(self.v1.iter().map(|h| h.dir.as_fd())) {
            match unlinkat(dir, id.as_str(), UnlinkatFlags::RemoveDir) {
                Ok(()) | Err(nix::errno::Errno::ENOENT) => {}
                // Calls have left theirs in it, or the kernel has not let go.
                Err(nix::errno::Errno::EBUSY) => {
                    self.remove_calls(id)?;
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// The same, and waits for the kernel.
    pub(in super::super) fn remove(&self, id: &SandboxId) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(2);
        while !self.remove_now(id)? {
            if Instant::now() >= deadline {
                return Err(nix::errno::Errno::EBUSY.into());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }
}
