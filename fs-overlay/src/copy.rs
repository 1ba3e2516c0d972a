//! Copies parts of the host's `/etc`: what everybody on the host may read, and no secret even then.

use std::{
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use super::{BaseError, at, make_directory, set_mode};

/// Most bytes copied in all.
pub(super) const MAX_BYTES: u64 = 64 << 20;
/// Deepest directory copied; configuration is never deeper.
const MAX_DEPTH: usize = 12;
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";
/// `O_NONBLOCK | O_NOFOLLOW`: a name that is no file any more is neither waited for nor followed.
const OPEN_FLAGS: i32 = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;

/// What becomes of links that lead out of the directory they lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// They stay links; most lead into `/usr`, which is the same inside.
    Keep,
    /// The file they lead to is copied.
    Follow,
}

/// From one `/etc` to another.
#[derive(Debug)]
pub(super) struct Copier<'a> {
    from: &'a Path,
    to: &'a Path,
    left: u64,
}

impl<'a> Copier<'a> {
    /// `to` must exist.
    pub(super) fn new(from: &'a Path, to: &'a Path) -> Self {
        Self { from, to, left: MAX_BYTES }
    }

    /// Copies a file, link or directory with its parents; nothing when the host has none.
    pub(super) fn copy(&mut self, name: &str, links: Links) -> Result<(), BaseError> {
        let from = self.from.join(name);
        if from.symlink_metadata().is_err() || !reachable(self.from, &from) {
            return Ok(());
        }
        let mut parent = self.to.to_owned();
        for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
            parent.push(part);
            if !parent.is_dir() {
                make_directory(&parent, 0o755)?;
            }
        }
        self.entry(&from, &self.to.join(name), links, MAX_DEPTH)
    }

    fn entry(&mut self, from: &Path, to: &Path, links: Links, depth: usize) -> Result<(), BaseError> {
        // Gone in between, as happens while the host installs a package: not there.
        let Ok(metadata) = from.symlink_metadata() else { return Ok(()) };
        if metadata.is_symlink() {
            let target = fs::read_link(from).map_err(at("read", from))?;
            if links == Links::Follow && target.components().count() > 1 {
                return self.linked(from, to);
            }
            return symlink(&target, to).map_err(at("link", to));
        }
        if metadata.is_dir() {
            return if depth > 0 && metadata.mode() & 0o5 == 0o5 { self.directory(from, to, links, depth) } else { Ok(()) };
        }
        if metadata.is_file() { self.file(from, to) } else { Ok(()) }
    }

    fn directory(&mut self, from: &Path, to: &Path, links: Links, depth: usize) -> Result<(), BaseError> {
        make_directory(to, 0o755)?;
        for entry in fs::read_dir(from).map_err(at("list", from))? {
            let entry = entry.map_err(at("list", from))?;
            self.entry(&entry.path(), &to.join(entry.file_name()), links, depth - 1)?;
        }
        Ok(())
    }

    /// The file a link leads to, if everybody can get there. A link to a directory stays one: some systems keep all
    /// certificates in one place and let the other names lead there.
    fn linked(&mut self, from: &Path, to: &Path) -> Result<(), BaseError> {
        match from.canonicalize() {
            Ok(target) if target.is_file() && reachable(Path::new("/"), &target) => self.file(&target, to),
            Ok(target) if target.is_dir() => symlink(fs::read_link(from).map_err(at("read", from))?, to).map_err(at("link", to)),
            _ => Ok(()),
        }
    }

    /// A regular file that everybody may read and that holds no private key.
    fn file(&mut self, from: &Path, to: &Path) -> Result<(), BaseError> {
        let Ok(mut file) = OpenOptions::new().read(true).custom_flags(OPEN_FLAGS).open(from) else { return Ok(()) };
        let metadata = file.metadata().map_err(at("stat", from))?;
        if !metadata.is_file() || metadata.mode() & 0o4 == 0 {
            return Ok(());
        }
        let content = self.content(&mut file, metadata.len(), from)?;
        if content.windows(PRIVATE_KEY.len()).any(|part| part == PRIVATE_KEY) {
            return Ok(());
        }
        fs::write(to, content).map_err(at("write", to))?;
        set_mode(to, (metadata.mode() & 0o755) | 0o444)
    }

    /// `expected`: its length, which may have changed.
    fn content(&mut self, file: &mut File, expected: u64, from: &Path) -> Result<Vec<u8>, BaseError> {
        // Without it the file would be read in steps that begin with 32 bytes.
        let mut content = Vec::with_capacity(usize::try_from(expected.min(self.left)).unwrap_or(0));
        let count = file.take(self.left + 1).read_to_end(&mut content).map_err(at("read", from))? as u64;
        self.left = self.left.checked_sub(count).ok_or(BaseError::TooLarge { limit: MAX_BYTES, path: from.to_owned() })?;
        Ok(content)
    }
}

/// May everybody pass through each directory from `top` to `path`?
fn reachable(top: &Path, path: &Path) -> bool {
    let inside = path.ancestors().skip(1).take_while(|directory| directory.starts_with(top));
    inside.map(PathBuf::from).all(|directory| directory.metadata().is_ok_and(|metadata| metadata.mode() & 0o1 != 0))
}
