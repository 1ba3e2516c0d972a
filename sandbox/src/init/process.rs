//! A program started by request: what is known of it, its input, its outputs.

use std::{
    collections::VecDeque,
    fs::File,
    io::Write,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    connection::again,
    exec::{Launched, Master},
    ring::Ring,
    stream::Stream,
};
use crate::{
    sys::process::{ChildState, Used},
    wire::init::{ExitReport, InitReply, ProcessReport, StartProcess, Stdio},
};

/// Bytes of `argv` kept for people.
const MAX_SHOWN: usize = 4096;
/// Bytes of input that wait for the program.
const MAX_INPUT: usize = 4 << 20;
/// End of file for a terminal in its usual mode (`VEOF`, termios(3)).
const END_OF_FILE: u8 = 0x04;

/// A program.
pub(super) struct Process {
    pub(super) pid: u32,
    label: String,
    argv: Vec<String>,
    pub(super) terminal: Option<(Master, (u16, u16))>,
    started_at: i64,
    stopped: bool,
    pub(super) exited: Option<ExitReport>,
    /// What it used, once it has ended.
    pub(super) used: Used,
    /// Until `execve` has worked or failed.
    pub(super) starting: Option<Starting>,
    pub(super) input: Input,
    /// Standard output or the terminal; standard error.
    pub(super) outputs: [Output; 2],
    /// Who waits for the end: connection and tag.
    pub(super) waiting: Vec<(u32, u64)>,
}

/// A start that nobody knows the result of yet.
pub(super) struct Starting {
    pub(super) report: File,
    pub(super) connection: u32,
    pub(super) tag: u64,
}

/// An output and our end of its pipe or terminal.
pub(super) struct Output {
    pub(super) stream: Stream,
    pub(super) source: Option<File>,
    /// Does epoll wait for `source`?
    pub(super) armed: bool,
    /// Its program writes much at a time; the pipe was made larger.
    pub(super) bulk: bool,
}

/// Input on its way to a program, in order.
pub(super) struct Input {
    pub(super) sink: Option<File>,
    terminal: bool,
    queue: VecDeque<Given>,
    bytes: usize,
    /// Does epoll wait for room in `sink`?
    pub(super) armed: bool,
}

struct Given {
    data: Vec<u8>,
    taken: usize,
    close: bool,
    connection: u32,
    tag: u64,
}

impl Process {
    /// A program that was just forked.
    pub(super) fn new(
        start: StartProcess,
        launched: Launched,
        connection: u32,
        tag: u64,
        expected_until: Option<Instant>,
    ) -> Self {
        let Launched { pid, report, input, outputs, terminal } = launched;
        let size = match start.stdio {
            Stdio::Terminal { cols, rows } => (cols, rows),
            Stdio::Pipes { .. } => (0, 0),
        };
        let outputs = outputs.map(|source| {
            let mut stream = Stream::new(expected_until);
            if source.is_none() {
                stream.finish();
            }
            Output { stream, source, armed: false, bulk: false }
        });
        Self {
            pid,
            label: start.label,
            argv: shown(&start.argv, MAX_SHOWN),
            started_at: now_millis(),
            stopped: false,
            exited: None,
            used: Used::default(),
            starting: Some(Starting { report, connection, tag }),
            input: Input { sink: input, terminal: terminal.is_some(), queue: VecDeque::new(), bytes: 0, armed: false },
            terminal: terminal.map(|master| (master, size)),
            outputs,
            waiting: Vec::new(),
        }
    }

    /// Its state has changed.
    pub(super) fn changed(&mut self, state: ChildState) {
        match state {
            ChildState::Stopped => self.stopped = true,
            ChildState::Continued => self.stopped = false,
            ChildState::Exited(status) => self.exited = Some(ExitReport::Code(status)),
            ChildState::Killed(signal) => self.exited = Some(ExitReport::Signal(signal)),
        }
        self.stopped &= self.exited.is_none();
    }

