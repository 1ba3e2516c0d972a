//! Descriptors beside bytes on a Unix socket (`SCM_RIGHTS`, unix(7)).

use std::{
    io::{self, IoSlice},
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::packet::recv_packet;

/// Most descriptors taken in one [`receive`].
pub const MAX_DESCRIPTORS: usize = 16;

/// Sends `bytes` with `fds` beside the first of them. Returns the number of bytes taken; the descriptors went with them.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let raw: Vec<i32> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    Ok(sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None)?)
}

/// Receives bytes, and the descriptors that came with them appended to `fds` (close-on-exec). The kernel ends a receive after
/// the bytes that descriptors were sent with, so they belong to a frame that these bytes begin or go on with. A peer that sends
/// more descriptors than anybody asked for gets an error, and every one of them is closed.
pub fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let (received, arrived) = recv_packet(socket, bytes)?;
    if arrived.len() > MAX_DESCRIPTORS {
        return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
    }
    fds.extend(arrived);
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::fd::AsFd, os::unix::net::UnixStream};

    use super::*;

    /// How many of our descriptors are of this one's file; other tests open and close theirs meanwhile.
    fn copies(of: &OwnedFd) -> usize {
        let link = |fd: &str| fs::read_link(format!("/proc/self/fd/{fd}")).ok();
        let wanted = link(&of.as_raw_fd().to_string());
        let names = fs::read_dir("/proc/self/fd").expect("own descriptors").flatten().map(|entry| entry.file_name());
        names.filter(|name| link(&name.to_string_lossy()) == wanted).count()
    }

    #[test]
    fn closes_descriptors_that_are_too_many() {
        let (file, _write) = nix::unistd::pipe().expect("pipe");
        for count in [MAX_DESCRIPTORS + 1, 200] {
            let (a, b) = UnixStream::pair().expect("pair");
            send(a.as_fd(), b"x", &vec![file.as_fd(); count]).expect("send");
            let mut fds = Vec::new();
            let error = receive(b.as_fd(), &mut [0; 8], &mut fds).expect_err("too many");
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
            assert_eq!((fds.len(), copies(&file)), (0, 2), "the two ends of the pipe");
        }
    }
}
