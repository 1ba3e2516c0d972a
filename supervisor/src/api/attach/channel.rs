//! One attached connection: output under a window, input in order, both at the same time.

use std::{future::Future, pin::Pin, time::Duration};

use aether_protocol::{ApiError, ExitInfo};
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    sync::mpsc,
    time::{Instant, interval_at, timeout},
};

use super::frame::{self, FromClient};
use crate::{
    api::ApiState,
    fleet::{Chunk, OutputReader, ProcessHandle, inherited},
};

/// Bytes of output that may be unacknowledged.
pub(crate) const WINDOW: u64 = 1 << 20;
const PING: Duration = Duration::from_secs(20);
const DEAD: Duration = Duration::from_secs(60);
const SEND_TIME: Duration = Duration::from_secs(60);
/// Frames between this loop and the socket, and between it and the program's input.
const QUEUE: usize = 8;
/// How long a client may take to close after it was told the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a connection ends that another service goes on with.
const STOPS: &str = "the service stops; the agent goes on";

/// What a connection is attached to.
pub(crate) struct Opened {
    pub(crate) handle: ProcessHandle,
    pub(crate) reader: OutputReader,
    /// It writes to standard input.
    pub(crate) takes_input: bool,
}

/// Runs until the process has ended and everything is sent, the client goes, or its session is `over`.
pub(crate) async fn run(state: ApiState, socket: WebSocket, opened: Opened, over: impl Future<Output = ()>) {
    let Opened { handle, reader, takes_input } = opened;
    let (sink, mut frames) = socket.split();
    let (out, outgoing) = mpsc::channel(QUEUE);
    let writer = tokio::spawn(write(sink, outgoing));
    let (input, inputs) = mpsc::channel(QUEUE);
    // Not stopped with the connection: what was accepted is still given. It ends with the program at the latest.
    tokio::spawn(inherited(feed(state.clone(), handle.clone(), inputs)));
    let hello = frame::hello(reader.tty, reader.offset, reader.oldest);
    if out.send(Message::Binary(hello)).await.is_ok() {
        let mut channel = Channel {
            state,
            handle,
            reader,
            takes_input,
            input,
            out: out.clone(),
            window: Window::default(),
            pending: None,
            held: None,
        };
        tokio::select! {
            () = channel.pass(&mut frames) => {}
            () = over => {
                // A client that takes nothing is not waited for.
                drop(timeout(FAREWELL, channel.close(close_code::POLICY, "signed out")).await);
                return;
            }
        }
    }
    // The last sender: the writer ends when it has sent what is queued.
    drop(out);
    if writer.await.is_err() {
        tracing::debug!("an attached connection's writer was stopped");
    }
    // Until the client closes as well: what it still sends to a closed socket would be answered with a reset, and a reset
    // discards output that it has not read yet.
    let _ = timeout(FAREWELL, async { while let Some(Ok(_)) = frames.next().await {} }).await;
}

type Exit = Pin<Box<dyn Future<Output = Result<ExitInfo, ApiError>> + Send>>;

enum Input {
    Bytes(Bytes),
    End,
}

struct Channel {
    state: ApiState,
    handle: ProcessHandle,
    reader: OutputReader,
    takes_input: bool,
    input: mpsc::Sender<Input>,
    out: mpsc::Sender<Message>,
    window: Window,
    /// Output read and not sent.
    pending: Option<Chunk>,
    /// Input received and not taken by the program; nothing more is read from the client meanwhile.
    held: Option<Input>,
}

