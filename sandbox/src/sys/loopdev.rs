//! Loop devices: a file as a block device; loop(4).

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::process::check;

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`, Linux 5.8.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

const LOOP_GET_STATUS64: libc::c_ulong = 0x4c05;
const LOOP_CONFIGURE: libc::c_ulong = 0x4c0a;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4c82;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

fn info(flags: u32) -> LoopInfo64 {
    LoopInfo64 {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        sizelimit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    }
}

/// Number of a device that nothing uses, made if need be. Somebody else may be quicker to take it.
pub fn free_device(control: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: this command takes no argument.
    check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE, 0) }).map(i32::unsigned_abs)
}

/// Puts a file behind a free device, `EBUSY` when it is not free any more. The kernel frees the device itself when its last user,
/// a mount or a descriptor, is gone, however that happened. Pages are cached once, by the file system on the device.
pub fn configure(device: BorrowedFd<'_>, file: BorrowedFd<'_>) -> io::Result<()> {
    let config = LoopConfig {
        fd: file.as_raw_fd().unsigned_abs(),
        block_size: 4096,
        info: info(LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO),
        reserved: [0; 8],
    };
    // SAFETY: a valid loop_config that lives across the call.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) }).map(drop)
}

/// Device number and inode of the file behind a device; `ENXIO` for a free one.
pub fn backing(device: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let mut found = info(0);
    // SAFETY: the call fills the loop_info64 it is given.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_GET_STATUS64, &raw mut found) })?;
    Ok((found.device, found.inode))
}
