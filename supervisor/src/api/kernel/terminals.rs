//! Terminals that one connection is attached to: output under the client's acknowledgements, input in order.

use std::collections::HashMap;

use aether_protocol::{
    AgentInfo, ApiError, ErrorCode, Program, TtyId, TtyInfo,
    command::TtyInput,
    event::{ProcessOutput, StreamFrame, TtyOutput},
};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    outgoing::{Gone, Outgoing},
    request::answer,
    text::{Piece, TextStream},
};
use crate::{
    api::{ApiState, attach::WINDOW},
    fleet::{Chunk, OutputReader, OutputStream, Pace, ProcessHandle, StartAt, Streams, inherited},
};

/// Terminals of one connection at a time.
const MOST: usize = 64;
/// Process number of an agent's own program: the first one started in its sandbox.
const MAIN: u32 = 1;
/// Keys on their way to one terminal.
const KEYS: usize = 256;
/// Bytes in one frame at most, so that the window is kept and a batch stays small.
const PIECE: usize = 64 * 1024;

/// The terminals of a connection.
pub(crate) struct Terminals {
    state: ApiState,
    out: Outgoing,
    attached: HashMap<TtyId, Attached>,
    lanes: HashMap<TtyId, Lane>,
}

/// A terminal that a connection is about to follow.
pub(crate) struct Attachment {
    tty: TtyId,
    agent: AgentInfo,
    terminal: bool,
    reader: OutputReader,
}

impl Attachment {
    /// What stands for a terminal when the agent's program has pipes: then `process.stdout` and `process.stderr` follow.
    pub(crate) fn without_terminal(&self) -> Option<TtyInfo> {
        let Program::Command(command) = &self.agent.spec.program else { return None };
        if self.terminal || self.tty.parts().1 != MAIN {
            return None;
        }
        Some(TtyInfo {
            tty_id: self.tty.clone(),
            pid: self.agent.number,
            cols: 0,
            rows: 0,
            title: command.argv.join(" "),
            opened_at: self.agent.started_at.clone().unwrap_or_else(|| self.agent.created_at.clone()),
            offset: self.reader.offset,
            oldest: self.reader.oldest,
            closed: self.agent.state.is_dead(),
        })
    }
}

struct Attached {
    acknowledged: watch::Sender<u64>,
    _task: AbortOnDropHandle<()>,
}

struct Lane {
    keys: mpsc::Sender<(String, TtyInput)>,
    _task: AbortOnDropHandle<()>,
}

impl Terminals {
    /// None yet.
    pub(crate) fn new(state: ApiState, out: Outgoing) -> Self {
        Self { state, out, attached: HashMap::new(), lanes: HashMap::new() }
    }

    /// Gets ready to follow a terminal from an offset (the oldest byte held when absent).
    ///
    /// # Errors
    /// An unknown terminal, or too many of them.
    pub(crate) async fn prepare(&mut self, tty: &TtyId, from: Option<u64>) -> Result<Attachment, ApiError> {
        self.attached.retain(|_, attached| !attached.acknowledged.is_closed());
        if self.attached.len() >= MOST && !self.attached.contains_key(tty) {
            let cause = format!("this connection is attached to {MOST} terminals already");
            return Err(ApiError::new(ErrorCode::Busy, cause, "detach from one, or open another connection"));
        }
        let (agent, process) = tty.parts();
        let fleet = self.state.fleet();
        let handle = fleet.process(&agent, process).await?;
        let agent = fleet.get(agent.as_str()).await?;
        let start = StartAt { stdout: from, stderr: None };
        let reader = fleet.attach(&handle, Streams::All, start, Pace::Hold).await?;
        Ok(Attachment { tty: tty.clone(), agent, terminal: handle.tty, reader })
    }

    /// Follows it. Attaching again starts over.
    pub(crate) fn start(&mut self, attachment: Attachment) {
        let Attachment { tty, agent, terminal, reader } = attachment;
        let (acknowledged, seen) = watch::channel(reader.offset);
        let follower = Follower { tty: tty.clone(), pid: agent.number, terminal, out: self.out.clone(), seen };
        let task = AbortOnDropHandle::new(tokio::spawn(follower.run(reader)));
        self.attached.insert(tty, Attached { acknowledged, _task: task });
    }

    /// Ends following.
    pub(crate) fn detach(&mut self, tty: &TtyId) {
        self.attached.remove(tty);
    }

