//! The mount API by descriptors: open_tree(2), mount_setattr(2), move_mount(2), fsopen(2), fsconfig(2), fsmount(2).

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

use super::process::check;

/// Attributes of one mount (`MOUNT_ATTR_*` of linux/mount.h).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes(u64);

impl Attributes {
    /// Read-only.
    pub const RDONLY: Self = Self(0x1);
    /// Set-user-ID bits and file capabilities do nothing.
    pub const NOSUID: Self = Self(0x2);
    /// Device nodes cannot be opened.
    pub const NODEV: Self = Self(0x4);
    /// Nothing can be executed.
    pub const NOEXEC: Self = Self(0x8);

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
const FSCONFIG_SET_FLAG: u32 = 0;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;
const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
const OPEN_TREE_CLONE: u32 = 1;
const AT_RECURSIVE: u32 = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 0x4;
const MOVE_MOUNT_T_EMPTY_PATH: u32 = 0x40;

/// `struct mount_attr`, version 0.
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(check(result)?).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
    // SAFETY: the system call just returned this descriptor to us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A detached copy of the mount at `path` below `dir` (submounts left out); Linux 5.2.
pub fn open_tree_clone(dir: BorrowedFd<'_>, path: &CStr) -> io::Result<OwnedFd> {
    clone_tree(dir, path, 0)
}

/// As [`open_tree_clone`], with everything that is mounted below.
pub fn open_tree_clone_all(dir: BorrowedFd<'_>, path: &CStr) -> io::Result<OwnedFd> {
    clone_tree(dir, path, AT_RECURSIVE)
}

fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, more: u32) -> io::Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as u32 | libc::AT_EMPTY_PATH as u32 | more;
    // SAFETY: `path` is NUL-terminated and lives across the call.
    owned(unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) })
}

/// Sets attributes on a mount, and its id map when `idmap` (a user namespace) is given; Linux 5.12.
pub fn mount_setattr(mount: BorrowedFd<'_>, attributes: Attributes, idmap: Option<BorrowedFd<'_>>) -> io::Result<()> {
    set_attributes(mount, attributes, idmap, 0)
}

/// As [`mount_setattr`], for everything that is mounted below as well: for all of it or, with an error, for none.
pub fn mount_setattr_all(mount: BorrowedFd<'_>, attributes: Attributes, idmap: Option<BorrowedFd<'_>>) -> io::Result<()> {
    set_attributes(mount, attributes, idmap, AT_RECURSIVE)
}

fn set_attributes(mount: BorrowedFd<'_>, attributes: Attributes, idmap: Option<BorrowedFd<'_>>, more: u32) -> io::Result<()> {
    let attr = MountAttr {
        attr_set: attributes.bits() | if idmap.is_some() { MOUNT_ATTR_IDMAP } else { 0 },
        attr_clr: 0,
        propagation: 0,
        userns_fd: idmap.map_or(0, |fd| fd.as_raw_fd().unsigned_abs().into()),
    };
    // SAFETY: the path is an empty C string, `attr` is a valid mount_attr of the stated size.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH as u32 | more,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    })
    .map(drop)
}

/// Attaches a detached mount on the directory or file `target`; Linux 5.2.
pub fn move_mount(mount: BorrowedFd<'_>, target_dir: BorrowedFd<'_>, target: &CStr) -> io::Result<()> {
    let to_empty = if target.is_empty() { MOVE_MOUNT_T_EMPTY_PATH } else { 0 };
    let flags = MOVE_MOUNT_F_EMPTY_PATH | to_empty;
    // SAFETY: both paths are NUL-terminated and live across the call.
    check(unsafe {
        libc::syscall(libc::SYS_move_mount, mount.as_raw_fd(), c"".as_ptr(), target_dir.as_raw_fd(), target.as_ptr(), flags)
    })
    .map(drop)
}

/// A configuration context for a new instance of a file system; Linux 5.2.
pub fn fsopen(kind: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: `kind` is NUL-terminated.
    owned(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })
}

/// Sets `key=value`.
pub fn fsconfig_string(context: BorrowedFd<'_>, key: &CStr, value: &CStr) -> io::Result<()> {
    // SAFETY: both strings are NUL-terminated.
    check(unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr(), 0) })
        .map(drop)
}

/// Sets the flag `key`.
pub fn fsconfig_flag(context: BorrowedFd<'_>, key: &CStr) -> io::Result<()> {
    // SAFETY: `key` is NUL-terminated, a flag takes no value.
    check(unsafe {
        libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), FSCONFIG_SET_FLAG, key.as_ptr(), ptr::null::<u8>(), 0)
    })
    .map(drop)
}

/// Makes the superblock.
pub fn fsconfig_create(context: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: this command takes neither key nor value.
    check(unsafe {
        libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), FSCONFIG_CMD_CREATE, ptr::null::<u8>(), ptr::null::<u8>(), 0)
    })
    .map(drop)
}

/// A detached mount of a created superblock.
pub fn fsmount(context: BorrowedFd<'_>, attributes: Attributes) -> io::Result<OwnedFd> {
    // SAFETY: plain integers.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, attributes.bits()) })
}

/// Makes `new_root` (a mount point) the root and puts the old one on top of it; pivot_root(2) with both paths `"."`.
pub fn pivot_root_here() -> io::Result<()> {
    // SAFETY: both paths are C strings.
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) }).map(drop)
}
