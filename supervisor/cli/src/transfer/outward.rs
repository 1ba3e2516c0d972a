//! Out of an agent. The agent chose the names, links and modes: nothing here follows a link below the place that the person
//! named, no name leaves its directory, and no set-uid bit crosses over.

use std::{
    fs::{File, Permissions},
    future::Future,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::PermissionsExt as _,
    },
    path::{Path, PathBuf},
    pin::Pin,
};

use aether_protocol::{FileEntry, FileKind};
use http_body_util::BodyExt as _;
use nix::{
    errno::Errno,
    fcntl::{OFlag, open, openat},
    sys::{
        stat::{Mode, mkdirat},
        statvfs::fstatvfs,
    },
    unistd::{UnlinkatFlags, symlinkat, unlinkat},
};

use super::{
    Report, base_name,
    remote::{Files, join},
};
use crate::{
    failure::Failure,
    show::{progress::Progress, text::file_name},
};

/// Links that are followed to what the person named.
const MOST_LINKS: usize = 8;
/// Directories below each other that are copied: each holds a descriptor and a piece of the stack, and an agent can make thousands.
const MOST_DEPTH: usize = 128;
/// Permission bits that cross over.
const PERMISSIONS: u32 = 0o777;

/// Copies `path` of an agent to `local` (`-` is standard output).
pub(crate) async fn copy_out(files: &Files<'_>, path: &str, local: &str) -> Result<u8, Failure> {
    let path = files.resolve(path);
    let entry = target(files, &path).await?;
    let mut progress = Progress::new();
    if local == "-" {
        if entry.kind != FileKind::File {
            return Err(Failure::usage(format!("{path} is not a regular file"), "only a file can go to standard output"));
        }
        fetch(files, &entry, &mut io::stdout().lock(), &mut progress)
            .await
            .map_err(|error| error.of(Path::new("standard output")))?;
        return Ok(0);
    }
    let mut place = PathBuf::from(local);
    let name = base_name(&path);
    // A link of that name may be the agent's own, from an earlier copy: only what the person wrote out is followed.
    let below = place.is_dir() && !name.is_empty();
    let parent = if below { place.clone() } else { place.parent().map(Path::to_owned).unwrap_or_default() };
    if below {
        place.push(name);
    }
    match entry.kind {
        FileKind::Directory => {
            if below && place.is_symlink() {
                let cause = format!("{} is a link, and an agent may have made it", place.display());
                return Err(Failure::local(cause, "remove it, or name the directory it leads to"));
            }
            if let Err(error) = std::fs::create_dir(&place)
                && !place.is_dir()
            {
                return Err(Failure::file("make the directory", &place, &error));
            }
            let follow = if below { OFlag::O_NOFOLLOW } else { OFlag::empty() };
            let opened = open(&place, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | follow, Mode::empty());
            let directory = opened.map_err(|errno| Failure::file("open the directory", &place, &errno.into()))?;
            let mut copy = Copy { files, progress, report: Report::default() };
            copy.tree(&entry.path, &directory, &place, 0).await?;
            Ok(copy.report.status())
        }
        FileKind::File => {
            let shown = if parent.as_os_str().is_empty() { Path::new(".") } else { parent.as_path() };
            let directory = open(shown, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
                .map_err(|errno| Failure::file("open the directory", shown, &errno.into()))?;
            // A terminal or a pipe has no size.
            if place.metadata().map_or(true, |data| data.is_file()) {
                fits(&entry, &directory, &place)?;
            }
            let made = if below { create(&directory, name).map_err(Into::into) } else { File::create(&place) };
            let mut file = made.map_err(|error| Failure::file("write", &place, &error))?;
            fetch(files, &entry, &mut file, &mut progress).await.map_err(|error| error.of(&place))?;
            if file.metadata().is_ok_and(|data| data.is_file()) {
                let mode = Permissions::from_mode(entry.mode & PERMISSIONS);
                file.set_permissions(mode).map_err(|error| Failure::file("set the mode of", &place, &error))?;
            }
            Ok(0)
        }
        FileKind::Symlink | FileKind::Other => {
            Err(Failure::local(format!("{path} is neither a file nor a directory"), "copy what it stands for"))
        }
    }
}

/// What the path means, links followed inside the agent.
async fn target(files: &Files<'_>, path: &str) -> Result<FileEntry, Failure> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let mut entry = files.stat(&path).await?;
        match (&entry.kind, &entry.link_target) {
            (FileKind::Symlink, Some(link)) if link.starts_with('/') => path.clone_from(link),
            (FileKind::Symlink, Some(link)) => {
                let parent = path.trim_end_matches('/').rsplit_once('/').map_or("/", |(parent, _)| parent);
                path = flat(&join(parent, link));
            }
            _ => {
                entry.path = path;
                return Ok(entry);
            }
        }
    }
    Err(Failure::local(format!("{path}: too many links"), ""))
}

/// `a/../b` as `b`: the API takes no `..`.
fn flat(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A failure on one of the two sides.
enum Broken {
    Here(io::Error),
    There(Failure),
}

impl Broken {
    fn of(self, place: &Path) -> Failure {
        match self {
            Self::Here(error) if error.kind() == io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            Self::Here(error) => Failure::file("write", place, &error),
            Self::There(failure) => failure,
        }
    }
}

async fn fetch(files: &Files<'_>, entry: &FileEntry, into: &mut impl io::Write, progress: &mut Progress) -> Result<(), Broken> {
    progress.start(&entry.path, Some(entry.size));
    let mut body = files.download(&entry.path).await.map_err(Broken::There)?.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Broken::There(Failure::Unreachable {
                cause: format!("the connection broke while {} was read: {error}", entry.path),
                hint: "copy it again".to_owned(),
            })
        })?;
        if let Ok(data) = frame.into_data() {
            into.write_all(&data).map_err(Broken::Here)?;
            progress.add(data.len() as u64);
        }
    }
    into.flush().map_err(Broken::Here)
}

