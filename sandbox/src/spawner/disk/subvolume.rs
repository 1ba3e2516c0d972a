//! Quota groups of btrfs: a subvolume for each home.

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use nix::sys::{
    stat::fstat,
    statfs::{BTRFS_SUPER_MAGIC, fstatfs},
};

use crate::{
    plan::{DiskLimits, SandboxId},
    sys::btrfs::{create_subvolume, destroy_subvolume, limit_space, space_limit, subvolume, used_space},
    wire::spawner::DiskUse,
};

/// Inode number of the top directory of every subvolume (`BTRFS_FIRST_FREE_OBJECTID`).
const TOP: u64 = 256;

/// Are quota groups enforced in `place`, which has `homes` in it? Quota is never turned on for a file system that is not ours.
pub(super) fn works(place: BorrowedFd<'_>) -> io::Result<()> {
    if fstatfs(place)?.filesystem_type() != BTRFS_SUPER_MAGIC {
        return Err(io::Error::other("not a btrfs"));
    }
    let path = format!("/proc/self/fd/{}/homes", place.as_raw_fd());
    let homes = fs::File::open(&path)?;
    let _ = destroy_subvolume(homes.as_fd(), c".quota");
    create_subvolume(homes.as_fd(), c".quota")?;
    let limited = fs::File::open(format!("{path}/.quota")).and_then(|dir| limit_space(dir.as_fd(), 1 << 20));
    destroy_subvolume(homes.as_fd(), c".quota")?;
    limited
}

/// Makes the subvolume of a home.
pub(super) fn create(place: BorrowedFd<'_>, name: &SandboxId) -> io::Result<()> {
    let homes = fs::File::open(format!("/proc/self/fd/{}/homes", place.as_raw_fd()))?;
    create_subvolume(homes.as_fd(), &CString::new(name.as_str())?)
}

/// Limits a home. A plain directory has no group of its own, which is `false`: the limit would be that of all around it.
pub(super) fn limit(home: BorrowedFd<'_>, limits: DiskLimits) -> io::Result<bool> {
    let own = is_top(home)?;
    if own {
        limit_space(home, limits.bytes)?;
    }
    Ok(own)
}

fn is_top(dir: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(fstat(dir)?.st_ino == TOP)
}

pub(super) fn used(home: BorrowedFd<'_>) -> io::Result<DiskUse> {
    if !is_top(home)? {
        return Ok(DiskUse::default());
    }
    let id = subvolume(home)?;
    Ok(DiskUse { bytes: used_space(home, id)?, bytes_limit: space_limit(home, id)?, ..DiskUse::default() })
}
