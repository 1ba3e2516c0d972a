//! One connection of a byte channel: frames in, frames out, neither waiting for the other.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream::SplitStream};
use tokio::{
    sync::mpsc::{Sender, UnboundedSender, channel, error::TrySendError, unbounded_channel},
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::channel::{Channel, FromProcess, ToProcess},
    failure::Failure,
};

/// How long the last frames may take to be sent.
const FAREWELL: Duration = Duration::from_secs(1);

/// What comes in.
pub(super) struct Inbox {
    frames: SplitStream<Channel>,
}

/// What goes out. Sending happens in a task, so that a process which takes no input still shows its output.
pub(super) struct Outbox {
    control: UnboundedSender<Message>,
    stdin: Sender<Message>,
    sending: JoinHandle<()>,
}

/// What came of waiting for a frame.
pub(super) enum Heard {
    Frame(FromProcess),
    /// The connection broke.
    Lost,
}

/// Takes a connection apart.
pub(super) fn open(connection: Channel) -> (Inbox, Outbox) {
    let (mut sink, frames) = connection.split();
    let (control, mut control_queue) = unbounded_channel::<Message>();
    let (stdin, mut stdin_queue) = channel::<Message>(1);
    let sending = tokio::spawn(async move {
        loop {
            let message = tokio::select! {
                biased;
                Some(message) = control_queue.recv() => message,
                Some(message) = stdin_queue.recv() => message,
                else => break,
            };
            // A broken connection shows on the reading side.
            if sink.send(message).await.is_err() {
                return;
            }
        }
        let _ = sink.close().await;
    });
    (Inbox { frames }, Outbox { control, stdin, sending })
}

impl Inbox {
    /// The next frame. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Heard, Failure> {
        loop {
            match self.frames.next().await {
                Some(Ok(Message::Binary(frame))) => {
                    if let Some(frame) = FromProcess::decode(frame)? {
                        return Ok(Heard::Frame(frame));
                    }
                }
                Some(Ok(Message::Text(text))) => {
                    if let Some(frame) = FromProcess::decode(Bytes::copy_from_slice(text.as_bytes()))? {
                        return Ok(Heard::Frame(frame));
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(Heard::Lost),
                Some(Ok(_)) => {}
            }
        }
    }
}

impl Outbox {
    /// Sends what is queued and closes the connection.
    pub(super) async fn finish(self) {
        let Self { control, stdin, sending } = self;
        drop((control, stdin));
        // A supervisor that reads nothing any more is not waited for.
        let _ = tokio::time::timeout(FAREWELL, sending).await;
    }

    /// Sends acknowledgements, sizes and signals, ahead of input.
    pub(super) fn control(&self, frame: &ToProcess<'_>) {
        let _ = self.control.send(frame.encode());
    }

    /// Is there room for a piece of input? Cancel safe.
    pub(super) async fn stdin_ready(&self) {
        // An error means that the connection broke, which the reading side reports.
        if self.stdin.reserve().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Sends input; only after [`Outbox::stdin_ready`].
    pub(super) fn stdin(&self, frame: &ToProcess<'_>) {
        if let Err(TrySendError::Full(message)) = self.stdin.try_send(frame.encode()) {
            let _ = self.control.send(message);
        }
    }
}
