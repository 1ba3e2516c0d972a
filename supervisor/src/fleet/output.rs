//! Output of a process: from its init while it lives, from the kept log afterwards, without a seam between them.

use std::sync::Arc;

use aether_protocol::ApiError;
use aether_sandbox::wire::init::{InitReply, InitRequest};
use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Chunk, OutputStream, Pace, StartAt, Streams,
    log::{Cursor, OutputLog},
};
use crate::links::init::{InitLink, unexpected};

/// Bytes asked for at a time.
const READ: u32 = 128 * 1024;

/// Reads the output of a process. Dropping it lets the program go on without this reader.
pub struct OutputReader {
    /// The process has a terminal.
    pub tty: bool,
    /// Offset of the first byte that [`OutputReader::next`] gives on standard output.
    pub offset: u64,
    /// Offset of the oldest byte held on standard output.
    pub oldest: u64,
    chunks: mpsc::Receiver<Chunk>,
    _reading: DropGuard,
}

/// What to read, and where its kept output is.
pub(crate) struct Source {
    /// Number of the process in its sandbox.
    pub(crate) process: u32,
    pub(crate) tty: bool,
    /// The log, for a main program.
    pub(crate) log: Option<Arc<OutputLog>>,
}

impl OutputReader {
    /// The next piece; `None` after the end of every stream asked for. Cancel safe.
    pub async fn next(&mut self) -> Option<Chunk> {
        self.chunks.recv().await
    }

    /// Reads from init; goes on in the log when the sandbox ends first.
    pub(crate) async fn live(
        init: &InitLink,
        source: Source,
        streams: Streams,
        from: StartAt,
        pace: Pace,
    ) -> Result<Self, ApiError> {
        // Two pieces on their way per reader and one that waits: what is not taken holds the program back, not our memory.
        let (sender, chunks) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let mut reader = Self { tty: source.tty, offset: 0, oldest: 0, chunks, _reading: stop.clone().drop_guard() };
        let source = Arc::new(source);
        for (stream, start) in [(OutputStream::Stdout, from.stdout), (OutputStream::Stderr, from.stderr)] {
            if !streams.has(stream) || (source.tty && stream == OutputStream::Stderr) {
                continue;
            }
            let kept = kept_before(init, &source, stream, start, pace).await?;
            if stream == OutputStream::Stdout {
                (reader.offset, reader.oldest) = (kept.wanted.max(kept.oldest), kept.oldest);
            }
            let (init, source, sender, stop) = (init.clone(), source.clone(), sender.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = pump(&init, &source, stream, &kept, &sender) => {}
                }
                init.tell(InitRequest::Detach { reader: kept.reader });
            });
        }
        Ok(reader)
    }

    /// Reads the kept log; with `follow` until the agent ends.
    pub(crate) fn kept(log: Arc<OutputLog>, tty: bool, streams: Streams, from: StartAt, follow: bool) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let oldest = oldest_kept(&log);
        let offset = from.stdout.unwrap_or(oldest).max(oldest);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = replay(&log, streams, from, follow, &sender) => {}
            }
        });
        Self { tty, offset, oldest, chunks, _reading: guard }
    }
}

/// Offset of the oldest byte of standard output in a log.
fn oldest_kept(log: &OutputLog) -> u64 {
    let first = log.next(&mut Cursor::default(), Streams::Stdout, &mut StartAt::default());
    first.ok().flatten().map_or_else(|| log.next_offset(OutputStream::Stdout), |chunk| chunk.offset)
}

/// A reader at init, and what the log has from before its first byte.
struct Attached {
    reader: u32,
    /// First byte that init gives.
    offset: u64,
    /// First byte asked for.
    wanted: u64,
    oldest: u64,
}

