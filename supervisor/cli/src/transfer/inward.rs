//! Into an agent. Links of the tree are made as links, never followed: what they point to on this host stays here.

use std::{
    fs::{File, OpenOptions},
    future::Future,
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use aether_protocol::{ErrorCode, FileKind};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use nix::libc;

use super::{
    PIECE, Report, base_name,
    links::{Link, make_links},
    remote::{Files, join},
};
use crate::{
    client::{Body, Client},
    failure::Failure,
    show::progress::Progress,
};

/// Permission bits that cross over.
const PERMISSIONS: u32 = 0o777;

/// Copies `local` (`-` is standard input) to `path` of an agent.
pub(crate) async fn copy_in(client: &Client, files: &Files<'_>, local: &str, path: &str) -> Result<u8, Failure> {
    let progress = Arc::new(Mutex::new(Progress::new()));
    let place = files.resolve(path);
    let there = match files.stat(&place).await {
        Ok(entry) => Some(entry.kind),
        Err(Failure::Api(error)) if error.code == ErrorCode::NotFound => None,
        Err(failure) => return Err(failure),
    };
    // The target of a link decides; the supervisor says which it is.
    let into_directory = match there {
        Some(FileKind::Directory) => true,
        Some(FileKind::Symlink) => files.page(&place, None).await.is_ok(),
        _ => false,
    };
    if local == "-" {
        if into_directory {
            return Err(Failure::usage(format!("{place} is a directory"), "give standard input a file name inside the agent"));
        }
        files.upload(&place, None, body(io::stdin(), &progress)).await?;
        return Ok(0);
    }
    let source = Path::new(local);
    let metadata = std::fs::metadata(source).map_err(|error| Failure::file("read", source, &error))?;
    let absolute = std::fs::canonicalize(source).map_err(|error| Failure::file("read", source, &error))?;
    let target = if into_directory { join(&place, base_name(local)) } else { place.clone() };
    if metadata.is_dir() {
        if there.is_some() && !into_directory {
            return Err(Failure::usage(format!("{place} is not a directory"), "a directory cannot replace a file"));
        }
        let mut copy = Copy { files, progress, report: Report::default(), links: Vec::new() };
        files.mkdir(&target).await?;
        copy.tree(&absolute, &target).await?;
        let Copy { mut report, links, progress, .. } = copy;
        if !links.is_empty()
            && let Err(failure) = make_links(client, files.agent(), &links).await
        {
            report.left_out(&mut progress.lock().unwrap_or_else(PoisonError::into_inner), failure)?;
        }
        return Ok(report.status());
    }
    if path.ends_with('/') && !into_directory {
        return Err(Failure::usage(format!("{place} is not a directory"), "make it first, or leave the slash out"));
    }
    let file = File::open(source).map_err(|error| Failure::file("read", source, &error))?;
    progress.lock().unwrap_or_else(PoisonError::into_inner).start(local, metadata.is_file().then_some(metadata.len()));
    let mode = metadata.is_file().then(|| metadata.permissions().mode() & PERMISSIONS);
    files.upload(&target, mode, body(file, &progress)).await?;
    Ok(0)
}

struct Copy<'a> {
    files: &'a Files<'a>,
    progress: Arc<Mutex<Progress>>,
    report: Report,
    links: Vec<Link>,
}

impl Copy<'_> {
    fn tree<'b>(&'b mut self, from: &'b Path, to: &'b str) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'b>> {
        Box::pin(async move {
            let entries = std::fs::read_dir(from).and_then(|entries| {
                let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
                entries.sort_by_key(std::fs::DirEntry::file_name);
                Ok(entries)
            });
            let entries = match entries {
                Ok(entries) => entries,
                Err(error) => return self.left_out(Failure::file("read the directory", from, &error)),
            };
            for entry in entries {
                if let Err(failure) = self.entry(&entry.path(), to).await {
                    self.left_out(failure)?;
                }
            }
            Ok(())
        })
    }

    async fn entry(&mut self, path: &Path, to: &str) -> Result<(), Failure> {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::local(format!("{}: the name is not UTF-8; left out", path.display()), "rename it"));
        };
        let target = join(to, name);
        let read = |error: io::Error| Failure::file("read", path, &error);
        let metadata = std::fs::symlink_metadata(path).map_err(read)?;
        if metadata.is_dir() {
            self.files.mkdir(&target).await?;
            return self.tree(path, &target).await;
        }
        if metadata.is_symlink() {
            let points_to = std::fs::read_link(path).map_err(read)?;
            let Some(points_to) = points_to.to_str() else {
                return Err(Failure::local(format!("{}: the link's target is not UTF-8; left out", path.display()), ""));
            };
            self.links.push(Link { path: target, points_to: points_to.to_owned() });
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(Failure::local(format!("{}: neither file, directory nor link; left out", path.display()), ""));
        }
        // It may have been replaced since: by a link, which is not followed, or by a pipe, which would never end.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if !metadata.is_file() {
            return Err(Failure::local(format!("{}: it changed while it was copied", path.display()), "copy it again"));
        }
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).start(&path.to_string_lossy(), Some(metadata.len()));
        self.files.upload(&target, Some(metadata.permissions().mode() & PERMISSIONS), body(file, &self.progress)).await
    }

    fn left_out(&mut self, failure: Failure) -> Result<(), Failure> {
        self.report.left_out(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner), failure)
    }
}

/// The rest of `source` as a body.
fn body(source: impl Read + Send + 'static, progress: &Arc<Mutex<Progress>>) -> Body {
    let progress = Arc::clone(progress);
    let pieces = stream::unfold(source, move |mut source| {
        let progress = Arc::clone(&progress);
        async move {
            // Reads block (standard input may wait for a person), so they happen beside the connection.
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE];
                let read = loop {
                    match source.read(&mut piece) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        other => break other,
                    }
                };
                (read.map(|read| Bytes::from(piece).slice(..read)), source)
            });
            match read.await {
                Ok((Ok(piece), _)) if piece.is_empty() => None,
                Ok((Ok(piece), source)) => {
                    progress.lock().unwrap_or_else(PoisonError::into_inner).add(piece.len() as u64);
                    Some((Ok(Frame::data(piece)), source))
                }
                Ok((Err(error), source)) => Some((Err(error), source)),
                Err(_) => None,
            }
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}