    /// What `List` says of it, with at most `max` bytes of its arguments.
    pub(super) fn report(&self, process: u32, max: usize) -> ProcessReport {
        let range = |ring: &Ring| (ring.oldest(), ring.newest());
        let mut left = max;
        ProcessReport {
            process,
            pid: self.pid,
            label: self.label.clone(),
            argv: self.argv.iter().map_while(|text| take(text, &mut left)).collect(),
            terminal: self.terminal.as_ref().map(|(_, size)| *size),
            started_at: self.started_at,
            stopped: self.stopped,
            exited: self.exited,
            stdout: range(&self.outputs[0].stream.ring),
            stderr: range(&self.outputs[1].stream.ring),
        }
    }
}

impl Input {
    /// Queues bytes, or the end. The answer at once when it cannot be.
    pub(super) fn give(&mut self, data: Vec<u8>, close: bool, connection: u32, tag: u64) -> Result<(), InitReply> {
        if self.sink.is_none() {
            return Err(no_reader());
        }
        if self.bytes + data.len() > MAX_INPUT {
            return Err(InitReply::Failed { errno: libc::EAGAIN, step: "too much input waits already".to_owned() });
        }
        let data = if close && self.terminal { vec![END_OF_FILE] } else { data };
        self.bytes += data.len();
        self.queue.push_back(Given { data, taken: 0, close: close && !self.terminal, connection, tag });
        Ok(())
    }

    /// Gives the program what it takes now. Returns what is answered by that, and whether more waits for room.
    pub(super) fn flush(&mut self) -> (Vec<(u32, u64, InitReply)>, bool) {
        let mut answers = Vec::new();
        while let (Some(mut sink), Some(given)) = (self.sink.as_ref(), self.queue.front_mut()) {
            if given.taken < given.data.len() {
                match sink.write(&given.data[given.taken..]) {
                    Ok(count) => {
                        given.taken += count;
                        self.bytes -= count;
                        continue;
                    }
                    Err(error) if again(&error) => return (answers, true),
                    Err(_) => {
                        answers.extend(self.end());
                        break;
                    }
                }
            }
            answers.push((given.connection, given.tag, InitReply::Done));
            if given.close {
                self.queue.pop_front();
                answers.extend(self.end());
                break;
            }
            self.queue.pop_front();
        }
        (answers, false)
    }

    /// Nobody reads it any more: what was not taken fails.
    pub(super) fn end(&mut self) -> Vec<(u32, u64, InitReply)> {
        (self.sink, self.bytes, self.armed) = (None, 0, false);
        self.queue.drain(..).map(|given| (given.connection, given.tag, no_reader())).collect()
    }
}

fn no_reader() -> InitReply {
    InitReply::Failed { errno: libc::EPIPE, step: "write".to_owned() }
}

fn shown(argv: &[Vec<u8>], max: usize) -> Vec<String> {
    let mut left = max;
    argv.iter().map_while(|bytes| take(&String::from_utf8_lossy(&bytes[..bytes.len().min(max)]), &mut left)).collect()
}

/// As much of `text` as `left` allows, by whole characters; nothing when nothing is left.
fn take(text: &str, left: &mut usize) -> Option<String> {
    if *left == 0 {
        return None;
    }
    let end = text.floor_char_boundary(*left);
    // An empty argument counts too, or there could be any number of them.
    *left = if end < text.len() { 0 } else { left.saturating_sub(end.max(1)) };
    Some(text[..end].to_owned())
}

fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_cut_at_whole_characters() {
        assert_eq!(shown(&[b"sh".to_vec(), "-ähm".into(), b"x".to_vec()], 5), ["sh", "-ä"]);
        assert_eq!(shown(&[b"a".to_vec(), Vec::new(), b"b".to_vec()], 3), ["a", "", "b"]);
        assert_eq!(shown(&[vec![0xff; 4096]], 4).concat(), "\u{fffd}");
    }
}
