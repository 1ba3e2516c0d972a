//! The numbered events as a stream (server-sent events), resumed by number when the connection breaks.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use aether_protocol::Event;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio_tungstenite::tungstenite::Message;

use super::{Client, again::RETRY};
use crate::failure::Failure;

/// How long a stream of past events may be silent before it counts as over.
const SILENCE: Duration = Duration::from_secs(2);

/// A numbered event with the words it came in.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) event: Event,
    pub(crate) raw: String,
}

/// An endless stream of events.
pub(crate) struct Events<'a> {
    client: &'a Client,
    body: Incoming,
    parser: SseParser,
    ready: VecDeque<String>,
    /// Number of the last event seen; `None` until the first one of a stream that began with the present.
    since: Option<u64>,
}

impl<'a> Events<'a> {
    /// Everything after `since`, then live.
    pub(crate) async fn after(client: &'a Client, since: u64) -> Result<Self, Failure> {
        Self::open(client, Some(since)).await
    }

    /// Only what happens from now on.
    pub(crate) async fn live(client: &'a Client) -> Result<Self, Failure> {
        Self::open(client, None).await
    }

    async fn open(client: &'a Client, since: Option<u64>) -> Result<Self, Failure> {
        let body = connect(client, since).await?;
        Ok(Self { client, body, parser: SseParser::default(), ready: VecDeque::new(), since })
    }

    /// The events from `since` to the newest one there is now.
    pub(crate) async fn kept(client: &'a Client, since: u64) -> Result<Vec<Numbered>, Failure> {
        let newest = newest(client).await?;
        let mut all = Vec::new();
        if newest <= since {
            return Ok(all);
        }
        let mut events = Self::after(client, since).await?;
        loop {
            // A stream does not say when the past is over; silence ends it too, for events that this person may not see.
            let Ok(next) = tokio::time::timeout(SILENCE, events.next()).await else { return Ok(all) };
            let numbered = next?;
            let last = numbered.event.seq >= newest;
            all.push(numbered);
            if last {
                return Ok(all);
            }
        }
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Result<Numbered, Failure> {
        loop {
            while let Some(raw) = self.ready.pop_front() {
                // An event of a newer supervisor that this client does not know is passed over.
                let Ok(event) = serde_json::from_str::<Event>(&raw) else { continue };
                if self.since.is_some_and(|since| event.seq <= since) {
                    continue;
                }
                self.since = Some(event.seq);
                return Ok(Numbered { event, raw });
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.parser.push(&data, &mut self.ready);
                    }
                }
                Some(Err(_)) | None => self.reconnect().await?,
            }
        }
    }

    /// The next event about one agent.
    pub(crate) async fn next_about(&mut self, agent: &str) -> Result<Numbered, Failure> {
        loop {
            let numbered = self.next().await?;
            if numbered.event.agent_id.as_ref().is_some_and(|id| id.as_str() == agent) {
                return Ok(numbered);
            }
        }
    }

    async fn reconnect(&mut self) -> Result<(), Failure> {
        self.parser = SseParser::default();
        let deadline = Instant::now() + self.client.patience();
        loop {
            match connect(self.client, self.since).await {
                Ok(body) => {
                    self.body = body;
                    return Ok(());
                }
                Err(failure @ Failure::Unreachable { .. }) if Instant::now() >= deadline => return Err(failure),
                Err(Failure::Unreachable { .. }) => tokio::time::sleep(RETRY).await,
                Err(other) => return Err(other),
            }
        }
    }
}

/// Number of the newest event: the first frame of the event socket says it.
async fn newest(client: &Client) -> Result<u64, Failure> {
    #[derive(serde::Deserialize)]
    struct Ready {
        seq: u64,
    }
    let mut socket = client.websocket("/kernel").await?;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        // A frame may be a batch; the greeting is the first of it.
        let ready = serde_json::from_str::<Ready>(&text).ok();
        let ready = ready.or_else(|| serde_json::from_str::<Vec<Ready>>(&text).ok()?.into_iter().next());
        return ready.map(|ready| ready.seq).ok_or_else(|| Failure::garbled("the greeting of the event socket"));
    }
    Err(client.lost("no greeting"))
}

async fn connect(client: &Client, since: Option<u64>) -> Result<Incoming, Failure> {
    let uri = since.map_or_else(|| "/api/v1/events".to_owned(), |since| format!("/api/v1/events?since={since}"));
    Ok(client.stream(&uri).await?.into_body())
}

/// The data of each event of a `text/event-stream` (WHATWG HTML, "server-sent events").
#[derive(Default)]
struct SseParser {
    line: Vec<u8>,
    data: String,
}

impl SseParser {
    fn push(&mut self, bytes: &Bytes, ready: &mut VecDeque<String>) {
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let text = String::from_utf8_lossy(&self.line);
            let text = text.trim_end_matches('\r');
            if text.is_empty() {
                if !self.data.is_empty() {
                    ready.push_back(std::mem::take(&mut self.data));
                }
            } else if let Some(value) = text.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            }
            self.line.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_out_of_any_pieces() {
        let stream = b": hello\n\nid: 1\nevent: a\ndata: {\"x\":\ndata: 1}\n\nid: 2\r\ndata:two\r\n\r\ndata: unfinished\n";
        for size in 1..stream.len() {
            let mut parser = SseParser::default();
            let mut ready = VecDeque::new();
            for piece in stream.chunks(size) {
                parser.push(&Bytes::copy_from_slice(piece), &mut ready);
            }
            assert_eq!(ready, ["{\"x\":\n1}", "two"], "pieces of {size}");
        }
    }
}
