//! Files inside an agent's sandbox.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Kind of a directory entry; links are never followed to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// FIFO, socket or device.
    Other,
}

/// One file, seen from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Name within its directory; bytes that are not UTF-8 are shown as U+FFFD.
    pub name: String,
    /// Absolute path inside.
    pub path: String,
    /// Kind.
    pub kind: FileKind,
    /// Size, bytes.
    #[ts(type = "number")]
    pub size: u64,
    /// Permission bits, for example 0o644 as 420.
    pub mode: u32,
    /// Owner inside.
    pub uid: u32,
    /// Group inside.
    pub gid: u32,
    /// Last modification.
    pub modified_at: Timestamp,
    /// Target, for links.
    #[serde(default)]
    pub link_target: Option<String>,
}
