//! A small synchronous client of `aether-init`.

use std::{
    collections::VecDeque,
    fs::File,
    io::Write,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use aether_sandbox::{
    sys::fdpass,
    wire::init::{FromInit, InitReply, InitRequest, OutputStream, Pace, StartProcess, Stdio, ToInit},
};
use anyhow::{Result, bail, ensure};

/// Far longer than any answer takes: a missing one fails the attack instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(40);

/// A connection.
pub(crate) struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    replies: VecDeque<FromInit>,
    tag: u64,
}

impl Client {
    /// Connects to the control socket of a sandbox.
    pub(crate) fn to(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::new(), descriptors: VecDeque::new(), replies: VecDeque::new(), tag: 0 })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn call(&mut self, body: InitRequest) -> Result<InitReply> {
        self.tag += 1;
        let bytes = postcard::to_stdvec(&ToInit { tag: self.tag, body })?;
        self.stream.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
        self.stream.write_all(&bytes)?;
        loop {
            while let Some(reply) = self.replies.pop_front() {
                if reply.tag == self.tag {
                    return Ok(reply.body);
                }
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> Result<()> {
        let mut part = vec![0; 256 << 10];
        let mut descriptors = Vec::new();
        let count = fdpass::receive(self.stream.as_fd(), &mut part, &mut descriptors)?;
        ensure!(count > 0, "aether-init ended");
        self.descriptors.extend(descriptors);
        self.received.extend_from_slice(&part[..count]);
        while let Some(length) = self.received.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) {
            let Some(body) = self.received.get(4..4 + length) else { break };
            self.replies.push_back(postcard::from_bytes(body)?);
            self.received.drain(..4 + length);
        }
        Ok(())
    }

    /// The descriptor beside the last answer.
    pub(crate) fn descriptor(&mut self) -> Option<File> {
        self.descriptors.pop_front().map(File::from)
    }

    /// Starts a program; its number.
    pub(crate) fn start(&mut self, argv: &[&str], stdio: Stdio, workdir: &str) -> Result<u32> {
        let start = StartProcess {
            argv: argv.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            env: vec![b"PATH=/usr/local/bin:/usr/bin:/bin".to_vec()],
            workdir: workdir.to_owned(),
            stdio,
            label: "exec".to_owned(),
            hold: true,
        };
        match self.call(InitRequest::Start(start))? {
            InitReply::Started { process, .. } => Ok(process),
            other => bail!("start {argv:?}: {other:?}"),
        }
    }

    /// Reads what a program prints until it ends or has printed `until`.
    pub(crate) fn output(&mut self, process: u32, until: Option<&str>) -> Result<String> {
        let attach = InitRequest::Attach { process, stream: OutputStream::Stdout, from: None, pace: Pace::Hold };
        let InitReply::Attached { reader, .. } = self.call(attach)? else { bail!("attach") };
        let mut all = Vec::new();
        loop {
            let InitReply::Output { data, end, .. } = self.call(InitRequest::Read { reader, max: 64 << 10 })? else {
                bail!("read")
            };
            all.extend(data);
            let text = String::from_utf8_lossy(&all);
            if end || until.is_some_and(|until| text.contains(until)) {
                return Ok(text.into_owned());
            }
        }
    }

    /// Runs a program to its end; what it printed.
    pub(crate) fn run(&mut self, argv: &[&str], stdio: Stdio) -> Result<String> {
        let process = self.start(argv, stdio, "/tmp")?;
        let output = self.output(process, None)?;
        self.call(InitRequest::Wait { process })?;
        self.call(InitRequest::Forget { process })?;
        Ok(output)
    }
}
