//! From programs to rings to readers: reading, flow control, the bound on all rings together.

use std::{
    fs::File,
    io::{self, Read},
};

use nix::fcntl::FcntlArg;

use super::{Init, Kind, connection::again};
use crate::{
    sys::epoll::Interest,
    wire::init::{InitReply, RING_BYTES},
};

/// Bytes in all rings together.
const MAX_HELD: usize = 16 << 20;
/// What a ring may hold even when all are full.
const MIN_RING: usize = 64 << 10;
/// Reads in a row from one program, so that it does not keep the loop for itself.
const MAX_ROUNDS: usize = 16;
/// Pipes of forgotten programs that are still read.
const MAX_DRAINS: usize = 64;

/// Bytes read before those who read them are answered, unless there is nothing more: a few long answers instead of many short ones.
const GATHERED: usize = 128 << 10;
/// Room in the pipe of a program that writes in bulk, bytes: less than what is still read after its end. A pipe has 64 KiB from the
/// start, which a program fills while init is busy.
const BULK_PIPE: i32 = 512 << 10;

/// What one read gave.
enum Got {
    Bytes(usize),
    Nothing,
    End,
}

impl Init {
    /// Reads what a program has printed, as far as its readers allow, and answers them.
    pub(super) fn pump(&mut self, number: u32, at: usize) {
        let mut gathered = 0;
        // Who has fallen behind makes room first.
        self.answer_readers(number, at);
        for _ in 0..MAX_ROUNDS {
            if gathered >= GATHERED {
                self.answer_readers(number, at);
                gathered = 0;
            }
            let limit = self.limit(number, at);
            let Some(output) = self.processes.get_mut(&number).map(|process| &mut process.outputs[at]) else { return };
            let room = output.stream.room(limit, self.now);
            if room == 0 || output.source.is_none() {
                break;
            }
            match self.take(number, at, room, limit) {
                Got::Bytes(count) => gathered += count,
                Got::Nothing | Got::End => break,
            }
        }
        self.answer_readers(number, at);
        self.arm(number, at);
    }

    fn take(&mut self, number: u32, at: usize, room: usize, limit: usize) -> Got {
        let Some(output) = self.processes.get_mut(&number).map(|process| &mut process.outputs[at]) else { return Got::End };
        let Some(mut source) = output.source.as_ref() else { return Got::End };
        let part = room.min(self.scratch.len());
        match source.read(&mut self.scratch[..part]) {
            Ok(count) if count > 0 => {
                let before = output.stream.ring.len();
                output.stream.push(&self.scratch[..count], limit);
                self.held = self.held + output.stream.ring.len() - before;
                if count == self.scratch.len() && !output.bulk {
                    output.bulk = true;
                    // A terminal has no such thing, and a user's pipes together have a limit (pipe(7)): then it stays as it is.
                    let _ = nix::fcntl::fcntl(source, FcntlArg::F_SETPIPE_SZ(BULK_PIPE));
                }
                Got::Bytes(count)
            }
            Err(error) if again(&error) => {
                output.stream.drained();
                Got::Nothing
            }
            // A terminal that nobody has open any more says EIO.
            Ok(_) | Err(_) => {
                output.stream.finish();
                if output.armed {
                    // By hand: a terminal stays open through its other descriptors, so closing this one would not do it.
                    let _ = self.epoll.remove(&source);
                    output.armed = false;
                }
                output.source = None;
                Got::End
            }
        }
    }

    /// Lets epoll wait for a program's output exactly when there is room for it.
    fn arm(&mut self, number: u32, at: usize) {
        let limit = self.limit(number, at);
        let Some(output) = self.processes.get_mut(&number).map(|process| &mut process.outputs[at]) else { return };
        let wanted = output.stream.room(limit, self.now) > 0;
        match output.stream.deadline() {
            Some(_) => self.stalled.insert((number, at)),
            None => self.stalled.remove(&(number, at)),
        };
        let Some(source) = &output.source else { return };
        let kind = if at == 0 { Kind::Stdout } else { Kind::Stderr };
        let changed = match (output.armed, wanted) {
            (false, true) => self.epoll.add(source, kind.token(number), Interest::Read),
            // Removed rather than changed: a hang-up is told whatever the interest.
            (true, false) => self.epoll.remove(source),
            _ => return,
        };
        output.armed = wanted == changed.is_ok();
    }

