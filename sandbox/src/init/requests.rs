//! What each request does.

use std::{
    io::{self, Read},
    os::fd::OwnedFd,
    time::Duration,
};

use super::{
    Init, Kind, LAST_SIGNAL, connection::MAX_WAITING, exec, files, holders, ports, process::Process, tree, tree::TreeError,
    worker, worker::Worker,
};
use crate::{
    sys::{epoll::Interest, process::Used},
    wire::init::{
        ExitReport, HOLD_SECONDS, InitReply, InitRequest, MAX_CHUNK, OpenHow, OutputStream, Pace, ProcessReport, ProgramUse,
        StartProcess, ToInit,
    },
};

/// Programs that are kept; the oldest ended ones are forgotten for new ones.
const MAX_PROCESSES: usize = 512;
/// Calls that wait for their program.
const MAX_CALLS: usize = 32;
/// Longest label, bytes.
const MAX_LABEL: usize = 64;
/// Bytes of arguments per program when many are listed: with [`MAX_PROCESSES`] of them a list still fits in a frame.
const MAX_LISTED: usize = 1024;
const SHORT_LIST: usize = 128;

/// An answer at once, or `None` when it comes later.
type Answer = Result<Option<InitReply>, InitReply>;

impl Init {
    pub(super) fn request(&mut self, connection: u32, request: ToInit) {
        let ToInit { tag, body } = request;
        let Some(client) = self.connections.get_mut(&connection) else { return };
        client.waiting += 1;
        if client.waiting > MAX_WAITING {
            return self.reply(connection, tag, refused(libc::EAGAIN, "too many requests wait already"), None);
        }
        let answer = match body {
            InitRequest::Open { path, how } => return self.open(connection, tag, &path, how),
            InitRequest::NetworkSocket(which) => {
                let (body, socket) = match self.network.socket(which) {
                    Ok(socket) => (InitReply::Opened { size: 0 }, Some(socket)),
                    Err(answer) => (answer, None),
                };
                return self.reply(connection, tag, body, socket);
            }
            InitRequest::Connect { port, v6 } => {
                let (body, socket) = match ports::connect(port, v6) {
                    Ok(socket) => (InitReply::Opened { size: 0 }, Some(socket)),
                    Err(answer) => (answer, None),
                };
                return self.reply(connection, tag, body, socket);
            }
            InitRequest::Listening => ports::listening().map(Some),
            InitRequest::Holders { near, far } => holders::holders(near, far).map(Some),
            InitRequest::Start(start) => self.start(connection, tag, start, &[]),
            InitRequest::StartIn { call, start } => match self.calls.remove(&call) {
                Some(places) => self.start(connection, tag, start, &places),
                None => Err(refused(libc::ESRCH, "no such call")),
            },
            InitRequest::Call { call } => {
                let places = client.descriptors();
                self.call(call, places)
            }
            InitRequest::Used { process } => self.used(process),
            InitRequest::Write { process, data } => self.write(connection, tag, process, data),
            InitRequest::CloseInput { process } => self.give(connection, tag, process, Vec::new(), true),
            InitRequest::Resize { process, cols, rows } => self.resize(process, cols, rows),
            InitRequest::Signal { process, signal, group } => self.signal(process, signal, group),
            InitRequest::Attach { process, stream, from, pace } => self.attach(connection, process, stream, from, pace),
            InitRequest::Read { reader, max } => self.read(connection, tag, reader, max),
            InitRequest::Detach { reader } => self.detach(connection, reader),
            InitRequest::List => Ok(Some(InitReply::Processes(self.list()))),
            InitRequest::Wait { process } => self.wait(connection, tag, process),
            InitRequest::Forget { process } => self.forget_ended(process),
            InitRequest::ListDir { path, after } => files::list(&path, after.as_deref()).map(Some),
            InitRequest::Stat { path, follow } => files::stat(&path, follow).map(Some),
            InitRequest::Mkdir { path, recursive } => files::mkdir(&path, recursive).map(Some),
            InitRequest::Remove { path, recursive } => {
                let path = files::resolve(&path);
                self.work(connection, tag, move || tree::remove(&path, recursive))
            }
            InitRequest::Rename { from, to } => {
                let (from, to) = (files::resolve(&from), files::resolve(&to));
                self.work(connection, tag, move || tree::rename(&from, &to))
            }
            InitRequest::Copy { from, to } => {
                let (from, to) = (files::resolve(&from), files::resolve(&to));
                self.work(connection, tag, move || tree::copy(&from, &to))
            }
        };
        if let Some(answer) = answer.unwrap_or_else(Some) {
            self.reply(connection, tag, answer, None);
        }
    }

    fn open(&mut self, connection: u32, tag: u64, path: &str, how: OpenHow) {
        let (body, descriptor): (_, Option<OwnedFd>) = match files::open(path, how) {
            Ok((size, descriptor)) => (InitReply::Opened { size }, Some(descriptor)),
            Err(answer) => (answer, None),
        };
        self.reply(connection, tag, body, descriptor);
    }

