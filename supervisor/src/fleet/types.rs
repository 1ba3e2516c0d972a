//! What the fleet takes and gives beside the wire types.

use std::{collections::BTreeMap, os::fd::OwnedFd};

use aether_protocol::{AgentId, AgentState, TtyId};
use bytes::Bytes;

pub use aether_sandbox::wire::init::{OpenHow, OutputStream, Pace};

/// Who asks. The edge has authenticated them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Owner of what they make: a user name of the host, or `operator`.
    pub owner: String,
    /// Their ids on this host, over the Unix socket; needed to lend directories by descriptor.
    pub peer: Option<PeerIds>,
}

/// Ids of a process on the other end of the Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerIds {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Which agents a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Also the ended ones.
    pub all: bool,
    /// Only those in this state.
    pub state: Option<AgentState>,
    /// At most this many; 0 is no limit.
    pub limit: usize,
    /// Skip this many.
    pub offset: usize,
}

/// A program to run in a live sandbox, beside its main one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment added to the agent's.
    pub env: BTreeMap<String, String>,
    /// Directory to start in; the agent's when absent.
    pub workdir: Option<String>,
    /// Give it a terminal.
    pub tty: bool,
    /// Keep its standard input open.
    pub stdin: bool,
    /// Columns (default 120).
    pub cols: Option<u16>,
    /// Rows (default 36).
    pub rows: Option<u16>,
}

/// A process in a sandbox, as its init numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessHandle {
    /// Whose sandbox.
    pub agent: AgentId,
    /// Its number.
    pub process: u32,
    /// It has a terminal.
    pub tty: bool,
}

impl ProcessHandle {
    /// Its id on the wire.
    pub fn tty_id(&self) -> TtyId {
        TtyId::new(&self.agent, self.process)
    }
}

/// Which streams a reader follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
    /// Both, as they come.
    All,
}

impl Streams {
    /// Does it have `stream`?
    pub const fn has(self, stream: OutputStream) -> bool {
        matches!((self, stream), (Self::All, _) | (Self::Stdout, OutputStream::Stdout) | (Self::Stderr, OutputStream::Stderr))
    }
}

/// First bytes wanted; the oldest ones held where absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StartAt {
    /// Of standard output.
    pub stdout: Option<u64>,
    /// Of standard error.
    pub stderr: Option<u64>,
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Of which stream.
    pub stream: OutputStream,
    /// Offset of its first byte; bytes between the last chunk and this one were lost.
    pub offset: u64,
    /// The bytes; empty only together with `end`.
    pub bytes: Bytes,
    /// Nothing follows on this stream.
    pub end: bool,
}

/// An open file inside a sandbox.
#[derive(Debug)]
pub struct OpenFile {
    /// Its descriptor.
    pub fd: OwnedFd,
    /// Its size when it was opened.
    pub size: u64,
}

/// How to take a file away or make a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only the named one.
    One,
    /// With all below it, or all above it.
    Recursive,
}

/// Whether removing an agent may end it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// A live agent is refused.
    No,
    /// A live agent is killed first.
    KillFirst,
}
