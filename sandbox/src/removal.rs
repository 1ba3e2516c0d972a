//! Whole trees are removed by descriptors, however deep and whoever made them.
//!
//! `std::fs::remove_dir_all` follows no link either, but holds a descriptor and a piece of the stack for every level: an agent
//! that makes 100 000 directories below each other would end whoever removes them, and its home would stay for ever.

use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use nix::{
    dir::{Dir, Type},
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, RenameFlags, renameat2},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

/// Levels that are held open at one time. What lies deeper is moved up first.
const MOST_OPEN: usize = 64;

/// Removes a directory with all it holds. Never follows a link. What cannot be removed stays, and the rest goes all the same.
///
/// # Errors
/// The first refusal.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Errno> {
    let mut removal = Removal { moved: 0, first: None };
    let top = open(AT_FDCWD, path)?;
    loop {
        let before = removal.moved;
        removal.empty(&mut again(&top)?, top.as_fd(), 1);
        // What was moved up since the top was read is there now.
        if removal.moved == before {
            break;
        }
    }
    drop(top);
    let removed = unlinkat(AT_FDCWD, path, UnlinkatFlags::RemoveDir);
    removal.first.map_or(removed, Err)
}

struct Removal {
    /// Directories that were moved to the top: the number in the name of the last one.
    moved: u64,
    first: Option<Errno>,
}

impl Removal {
    /// Removes what `directory` holds; `level` counts from the top.
    fn empty(&mut self, directory: &mut Dir, top: BorrowedFd<'_>, level: usize) {
        // Its own descriptor: the iterator borrows the directory.
        let here = match directory.as_fd().try_clone_to_owned() {
            Ok(here) => here,
            Err(error) => return self.note(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))),
        };
        for entry in directory.iter() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => return self.note(errno),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if let Err(errno) = self.remove(here.as_fd(), name, entry.file_type(), top, level) {
                self.note(errno);
            }
        }
    }

    fn remove(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        kind: Option<Type>,
        top: BorrowedFd<'_>,
        level: usize,
    ) -> Result<(), Errno> {
        // Where the file system does not say what it is, the call does.
        if kind != Some(Type::Directory) {
            match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
                Err(Errno::EISDIR | Errno::EPERM) if kind.is_none() => {}
                Err(Errno::ENOENT) => return Ok(()),
                other => return other,
            }
        }
        match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            Err(Errno::ENOENT) => return Ok(()),
            other => return other,
        }
        if level == MOST_OPEN {
            return self.move_up(parent, name, top);
        }
        let mut child = open(parent, name)?;
        self.empty(&mut child, top, level + 1);
        match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
            // Why it is not empty is known already.
            Err(Errno::ENOTEMPTY | Errno::EEXIST) if self.first.is_some() => Ok(()),
            other => other,
        }
    }

    fn move_up(&mut self, parent: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>) -> Result<(), Errno> {
        loop {
            self.moved += 1;
            let to = format!(".removed-{}", self.moved);
            match renameat2(parent, name, top, to.as_str(), RenameFlags::RENAME_NOREPLACE) {
                Err(Errno::EEXIST) => {}
                other => return other,
            }
        }
    }

    fn note(&mut self, errno: Errno) {
        self.first.get_or_insert(errno);
    }
}

fn open<P: ?Sized + nix::NixPath>(parent: BorrowedFd<'_>, name: &P) -> Result<Dir, Errno> {
    Dir::openat(parent, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

/// The same directory, from its begin.
fn again(directory: &Dir) -> Result<Dir, Errno> {
    open(directory.as_fd(), c".")
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::{fd::OwnedFd, unix::fs::symlink},
    };

    use nix::sys::stat::mkdirat;

    use super::*;

    /// Directories below each other, each with a link out and a file.
    fn deep(top: &Path, depth: usize) {
        let mut here: OwnedFd = fs::File::open(top).unwrap().into();
        for _ in 0..depth {
            nix::unistd::symlinkat("/", &here, "up").unwrap();
            mkdirat(&here, "d", Mode::S_IRWXU).unwrap();
            here = nix::fcntl::openat(&here, "d", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
        }
    }

    #[test]
    fn a_tree_of_any_depth_goes_and_what_its_links_name_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let (tree, kept) = (scratch.path().join("tree"), scratch.path().join("kept"));
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join("file"), "kept").unwrap();
        // Names that the removal would like to use itself are taken.
        fs::create_dir_all(tree.join(".removed-1/.removed-2")).unwrap();
        fs::write(tree.join(".removed-3"), "").unwrap();
        symlink(&kept, tree.join("link")).unwrap();
        for depth in [63, 64, 200, 200, 3000] {
            let top = tempfile::tempdir_in(&tree).unwrap().keep();
            deep(&top, depth);
        }
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        remove_tree(&tree).unwrap();
        assert!(open() <= before + 8, "descriptors are closed again");
        assert!(!tree.exists());
        assert_eq!(fs::read_to_string(kept.join("file")).unwrap(), "kept");
    }

    #[test]
    fn a_link_or_a_file_is_no_tree() {
        let scratch = tempfile::tempdir().unwrap();
        let (tree, link) = (scratch.path().join("tree"), scratch.path().join("link"));
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("file"), "").unwrap();
        symlink(&tree, &link).unwrap();
        assert!(remove_tree(&link).is_err() && remove_tree(&tree.join("file")).is_err());
        assert!(tree.join("file").exists());
        remove_tree(&tree).unwrap();
    }
}
