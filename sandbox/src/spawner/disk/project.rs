//! Project quota: a project for each home, on ext4 or xfs.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::sys::stat::fstat;

use crate::{
    plan::DiskLimits,
    sys::quota::{ProjectQuota, get_quota, project, set_project, set_quota},
    wire::spawner::DiskUse,
};

/// Projects of homes have this bit: `/etc/projects` numbers from 1.
const OURS: u32 = 1 << 31;

/// Is project quota enforced in `place`, which has `homes` in it? Found out with a directory that may hold nothing.
pub(super) fn works(place: BorrowedFd<'_>) -> io::Result<()> {
    let name = "homes/.quota";
    let path = |more: &str| format!("/proc/self/fd/{}/{name}{more}", std::os::fd::AsRawFd::as_raw_fd(&place));
    let tried = || -> io::Result<bool> {
        fs::create_dir(path(""))?;
        let dir = fs::File::open(path(""))?;
        let id = assign(dir.as_fd())?;
        set_quota(dir.as_fd(), id, 0, 1)?;
        let full = fs::File::create(path("/file")).is_err_and(|error| error.raw_os_error() == Some(libc::EDQUOT));
        set_quota(dir.as_fd(), id, 0, 0)?;
        Ok(full)
    };
    let _ = fs::remove_dir_all(path(""));
    let works = tried();
    let _ = fs::remove_dir_all(path(""));
    if works? { Ok(()) } else { Err(io::Error::other("its project quota is counted and not enforced")) }
}

/// Limits a home. One that holds files outside of any project cannot be limited any more, which is `false`.
pub(super) fn limit(home: BorrowedFd<'_>, holds_files: bool, limits: DiskLimits) -> io::Result<bool> {
    let id = match project(home)? {
        0 if holds_files => return Ok(false),
        0 => assign(home)?,
        id => id,
    };
    set_quota(home, id, limits.bytes, limits.inodes)?;
    Ok(true)
}

pub(super) fn used(home: BorrowedFd<'_>) -> io::Result<DiskUse> {
    let id = project(home)?;
    if id == 0 {
        return Ok(DiskUse::default());
    }
    let quota = get_quota(home, id)?;
    let limit = |limit| (limit > 0).then_some(limit);
    Ok(DiskUse {
        bytes: Some(quota.bytes),
        bytes_limit: limit(quota.bytes_limit),
        inodes: Some(quota.inodes),
        inodes_limit: limit(quota.inodes_limit),
    })
}

/// Gives up the limits of a home that is being removed, so that its number can be used again.
pub(in crate::spawner) fn forget(home: BorrowedFd<'_>) -> io::Result<()> {
    match project(home)? {
        id if id & OURS != 0 => set_quota(home, id, 0, 0),
        _ => Ok(()),
    }
}

/// Puts a directory into a project that nothing else is in: the first free one from its inode number on.
fn assign(dir: BorrowedFd<'_>) -> io::Result<u32> {
    let first = fstat(dir)?.st_ino as u32;
    for step in 0..1024 {
        let id = OURS | first.wrapping_add(step);
        if get_quota(dir, id)? == ProjectQuota::default() {
            set_project(dir, id)?;
            return Ok(id);
        }
    }
    Err(io::Error::other("no project number is free"))
}
