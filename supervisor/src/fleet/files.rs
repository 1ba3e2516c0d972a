//! Files of an agent, done inside its sandbox with the agent's identity.

use aether_protocol::{ApiError, FileEntry};

use super::{Depth, OpenFile, OpenHow, not_ready};

/// Access to the files of one agent. Paths are absolute or relative to the home.
pub struct FsSession {}

impl FsSession {
    /// Opens a regular file (or a directory, by [`OpenHow::Directory`]).
    pub async fn open(&self, path: &str, how: OpenHow) -> Result<OpenFile, ApiError> {
        let _ = (path, how);
        not_ready()
    }

    /// Entries of a directory, by name.
    pub async fn list(&self, path: &str) -> Result<Vec<FileEntry>, ApiError> {
        let _ = path;
        not_ready()
    }

    /// One entry; a link itself, not what it points at.
    pub async fn stat(&self, path: &str) -> Result<FileEntry, ApiError> {
        let _ = path;
        not_ready()
    }

    /// Makes a directory.
    pub async fn mkdir(&self, path: &str, depth: Depth) -> Result<(), ApiError> {
        let _ = (path, depth);
        not_ready()
    }

    /// Removes a file, a link, an empty directory, or a whole tree.
    pub async fn remove(&self, path: &str, depth: Depth) -> Result<(), ApiError> {
        let _ = (path, depth);
        not_ready()
    }

    /// Moves or renames.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), ApiError> {
        let _ = (from, to);
        not_ready()
    }

    /// Copies a file or a tree.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), ApiError> {
        let _ = (from, to);
        not_ready()
    }

    /// Replaces a file as a whole: a temporary file beside it, then a rename.
    pub async fn replace(&self, path: &str, content: &[u8]) -> Result<(), ApiError> {
        let _ = (path, content);
        not_ready()
    }

    /// Reads a file of at most `limit` bytes; `TooLarge` beyond.
    pub async fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, ApiError> {
        let _ = (path, limit);
        not_ready()
    }
}
