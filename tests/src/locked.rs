//! A database that somebody else has locked.

use std::{fs, path::Path};

use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};

use crate::wait::until;

/// Nobody else can write to the database of a service until this is dropped. The service's own `fcntl` fails meanwhile, as it does when
/// a person has it open in a shell: it is the lock that SQLite's writers take in the file of the WAL's index
/// (<https://sqlite.org/walformat.html>, 2.3.1).
pub struct Locked(#[expect(dead_code, reason = "open, and with it locked")] fs::File);

impl Locked {
    /// Locks the database in this state directory.
    ///
    /// # Panics
    /// When there is none.
    pub fn database(state: &Path) -> Self {
        let index = fs::File::options().read(true).write(true).open(state.join("aether.db-shm")).expect("the index of the WAL");
        let lock = libc::flock {
            l_type: i16::try_from(libc::F_WRLCK).expect("small"),
            l_whence: i16::try_from(libc::SEEK_SET).expect("small"),
            l_start: 120,
            l_len: 1,
            l_pid: 0,
        };
        until("the lock of the writer", || fcntl(&index, FcntlArg::F_OFD_SETLK(&lock)).is_ok());
        Self(index)
    }
}
