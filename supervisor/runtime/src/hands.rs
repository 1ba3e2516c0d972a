//! Effects inside the sandbox, done with the agent's identity.

use std::time::Duration;

use aether_protocol::{CallUsage, FileEntry};
use async_trait::async_trait;

/// Most bytes kept of each output of a command.
pub const MAX_OUTPUT: usize = 1 << 20;

/// A command line for `/bin/sh -c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommand {
    /// The command line.
    pub command: String,
    /// Absolute directory it starts in.
    pub workdir: String,
    /// After this time everything it started is killed.
    pub timeout: Duration,
    /// What becomes of what it leaves running.
    pub left: Left,
}

/// What becomes of processes that a command leaves running.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Left {
    /// They end with it.
    #[default]
    Killed,
    /// They go on.
    GoesOn,
}

/// What a command left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit status, 128 + n for signal n.
    pub exit: u8,
    /// It was killed because its time was over.
    pub timed_out: bool,
    /// Standard output, the first [`MAX_OUTPUT`] bytes.
    pub stdout: Vec<u8>,
    /// There was more on standard output.
    pub stdout_truncated: bool,
    /// Standard error, the first [`MAX_OUTPUT`] bytes.
    pub stderr: Vec<u8>,
    /// There was more on standard error.
    pub stderr_truncated: bool,
    /// What it used.
    pub used: Option<CallUsage>,
}

/// Why an effect did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandsError {
    /// The system said no, in words that the agent can act on (`notes.txt: No such file or directory`).
    #[error("{0}")]
    Refused(String),
    /// The sandbox cannot be reached; whether the effect happened is unknown.
    #[error("the sandbox cannot be reached: {0}")]
    Lost(String),
}

/// The hands of one agent. Paths are absolute. Dropping a future ends what it started.
#[async_trait]
pub trait Hands: Send + Sync {
    /// Runs a command line to its end.
    async fn run_command(&self, command: RunCommand) -> Result<CommandOutput, HandsError>;
    /// Reads at most `limit` bytes of a file from `offset`.
    async fn read_file(&self, path: &str, offset: u64, limit: usize) -> Result<Vec<u8>, HandsError>;
    /// Writes a whole file, making its parent directories.
    async fn write_file(&self, path: &str, content: &[u8]) -> Result<(), HandsError>;
    /// Lists a directory: the first entries by name, and how many there are.
    async fn list_files(&self, path: &str) -> Result<(Vec<FileEntry>, u64), HandsError>;
    /// Makes a directory with its parents; fine when it exists.
    async fn mkdir(&self, path: &str) -> Result<(), HandsError>;
    /// Removes a file, or a directory with all it holds.
    async fn rm(&self, path: &str) -> Result<(), HandsError>;
    /// Tells about a file.
    async fn stat(&self, path: &str) -> Result<FileEntry, HandsError>;
    /// Moves or renames.
    async fn mv(&self, from: &str, to: &str) -> Result<(), HandsError>;
    /// Copies a file, or a directory with all it holds.
    async fn cp(&self, from: &str, to: &str) -> Result<(), HandsError>;
}
