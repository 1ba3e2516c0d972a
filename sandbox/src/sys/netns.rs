//! Which network namespace a socket lies in.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

use super::process::check;

/// `SIOCGSKNS` of linux/sockios.h.
pub const SOCKET_NAMESPACE: libc::c_ulong = 0x894c;

/// The network namespace of a socket; ioctl(2) `SIOCGSKNS`, Linux 4.10. Close-on-exec. Needs no `/proc`.
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN in it.
pub fn namespace_of(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: the request takes no argument.
    let fd = check(unsafe { libc::ioctl(socket.as_raw_fd(), SOCKET_NAMESPACE) })?;
    // SAFETY: the kernel just returned this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