async fn kept_before(
    init: &InitLink,
    source: &Source,
    stream: OutputStream,
    start: Option<u64>,
    pace: Pace,
) -> Result<Attached, ApiError> {
    let request = InitRequest::Attach { process: source.process, stream, from: start, pace };
    let InitReply::Attached { reader, offset, mut oldest, .. } = init.ask(request).await? else {
        return Err(ApiError::internal("the sandbox answered something that was not asked"));
    };
    if let (Some(log), OutputStream::Stdout) = (&source.log, stream) {
        oldest = oldest.min(oldest_kept(log));
    }
    Ok(Attached { reader, offset, wanted: start.unwrap_or(0), oldest })
}

async fn pump(init: &InitLink, source: &Source, stream: OutputStream, at: &Attached, sender: &mpsc::Sender<Chunk>) {
    let mut next = at.wanted;
    if let Some(log) = source.log.as_ref().filter(|_| at.wanted < at.offset) {
        // What init's ring no longer has, as far as the log has it.
        next = replay_until(log, stream, at.wanted, at.offset, sender).await;
    }
    let read = || init.ask(InitRequest::Read { reader: at.reader, max: READ });
    // The next piece comes while this one is on its way to the client.
    let mut replies = FuturesOrdered::from_iter([read(), read()]);
    while let Some(reply) = replies.next().await {
        let (offset, data, end) = match reply {
            Ok(InitReply::Output { offset, data, end }) => (offset, data, end),
            Ok(other) => return drop(unexpected(&other)),
            Err(_) => break,
        };
        next = offset + data.len() as u64;
        if sender.send(Chunk { stream, offset, bytes: Bytes::from(data), end }).await.is_err() || end {
            return;
        }
        replies.push_back(read());
    }
    match &source.log {
        Some(log) => {
            let (streams, from) = only(stream, next);
            replay(log, streams, from, true, sender).await;
        }
        None => {
            let _ = sender.send(Chunk { stream, offset: next, bytes: Bytes::new(), end: true }).await;
        }
    }
}

const fn only(stream: OutputStream, from: u64) -> (Streams, StartAt) {
    match stream {
        OutputStream::Stdout => (Streams::Stdout, StartAt { stdout: Some(from), stderr: None }),
        OutputStream::Stderr => (Streams::Stderr, StartAt { stdout: None, stderr: Some(from) }),
    }
}

/// Sends what the log has of `from..until`; answers with the offset after it.
async fn replay_until(log: &OutputLog, stream: OutputStream, from: u64, until: u64, sender: &mpsc::Sender<Chunk>) -> u64 {
    let (streams, mut start) = only(stream, from);
    let (mut cursor, mut next) = (Cursor::default(), from);
    while next < until {
        let Ok(Some(mut chunk)) = log.next(&mut cursor, streams, &mut start) else { return next };
        if chunk.offset >= until {
            return next;
        }
        let length = usize::try_from(until - chunk.offset).unwrap_or(usize::MAX).min(chunk.bytes.len());
        chunk.bytes.truncate(length);
        next = chunk.offset + length as u64;
        if sender.send(chunk).await.is_err() {
            return next;
        }
    }
    next
}

/// Sends what the log has, then, with `follow`, what comes, and the ends.
async fn replay(log: &OutputLog, streams: Streams, mut from: StartAt, follow: bool, sender: &mpsc::Sender<Chunk>) {
    let mut cursor = Cursor::default();
    let mut progress = log.watch();
    loop {
        let finished = progress.borrow_and_update().finished;
        loop {
            match log.next(&mut cursor, streams, &mut from) {
                Ok(Some(chunk)) => {
                    if sender.send(chunk).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "a log cannot be read");
                    return;
                }
            }
        }
        if finished || !follow || progress.changed().await.is_err() {
            break;
        }
    }
    for stream in [OutputStream::Stdout, OutputStream::Stderr].into_iter().filter(|stream| streams.has(*stream)) {
        let at = if stream == OutputStream::Stdout { from.stdout } else { from.stderr };
        let end = Chunk { stream, offset: at.unwrap_or(0), bytes: Bytes::new(), end: true };
        if sender.send(end).await.is_err() {
            return;
        }
    }
}
