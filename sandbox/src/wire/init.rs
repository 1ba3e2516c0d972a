//! `aetherd` and `aether-init`: a Unix stream socket per sandbox, any number of connections.
//!
//! A frame is a little-endian `u32` length (at most [`MAX_FRAME`]) and that many bytes: a `postcard` [`ToInit`] or [`FromInit`].
//! Requests carry a tag chosen by the client; each gets exactly one reply with the same tag, in any order (`Read` and `Wait`
//! answer when there is something to say). Descriptors travel with the first byte of their frame.

#![allow(missing_docs)] // the fields of the variants are named in the sentence above each variant

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Largest frame without its length, bytes.
pub const MAX_FRAME: usize = 1 << 20;
/// Largest chunk of output or input in one frame, bytes.
pub const MAX_CHUNK: usize = 256 * 1024;
/// Output held per stream when nobody reads, bytes.
pub const RING_BYTES: usize = 1 << 20;
/// Listening sockets in one answer.
pub const MAX_LISTENERS: usize = 256;
/// Programs in one answer.
pub const MAX_HOLDERS: usize = 16;
/// Most files of cgroups beside one [`InitRequest::Call`].
pub const MAX_PLACES: usize = 4;
/// Longest time a reader that holds the stream back may stall before it is overtaken, seconds.
pub const HOLD_SECONDS: u64 = 30;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToInit {
    /// Chosen by the client.
    pub tag: u64,
    /// The request.
    pub body: InitRequest,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromInit {
    /// Tag of the request.
    pub tag: u64,
    /// The reply.
    pub body: InitReply,
}

/// The closed set of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitRequest {
    /// Start a program; [`InitReply::Started`], or [`InitReply::Failed`] with the errno of `execve`.
    Start(StartProcess),
    /// Give bytes (at most [`MAX_CHUNK`]) to its input; [`InitReply::Done`] once all of them are taken. `EPIPE` when it reads no more.
    Write {
        process: u32,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
    },
    /// End its input (a terminal gets the end-of-file character).
    CloseInput { process: u32 },
    /// New size of its terminal.
    Resize { process: u32, cols: u16, rows: u16 },
    /// Signal it (a raw Linux signal number), alone or with its whole process group.
    Signal { process: u32, signal: i32, group: bool },
    /// Follow a stream from an offset, or from the oldest byte held; an offset that is not held means the nearest one that is
    /// (`u64::MAX`: only what is yet to come). [`InitReply::Attached`].
    Attach { process: u32, stream: OutputStream, from: Option<u64>, pace: Pace },
    /// The next bytes of a reader; [`InitReply::Output`] as soon as there is a byte, or the end.
    Read { reader: u32, max: u32 },
    /// End a reader. Readers end with their connection as well.
    Detach { reader: u32 },
    /// All processes started by request that were not forgotten; [`InitReply::Processes`].
    List,
    /// When it has ended; [`InitReply::Exited`].
    Wait { process: u32 },
    /// Drop an ended process with its output.
    Forget { process: u32 },
    /// Open a file as the agent; [`InitReply::Opened`] with the descriptor beside it. Never blocks; regular files and directories only.
    Open { path: String, how: OpenHow },
    /// Entries of a directory by the bytes of their names, `.` and `..` left out: those after the name `after`, at most 10 000;
    /// [`InitReply::Entries`]. `EOVERFLOW` when there are more than a million.
    ListDir {
        path: String,
        #[serde(with = "serde_bytes")]
        after: Option<Vec<u8>>,
    },
    /// One file; links are followed only when `follow`. [`InitReply::Entry`].
    Stat { path: String, follow: bool },
    /// Make a directory (0755), with parents when `recursive` (then an existing directory is no error).
    Mkdir { path: String, recursive: bool },
    /// Remove a file, link or empty directory; a whole tree when `recursive`. Never follows a link.
    Remove { path: String, recursive: bool },
    /// `rename(2)`; across file systems it copies and removes.
    Rename { from: String, to: String },
    /// Copy a file or a tree (modes and links kept, owner is the agent).
    Copy { from: String, to: String },
    /// One of the sockets of a sandbox with a network; [`InitReply::Opened`] with a copy of it beside, of size 0. `ENOTCONN` when the
    /// sandbox has no such socket.
    NetworkSocket(NetworkSocket),
    /// A TCP socket of the sandbox that connects to this port of its 127.0.0.1, or of its ::1; [`InitReply::Opened`] with it beside, of
    /// size 0. Non-blocking, and perhaps still connecting.
    Connect { port: u16, v6: bool },
    /// The TCP ports that somebody inside listens on; [`InitReply::Listening`].
    Listening,
    /// The programs that hold the TCP connection from `near`, inside, to `far`; [`InitReply::Holders`].
    Holders { near: SocketAddr, far: SocketAddr },
    /// From the spawner: a program of this call is to enter the cgroups whose files travel beside this, at most [`MAX_PLACES`];
    /// [`InitReply::Done`]. They were opened by the spawner, so each lets a process enter that very cgroup and does nothing else.
    Call { call: u32 },
    /// As `Start`, in the cgroups of a call; `ESRCH` when they have not come, or were used already.
    StartIn { call: u32, start: StartProcess },
    /// What an ended program used; [`InitReply::Used`]. `EBUSY` while it runs.
    Used { process: u32 },
}

