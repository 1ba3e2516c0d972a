//! `epoll(7)`, level-triggered.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

use super::process::check;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Errors and hang-ups only.
    Nothing,
    /// Bytes to read.
    Read,
    /// Room to write.
    Write,
    /// Both.
    ReadWrite,
}

/// A set of descriptors to wait for. A closed descriptor leaves it by itself (none of ours is duplicated unawares).
pub struct Epoll(OwnedFd);

/// Events of one wait.
pub struct Events(Vec<libc::epoll_event>);

/// What a descriptor is ready for. A hang-up or an error counts as both: the next call on it tells which.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// The token it was added with.
    pub token: u64,
    /// A read would say something.
    pub read: bool,
    /// A write would say something.
    pub write: bool,
}

impl Interest {
    fn bits(self) -> u32 {
        (match self {
            Self::Nothing => 0,
            Self::Read => libc::EPOLLIN,
            Self::Write => libc::EPOLLOUT,
            Self::ReadWrite => libc::EPOLLIN | libc::EPOLLOUT,
        }) as u32
    }
}

impl Events {
    /// Room for `count` events.
    pub fn new(count: usize) -> Self {
        Self(vec![libc::epoll_event { events: 0, u64: 0 }; count.max(1)])
    }
}

impl Epoll {
    /// `epoll_create1(2)`.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes flags only.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the call returned a descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Waits for `fd` too, under `token`.
    pub fn add(&self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    /// Waits for something else of `fd`.
    pub fn change(&self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    /// Waits for `fd` no longer.
    pub fn remove(&self, fd: &impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, Interest::Nothing)
    }

    fn control(&self, operation: i32, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest.bits(), u64: token };
        // SAFETY: both descriptors are open and `event` outlives the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd.as_fd().as_raw_fd(), &mut event) }).map(drop)
    }

    /// Waits until something is ready or `timeout` has passed (`None`: for ever). An interrupted wait is an empty one.
    pub fn wait<'a>(
        &self,
        events: &'a mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = Ready> + use<'a>> {
        // Rounded up, so that a deadline has passed when its wait ends.
        let timeout = timeout.map_or(-1, |time| i32::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
        let room = i32::try_from(events.0.len()).unwrap_or(i32::MAX);
        // SAFETY: the buffer is writable for `room` events.
        let count = match check(unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.0.as_mut_ptr(), room, timeout) }) {
            Ok(count) => count as usize,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        Ok(events.0[..count].iter().map(|event| {
            let both = event.events & (libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0;
            Ready {
                token: event.u64,
                read: both || event.events & libc::EPOLLIN as u32 != 0,
                write: both || event.events & libc::EPOLLOUT as u32 != 0,
            }
        }))
    }
}
