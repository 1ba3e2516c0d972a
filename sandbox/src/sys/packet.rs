//! Packets over `SOCK_SEQPACKET` with descriptors beside them, unix(7).

use std::{
    io,
    mem::{size_of, zeroed},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

/// Most descriptors in one packet (the kernel's `SCM_MAX_FD` is 253).
pub const MAX_FDS: usize = 64;

/// Room for the control data of [`MAX_FDS`] descriptors, aligned for `cmsghdr`.
#[repr(C, align(8))]
struct Control([u8; 16 + MAX_FDS * size_of::<RawFd>()]);

/// Sends one packet with descriptors; sendmsg(2) with `MSG_NOSIGNAL`.
///
/// # Errors
/// Those of sendmsg(2); `E2BIG` for more than [`MAX_FDS`] descriptors.
pub fn send_packet(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(io::Error::from_raw_os_error(libc::E2BIG));
    }
    let mut control = Control([0; 16 + MAX_FDS * size_of::<RawFd>()]);
    let mut iov = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: msghdr is plain data for which all zeroes is a valid value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut iov;
    message.msg_iovlen = 1;
    if !fds.is_empty() {
        let payload = u32::try_from(size_of_val(fds_raw(fds).as_slice())).unwrap_or(u32::MAX);
        message.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: pure arithmetic on the payload length.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(payload) } as usize;
        // SAFETY: msg_control points at `control`, which has room for one header and MAX_FDS descriptors, so the first
        // header exists and its data area holds `fds.len()` descriptors.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(payload) as usize;
            ptr::copy_nonoverlapping(fds_raw(fds).as_ptr(), libc::CMSG_DATA(header).cast::<RawFd>(), fds.len());
        }
    }
    loop {
        // SAFETY: message points at live buffers of the stated lengths.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn fds_raw(fds: &[BorrowedFd<'_>]) -> Vec<RawFd> {
    fds.iter().map(AsRawFd::as_raw_fd).collect()
}

/// Receives one packet with its descriptors (close-on-exec); `(0, [])` is the end of the connection. recvmsg(2).
///
/// # Errors
/// Those of recvmsg(2); `EMSGSIZE` when the packet or its descriptors did not fit (nothing of it is kept).
pub fn recv_packet(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = Control([0; 16 + MAX_FDS * size_of::<RawFd>()]);
    let mut iov = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is plain data for which all zeroes is a valid value.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut iov;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len();
    let received = loop {
        // SAFETY: message points at live buffers of the stated lengths.
        let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
        if let Ok(length) = usize::try_from(received) {
            break length;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    };
    let mut fds = Vec::new();
    // SAFETY: the kernel filled msg_control up to msg_controllen with whole headers; the CMSG macros stay within it. Each
    // descriptor in an SCM_RIGHTS header is new, open and owned by nobody else.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*header).cmsg_len - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                for n in 0..bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(ptr::read_unaligned(data.add(n))));
                }
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    if message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0 {
        return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
    }
    Ok((received, fds))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write},
        os::fd::AsFd,
    };

    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::*;

    #[test]
    fn carries_bytes_and_descriptors_and_says_when_the_peer_is_gone() {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("socketpair");
        let (reader, writer) = std::io::pipe().expect("pipe");
        send_packet(a.as_fd(), b"hello", &[reader.as_fd(), writer.as_fd()]).expect("send");
        let mut buffer = [0; 64];
        let (length, mut fds) = recv_packet(b.as_fd(), &mut buffer).expect("receive");
        assert_eq!(&buffer[..length], b"hello");
        assert_eq!(fds.len(), 2);
        let mut far_writer = File::from(fds.remove(1));
        drop(writer);
        far_writer.write_all(b"x").expect("write");
        drop(far_writer);
        let mut text = String::new();
        File::from(fds.remove(0)).read_to_string(&mut text).expect("read");
        assert_eq!(text, "x");
        drop(a);
        assert_eq!(recv_packet(b.as_fd(), &mut buffer).expect("end").0, 0);
    }

    #[test]
    fn refuses_a_packet_that_does_not_fit() {
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("socketpair");
        send_packet(a.as_fd(), &[7; 100], &[]).expect("send");
        let error = recv_packet(b.as_fd(), &mut [0; 10]).expect_err("too large");
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    }
}
