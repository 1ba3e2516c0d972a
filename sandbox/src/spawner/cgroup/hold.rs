//! Who has the service's directory. A service that was killed may still be ending when the next one has begun: what it removes at its
//! end must not be what that one works in.

use std::{io, os::fd::OwnedFd, path::Path};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::stat::{fstat, stat},
};

use super::host::{make_dir, open_dir};

/// Makes the directory unless it is there, and holds it.
///
/// # Errors
/// When it can be neither made nor opened, or not be locked (flock(2)).
pub(super) fn hold(path: &Path) -> io::Result<Flock<OwnedFd>> {
    loop {
        make_dir(path)?;
        let dir = match open_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            dir => dir?,
        };
        let held = Flock::lock(dir, FlockArg::LockShared).map_err(|(_, errno)| errno)?;
        match stat(path) {
            Ok(there) if there.st_ino == fstat(&*held)?.st_ino => return Ok(held),
            // Whoever had it before has removed it meanwhile.
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Removes what is there by `remove`, unless another service holds it as well. Nobody takes hold of it meanwhile.
pub(super) fn give_up(held: &Flock<OwnedFd>, remove: impl FnOnce()) {
    if held.relock(FlockArg::LockExclusiveNonblock).is_ok() {
        remove();
        // Processes of ours that live a moment longer share the lock.
        let _ = held.relock(FlockArg::LockShared);
    }
}
