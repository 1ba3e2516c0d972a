//! Whole trees: copy, remove, move. Run in a child (see `worker`), as the agent.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::removal::remove_tree;

/// What failed, at which file.
#[derive(Debug)]
pub(super) struct TreeError {
    pub(super) errno: i32,
    pub(super) step: String,
}

/// Removes a file, link or empty directory; a whole tree when `recursive`. Never follows a link.
pub(super) fn remove(path: &Path, recursive: bool) -> Result<(), TreeError> {
    let kind = path.symlink_metadata().map_err(at("remove", path))?.file_type();
    let result = match (kind.is_dir(), recursive) {
        (false, _) => fs::remove_file(path),
        (true, false) => fs::remove_dir(path),
        (true, true) => remove_tree(path).map_err(Into::into),
    };
    result.map_err(at("remove", path))
}

/// `rename(2)`; across file systems a copy, then a removal.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), TreeError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            copy(from, to)?;
            remove(from, true)
        }
        result => result.map_err(at("rename", from)),
    }
}

/// Copies a file or a tree: modes without set-id bits and links as they are. An existing file is replaced, an existing directory
/// gets the entries as well. Devices, sockets and FIFOs are left out, and the first of them is the error at the end.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), TreeError> {
    let kind = from.symlink_metadata().map_err(at("copy", from))?.file_type();
    if kind.is_dir() {
        let source = from.canonicalize().map_err(at("copy", from))?;
        if place_of(to).is_some_and(|target| target.starts_with(&source)) {
            return Err(TreeError { errno: libc::EINVAL, step: format!("copy {} into itself", from.display()) });
        }
    }
    let mut skipped = None;
    copy_entry(from, to, &mut skipped)?;
    match skipped {
        Some(path) => Err(TreeError {
            errno: libc::EOPNOTSUPP,
            step: format!("copy left out {}: not a file, directory or link", path.display()),
        }),
        None => Ok(()),
    }
}

fn copy_entry(from: &Path, to: &Path, skipped: &mut Option<PathBuf>) -> Result<(), TreeError> {
    let metadata = from.symlink_metadata().map_err(at("copy", from))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        copy_directory(from, to, metadata.mode() & 0o777, skipped)
    } else if kind.is_symlink() {
        let target = fs::read_link(from).map_err(at("copy", from))?;
        match symlink(&target, to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(to).and_then(|()| symlink(&target, to)).map_err(at("copy to", to))
            }
            result => result.map_err(at("copy to", to)),
        }
    } else if kind.is_file() {
        copy_file(from, to)
    } else {
        skipped.get_or_insert_with(|| from.to_owned());
        Ok(())
    }
}

fn copy_directory(from: &Path, to: &Path, mode: u32, skipped: &mut Option<PathBuf>) -> Result<(), TreeError> {
    // Writable by us until its entries are there.
    let made = match fs::DirBuilder::new().mode(mode | 0o700).create(to) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && to.is_dir() => false,
        Err(error) => return Err(at("copy to", to)(error)),
    };
    for entry in fs::read_dir(from).map_err(at("copy", from))? {
        let entry = entry.map_err(at("copy", from))?;
        copy_entry(&entry.path(), &to.join(entry.file_name()), skipped)?;
    }
    if made {
        fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(at("copy to", to))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), TreeError> {
    // Non-blocking: what was a file a moment ago may be a FIFO now.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut source = OpenOptions::new().read(true).custom_flags(flags | libc::O_NOFOLLOW).open(from).map_err(at("copy", from))?;
    let before = regular(&source, from)?;
    let mut open = OpenOptions::new();
    open.write(true).create(true).mode(before.mode() & 0o777).custom_flags(flags);
    let mut target = open.open(to).map_err(at("copy to", to))?;
    let there = regular(&target, to)?;
    if (before.dev(), before.ino()) == (there.dev(), there.ino()) {
        return Err(TreeError { errno: libc::EINVAL, step: format!("copy {} onto itself", from.display()) });
    }
    target.set_len(0).map_err(at("copy to", to))?;
    io::copy(&mut source, &mut target).map_err(at("copy", from))?;
    target.set_permissions(fs::Permissions::from_mode(before.mode() & 0o777)).map_err(at("copy to", to))
}

fn regular(file: &File, path: &Path) -> Result<fs::Metadata, TreeError> {
    let metadata = file.metadata().map_err(at("copy", path))?;
    if metadata.is_file() {
        Ok(metadata)
    } else {
        Err(TreeError { errno: libc::EINVAL, step: format!("{}: not a regular file", path.display()) })
    }
}

/// Where `path`, which may not exist yet, will really be.
fn place_of(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?)))
}

fn at<'a>(step: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> TreeError + 'a {
    move |error| TreeError { errno: error.raw_os_error().unwrap_or(libc::EIO), step: format!("{step} {}", path.display()) }
}
