//! Making file systems: by the distribution's own programs, from a fixed list, with nothing in their environment.

use std::{
    fs, io,
    io::Read as _,
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Command, Stdio},
};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use crate::sys::task::{ignore_signal, reset_signal};

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ext4,
    Btrfs,
}

/// What is on an image, by its magic number.
pub(super) fn kind(image: &fs::File) -> Option<Kind> {
    let holds = |at: u64, magic: &[u8]| {
        let mut found = vec![0; magic.len()];
        image.read_exact_at(&mut found, at).is_ok_and(|()| found == magic)
    };
    if holds(1024 + 56, &[0x53, 0xef]) {
        Some(Kind::Ext4)
    } else if holds(65_536 + 64, b"_BHRfS_M") {
        Some(Kind::Btrfs)
    } else {
        None
    }
}

/// A volume that counts by project.
pub(super) const EXT4_VOLUME: &[&str] =
    &["-O", "quota,project", "-E", "quotatype=prjquota,lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-i", "16384"];

/// An image of one home with so many files.
pub(super) fn ext4_home(inodes: u64) -> Vec<String> {
    let words = ["-J", "size=4", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-N"];
    words.into_iter().map(str::to_owned).chain([inodes.to_string()]).collect()
}

/// The program that makes ext4, where the host's programs are.
pub(super) fn find_mke2fs() -> io::Result<Command> {
    program(&["/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/bin/mke2fs"], "mke2fs (e2fsprogs)")
}

/// Makes an ext4 on the file `path`. To be called where the host's programs are.
pub(super) fn ext4<W: AsRef<str>>(path: &Path, more: &[W]) -> io::Result<()> {
    let mut command = find_mke2fs()?;
    command.args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0"]).args(more.iter().map(AsRef::as_ref)).arg(path);
    run(command)
}

/// Makes a btrfs on the file `path`. To be called where the host's programs are.
pub(super) fn btrfs(path: &Path) -> io::Result<()> {
    let mut command = program(&["/usr/sbin/mkfs.btrfs", "/sbin/mkfs.btrfs", "/usr/bin/mkfs.btrfs"], "mkfs.btrfs (btrfs-progs)")?;
    command.args(["-q", "-f", "-K", "-d", "single", "-m", "single"]).arg(path);
    run(command)
}

fn program(places: &[&str], name: &str) -> io::Result<Command> {
    let found = places.iter().find(|path| Path::new(path).exists());
    found.map(Command::new).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name} is not installed")))
}

fn run(mut command: Command) -> io::Result<()> {
    command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // While SIGCHLD is ignored no exit status is kept (wait(2), NOTES).
    reset_signal(libc::SIGCHLD);
    let ended = command.spawn().and_then(|mut child| {
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            stderr.take(4096).read_to_string(&mut said)?;
        }
        Ok((child.wait()?, said))
    });
    ignore_signal(libc::SIGCHLD);
    // What ended meanwhile was nobody's to reap.
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
    let (status, said) = ended?;
    if status.success() {
        return Ok(());
    }
    let name = command.get_program().to_string_lossy().into_owned();
    Err(io::Error::other(format!("{name}: {status}: {}", said.trim().replace('\n', "; "))))
}