    fn work(&mut self, connection: u32, tag: u64, work: impl FnOnce() -> Result<(), TreeError>) -> Answer {
        if self.workers.len() >= worker::MAX_WORKERS {
            return Err(refused(libc::EAGAIN, "too many file operations run already"));
        }
        let started = Worker::start(connection, tag, self.identity, work).map_err(files::failed("fork"))?;
        self.last.worker += 1;
        let number = self.last.worker;
        self.epoll.add(&started, Kind::Worker.token(number), Interest::Read).map_err(files::failed("epoll"))?;
        self.workers.insert(number, started);
        Ok(None)
    }

    /// Keeps what places the program of a call. Of calls that nobody starts a program for, the oldest are forgotten.
    fn call(&mut self, call: u32, places: Vec<OwnedFd>) -> Answer {
        if places.is_empty() {
            return Err(refused(libc::EINVAL, "a call without cgroups"));
        }
        self.calls.insert(call, places);
        while self.calls.len() > MAX_CALLS {
            self.calls.pop_first();
        }
        Ok(Some(InitReply::Done))
    }

    fn used(&mut self, number: u32) -> Answer {
        let process = self.process(number)?;
        if process.exited.is_none() {
            return Err(refused(libc::EBUSY, "the process has not ended"));
        }
        let Used { cpu_usec, largest_bytes, read_bytes, written_bytes } = process.used;
        Ok(Some(InitReply::Used(ProgramUse { cpu_usec, largest_bytes, read_bytes, written_bytes })))
    }

    fn start(&mut self, connection: u32, tag: u64, start: StartProcess, places: &[OwnedFd]) -> Answer {
        if start.label.len() > MAX_LABEL {
            return Err(refused(libc::EINVAL, "label longer than 64 bytes"));
        }
        if self.processes.len() >= MAX_PROCESSES {
            let ended = self.processes.iter().find(|(_, process)| process.exited.is_some()).map(|(number, _)| *number);
            self.forget(ended.ok_or_else(|| refused(libc::EAGAIN, "too many processes"))?);
        }
        let launched = exec::launch(&start, self.identity, places)?;
        let expected_until = start.hold.then(|| self.now + Duration::from_secs(HOLD_SECONDS));
        self.last.process += 1;
        let number = self.last.process;
        let added = self.epoll.add(&launched.report, Kind::Starting.token(number), Interest::Read);
        self.processes.insert(number, Process::new(start, launched, connection, tag, expected_until));
        if let Err(error) = added {
            self.forget_started(number);
            return Err(files::failed("epoll")(error));
        }
        for at in 0..2 {
            self.pump(number, at);
        }
        Ok(None)
    }