impl Channel {
    async fn pass(&mut self, frames: &mut (impl StreamExt<Item = Result<Message, axum::Error>> + Unpin)) {
        let mut ping = interval_at(Instant::now() + PING, PING);
        let mut heard = Instant::now();
        let mut exit: Option<Exit> = None;
        let (input, out) = (self.input.clone(), self.out.clone());
        let stopping = self.state.stopping().clone();
        loop {
            // While input is stuck no acknowledgement can be read; the socket's own flow control bounds the output then. Were
            // the window kept, a program that waits for its output to be read would wait for ever.
            let open = self.window.room() > 0 || self.held.is_some();
            let ended = exit.is_some();
            tokio::select! {
                () = stopping.cancelled() => return self.close(close_code::AWAY, STOPS).await,
                frame = frames.next(), if self.held.is_none() => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(Message::Binary(bytes))) => match FromClient::parse(&bytes) {
                            Ok(frame) => if let Err(error) = self.take(frame).await { return self.fail(&error).await },
                            Err(error) => return self.fail(&error).await,
                        },
                        Some(Ok(Message::Text(_))) => {
                            let error = ApiError::invalid("this channel takes binary frames", "send the channel's number as the first byte");
                            return self.fail(&error).await;
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    }
                }
                permit = input.reserve(), if self.held.is_some() => match permit {
                    Ok(permit) => if let Some(held) = self.held.take() { permit.send(held) },
                    Err(_) => self.held = None,
                },
                chunk = self.reader.next(), if self.pending.is_none() && !ended => match chunk {
                    Some(chunk) if chunk.bytes.is_empty() => {}
                    Some(chunk) => self.pending = Some(chunk),
                    None => {
                        let (fleet, handle) = (self.state.fleet().clone(), self.handle.clone());
                        exit = Some(Box::pin(async move { fleet.wait_process(&handle).await }));
                    }
                },
                permit = out.reserve(), if self.pending.is_some() && open => match permit {
                    Ok(permit) => if let Some(bytes) = take_some(&mut self.pending, &mut self.window) { permit.send(Message::Binary(bytes)) },
                    Err(_) => return,
                },
                result = finished(&mut exit), if ended && self.pending.is_none() => match result {
                    // The end of the service may look like that of the process: the next service tells.
                    _ if self.state.fleet().is_stopping() => return self.close(close_code::AWAY, STOPS).await,
                    Ok(info) => {
                        if self.out.send(Message::Binary(frame::end(&info))).await.is_ok() {
                            self.close(close_code::NORMAL, "").await;
                        }
                        return;
                    }
                    Err(error) => return self.fail(&error).await,
                },
                _ = ping.tick() => {
                    if self.held.is_none() && heard.elapsed() > DEAD {
                        return;
                    }
                    // A full queue means that frames are on their way, which serve as well.
                    let _ = self.out.try_send(Message::Ping(Bytes::new()));
                }
            }
        }
    }

    async fn take(&mut self, frame: FromClient) -> Result<(), ApiError> {
        let fleet = self.state.fleet();
        match frame {
            FromClient::Input(_) | FromClient::EndOfInput if !self.takes_input => {
                Err(ApiError::invalid("this connection was opened without standard input", "open it with ?stdin=true"))
            }
            FromClient::Input(bytes) => self.give(Input::Bytes(bytes)),
            FromClient::EndOfInput => self.give(Input::End),
            FromClient::Resize { .. } if !self.handle.tty => Ok(()),
            FromClient::Resize { cols, rows } => fleet.resize(&self.handle, cols, rows).await.or_else(ended_is_fine),
            FromClient::Ack(total) => {
                self.window.acknowledge(total);
                Ok(())
            }
            FromClient::Signal(signal) => fleet.signal_process(&self.handle, signal).await.or_else(ended_is_fine),
        }
    }

    fn give(&mut self, input: Input) -> Result<(), ApiError> {
        match self.input.try_send(input) {
            Err(mpsc::error::TrySendError::Full(input)) => self.held = Some(input),
            // The feeder ended: the program reads no more, and whoever writes to a closed pipe is told by its end.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
        Ok(())
    }

    async fn fail(&self, error: &ApiError) {
        if self.out.send(Message::Binary(frame::error(error))).await.is_ok() {
            self.close(close_code::ERROR, "").await;
        }
    }

    async fn close(&self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        if self.out.send(Message::Close(Some(frame))).await.is_err() {
            tracing::debug!("an attached client left before it was told why");
        }
    }
}

/// A program that ended just now needs no new size and no signal; its end is on the way.
fn ended_is_fine(error: ApiError) -> Result<(), ApiError> {
    use aether_protocol::ErrorCode::{Conflict, NotFound};
    if matches!(error.code, Conflict | NotFound) { Ok(()) } else { Err(error) }
}

async fn finished(exit: &mut Option<Exit>) -> Result<ExitInfo, ApiError> {
    match exit {
        Some(exit) => exit.await,
        None => std::future::pending().await,
    }
}

/// Takes as much of the pending output as the window allows (all of it when the window does not count).
fn take_some(pending: &mut Option<Chunk>, window: &mut Window) -> Option<Bytes> {
    let mut chunk = pending.take()?;
    let room = usize::try_from(window.room()).unwrap_or(usize::MAX);
    let length = if room == 0 { chunk.bytes.len() } else { chunk.bytes.len().min(room) };
    let part = chunk.bytes.split_to(length);
    let frame = frame::output(chunk.stream, chunk.offset, &part);
    window.sent += length as u64;
    chunk.offset += length as u64;
    if !chunk.bytes.is_empty() {
        *pending = Some(chunk);
    }
    Some(frame)
}

/// Bytes on their way to the client.
#[derive(Debug, Default)]
struct Window {
    sent: u64,
    acknowledged: u64,
}

impl Window {
    const fn room(&self) -> u64 {
        WINDOW.saturating_sub(self.sent.saturating_sub(self.acknowledged))
    }

    /// More than was sent counts as everything: some clients count a gap as consumed.
    fn acknowledge(&mut self, total: u64) {
        self.acknowledged = self.acknowledged.max(total.min(self.sent));
    }
}

/// Gives input to the program in order; each piece waits until the one before is taken.
async fn feed(state: ApiState, handle: ProcessHandle, mut inputs: mpsc::Receiver<Input>) {
    while let Some(input) = inputs.recv().await {
        let result = match input {
            Input::Bytes(bytes) => state.fleet().write_input(&handle, &bytes).await,
            Input::End => state.fleet().close_input(&handle).await,
        };
        if let Err(error) = result {
            // A program that reads no more (EPIPE) or ended is no failure of the connection.
            tracing::debug!(%error, "input not taken");
            return;
        }
    }
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut outgoing: mpsc::Receiver<Message>) {
    while let Some(message) = outgoing.recv().await {
        let last = matches!(message, Message::Close(_));
        match timeout(SEND_TIME, sink.send(message)).await {
            Ok(Ok(())) if !last => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::OutputStream;

    #[test]
    fn never_more_than_the_window_is_unacknowledged() {
        let mut window = Window::default();
        let bytes = Bytes::from(vec![7; WINDOW as usize + 10]);
        let mut pending = Some(Chunk { stream: OutputStream::Stdout, offset: 100, bytes, end: false });
        let first = take_some(&mut pending, &mut window).unwrap();
        assert_eq!(first.len() as u64, WINDOW + 9);
        assert_eq!((window.room(), pending.as_ref().unwrap().offset), (0, 100 + WINDOW));
        window.acknowledge(4);
        assert_eq!(take_some(&mut pending, &mut window).unwrap().len(), 4 + 9);
        assert_eq!(pending.as_ref().unwrap().bytes.len(), 6);
        window.acknowledge(u64::MAX);
        assert_eq!(window.room(), WINDOW, "what was never sent cannot be acknowledged");
    }
}
