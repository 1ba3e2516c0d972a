//! Files of an agent, done inside its sandbox with the agent's identity.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use aether_protocol::{AgentId, ApiError, ErrorCode, FileEntry, FileKind, Timestamp, event::FsChanged};
use aether_sandbox::{
    plan::AGENT_HOME,
    wire::init::{EntryReport, InitReply, InitRequest},
};
use aether_store::{AuditEntry, Change};
use nix::libc::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};

use super::{
    Depth, OpenFile, OpenHow, audit,
    core::Core,
    page::{self, Page},
    visit::Visit,
};
use crate::links::init::{InitLink, unexpected};

/// Access to the files of one agent. Paths are absolute or relative to the home.
pub struct FsSession {
    pub(crate) init: InitLink,
    /// Keeps the sandbox of an ended agent up.
    pub(crate) _visit: Option<Arc<Visit>>,
    /// Who is told of changes made for people.
    pub(crate) announce: Option<(Arc<Core>, AgentId)>,
}

impl FsSession {
    /// Opens a regular file (or a directory, by [`OpenHow::Directory`]).
    pub async fn open(&self, path: &str, how: OpenHow) -> Result<OpenFile, ApiError> {
        let path = absolute(path)?;
        let writes = !matches!(how, OpenHow::Read | OpenHow::Directory);
        match self.init.ask_with_fd(InitRequest::Open { path: path.clone(), how }).await? {
            (InitReply::Opened { size }, Some(fd)) => {
                if writes {
                    self.changed(&path, "modified").await;
                }
                Ok(OpenFile { fd, size })
            }
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// A page of a directory, by name: its begin, or what follows the cursor of the page before.
    pub async fn list(&self, path: &str, cursor: Option<&str>) -> Result<Page, ApiError> {
        let path = absolute(path)?;
        let after = cursor.map(page::name).transpose()?;
        match self.init.ask(InitRequest::ListDir { path: path.clone(), after }).await? {
            InitReply::Entries { page, before, total, next } => Ok(Page {
                entries: page.into_iter().map(|entry| file_entry(&path, entry)).collect(),
                before,
                total,
                next: next.as_deref().map(page::cursor),
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// One entry; a link itself, not what it points at.
    pub async fn stat(&self, path: &str) -> Result<FileEntry, ApiError> {
        let path = absolute(path)?;
        match self.init.ask(InitRequest::Stat { path: path.clone(), follow: false }).await? {
            InitReply::Entry(entry) => {
                let mut shown = file_entry("", entry);
                shown.name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("/").to_owned();
                shown.path = path;
                Ok(shown)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Makes a directory.
    pub async fn mkdir(&self, path: &str, depth: Depth) -> Result<(), ApiError> {
        let path = absolute(path)?;
        self.init.ask(InitRequest::Mkdir { path: path.clone(), recursive: depth == Depth::Recursive }).await?;
        self.changed(&path, "created").await;
        Ok(())
    }

    /// Removes a file, a link, an empty directory, or a whole tree.
    pub async fn remove(&self, path: &str, depth: Depth) -> Result<(), ApiError> {
        let path = absolute(path)?;
        self.init.ask(InitRequest::Remove { path: path.clone(), recursive: depth == Depth::Recursive }).await?;
        self.changed(&path, "removed").await;
        Ok(())
    }

    /// Moves or renames.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), ApiError> {
        let (from, to) = (absolute(from)?, absolute(to)?);
        self.init.ask(InitRequest::Rename { from: from.clone(), to: to.clone() }).await?;
        self.changed(&from, "removed").await;
        self.changed(&to, "created").await;
        Ok(())
    }

    /// Copies a file or a tree.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), ApiError> {
        let (from, to) = (absolute(from)?, absolute(to)?);
        self.init.ask(InitRequest::Copy { from, to: to.clone() }).await?;
        self.changed(&to, "created").await;
        Ok(())
    }

    /// Replaces a file as a whole: a temporary file beside it, then a rename.
    pub async fn replace(&self, path: &str, content: &[u8]) -> Result<(), ApiError> {
        let path = absolute(path)?;
        let mut random = [0; 6];
        getrandom::fill(&mut random).map_err(|error| ApiError::internal(format!("no random numbers: {error}")))?;
        let suffix: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let short: String = name.chars().take(32).collect();
        let temporary = format!("{dir}/.{short}.{suffix}.tmp");
        let mode = match self.init.ask(InitRequest::Stat { path: path.clone(), follow: true }).await {
            Ok(InitReply::Entry(entry)) if entry.mode & S_IFMT == S_IFREG => entry.mode & 0o777,
            _ => 0o644,
        };
        let request = InitRequest::Open { path: temporary.clone(), how: OpenHow::CreateNew { mode } };
        let (InitReply::Opened { .. }, Some(fd)) = self.init.ask_with_fd(request).await? else {
            return Err(ApiError::internal("the sandbox answered something that was not asked"));
        };
        let content = content.to_vec();
        let written = blocking(move || {
            let mut file = File::from(fd);
            file.write_all(&content)?;
            file.sync_data()
        });
        let done = match written.await {
            Ok(()) => self.init.ask(InitRequest::Rename { from: temporary.clone(), to: path.clone() }).await.map(drop),
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.init.tell(InitRequest::Remove { path: temporary, recursive: false });
        } else {
            self.changed(&path, "modified").await;
        }
        done
    }

    /// Reads a file of at most `limit` bytes; `TooLarge` beyond.
    pub async fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, ApiError> {
        let size = self.open(path, OpenHow::Read).await?.size;
        if size > limit {
            let message = format!("{path} is {size} bytes long, at most {limit} can be read at once");
            return Err(ApiError::new(ErrorCode::TooLarge, message, "read it in parts, or download it"));
        }
        self.read_at(path, 0, limit).await
    }

    /// At most `limit` bytes from `offset` on.
    pub(crate) async fn read_at(&self, path: &str, offset: u64, limit: u64) -> Result<Vec<u8>, ApiError> {
        let file = self.open(path, OpenHow::Read).await?;
        blocking(move || {
            let mut file = File::from(file.fd);
            file.seek(SeekFrom::Start(offset))?;
            let mut content = Vec::new();
            file.take(limit).read_to_end(&mut content)?;
            Ok(content)
        })
        .await
    }

    async fn changed(&self, path: &str, change_type: &str) {
        let Some((core, id)) = &self.announce else { return };
        let Ok(info) = core.info(id) else { return };
        let event = FsChanged { pid: info.number, path: path.to_owned(), change_type: change_type.to_owned() };
        let mut change = Change::new();
        // What an upload does under a name of its own is not what somebody asked for.
        if !path.contains("/.aether-upload-") {
            let (who, action) = (audit::who(), format!("file.{change_type}"));
            let outcome = serde_json::json!({ "path": path });
            change = change.audit(AuditEntry { who, action, subject: id.as_str().to_owned(), outcome });
        }
        if let Err(error) = core.write(core.with_events(id, change, vec![event.into()])).await {
            tracing::warn!(error = %error.message, "a change of a file was not recorded");
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(error.to_string()))?;
    done.map_err(|error| crate::links::errors::from_init(error.raw_os_error().unwrap_or(nix::libc::EIO), "file"))
}

/// A path inside, from the root.
pub(crate) fn absolute(path: &str) -> Result<String, ApiError> {
    let path = path.strip_prefix("~/").unwrap_or(if path == "~" { "" } else { path });
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{AGENT_HOME}/{path}") };
    if whole.contains('\0') || whole.len() >= 4096 {
        return Err(ApiError::invalid("that is not a path", "give a path of at most 4095 bytes without NUL"));
    }
    let trimmed = whole.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() })
}

fn file_entry(dir: &str, entry: EntryReport) -> FileEntry {
    let name = String::from_utf8_lossy(&entry.name).into_owned();
    let kind = match entry.mode & S_IFMT {
        S_IFREG => FileKind::File,
        S_IFDIR => FileKind::Directory,
        S_IFLNK => FileKind::Symlink,
        _ => FileKind::Other,
    };
    FileEntry {
        path: format!("{}/{name}", dir.trim_end_matches('/')),
        name,
        kind,
        size: entry.size,
        mode: entry.mode & 0o7777,
        uid: entry.uid,
        gid: entry.gid,
        modified_at: Timestamp::from_unix_millis(entry.mtime),
        link_target: entry.link.map(|link| String::from_utf8_lossy(&link).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_home() {
        let at = |path| absolute(path).expect("path");
        assert_eq!(at("a/b"), "/home/agent/a/b");
        assert_eq!(at("~/a"), "/home/agent/a");
        assert_eq!(at("~"), "/home/agent");
        assert_eq!(at(""), "/home/agent");
        assert_eq!(at("/"), "/");
        assert_eq!(at("/etc/"), "/etc");
        assert!(absolute("a\0b").is_err());
        assert!(absolute(&"x".repeat(5000)).is_err());
    }
}
