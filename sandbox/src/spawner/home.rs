//! Homes on disk: `homes/<name>/{upper,work}` with unshifted ids, and the trash they are emptied from.
//!
//! Where they lie is a matter of [`super::disk`]; on the stage they are always found below `/state/homes`.

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{RenameFlags, renameat2},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use super::disk;
use crate::{
    plan::{AGENT_ID, SandboxId},
    removal::remove_tree,
    sys::{
        btrfs::destroy_subvolume,
        task::{Cloned, clone_into, close_between, exit_now},
    },
};

/// Where homes are emptied: the state directory and the volume, if there is one.
const TRASH: [&str; 2] = ["/state/trash", "/volume/trash"];

/// How long a removed home may wait for others, so that one process empties them all.
pub(super) const TRASH_PAUSE: Duration = Duration::from_millis(100);
/// Pause before the trash is emptied again of what could not be removed.
pub(super) const TRASH_AGAIN: Duration = Duration::from_secs(5);

/// How many removed homes of one name may wait to be emptied.
const REMOVED_OF_A_NAME: u32 = 10_000;

/// Makes the directories that hold homes, closed to everybody else: files below carry the ids of ordinary users.
pub(super) fn prepare() -> io::Result<()> {
    prepare_in("/state")
}

/// The same in a volume.
pub(super) fn prepare_in(place: &str) -> io::Result<()> {
    for dir in ["homes", "trash"] {
        let dir = Path::new(place).join(dir);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?,
        }
    }
    Ok(())
}

/// Makes a home unless it exists.
pub(super) fn ensure(name: &SandboxId) -> io::Result<()> {
    let home = top(name)?;
    for dir in [home.join("upper"), home.join("work")] {
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) if dir.ends_with("upper") => {
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o750))?;
                chown(&dir, Some(AGENT_ID), Some(AGENT_ID))?;
            }
            Ok(()) => fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?,
        }
    }
    Ok(())
}

/// The directory of a home, made unless it exists.
pub(super) fn top(name: &SandboxId) -> io::Result<PathBuf> {
    let home = Path::new("/state/homes").join(name.as_str());
    match fs::create_dir(&home) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => {}
        Ok(()) => fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?,
    }
    Ok(home)
}

/// Takes a home of `place` away, at once: what is in it waits in the trash. Nothing there is no error.
pub(super) fn remove(place: BorrowedFd<'_>, name: &SandboxId) -> io::Result<()> {
    let from = format!("homes/{name}");
    // Removed homes of that name may still be waiting to be emptied: names are used again faster than a busy disk forgets.
    for nth in 0..REMOVED_OF_A_NAME {
        let to = format!("trash/{name}.{nth}");
        match renameat2(place, from.as_str(), place, to.as_str(), RenameFlags::RENAME_NOREPLACE) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EEXIST.into())
}

/// Starts a process that removes everything in the trash, by descriptors and without following a link; nothing of an agent runs in
/// there any more. When to look again, for that process may fail; nothing once the trash is empty.
///
/// It lets go of the mounts that are `held` after what was written to them is gone, so that the kernel has nothing left to bring to
/// the disk, and waits for the rest in their stead.
pub(super) fn empty_trash(emptier: &mut Option<OwnedFd>, held: &mut Vec<OwnedFd>) -> io::Result<Option<Duration>> {
    let mut entries = Vec::new();
    for dir in TRASH {
        match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            listed => {
                for entry in listed? {
                    entries.push(entry?.path());
                }
            }
        }
    }
    if entries.is_empty() && held.is_empty() {
        *emptier = None;
        return Ok(None);
    }
    if emptier.as_ref().is_some_and(runs) {
        return Ok(Some(TRASH_PAUSE));
    }
    match clone_into(0, None)? {
        Cloned::Child => {
            close_all_but(held);
            for entry in entries {
                empty(&entry);
            }
            exit_now(0)
        }
        // One that came before could not remove it all, or there is more by now.
        Cloned::Parent { pidfd, .. } => {
            held.clear();
            Ok(Some(emptier.replace(pidfd).map_or(TRASH_PAUSE, |_| TRASH_AGAIN)))
        }
    }
}

/// Closes every descriptor but these.
fn close_all_but(kept: &[OwnedFd]) {
    let mut numbers: Vec<u32> = kept.iter().map(|fd| fd.as_raw_fd().unsigned_abs()).collect();
    numbers.sort_unstable();
    let mut next = 0;
    for number in numbers {
        if number > next {
            close_between(next, number - 1);
        }
        next = number + 1;
    }
    close_between(next, u32::MAX);
}

/// A pidfd becomes readable when its process has ended (pidfd_open(2)).
fn runs(process: &OwnedFd) -> bool {
    poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(0)
}

fn empty(home: &Path) {
    let (Some(trash), Some(name)) = (home.parent(), home.file_name()) else { return };
    let subvolume = CString::new(name.as_bytes()).map_err(io::Error::from).and_then(|name| {
        let trash = fs::File::open(trash)?;
        destroy_subvolume(trash.as_fd(), &name)
    });
    if subvolume.is_ok() {
        return;
    }
    let opened = fs::File::open(home);
    if remove_tree(home).is_ok()
        && let Ok(dir) = opened
    {
        // By the descriptor: the directory has no name any more, its project is still known.
        let _ = disk::forget_project(dir.as_fd());
    }
}