/// A socket that lies in the network namespace of a sandbox and is served from outside; see [`crate::net`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NetworkSocket {
    /// Listens; accepts connections to all IPv4 addresses but loopback's and the sandbox's own. Non-blocking.
    Tcp4,
    /// Gets questions sent to port 53 of those addresses, each with the address it was sent to (`IP_PKTINFO`). Non-blocking.
    Udp4,
    /// As `Tcp4` for IPv6.
    Tcp6,
    /// As `Udp4` for IPv6 (`IPV6_PKTINFO`).
    Udp6,
}

/// A program to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartProcess {
    /// Program and arguments. Without a slash the program is searched in the `PATH` of `env`.
    pub argv: Vec<Vec<u8>>,
    /// The whole environment, `NAME=value`.
    pub env: Vec<Vec<u8>>,
    /// Directory to start in.
    pub workdir: String,
    /// Pipes or a terminal.
    pub stdio: Stdio,
    /// Kept with the process for the client: `main`, `tty`, `exec`, `tool`.
    pub label: String,
    /// Hold output back until a [`Pace::Hold`] reader attaches (at most [`HOLD_SECONDS`]) instead of dropping the oldest.
    pub hold: bool,
}

/// Standard streams of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// Pipes for output; standard input a pipe, or `/dev/null`.
    Pipes { stdin: bool },
    /// A terminal of its own, session leader inside; all output is [`OutputStream::Stdout`].
    Terminal { cols: u16, rows: u16 },
}

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutputStream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What happens when a reader is slower than the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pace {
    /// The program waits (flow control), at most [`HOLD_SECONDS`]; then the reader is overtaken and sees a gap.
    Hold,
    /// The reader sees a gap.
    Follow,
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenHow {
    /// For reading; a regular file.
    Read,
    /// A directory, for reading.
    Directory,
    /// For writing: made or emptied, with these permission bits when made.
    Create { mode: u32 },
    /// For writing: must not exist.
    CreateNew { mode: u32 },
    /// For writing at the end.
    Append { mode: u32 },
}

/// Answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitReply {
    /// Done.
    Done,
    /// A program runs. `process` counts from 1 and is never reused; `pid` is its pid inside.
    Started { process: u32, pid: u32 },
    /// A reader; `offset` is that of its next byte, `oldest` that of the oldest byte held, `newest` that after the last one.
    Attached { reader: u32, offset: u64, oldest: u64, newest: u64 },
    /// Bytes from `offset` on (a gap before it is loss); `end`: nothing follows.
    Output {
        offset: u64,
        #[serde(with = "serde_bytes")]
        data: Vec<u8>,
        end: bool,
    },
    /// All processes.
    Processes(Vec<ProcessReport>),
    /// How it ended.
    Exited(ExitReport),
    /// A descriptor travels beside this; size in bytes.
    Opened { size: u64 },
    /// Directory entries: a page, how many names are before it, how many there are in all, and the name after which the next
    /// page begins, when there is one.
    Entries {
        page: Vec<EntryReport>,
        before: u64,
        total: u64,
        #[serde(with = "serde_bytes")]
        next: Option<Vec<u8>>,
    },
    /// One entry.
    Entry(EntryReport),
    /// Not done: the errno, and the step in words.
    Failed { errno: i32, step: String },
    /// Where somebody listens, at most [`MAX_LISTENERS`], each address once.
    Listening(Vec<SocketAddr>),
    /// Paths of the programs inside, each once and at most [`MAX_HOLDERS`]; `None` for one whose path cannot be trusted. `hidden`: some
    /// process did not let itself be looked at, and may hold it as well.
    Holders { programs: Vec<Option<String>>, hidden: bool },
    /// What an ended program used.
    Used(ProgramUse),
}

/// What an ended program used, with those that it waited for and theirs. What it left running is not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramUse {
    /// CPU time, microseconds.
    pub cpu_usec: u64,
    /// Most memory that one of them had at a time, bytes.
    pub largest_bytes: u64,
    /// Read from storage, bytes.
    pub read_bytes: u64,
    /// Written to files on storage, bytes.
    pub written_bytes: u64,
}

/// A process started by request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// Its number.
    pub process: u32,
    /// Its pid inside.
    pub pid: u32,
    /// Label of its start.
    pub label: String,
    /// Program and arguments, at most 4 KiB, for people.
    pub argv: Vec<String>,
    /// Terminal size, when it has one.
    pub terminal: Option<(u16, u16)>,
    /// Started at, milliseconds since the Unix epoch.
    pub started_at: i64,
    /// Is it stopped by a signal?
    pub stopped: bool,
    /// How it ended, when it has.
    pub exited: Option<ExitReport>,
    /// Offsets of standard output (oldest held, after the last).
    pub stdout: (u64, u64),
    /// Offsets of standard error.
    pub stderr: (u64, u64),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReport {
    /// With a status.
    Code(u8),
    /// By a signal.
    Signal(i32),
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryReport {
    /// Name within its directory, raw bytes.
    pub name: Vec<u8>,
    /// `st_mode`: kind and permission bits.
    pub mode: u32,
    /// Size, bytes.
    pub size: u64,
    /// Owner inside.
    pub uid: u32,
    /// Group inside.
    pub gid: u32,
    /// Modified, milliseconds since the Unix epoch.
    pub mtime: i64,
    /// Target of a link, raw bytes.
    pub link: Option<Vec<u8>>,
}