    fn answer_readers(&mut self, number: u32, at: usize) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        loop {
            let connections = &self.connections;
            let ready = |connection: u32| connections.get(&connection).is_none_or(|connection| !connection.congested());
            let Some(answer) = process.outputs[at].stream.answer(ready) else { return };
            // Nobody hears it when the client is gone.
            if let Some(connection) = self.connections.get_mut(&answer.connection) {
                connection.output(&answer);
            }
        }
    }

    /// After a reader has asked, come or gone.
    pub(super) fn readers_changed(&mut self, number: u32, at: usize) {
        let Some(output) = self.processes.get(&number).map(|process| &process.outputs[at]) else { return };
        if output.armed && !output.stream.ending() {
            self.answer_readers(number, at);
            self.arm(number, at);
        } else {
            self.pump(number, at);
        }
    }

    /// After a client has gone or takes its answers again.
    pub(super) fn pump_all(&mut self) {
        let numbers: Vec<u32> = self.processes.keys().copied().collect();
        for (number, at) in numbers.into_iter().flat_map(|number| [(number, 0), (number, 1)]) {
            self.readers_changed(number, at);
        }
    }

    /// Overtakes readers that have stalled for too long.
    pub(super) fn expire(&mut self) {
        let stalled: Vec<(u32, usize)> = self.stalled.iter().copied().collect();
        for (number, at) in stalled {
            let limit = self.limit(number, at);
            let Some(process) = self.processes.get_mut(&number) else {
                self.stalled.remove(&(number, at));
                continue;
            };
            if process.outputs[at].stream.expire(limit, self.now) {
                self.pump(number, at);
            }
        }
    }

    /// A program has ended: take what it has left, tell who waits.
    pub(super) fn ended(&mut self, number: u32) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        let Some(report) = process.exited else { return };
        let waiting = std::mem::take(&mut process.waiting);
        self.end_input(number);
        for (connection, tag) in waiting {
            self.reply(connection, tag, InitReply::Exited(report), None);
        }
        for at in 0..2 {
            if let Some(process) = self.processes.get_mut(&number) {
                process.outputs[at].stream.program_ended();
            }
            self.pump(number, at);
        }
    }

    /// Removes a program with its output. Descendants may still write to its pipes: those are emptied until they close.
    pub(super) fn forget(&mut self, number: u32) {
        self.end_input(number);
        let Some(process) = self.processes.remove(&number) else { return };
        let terminal = process.terminal.is_some();
        for output in process.outputs {
            let mut stream = output.stream;
            self.held -= stream.ring.len();
            let (ids, unanswered) = stream.close();
            for id in ids {
                self.readers.remove(&id);
            }
            for (connection, tag) in unanswered {
                let step = "the process was forgotten".to_owned();
                self.reply(connection, tag, InitReply::Failed { errno: libc::ESRCH, step }, None);
            }
            let Some(source) = output.source else { continue };
            if output.armed {
                let _ = self.epoll.remove(&source);
            }
            // A terminal hangs up.
            if !terminal {
                self.start_drain(source);
            }
        }
    }

    fn start_drain(&mut self, source: File) {
        self.last.drain += 1;
        let number = self.last.drain;
        if self.epoll.add(&source, Kind::Drain.token(number), Interest::Read).is_ok() {
            self.drains.insert(number, source);
        }
        if self.drains.len() > MAX_DRAINS {
            self.drains.pop_first();
        }
    }

    pub(super) fn drain(&mut self, number: u32) {
        let Some(mut source) = self.drains.get(&number) else { return };
        match source.read(&mut self.scratch) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock || error.kind() == io::ErrorKind::Interrupted => {}
            Ok(count) if count > 0 => {}
            _ => drop(self.drains.remove(&number)),
        }
    }

    /// Largest size of a ring now. All rings together are bounded: those of ended programs give way, the oldest first; when
    /// there is none left, a ring does not grow any more.
    fn limit(&mut self, number: u32, at: usize) -> usize {
        let Some(held) = self.processes.get(&number).map(|process| process.outputs[at].stream.ring.len()) else { return 0 };
        let growth = (held + self.scratch.len()).min(RING_BYTES).saturating_sub(held);
        if self.held + growth <= MAX_HELD {
            return RING_BYTES;
        }
        for (_, process) in self.processes.iter_mut().filter(|(other, process)| **other != number && process.exited.is_some()) {
            for output in &mut process.outputs {
                self.held -= output.stream.ring.len();
                output.stream.ring.clear();
            }
            if self.held + growth <= MAX_HELD {
                return RING_BYTES;
            }
        }
        held.max(MIN_RING)
    }
}
