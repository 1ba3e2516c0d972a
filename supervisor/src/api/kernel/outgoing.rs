//! The way to the client: a bounded queue; what piles up in it travels together as one JSON array.

use std::{sync::Arc, time::Duration};

use aether_store::Notice;
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use futures_util::{SinkExt, stream::SplitSink};
use serde::Serialize;
use tokio::{sync::mpsc, time::timeout};

/// Frames that wait for the client at most; then whoever has more to say waits as well.
const QUEUE: usize = 256;
/// Frames that travel together at most, and their size: a client that takes nothing holds about twice that here.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 128 << 10;
/// A client that takes nothing for so long has gone.
const SEND_TIME: Duration = Duration::from_secs(60);

/// Something for the client.
#[derive(Debug)]
pub(crate) enum Frame {
    /// JSON text.
    Json(String),
    /// An event, whose JSON text all clients share.
    Event(Arc<Notice>),
    /// JSON text that all clients share.
    Shared(Arc<str>),
    /// Are you there?
    Ping,
    /// The end.
    Close(u16, &'static str),
}

/// The sending end. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing(mpsc::Sender<Frame>);

/// The client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl Outgoing {
    /// Starts the writer of `sink`.
    pub(crate) fn start(sink: SplitSink<WebSocket, Message>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write(sink, receiver));
        Self(sender)
    }

    /// Sends a value, waiting for room.
    ///
    /// # Errors
    /// When the client has gone.
    pub(crate) async fn send(&self, value: &impl Serialize) -> Result<(), Gone> {
        self.frame(Frame::Json(json(value))).await
    }

    /// Sends a frame, waiting for room.
    ///
    /// # Errors
    /// When the client has gone.
    pub(crate) async fn frame(&self, frame: Frame) -> Result<(), Gone> {
        self.0.send(frame).await.map_err(|_| Gone)
    }

    /// Sends a text unless the queue is full: for what the next one replaces.
    pub(crate) fn offer(&self, text: impl FnOnce() -> Arc<str>) {
        if let Ok(room) = self.0.try_reserve() {
            room.send(Frame::Shared(text()));
        }
    }

    /// Asks the client for a sign of life, unless frames are on their way to it anyway.
    pub(crate) fn ping(&self) {
        drop(self.0.try_send(Frame::Ping));
    }
}

/// The text of a value.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "a frame has no JSON form");
        String::from("{}")
    })
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut frames: mpsc::Receiver<Frame>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while frames.recv_many(&mut waiting, BATCH).await > 0 {
        for message in pack(waiting.drain(..)) {
            let last = matches!(message, Message::Close(_));
            match timeout(SEND_TIME, sink.send(message)).await {
                Ok(Ok(())) if !last => {}
                // Dropping the receiver tells the connection that nobody is there.
                _ => return,
            }
        }
    }
}

fn pack(frames: impl Iterator<Item = Frame>) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut batch = Batch::default();
    for frame in frames {
        match frame {
            Frame::Json(text) => messages.extend(batch.add(&text)),
            Frame::Event(notice) => messages.extend(batch.add(notice.json())),
            Frame::Shared(text) => messages.extend(batch.add(&text)),
            Frame::Ping => messages.push(Message::Ping(Bytes::new())),
            Frame::Close(code, reason) => {
                messages.extend(batch.end());
                messages.push(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
                return messages;
            }
        }
    }
    messages.extend(batch.end());
    messages
}

/// Texts that travel together: `[` and the first of them, then a comma before each of the others.
#[derive(Default)]
struct Batch {
    text: String,
    count: usize,
}

impl Batch {
    /// Adds a text; the message of those before it when they would become too many bytes together.
    fn add(&mut self, text: &str) -> Option<Message> {
        let full = if self.count > 0 && self.text.len() + text.len() > BATCH_BYTES { self.end() } else { None };
        self.text.push(if self.count == 0 { '[' } else { ',' });
        self.text.push_str(text);
        self.count += 1;
        full
    }

    fn end(&mut self) -> Option<Message> {
        let mut text = std::mem::take(&mut self.text);
        match std::mem::take(&mut self.count) {
            0 => return None,
            // One travels alone.
            1 => drop(text.remove(0)),
            _ => text.push(']'),
        }
        Some(Message::Text(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(frames: Vec<Frame>) -> Vec<String> {
        pack(frames.into_iter())
            .into_iter()
            .map(|message| match message {
                Message::Text(text) => text.to_string(),
                Message::Close(_) => "close".to_owned(),
                _ => "ping".to_owned(),
            })
            .collect()
    }

    #[test]
    fn one_travels_alone_and_several_as_an_array() {
        let json = |text: &str| Frame::Json(text.to_owned());
        assert_eq!(texts(vec![json("{}")]), ["{}"]);
        assert_eq!(texts(vec![json("1"), json("2"), Frame::Close(1000, ""), json("3")]), ["[1,2]", "close"]);
        assert_eq!(texts(Vec::new()), [""; 0]);
    }

    #[test]
    fn a_batch_is_bounded() {
        let large = "x".repeat(BATCH_BYTES);
        assert_eq!(
            texts(vec![Frame::Json("1".to_owned()), Frame::Json(large.clone()), Frame::Json("2".to_owned())]),
            ["1", &large, "2"]
        );
    }
}
