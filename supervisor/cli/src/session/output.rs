//! Writes a process's output to ours, byte for byte and in whole pieces, on a thread of its own: a slow reader of our output
//! must not hold up signals and keys.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    os::fd::AsFd as _,
    thread,
};

use bytes::Bytes;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::filter::ScreenFilter;

/// Bytes that may wait here before the channel is read no further.
const MOST_WAITING: u64 = 4 << 20;

/// Which of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// The writing thread, from outside.
pub(super) struct Output {
    pieces: UnboundedSender<(Stream, Bytes)>,
    written: UnboundedReceiver<io::Result<u64>>,
    waiting: u64,
}

impl Output {
    pub(super) fn start() -> Self {
        let (pieces, mut queue) = unbounded_channel::<(Stream, Bytes)>();
        let (report, written) = unbounded_channel();
        thread::spawn(move || {
            let mut sinks = match (Sink::stdout(), Sink::stderr()) {
                (Ok(stdout), Ok(stderr)) => [stdout, stderr],
                (Err(error), _) | (_, Err(error)) => {
                    let _ = report.send(Err(error));
                    return;
                }
            };
            while let Some((stream, piece)) = queue.blocking_recv() {
                let sink = &mut sinks[usize::from(stream == Stream::Stderr)];
                let outcome = sink.write(&piece).map(|()| piece.len() as u64);
                let failed = outcome.is_err();
                if report.send(outcome).is_err() || failed {
                    return;
                }
            }
            let [stdout, _] = &mut sinks;
            let _ = stdout.leave();
        });
        Self { pieces, written, waiting: 0 }
    }

    /// Queues a piece.
    pub(super) fn write(&mut self, stream: Stream, piece: Bytes) {
        self.waiting += piece.len() as u64;
        // When the thread has ended, `written` says why.
        let _ = self.pieces.send((stream, piece));
    }

    /// May more be queued?
    pub(super) const fn has_room(&self) -> bool {
        self.waiting < MOST_WAITING
    }

    /// How many bytes were written since the last call, as soon as there are some. Cancel safe.
    pub(super) async fn written(&mut self) -> io::Result<u64> {
        match self.written.recv().await {
            Some(Ok(bytes)) => {
                self.waiting -= bytes;
                Ok(bytes)
            }
            Some(Err(error)) => Err(error),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Writes what is queued.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        drop(self.pieces);
        while let Some(outcome) = self.written.recv().await {
            outcome?;
        }
        Ok(())
    }
}

/// One of our streams; filtered when a person's terminal reads it.
struct Sink {
    file: File,
    filter: Option<ScreenFilter>,
    shown: Vec<u8>,
}

impl Sink {
    fn stdout() -> io::Result<Self> {
        let stdout = io::stdout();
        Self::new(stdout.as_fd().try_clone_to_owned()?.into(), stdout.is_terminal())
    }

    fn stderr() -> io::Result<Self> {
        let stderr = io::stderr();
        Self::new(stderr.as_fd().try_clone_to_owned()?.into(), stderr.is_terminal())
    }

    fn new(file: File, terminal: bool) -> io::Result<Self> {
        Ok(Self { file, filter: terminal.then(ScreenFilter::new), shown: Vec::new() })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let Some(filter) = &mut self.filter else { return write_all(&mut self.file, piece) };
        self.shown.clear();
        filter.push(piece, &mut self.shown);
        write_all(&mut self.file, &self.shown)
    }

    /// Puts the terminal back when a program was left that had changed it.
    fn leave(&mut self) -> io::Result<()> {
        match &self.filter {
            Some(filter) => match filter.undo() {
                Some(undo) => write_all(&mut self.file, &undo),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }
}

/// As `Write::write_all`, but waits when whoever gave us the stream made it non-blocking.
fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut ready = [PollFd::new(file.as_fd(), PollFlags::POLLOUT)];
                let _ = poll(&mut ready, PollTimeout::NONE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