    /// The child has said how `execve` went, or has become the program.
    pub(super) fn started(&mut self, number: u32) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        let Some(starting) = &mut process.starting else { return };
        let mut report = [0; 16];
        let count = match starting.report.read(&mut report) {
            Err(error) if super::connection::again(&error) => return,
            result => result.unwrap_or(0),
        };
        let (connection, tag, pid) = (starting.connection, starting.tag, process.pid);
        process.starting = None;
        let answer = match exec::failure(&report[..count]) {
            Some(failure) => {
                self.forget(number);
                failure
            }
            None => InitReply::Started { process: number, pid },
        };
        self.reply(connection, tag, answer, None);
    }

    /// Gives up a program that cannot be watched.
    fn forget_started(&mut self, number: u32) {
        if let Some(process) = self.processes.get(&number) {
            // Failing means that it has ended: the same.
            let _ = self.identity.kill(-process.pid.cast_signed(), libc::SIGKILL);
        }
        self.forget(number);
    }

    fn write(&mut self, connection: u32, tag: u64, number: u32, data: Vec<u8>) -> Answer {
        if data.len() > MAX_CHUNK {
            return Err(refused(libc::EMSGSIZE, "write"));
        }
        self.give(connection, tag, number, data, false)
    }

    fn give(&mut self, connection: u32, tag: u64, number: u32, data: Vec<u8>, close: bool) -> Answer {
        self.process(number)?.input.give(data, close, connection, tag)?;
        self.flush_input(number);
        Ok(None)
    }

    /// Gives a program its input, and lets epoll wait for room exactly when it takes no more.
    pub(super) fn flush_input(&mut self, number: u32) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        let input = &mut process.input;
        if input.armed
            && let Some(sink) = &input.sink
        {
            let _ = self.epoll.remove(sink);
            input.armed = false;
        }
        let (mut answers, more) = input.flush();
        if more && let Some(sink) = &input.sink {
            match self.epoll.add(sink, Kind::Input.token(number), Interest::Write) {
                Ok(()) => input.armed = true,
                Err(_) => answers.extend(input.end()),
            }
        }
        for (connection, tag, answer) in answers {
            self.reply(connection, tag, answer, None);
        }
    }

    /// Ends the input of a program that is gone.
    pub(super) fn end_input(&mut self, number: u32) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        if process.input.armed
            && let Some(sink) = &process.input.sink
        {
            let _ = self.epoll.remove(sink);
        }
        for (connection, tag, answer) in process.input.end() {
            self.reply(connection, tag, answer, None);
        }
    }

    fn resize(&mut self, number: u32, cols: u16, rows: u16) -> Answer {
        let Some((master, size)) = &mut self.process(number)?.terminal else {
            return Err(refused(libc::ENOTTY, "resize"));
        };
        // Its error is words only; the errno is still the thread's.
        master.resize(exec::size(cols, rows)).map_err(|_| files::failed("resize")(io::Error::last_os_error()))?;
        *size = (cols, rows);
        Ok(Some(InitReply::Done))
    }

    fn signal(&mut self, number: u32, signal: i32, group: bool) -> Answer {
        let process = self.process(number)?;
        if process.exited.is_some() {
            // Its pid may be somebody else's by now.
            return Err(refused(libc::ESRCH, "signal"));
        }
        if !(1..=LAST_SIGNAL).contains(&signal) {
            return Err(refused(libc::EINVAL, "signal"));
        }
        // Each program leads its own process group.
        let target = if group { -process.pid.cast_signed() } else { process.pid.cast_signed() };
        self.identity.kill(target, signal).map_err(files::failed("signal"))?;
        Ok(Some(InitReply::Done))
    }

    fn attach(&mut self, connection: u32, number: u32, stream: OutputStream, from: Option<u64>, pace: Pace) -> Answer {
        let at = match stream {
            OutputStream::Stdout => 0,
            OutputStream::Stderr => 1,
        };
        let reader = self.last.reader + 1;
        let stream = &mut self.process(number)?.outputs[at].stream;
        let offset = stream.attach(reader, connection, from, pace);
        let (oldest, newest) = (stream.ring.oldest(), stream.ring.newest());
        self.last.reader = reader;
        self.readers.insert(reader, (number, at));
        self.readers_changed(number, at);
        Ok(Some(InitReply::Attached { reader, offset, oldest, newest }))
    }

    fn read(&mut self, connection: u32, tag: u64, reader: u32, max: u32) -> Answer {
        let (number, at) = self.reader(connection, reader)?;
        let max = usize::try_from(max).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
        self.process(number)?.outputs[at].stream.ask(reader, tag, max);
        self.readers_changed(number, at);
        Ok(None)
    }

    fn detach(&mut self, connection: u32, reader: u32) -> Answer {
        let (number, at) = self.reader(connection, reader)?;
        self.readers.remove(&reader);
        let unanswered = self.process(number)?.outputs[at].stream.detach(reader);
        for (connection, tag) in unanswered {
            self.reply(connection, tag, refused(libc::ECANCELED, "the reader was ended"), None);
        }
        self.readers_changed(number, at);
        Ok(Some(InitReply::Done))
    }

    /// Where a reader of this connection belongs. Nobody uses another one's.
    fn reader(&self, connection: u32, reader: u32) -> Result<(u32, usize), InitReply> {
        let place = self.readers.get(&reader).copied().ok_or_else(|| refused(libc::EBADF, "no such reader"))?;
        let process = self.processes.get(&place.0);
        let own = process.is_some_and(|process| process.outputs[place.1].stream.belongs(reader, connection));
        if own { Ok(place) } else { Err(refused(libc::EBADF, "no such reader")) }
    }

    fn list(&self) -> Vec<ProcessReport> {
        let max = if self.processes.len() > SHORT_LIST { MAX_LISTED } else { usize::MAX };
        let running = self.processes.iter().filter(|(_, process)| process.starting.is_none());
        running.map(|(number, process)| process.report(*number, max)).collect()
    }

    fn wait(&mut self, connection: u32, tag: u64, number: u32) -> Answer {
        let process = self.process(number)?;
        let exited: Option<ExitReport> = process.exited;
        if exited.is_none() {
            process.waiting.push((connection, tag));
        }
        Ok(exited.map(InitReply::Exited))
    }

    fn forget_ended(&mut self, number: u32) -> Answer {
        if self.process(number)?.exited.is_none() {
            return Err(refused(libc::EBUSY, "the process has not ended"));
        }
        self.forget(number);
        Ok(Some(InitReply::Done))
    }

    fn process(&mut self, number: u32) -> Result<&mut Process, InitReply> {
        self.processes.get_mut(&number).ok_or_else(|| refused(libc::ESRCH, "no such process"))
    }
}

fn refused(errno: i32, step: &str) -> InitReply {
    InitReply::Failed { errno, step: step.to_owned() }
}
