//! Whether anything that the base was built from has changed since: names, kinds, sizes and times of all of the host's `/etc`, and of
//! what links lead to where they are followed. Reading those takes milliseconds; building the trees and comparing them takes a good
//! part of a second.

use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest, Sha256};

use super::{BaseError, at, etc, root};

/// Beside the trees: what they were built from.
const FILE: &str = "inputs";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// A file that changed so recently may change again without its time showing it: times advance in steps of the kernel's clock.
const STEP: Duration = Duration::from_secs(2);

/// What the base is built from, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inputs {
    hash: String,
    /// The last change that the times tell of.
    newest: SystemTime,
}

impl Inputs {
    /// Those of the tree of a host, of this program, and of this boot: after a power cut the trees may not be what was written.
    pub(super) fn of(host: &Path) -> Result<Self, BaseError> {
        let boot = fs::read_to_string(BOOT_ID).map_err(at("read", Path::new(BOOT_ID)))?;
        let mut look = Look { hash: Sha256::new(), newest: UNIX_EPOCH, passed: BTreeSet::new() };
        look.field(boot.as_bytes());
        look.path(&std::env::current_exe().map_err(at("find", Path::new("/proc/self/exe")))?);
        for name in root::MERGED.map(|(name, _)| name).into_iter().chain(["usr/bin/bash"]) {
            look.path(&host.join(name));
        }
        let etc = host.join("etc");
        let followed = etc::CERTIFICATES.map(|name| etc.join(name));
        look.tree(&etc, &followed);
        for directory in std::mem::take(&mut look.passed) {
            look.passage(&directory);
        }
        let hash = look.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { hash, newest: look.newest })
    }

    /// Are the `trees` below `base` the ones that were built from these?
    pub(super) fn are_those_of(&self, base: &Path, trees: &[&str]) -> bool {
        fs::read_to_string(base.join(FILE)).is_ok_and(|kept| kept == self.record(base, trees))
    }

    /// Notes that the `trees` below `base` were built from these, unless one of them changed just before `now`.
    pub(super) fn keep(&self, base: &Path, trees: &[&str], now: SystemTime) -> io::Result<()> {
        if now.duration_since(self.newest).unwrap_or_default() < STEP {
            return Self::forget(base);
        }
        fs::write(base.join(FILE), self.record(base, trees))
    }

    /// The trees are about to change.
    pub(super) fn forget(base: &Path) -> io::Result<()> {
        match fs::remove_file(base.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn record(&self, base: &Path, trees: &[&str]) -> String {
        let mut record = format!("{}\n", self.hash);
        for name in trees {
            // A tree that was put there by somebody else is another one.
            let tree =
                base.join(name).symlink_metadata().map(|m| (m.dev(), m.ino(), m.mode(), m.uid(), m.ctime(), m.ctime_nsec()));
            record.push_str(&format!("{name} {tree:?}\n"));
        }
        record
    }
}

struct Look {
    hash: Sha256,
    newest: SystemTime,
    /// Directories on the way to what links lead to: who may pass through them decides what is copied.
    passed: BTreeSet<PathBuf>,
}

impl Look {
    fn field(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    /// What is at a path.
    fn path(&mut self, path: &Path) -> Option<Metadata> {
        self.field(path.as_os_str().as_bytes());
        let metadata = path.symlink_metadata().ok();
        self.metadata(metadata.as_ref());
        metadata
    }

    /// Where a link leads to, and with `follow` what is there.
    fn link(&mut self, path: &Path, follow: bool) {
        self.field(fs::read_link(path).unwrap_or_default().as_os_str().as_bytes());
        let Some(target) = follow.then(|| path.canonicalize().ok()).flatten() else { return };
        self.path(&target);
        self.passed.extend(target.ancestors().skip(1).map(Path::to_owned));
    }

    /// Who may pass through a directory. What lies in it comes and goes.
    fn passage(&mut self, path: &Path) {
        self.field(path.as_os_str().as_bytes());
        let who = path.metadata().map(|m| (m.mode(), m.uid(), m.gid()));
        self.field(format!("{who:?}").as_bytes());
    }

    fn metadata(&mut self, metadata: Option<&Metadata>) {
        let Some(m) = metadata else { return self.field(b"") };
        let changed = UNIX_EPOCH + Duration::new(m.ctime().unsigned_abs(), u32::try_from(m.ctime_nsec()).unwrap_or(0));
        self.newest = self.newest.max(changed);
        let seen = (m.dev(), m.ino(), m.mode(), m.uid(), m.gid(), m.len(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
        self.field(format!("{seen:?}").as_bytes());
    }

    fn tree(&mut self, path: &Path, followed: &[PathBuf]) {
        let Some(metadata) = self.path(path) else { return };
        if metadata.is_symlink() {
            return self.link(path, followed.iter().any(|top| path.starts_with(top)));
        }
        if !metadata.is_dir() {
            return;
        }
        let names = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.file_name());
        for name in names.collect::<BTreeSet<_>>() {
            self.tree(&path.join(name), followed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_file_or_of_what_a_link_leads_to_is_seen() {
        let host = tempfile::tempdir().expect("dir");
        let (etc, usr) = (host.path().join("etc/ssl/certs"), host.path().join("usr/share"));
        fs::create_dir_all(&etc).expect("etc");
        fs::create_dir_all(&usr).expect("usr");
        fs::write(usr.join("cert"), "one").expect("write");
        std::os::unix::fs::symlink(usr.join("cert"), etc.join("link")).expect("link");
        let look = || Inputs::of(host.path()).expect("inputs").hash;
        let first = look();
        assert_eq!(first, look());
        fs::write(usr.join("cert"), "other").expect("write");
        let second = look();
        assert_ne!(first, second);
        fs::set_permissions(&usr, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("mode");
        let third = look();
        assert_ne!(second, third, "nobody else can get there any more");
        fs::write(etc.join("new"), "").expect("write");
        assert_ne!(third, look());
    }

    #[test]
    fn what_changed_just_now_is_looked_at_again() {
        let dir = tempfile::tempdir().expect("dir");
        let (host, base) = (dir.path().join("host"), dir.path().join("base"));
        fs::create_dir_all(host.join("etc")).expect("etc");
        fs::create_dir_all(base.join("root")).expect("base");
        let inputs = Inputs::of(&host).expect("inputs");
        let kept = |now: SystemTime| {
            inputs.keep(&base, &["root"], now).expect("keep");
            inputs.are_those_of(&base, &["root"])
        };
        assert!(!kept(inputs.newest + STEP / 2));
        assert!(kept(inputs.newest + STEP));
        fs::rename(base.join("root"), base.join("away")).expect("rename");
        fs::create_dir(base.join("root")).expect("another");
        assert!(!inputs.are_those_of(&base, &["root"]), "another tree");
        assert!(!kept(inputs.newest));
    }
}
