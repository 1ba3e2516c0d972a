//! Room on the disk that is kept for the day when there is none: ends of agents and the audit still get into the database then.
//!
//! While room is low the file that held it is gone and new work is refused; it comes back, and new work with it, as soon as there
//! is enough again.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::{
    fcntl::posix_fallocate,
    sys::statvfs::{FsFlags, statvfs},
};

use crate::StoreError;

/// Size of the reserve on a disk of any size, in bytes.
const BYTES: u64 = 64 << 20;
/// On a small disk the reserve is this part of it.
const PART: u64 = 16;

/// The room of one database.
#[derive(Debug)]
pub(crate) struct Reserve {
    file: PathBuf,
    bytes: u64,
    held: bool,
    low: Arc<AtomicBool>,
    read_only: bool,
}

impl Reserve {
    /// Of the database at `path`.
    pub(crate) fn open(path: &Path) -> Self {
        let file = path.with_file_name("reserve");
        let total = room(&file).map_or(0, |room| room.total);
        let held = fs::metadata(&file).is_ok_and(|meta| meta.len() > 0);
        let mut reserve = Self { file, bytes: BYTES.min(total / PART), held, low: Arc::default(), read_only: false };
        reserve.look();
        reserve
    }

    /// For tests of what has nothing to do with it.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { file: PathBuf::new(), bytes: 0, held: true, low: Arc::default(), read_only: false }
    }

    /// Whether room is low; shared with whoever refuses new work.
    pub(crate) fn low(&self) -> Arc<AtomicBool> {
        self.low.clone()
    }

    pub(crate) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Refuses where the file system may only be read. The files that are open for writing do not show that: pages of theirs that have
    /// their place on the disk are changed without an error, and a sync of them says that all went well (Linux 6.1, ext4).
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        if self.read_only { Err(StoreError::Disk("it is mounted read-only".to_owned())) } else { Ok(()) }
    }

    /// Looks how much room there is, and gives the reserve away or takes it back.
    pub(crate) fn look(&mut self) {
        let Ok(Room { free, read_only, .. }) = room(&self.file) else { return };
        self.read_only = read_only;
        if read_only {
            return;
        }
        if self.held && free < self.bytes / 4 {
            self.release();
        } else if !self.held && free > self.bytes + self.bytes / 2 {
            match self.take() {
                Ok(()) => {
                    self.held = true;
                    if self.low.swap(false, Ordering::Relaxed) {
                        tracing::info!("there is room on the disk of the state again; new work is taken");
                    }
                }
                Err(error) => {
                    let _ = fs::remove_file(&self.file);
                    tracing::debug!(%error, "the reserve cannot be taken back");
                }
            }
        } else if !self.held {
            self.low.store(true, Ordering::Relaxed);
        }
    }

    /// Gives it away: the disk is full, or nearly.
    pub(crate) fn release(&mut self) {
        let given = self.held && fs::remove_file(&self.file).is_ok();
        self.held = false;
        if !self.low.swap(true, Ordering::Relaxed) {
            tracing::error!(given, "the disk of the state is full; agents go on, new work is refused until there is room");
        }
    }

    fn take(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.file)?;
        posix_fallocate(&file, 0, i64::try_from(self.bytes).unwrap_or(i64::MAX))?;
        Ok(())
    }
}

/// A file system: its size and what of it this user may still fill, in bytes.
struct Room {
    total: u64,
    free: u64,
    read_only: bool,
}

fn room(file: &Path) -> io::Result<Room> {
    let found = statvfs(file.parent().unwrap_or(Path::new("/")))?;
    let bytes = |blocks: u64| blocks * found.fragment_size();
    let read_only = found.flags().contains(FsFlags::ST_RDONLY);
    Ok(Room { total: bytes(found.blocks()), free: bytes(found.blocks_available()), read_only })
}
