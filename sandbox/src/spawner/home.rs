//! Homes on disk: `<state>/homes/<name>/{upper,work}` with unshifted ids, and the trash they are emptied from.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    os::unix::fs::{PermissionsExt, chown},
    path::PathBuf,
};

use nix::fcntl::{RenameFlags, renameat2};

use crate::{
    plan::{AGENT_ID, SandboxId},
    sys::task::{Cloned, clone_into, close_all, exit_now},
};

/// Makes the directories that hold homes, closed to everybody else: files below carry the ids of ordinary users.
pub(super) fn prepare() -> io::Result<()> {
    for dir in ["/state/homes", "/state/trash"] {
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?,
        }
    }
    Ok(())
}

/// Makes a home unless it exists.
pub(super) fn ensure(name: &SandboxId) -> io::Result<()> {
    let home = PathBuf::from("/state/homes").join(name.as_str());
    for dir in [home.clone(), home.join("upper"), home.join("work")] {
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

/// Takes a home away: renamed at once, emptied by a process of its own. Nothing there is no error.
pub(super) fn remove(state: BorrowedFd<'_>, name: &SandboxId) -> io::Result<()> {
    let from = format!("homes/{name}");
    let to = format!("trash/{name}");
    match renameat2(state, from.as_str(), state, to.as_str(), RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => empty_trash(),
        Err(nix::errno::Errno::ENOENT) => Ok(()),
        Err(nix::errno::Errno::EEXIST) => {
            // A removed home of that name is still being emptied (only after a crash): empty both.
            let aside = format!("trash/{name}.{}", std::process::id());
            renameat2(state.as_fd(), from.as_str(), state, aside.as_str(), RenameFlags::RENAME_NOREPLACE)?;
            empty_trash()
        }
        Err(error) => Err(error.into()),
    }
}

/// Starts a process that removes everything in the trash. `std::fs::remove_dir_all` works by descriptors and never follows a
/// link (the fix of CVE-2022-21658), and nothing of an agent runs in there any more.
pub(super) fn empty_trash() -> io::Result<()> {
    let entries: Vec<PathBuf> = fs::read_dir("/state/trash")?.flatten().map(|entry| entry.path()).collect();
    if entries.is_empty() {
        return Ok(());
    }
    if matches!(clone_into(0, None)?, Cloned::Child) {
        close_all();
        for entry in entries {
            let _ = fs::remove_dir_all(entry);
        }
        exit_now(0);
    }
    Ok(())
}
