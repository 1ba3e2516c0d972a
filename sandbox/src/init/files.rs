//! File operations that take no time, as the agent.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
        },
    },
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::stat::{Mode, umask},
};

use crate::{
    plan::AGENT_HOME,
    wire::init::{EntryReport, InitReply, MAX_FRAME, OpenHow},
};

/// Entries in one answer.
const MAX_ENTRIES: usize = 10_000;
/// Names looked at for one answer: about a second, in which init does nothing else.
const MAX_NAMES: u64 = 1_000_000;
/// Bytes of the entries of one answer; the rest of the frame is for the name after which the next begins.
const MAX_PAGE: usize = MAX_FRAME - 1024;
/// Bytes beside name and link that one entry takes in a frame at most.
const ENTRY_BYTES: usize = 48;

/// The path a client means: relative ones begin in the agent's home.
pub(super) fn resolve(path: &str) -> PathBuf {
    Path::new(AGENT_HOME).join(path)
}

/// Opens a regular file or directory without ever waiting for it.
pub(super) fn open(path: &str, how: OpenHow) -> Result<(u64, OwnedFd), InitReply> {
    let path = resolve(path);
    let mut options = OpenOptions::new();
    let kind = if how == OpenHow::Directory { libc::O_DIRECTORY } else { 0 };
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | kind);
    match how {
        OpenHow::Read | OpenHow::Directory => options.read(true),
        OpenHow::Create { mode } => options.write(true).create(true).truncate(true).mode(mode & 0o777),
        OpenHow::CreateNew { mode } => options.write(true).create_new(true).mode(mode & 0o777),
        OpenHow::Append { mode } => options.append(true).create(true).mode(mode & 0o777),
    };
    // The client named the exact bits. One thread: nobody else sees the other mask.
    let mask = umask(Mode::empty());
    let opened = options.open(&path);
    umask(mask);
    let file = match opened {
        // A FIFO that nobody reads, a socket, a device that is not there.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Err(irregular()),
        opened => opened.map_err(failed("open"))?,
    };
    let metadata = file.metadata().map_err(failed("open"))?;
    match how {
        OpenHow::Directory => {}
        _ if metadata.is_dir() => return Err(InitReply::Failed { errno: libc::EISDIR, step: "open".to_owned() }),
        _ if metadata.is_file() => {}
        _ => return Err(irregular()),
    }
    block(&file).map_err(failed("open"))?;
    Ok((metadata.size(), file.into()))
}

/// The entries of a directory whose names come after `after`, as many as one frame takes. By name: whatever else comes and goes
/// between two pages, what stays is on exactly one of them.
pub(super) fn list(path: &str, after: Option<&[u8]>) -> Result<InitReply, InitReply> {
    let (mut names, mut total, mut before, mut cut) = (BTreeMap::new(), 0, 0, false);
    for entry in fs::read_dir(resolve(path)).map_err(failed("list"))? {
        if total == MAX_NAMES {
            let step = format!("list a directory of more than {MAX_NAMES} entries");
            return Err(InitReply::Failed { errno: libc::EOVERFLOW, step });
        }
        let entry = entry.map_err(failed("list"))?;
        let name = entry.file_name().into_vec();
        total += 1;
        if after.is_some_and(|after| name.as_slice() <= after) {
            before += 1;
            continue;
        }
        names.insert(name, entry);
        // No more than a page: memory does not grow with the directory.
        if names.len() > MAX_ENTRIES {
            cut = names.pop_last().is_some();
        }
    }
    let (mut page, mut bytes, mut last) = (Vec::new(), 0, None);
    for (name, entry) in names {
        let metadata = match entry.metadata() {
            // Gone in between: not an entry any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                last = Some(name);
                continue;
            }
            other => other.map_err(failed("list"))?,
        };
        let report = describe(name, &metadata, &entry.path());
        bytes += ENTRY_BYTES + report.name.len() + report.link.as_ref().map_or(0, Vec::len);
        if bytes > MAX_PAGE {
            cut = true;
            break;
        }
        last = Some(report.name.clone());
        page.push(report);
    }
    let next = last.filter(|_| cut);
    Ok(InitReply::Entries { page, before, total, next })
}

/// One file.
pub(super) fn stat(path: &str, follow: bool) -> Result<InitReply, InitReply> {
    let path = resolve(path);
    let metadata = if follow { path.metadata() } else { path.symlink_metadata() }.map_err(failed("stat"))?;
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default().to_vec();
    Ok(InitReply::Entry(describe(name, &metadata, &path)))
}

/// Makes a directory.
pub(super) fn mkdir(path: &str, recursive: bool) -> Result<InitReply, InitReply> {
    let made = fs::DirBuilder::new().mode(0o755).recursive(recursive).create(resolve(path));
    made.map(|()| InitReply::Done).map_err(failed("mkdir"))
}

fn describe(name: Vec<u8>, metadata: &Metadata, path: &Path) -> EntryReport {
    let link = metadata.is_symlink().then(|| fs::read_link(path).ok()).flatten().map(|target| target.into_os_string().into_vec());
    let mtime = metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000);
    EntryReport { name, mode: metadata.mode(), size: metadata.size(), uid: metadata.uid(), gid: metadata.gid(), mtime, link }
}

/// Takes `O_NONBLOCK` away again: whoever gets the descriptor expects a plain file.
fn block(file: &File) -> io::Result<()> {
    let flags = OFlag::from_bits_truncate(fcntl(file.as_fd(), FcntlArg::F_GETFL)?);
    fcntl(file.as_fd(), FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(())
}

fn irregular() -> InitReply {
    InitReply::Failed { errno: libc::EINVAL, step: "not a regular file".to_owned() }
}

/// The answer to an error of the kernel in `step`. A path with a NUL in it has no errno: `EINVAL`.
pub(super) fn failed(step: &'static str) -> impl FnOnce(io::Error) -> InitReply {
    move |error| InitReply::Failed { errno: error.raw_os_error().unwrap_or(libc::EINVAL), step: step.to_owned() }
}
