//! Terminals: what `portable-pty` does not offer.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use portable_pty::MasterPty;

use super::process::check;

/// A second descriptor of the master's open file, close-on-exec.
pub fn duplicate(master: &dyn MasterPty) -> io::Result<OwnedFd> {
    let fd = master.as_raw_fd().ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: `master` is borrowed, so its descriptor stays open during the call.
    let fd = check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 4) })?;
    // SAFETY: the call returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The other side of a master, whatever `/dev/pts` looks like (`ioctl_tty(2)`, `TIOCGPTPEER`, Linux 4.13).
pub fn peer(master: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: takes flags only.
    let fd =
        check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) })?;
    // SAFETY: the call returned a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes the terminal the controlling one of the calling session leader.
pub fn control(terminal: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes a number only.
    check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}
