//! bpf(2): a map of sockets, a program that picks one of them for what arrives, and its attachment to a network namespace.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use super::process::check;

/// `BPF_MAP_CREATE`.
pub const MAP_CREATE: u32 = 0;
/// `BPF_MAP_UPDATE_ELEM`.
pub const MAP_UPDATE: u32 = 2;
/// `BPF_PROG_LOAD`.
pub const PROG_LOAD: u32 = 5;
/// `BPF_LINK_CREATE`.
pub const LINK_CREATE: u32 = 28;

const MAP_TYPE_SOCKMAP: u32 = 15;
const PROG_TYPE_SK_LOOKUP: u32 = 30;
const ATTACH_SK_LOOKUP: u32 = 36;

/// An instruction as `struct bpf_insn` has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u8,
    /// Destination register in the low half, source register in the high one.
    pub registers: u8,
    /// Offset of a jump, in instructions after this one, or of an access to memory, bytes.
    pub offset: i16,
    /// Immediate value.
    pub value: i32,
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    ifindex: u32,
    attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// A map from a number below `entries` to a socket (`BPF_MAP_TYPE_SOCKMAP`).
///
/// # Errors
/// `EPERM` without CAP_BPF and CAP_NET_ADMIN, `EINVAL` where the kernel has no such maps, `ENOSYS` where it has no BPF.
pub fn socket_map(entries: u32) -> io::Result<OwnedFd> {
    let attributes = MapCreate { map_type: MAP_TYPE_SOCKMAP, key_size: 4, value_size: 4, max_entries: entries };
    let size = size_of::<MapCreate>();
    // SAFETY: `attributes` is readable for `size` and holds no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, MAP_CREATE, &raw const attributes, size) };
    owned(fd)
}

/// Puts a socket into a map at `key`: a listener, or a bound UDP socket (Linux 5.9).
///
/// # Errors
/// Those of bpf(2).
pub fn map_socket(map: BorrowedFd<'_>, key: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
    let value = socket.as_raw_fd().unsigned_abs();
    let attributes = MapUpdate {
        map: map.as_raw_fd().unsigned_abs(),
        _pad: 0,
        key: (&raw const key) as u64,
        value: (&raw const value) as u64,
        flags: 0,
    };
    let size = size_of::<MapUpdate>();
    // SAFETY: `attributes` is readable for `size`; key and value have the four bytes each that the map was made with.
    let result = unsafe { libc::syscall(libc::SYS_bpf, MAP_UPDATE, &raw const attributes, size) };
    check(result as i32).map(drop)
}

/// A program that picks the socket for what arrives (`BPF_PROG_TYPE_SK_LOOKUP`, Linux 5.9).
///
/// # Errors
/// `EINVAL` where the kernel has no such programs or does not accept this one, `EPERM` without CAP_BPF and CAP_NET_ADMIN.
pub fn socket_program(instructions: &[Instruction], license: &CStr, name: [u8; 16]) -> io::Result<OwnedFd> {
    let attributes = ProgLoad {
        prog_type: PROG_TYPE_SK_LOOKUP,
        count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name,
        ifindex: 0,
        attach_type: ATTACH_SK_LOOKUP,
    };
    let size = size_of::<ProgLoad>();
    // SAFETY: `attributes` is readable for `size`; it points at `count` instructions and at a text that ends with NUL.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const attributes, size) };
    owned(fd)
}

/// Attaches such a program to a network namespace. It is detached when the last copy of what is returned is closed.
///
/// # Errors
/// `EINVAL` where the kernel cannot, `EPERM` without CAP_NET_ADMIN.
pub fn attach_to_namespace(program: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let attributes = LinkCreate {
        program: program.as_raw_fd().unsigned_abs(),
        target: namespace.as_raw_fd().unsigned_abs(),
        attach_type: ATTACH_SK_LOOKUP,
        flags: 0,
    };
    let size = size_of::<LinkCreate>();
    // SAFETY: `attributes` is readable for `size` and holds no pointer.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, LINK_CREATE, &raw const attributes, size) };
    owned(fd)
}

/// What bpf(2) returns; its descriptors are close-on-exec.
fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = check(RawFd::try_from(result).unwrap_or(-1))?;
    // SAFETY: the kernel just returned this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
