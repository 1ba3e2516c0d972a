//! Puts a tree where it belongs, unless an equal one is there.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{BaseError, at};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The directory `base`, its old trees removed.
pub(super) struct Place<'a> {
    base: &'a Path,
    /// Replaced trees of this boot are named after it: a sandbox that uses one does not outlive the boot.
    boot: String,
}

impl<'a> Place<'a> {
    /// Removes what an earlier boot or an interrupted build has left.
    pub(super) fn prepare(base: &'a Path) -> Result<Self, BaseError> {
        let id = fs::read_to_string(BOOT_ID).map_err(at("read", Path::new(BOOT_ID)))?;
        let place = Self { base, boot: format!("old-{}-", id.trim()) };
        for entry in fs::read_dir(base).map_err(at("list", base))?.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let stale = name.starts_with("new-") || (name.starts_with("old-") && !name.starts_with(&place.boot));
            if stale {
                // Best effort: what cannot be removed now only takes space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(place)
    }

    /// Builds a tree beside and puts it at `name`. Returns its path.
    pub(super) fn build(&self, name: &str, build: impl FnOnce(&Path) -> Result<(), BaseError>) -> Result<PathBuf, BaseError> {
        let (path, new) = (self.base.join(name), self.base.join(format!("new-{name}")));
        if let Err(error) = build(&new) {
            let _ = fs::remove_dir_all(&new);
            return Err(error);
        }
        if equal(&new, &path)? {
            fs::remove_dir_all(&new).map_err(at("remove", &new))?;
            return Ok(path);
        }
        // Two renames suffice: nothing is launched while the base is built, and a crash between them is mended by the next build.
        if path.symlink_metadata().is_ok() {
            let old = self.unused(name);
            fs::rename(&path, &old).map_err(at("rename", &path))?;
        }
        fs::rename(&new, &path).map_err(at("rename", &new))?;
        Ok(path)
    }

    fn unused(&self, name: &str) -> PathBuf {
        let names = (1_u32..).map(|number| self.base.join(format!("{}{name}-{number}", self.boot)));
        names.into_iter().find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| self.base.join(&self.boot))
    }
}

/// Same kind, mode, owner and content, all the way down. Something missing is a difference.
fn equal(one: &Path, other: &Path) -> Result<bool, BaseError> {
    let Ok(there) = other.symlink_metadata() else { return Ok(false) };
    let here = one.symlink_metadata().map_err(at("stat", one))?;
    if (here.mode(), here.uid(), here.gid()) != (there.mode(), there.uid(), there.gid()) {
        return Ok(false);
    }
    if here.is_symlink() {
        return Ok(fs::read_link(one).map_err(at("read", one))? == fs::read_link(other).map_err(at("read", other))?);
    }
    if !here.is_dir() {
        return Ok(
            here.len() == there.len() && fs::read(one).map_err(at("read", one))? == fs::read(other).map_err(at("read", other))?
        );
    }
    let names = |directory: &Path| -> Result<Vec<_>, BaseError> {
        let entries = fs::read_dir(directory).map_err(at("list", directory))?;
        let mut names = entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
        if let Ok(names) = &mut names {
            names.sort();
        }
        names.map_err(at("list", directory))
    };
    let entries = names(one)?;
    if entries != names(other)? {
        return Ok(false);
    }
    for name in entries {
        if !equal(&one.join(&name), &other.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}
