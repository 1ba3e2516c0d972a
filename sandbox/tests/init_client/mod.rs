//! `aether-init` as an ordinary process, and a small synchronous client of it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio as ProcessStdio},
    time::Duration,
};

use aether_sandbox::{
    sys::fdpass,
    wire::init::{ExitReport, FromInit, InitReply, InitRequest, OutputStream, Pace, ProcessReport, StartProcess, Stdio, ToInit},
};

/// Far longer than any answer takes: a missing one fails the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running init with a directory of its own.
pub(crate) struct Init {
    child: Child,
    directory: tempfile::TempDir,
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    received: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    replies: Vec<FromInit>,
    tag: u64,
}

impl Init {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("init.sock")).unwrap();
        // The shell moves the socket to descriptor 3, as the spawner does.
        let child = Command::new("/bin/sh")
            .args(["-c", "exec \"$0\" 3<&0 </dev/null", env!("CARGO_BIN_EXE_aether-init")])
            .env_clear()
            .stdin(ProcessStdio::from(OwnedFd::from(listener)))
            .spawn()
            .unwrap();
        Self { child, directory }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::to(&self.directory.path().join("init.sock"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        // Programs that still run would outlive it here, where it is not PID 1 of a namespace.
        let mut client = self.connect();
        if let InitReply::Processes(processes) = client.call(InitRequest::List) {
            for process in processes.iter().filter(|process| process.exited.is_none()) {
                client.call(InitRequest::Signal { process: process.process, signal: 9, group: true });
            }
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Client {
    pub(crate) fn to(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, received: Vec::new(), descriptors: VecDeque::new(), replies: Vec::new(), tag: 0 }
    }

    /// Sends without waiting; the tag.
    pub(crate) fn send(&mut self, body: InitRequest) -> u64 {
        self.tag += 1;
        let bytes = postcard::to_stdvec(&ToInit { tag: self.tag, body }).unwrap();
        self.stream.write_all(&u32::try_from(bytes.len()).unwrap().to_le_bytes()).unwrap();
        self.stream.write_all(&bytes).unwrap();
        self.tag
    }

    /// The answer to a tag; others are kept.
    pub(crate) fn answer(&mut self, tag: u64) -> InitReply {
        loop {
            if let Some(at) = self.replies.iter().position(|reply| reply.tag == tag) {
                return self.replies.remove(at).body;
            }
            self.receive().unwrap();
        }
    }

    /// Has the answer to a tag arrived already?
    pub(crate) fn has_answer(&self, tag: u64) -> bool {
        self.replies.iter().any(|reply| reply.tag == tag)
    }

    pub(crate) fn call(&mut self, body: InitRequest) -> InitReply {
        let tag = self.send(body);
        self.answer(tag)
    }

    pub(crate) fn receive(&mut self) -> io::Result<()> {
        let mut part = vec![0; 256 << 10];
        let mut descriptors = Vec::new();
        let count = fdpass::receive(self.stream.as_fd(), &mut part, &mut descriptors)?;
        self.descriptors.extend(descriptors);
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&part[..count]);
        while let Some(length) = self.received.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) {
            let Some(body) = self.received.get(4..4 + length) else { break };
            self.replies.push(postcard::from_bytes(body).unwrap());
            self.received.drain(..4 + length);
        }
        Ok(())
    }

    pub(crate) fn run(&mut self, argv: &[&str], stdio: Stdio) -> u32 {
        match self.call(InitRequest::Start(program(argv, stdio))) {
            InitReply::Started { process, .. } => process,
            other => panic!("{argv:?}: {other:?}"),
        }
    }

    /// A shell on a terminal of 80 by 24; its prompt is `@`.
    pub(crate) fn shell(&mut self) -> u32 {
        let mut start = program(&["sh"], Stdio::Terminal { cols: 80, rows: 24 });
        start.env.push(b"PS1=@".to_vec());
        match self.call(InitRequest::Start(start)) {
            InitReply::Started { process, .. } => process,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn attach(&mut self, process: u32, stream: OutputStream, from: Option<u64>, pace: Pace) -> (u32, u64) {
        match self.call(InitRequest::Attach { process, stream, from, pace }) {
            InitReply::Attached { reader, offset, .. } => (reader, offset),
            other => panic!("{other:?}"),
        }
    }

    /// All the output up to the end, without a gap.
    pub(crate) fn read_all(&mut self, reader: u32) -> Vec<u8> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let (offset, data, end) = self.read(reader, 256 << 10);
            assert_eq!(next.unwrap_or(offset), offset, "a gap");
            next = Some(offset + data.len() as u64);
            all.extend(data);
            if end {
                return all;
            }
        }
    }

    pub(crate) fn read(&mut self, reader: u32, max: u32) -> (u64, Vec<u8>, bool) {
        match self.call(InitRequest::Read { reader, max }) {
            InitReply::Output { offset, data, end } => (offset, data, end),
            other => panic!("{other:?}"),
        }
    }

    /// Reads until the output holds `text`.
    pub(crate) fn read_until(&mut self, reader: u32, text: &str) -> String {
        let mut all = String::new();
        while !all.contains(text) {
            let (_, data, end) = self.read(reader, 4096);
            all.push_str(&String::from_utf8_lossy(&data));
            assert!(!end || all.contains(text), "ended after {all:?}");
        }
        all
    }

    /// Runs a program to its end: output, error output, exit.
    pub(crate) fn output(&mut self, argv: &[&str]) -> (String, String, ExitReport) {
        let process = self.run(argv, Stdio::Pipes { stdin: false });
        let (out, _) = self.attach(process, OutputStream::Stdout, None, Pace::Hold);
        let (err, _) = self.attach(process, OutputStream::Stderr, None, Pace::Hold);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(self.read_all(out)), text(self.read_all(err)), self.wait(process))
    }

    pub(crate) fn wait(&mut self, process: u32) -> ExitReport {
        match self.call(InitRequest::Wait { process }) {
            InitReply::Exited(report) => report,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn list(&mut self) -> Vec<ProcessReport> {
        match self.call(InitRequest::List) {
            InitReply::Processes(processes) => processes,
            other => panic!("{other:?}"),
        }
    }

    /// The errno and step of a refusal.
    pub(crate) fn refused(&mut self, body: InitRequest) -> (i32, String) {
        match self.call(body) {
            InitReply::Failed { errno, step } => (errno, step),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn done(&mut self, body: InitRequest) {
        assert_eq!(self.call(body), InitReply::Done);
    }

    pub(crate) fn descriptor(&mut self) -> File {
        File::from(self.descriptors.pop_front().expect("a descriptor beside the answer"))
    }

    /// Is the connection closed by the other side?
    pub(crate) fn closed(&mut self) -> bool {
        matches!((&self.stream).read(&mut [0; 1]), Ok(0))
    }
}

pub(crate) fn program(argv: &[&str], stdio: Stdio) -> StartProcess {
    StartProcess {
        argv: argv.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
        env: vec![b"PATH=/usr/local/bin:/usr/bin:/bin".to_vec(), b"TERM=xterm".to_vec()],
        workdir: "/tmp".to_owned(),
        stdio,
        label: "exec".to_owned(),
        hold: false,
    }
}

pub(crate) fn exists(path: impl AsRef<Path>) -> bool {
    PathBuf::from(path.as_ref()).symlink_metadata().is_ok()
}