    /// Notes what the client has shown.
    ///
    /// # Errors
    /// When the connection is not attached to that terminal.
    pub(crate) fn acknowledge(&self, tty: &TtyId, offset: u64) -> Result<(), ApiError> {
        let Some(attached) = self.attached.get(tty) else {
            return Err(ApiError::conflict(format!("this connection is not attached to {tty}"), "send tty.attach first"));
        };
        attached.acknowledged.send_modify(|seen| *seen = offset.max(*seen));
        Ok(())
    }

    /// Types into a terminal. Answered when the keys are taken; keys of one terminal are taken in order.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) fn input(&mut self, id: String, input: TtyInput) -> Result<(), (String, ApiError)> {
        self.lanes.retain(|_, lane| !lane.keys.is_closed());
        if self.lanes.len() >= MOST && !self.lanes.contains_key(&input.tty_id) {
            self.lanes.clear();
        }
        let lane = self.lanes.entry(input.tty_id.clone()).or_insert_with(|| {
            let (keys, typed) = mpsc::channel(KEYS);
            let task = tokio::spawn(inherited(type_keys(self.state.clone(), self.out.clone(), typed)));
            Lane { keys, _task: AbortOnDropHandle::new(task) }
        });
        lane.keys.try_send((id, input)).map_err(|refused| {
            let (id, _) = refused.into_inner();
            (
                id,
                ApiError::new(
                    ErrorCode::Busy,
                    "the program in this terminal reads nothing",
                    "wait until it does, or interrupt it",
                ),
            )
        })
    }
}

async fn type_keys(state: ApiState, out: Outgoing, mut typed: mpsc::Receiver<(String, TtyInput)>) {
    let mut found: Option<ProcessHandle> = None;
    while let Some((id, TtyInput { tty_id, data })) = typed.recv().await {
        let result = match &found {
            Some(handle) => state.fleet().write_input(handle, data.as_bytes()).await,
            None => {
                let (agent, process) = tty_id.parts();
                match state.fleet().process(&agent, process).await {
                    Ok(handle) => state.fleet().write_input(found.insert(handle), data.as_bytes()).await,
                    Err(error) => Err(error),
                }
            }
        };
        if out.send(&answer(id, result.map(|()| serde_json::Value::Null))).await.is_err() {
            return;
        }
    }
}

struct Follower {
    tty: TtyId,
    pid: u64,
    terminal: bool,
    out: Outgoing,
    seen: watch::Receiver<u64>,
}

impl Follower {
    async fn run(mut self, mut reader: OutputReader) {
        let (mut stdout, mut stderr) = (TextStream::default(), TextStream::default());
        while let Some(chunk) = reader.next().await {
            if self.pass(chunk, &mut stdout, &mut stderr).await.is_err() {
                return;
            }
        }
        for (stream, text) in [(OutputStream::Stdout, &mut stdout), (OutputStream::Stderr, &mut stderr)] {
            if let Some(piece) = text.finish()
                && self.send(stream, piece).await.is_err()
            {
                return;
            }
        }
    }

    async fn pass(&mut self, chunk: Chunk, stdout: &mut TextStream, stderr: &mut TextStream) -> Result<(), Gone> {
        let text = match chunk.stream {
            OutputStream::Stdout => stdout,
            OutputStream::Stderr => stderr,
        };
        let mut offset = chunk.offset;
        for part in chunk.bytes.chunks(PIECE) {
            if chunk.stream == OutputStream::Stdout {
                self.wait_for_room(offset + part.len() as u64).await?;
            }
            for piece in text.push(offset, part) {
                self.send(chunk.stream, piece).await?;
            }
            offset += part.len() as u64;
        }
        Ok(())
    }

    /// Waits until the client has shown enough for output up to `end` to be within the window.
    async fn wait_for_room(&mut self, end: u64) -> Result<(), Gone> {
        self.seen.wait_for(|seen| end.saturating_sub(*seen) <= WINDOW).await.map(drop).map_err(|_| Gone)
    }

    async fn send(&self, stream: OutputStream, piece: Piece) -> Result<(), Gone> {
        let Piece { offset, text: data, bytes } = piece;
        let frame = match stream {
            OutputStream::Stdout if self.terminal => {
                StreamFrame::TtyOutput(TtyOutput { tty_id: self.tty.clone(), offset, data, bytes })
            }
            OutputStream::Stdout => StreamFrame::Stdout(ProcessOutput { pid: self.pid, offset, data, bytes }),
            OutputStream::Stderr => StreamFrame::Stderr(ProcessOutput { pid: self.pid, offset, data, bytes }),
        };
        self.out.send(&frame).await
    }
}
