//! Project quota: the project of a directory (ioctl_fslabel(2)'s family, `linux/fs.h`) and the limits of a project (quotactl(2)).

use std::{
    io,
    mem::size_of,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::process::check;

/// `struct fsxattr` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct FsXattr {
    xflags: u32,
    extsize: u32,
    nextents: u32,
    projid: u32,
    cowextsize: u32,
    pad: [u8; 8],
}

/// `struct if_dqblk` of linux/quota.h.
#[repr(C)]
#[derive(Default)]
struct IfDqblk {
    block_hard: u64,
    block_soft: u64,
    space: u64,
    inode_hard: u64,
    inode_soft: u64,
    inodes: u64,
    block_time: u64,
    inode_time: u64,
    valid: u32,
}

/// Limits and use of a project. A limit of 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProjectQuota {
    /// Most space, bytes; the kernel counts it in units of 1024.
    pub bytes_limit: u64,
    /// Most files and directories.
    pub inodes_limit: u64,
    /// Space in use, bytes.
    pub bytes: u64,
    /// Files and directories.
    pub inodes: u64,
}

const FS_IOC_FSGETXATTR: libc::c_ulong = 0x801c_581f;
const FS_IOC_FSSETXATTR: libc::c_ulong = 0x401c_5820;
/// What is made in the directory belongs to its project.
const PROJINHERIT: u32 = 0x200;
const PRJQUOTA: u32 = 2;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;
const QIF_LIMITS: u32 = 1 | 4;

fn attributes(dir: BorrowedFd<'_>) -> io::Result<FsXattr> {
    let mut found = FsXattr::default();
    // SAFETY: the call fills the fsxattr it is given, which lives across it.
    check(unsafe { libc::ioctl(dir.as_raw_fd(), FS_IOC_FSGETXATTR, &raw mut found) })?;
    Ok(found)
}

/// The project of a directory, 0 for none.
pub fn project(dir: BorrowedFd<'_>) -> io::Result<u32> {
    attributes(dir).map(|found| found.projid)
}

/// Puts an empty directory, and everything that will be made below it, into a project. Only a task of the initial user namespace
/// may (Linux 4.5): what runs in a sandbox cannot leave its project.
pub fn set_project(dir: BorrowedFd<'_>, project: u32) -> io::Result<()> {
    let mut wanted = attributes(dir)?;
    wanted.projid = project;
    wanted.xflags |= PROJINHERIT;
    // SAFETY: a valid fsxattr that lives across the call.
    check(unsafe { libc::ioctl(dir.as_raw_fd(), FS_IOC_FSSETXATTR, &raw const wanted) }).map(drop)
}

fn quotactl(fs: BorrowedFd<'_>, command: u32, project: u32, block: &mut IfDqblk) -> io::Result<()> {
    const { assert!(size_of::<IfDqblk>() == 72, "as the kernel has it") };
    let command = (command << 8) | PRJQUOTA;
    // SAFETY: both commands take an if_dqblk, which lives across the call.
    check(unsafe { libc::syscall(libc::SYS_quotactl_fd, fs.as_raw_fd(), command, project, std::ptr::from_mut(block)) }).map(drop)
}

/// Limits and use of a project of the file system `fs` lies on; quotactl_fd(2), Linux 5.14. `ESRCH` where there is no quota.
pub fn get_quota(fs: BorrowedFd<'_>, project: u32) -> io::Result<ProjectQuota> {
    let mut block = IfDqblk::default();
    quotactl(fs, Q_GETQUOTA, project, &mut block)?;
    Ok(ProjectQuota {
        bytes_limit: block.block_hard << 10,
        inodes_limit: block.inode_hard,
        bytes: block.space,
        inodes: block.inodes,
    })
}

/// Sets the hard limits of a project; zeros take them away.
pub fn set_quota(fs: BorrowedFd<'_>, project: u32, bytes: u64, inodes: u64) -> io::Result<()> {
    let mut block = IfDqblk { block_hard: bytes >> 10, inode_hard: inodes, valid: QIF_LIMITS, ..IfDqblk::default() };
    quotactl(fs, Q_SETQUOTA, project, &mut block)
}