struct Copy<'a> {
    files: &'a Files<'a>,
    progress: Progress,
    report: Report,
}

impl Copy<'_> {
    fn tree<'b>(
        &'b mut self,
        remote: &'b str,
        into: &'b OwnedFd,
        shown: &'b Path,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'b>> {
        Box::pin(async move {
            let mut after = None;
            // Page by page: what has to be kept does not grow with the directory.
            loop {
                let answer = self.files.page(remote, after.as_deref()).await;
                let page = answer.and_then(|answer| Ok((answer.data::<Vec<FileEntry>>()?, answer.next()?)));
                let (entries, next) = match page {
                    Ok(page) => page,
                    Err(failure) => return self.report.left_out(&mut self.progress, failure),
                };
                for entry in entries {
                    let place = shown.join(&entry.name);
                    if let Err(failure) = self.entry(remote, entry, into, &place, depth).await {
                        self.report.left_out(&mut self.progress, failure)?;
                    }
                }
                if next.is_none() {
                    return Ok(());
                }
                after = next;
            }
        })
    }

    async fn entry(
        &mut self,
        remote: &str,
        mut entry: FileEntry,
        into: &OwnedFd,
        place: &Path,
        depth: usize,
    ) -> Result<(), Failure> {
        if !stays(&entry.name) {
            return Err(Failure::local(format!("{}/{}: such a name cannot be copied", remote, file_name(&entry.name)), ""));
        }
        entry.path = join(remote, &entry.name);
        let fails = |what: &str, errno: Errno| Failure::file(what, place, &errno.into());
        match entry.kind {
            FileKind::Directory if depth == MOST_DEPTH => {
                let cause = format!("{remote} is {MOST_DEPTH} directories deep: what lies below it is left out");
                Err(Failure::local(cause, "copy it by itself"))
            }
            FileKind::Directory => {
                match mkdirat(into, entry.name.as_str(), Mode::S_IRWXU) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(fails("make the directory", errno)),
                }
                let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let directory = openat(into, entry.name.as_str(), flags, Mode::empty())
                    .map_err(|errno| fails("open the directory", errno))?;
                self.tree(&entry.path, &directory, place, depth + 1).await?;
                // After its content: it may be read-only.
                set_mode(directory.as_fd(), entry.mode).map_err(|error| Failure::file("set the mode of", place, &error))
            }
            FileKind::File => {
                fits(&entry, into, place)?;
                let mut file = create(into, &entry.name).map_err(|errno| fails("write", errno))?;
                fetch(self.files, &entry, &mut file, &mut self.progress).await.map_err(|error| error.of(place))?;
                set_mode(file.as_fd(), entry.mode).map_err(|error| Failure::file("set the mode of", place, &error))
            }
            FileKind::Symlink => {
                let link = entry.link_target.unwrap_or_default();
                match symlinkat(link.as_str(), into, entry.name.as_str()) {
                    Err(Errno::EEXIST) => unlinkat(into, entry.name.as_str(), UnlinkatFlags::NoRemoveDir)
                        .and_then(|()| symlinkat(link.as_str(), into, entry.name.as_str())),
                    other => other,
                }
                .map_err(|errno| fails("make the link", errno))
            }
            FileKind::Other => {
                Err(Failure::local(format!("{}: neither file, directory nor link; left out", file_name(&entry.path)), ""))
            }
        }
    }
}

/// Refuses what the file system cannot hold: a sparse file costs an agent nothing and would fill the disk here.
fn fits(entry: &FileEntry, directory: &OwnedFd, place: &Path) -> Result<(), Failure> {
    // Where the host cannot say, writing will.
    let Ok(space) = fstatvfs(directory) else { return Ok(()) };
    let free = space.blocks_available().saturating_mul(space.fragment_size());
    if entry.size <= free {
        return Ok(());
    }
    let cause = format!("{} takes {} bytes, and {free} are free there", place.display(), entry.size);
    Err(Failure::local(cause, "free space, or copy the part that is needed"))
}

/// A name that means a file of its own directory.
fn stays(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0', '\u{fffd}'])
}

fn create(directory: &OwnedFd, name: &str) -> Result<File, Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    match openat(directory, name, flags, mode) {
        // A link is there: it is replaced, not written through.
        Err(Errno::ELOOP) => {
            unlinkat(directory, name, UnlinkatFlags::NoRemoveDir)?;
            openat(directory, name, flags | OFlag::O_EXCL, mode)
        }
        other => other,
    }
    .map(File::from)
}

fn set_mode(fd: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    File::from(fd.try_clone_to_owned()?).set_permissions(Permissions::from_mode(mode & PERMISSIONS))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn names_stay_in_their_directory() {
        for bad in ["", ".", "..", "a/b", "/etc/passwd", "a\0", "a\u{fffd}"] {
            assert!(!stays(bad), "{bad:?}");
        }
        assert!(stays("..."));
    }

    #[test]
    fn links_are_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::write(&outside, "keep").unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        std::os::unix::fs::symlink(&outside, tree.join("f")).unwrap();
        let fd: OwnedFd = File::open(&tree).unwrap().into();
        create(&fd, "f").unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&outside).unwrap(), "keep");
        assert_eq!(std::fs::read_to_string(tree.join("f")).unwrap(), "new");
    }

    #[test]
    fn dots_are_flattened() {
        for (path, flattened) in [("/a/../b", "/b"), ("/../x/./y", "/x/y"), ("/", "/")] {
            assert_eq!(flat(path), flattened);
        }
    }
}
