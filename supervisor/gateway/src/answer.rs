//! An answer on its way in: scrubbed, counted, never silent for ever.

use std::{io, sync::Arc, time::Duration, time::Instant};

use aether_protocol::{AgentId, ModelProvider, ModelUsage};
use aether_secrets::Scrubber;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Response,
    body::Frame,
    header::{self, HeaderName, HeaderValue},
};
use tokio::time::timeout;

use crate::{Alarm, Call, Desk, Settings, account::Hold, meter::Meter};

/// Body of every answer.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;

/// Headers of an answer that stay outside: about the other connection, or about the account that the key belongs to.
const HELD: [&str; 14] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
];

/// What a call is counted as, whenever and however it ends.
pub(crate) struct Ledger {
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) agent: AgentId,
    pub(crate) provider: ModelProvider,
    pub(crate) model: String,
    pub(crate) step: u32,
    pub(crate) begun: Instant,
    pub(crate) status: u16,
    /// Bytes of the request, and what was seen of the answer.
    pub(crate) asked_bytes: u64,
    pub(crate) meter: Option<Meter>,
    pub(crate) hold: Option<Hold>,
    /// The answer arrived to its last byte.
    pub(crate) whole: bool,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let good = (200..300).contains(&self.status);
        let (tokens, complete, seen) =
            self.meter.as_ref().map_or((None, false, 0), |meter| (meter.tokens(), meter.is_complete(), meter.bytes()));
        // Without the provider's figure a call is counted by its size, or an agent could go unseen by hanging up before the end.
        let (input, output) = match tokens {
            Some((input, output)) if complete => (input, output),
            seen_so_far if good => {
                let (input, output) = seen_so_far.unwrap_or((0, 0));
                (input.max(self.asked_bytes.div_ceil(4)), output.max(seen.div_ceil(4)))
            }
            _ => (0, 0),
        };
        if let Some(hold) = self.hold.take() {
            hold.settle(input.saturating_add(output));
        }
        let usage = ModelUsage {
            step: self.step,
            provider: self.provider,
            model: std::mem::take(&mut self.model),
            calls: 1,
            failed: u64::from(!(good && complete && self.whole)),
            input_tokens: input,
            output_tokens: output,
            latency_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            cost_microusd: None,
        };
        let cost = self.settings.cost(&usage.model, input, output);
        self.desk.count(&self.agent, Call { usage: ModelUsage { cost_microusd: cost, ..usage }, status: self.status });
    }
}

/// What an answer passes through.
pub(crate) struct Passage {
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) agent: AgentId,
    /// What the answer is to, for alarms.
    pub(crate) about: String,
    pub(crate) scrubber: Scrubber,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) idle: Duration,
    /// A place or memory that the call holds until it is over.
    pub(crate) holds: Vec<Box<dyn Send>>,
    /// Scrubbing was told already.
    pub(crate) alarmed: bool,
}

struct Passing {
    upstream: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    passage: Passage,
    /// Bytes that are still to come, when the provider said how many. The server asks for no more once it has them, so the end
    /// has to be noticed with the last of them.
    left: Option<u64>,
    over: bool,
}

/// The answer of the provider as the agent gets it.
pub(crate) fn pass(answer: reqwest::Response, mut passage: Passage) -> Response<AnswerBody> {
    let status = answer.status();
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers() {
        if !is_held(name) {
            let clean = passage.scrubber.whole(value.as_bytes());
            headers.append(name.clone(), HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("")));
        }
    }
    if passage.ledger.as_ref().and_then(|ledger| ledger.meter.as_ref()).is_some_and(Meter::hides) {
        headers.remove(header::CONTENT_LENGTH);
    }
    passage.alarm();
    let left = answer.content_length();
    let passing = Passing { upstream: answer.bytes_stream().boxed(), passage, left, over: false };
    let body = StreamBody::new(frames(passing)).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn is_held(name: &HeaderName) -> bool {
    HELD.contains(&name.as_str())
}

fn frames(passing: Passing) -> impl Stream<Item = Result<Frame<Bytes>, io::Error>> {
    futures_util::stream::unfold(passing, |mut passing| async move {
        loop {
            let next = passing.next().await?;
            // What is held back for the moment is no piece.
            if !matches!(&next, Ok(bytes) if bytes.is_empty()) {
                return Some((next.map(Frame::data), passing));
            }
        }
    })
}

impl Passing {
    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        if self.over {
            return None;
        }
        let problem = match timeout(self.passage.idle, self.upstream.next()).await {
            Ok(Some(Ok(bytes))) => {
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                let mut clean = self.passage.pass(&bytes);
                if self.left == Some(0) {
                    self.over = true;
                    clean = [clean, self.passage.end()].concat().into();
                }
                return Some(Ok(clean));
            }
            Ok(None) => {
                self.over = true;
                return Some(Ok(self.passage.end()));
            }
            Ok(Some(Err(_))) => "the provider broke off its answer",
            Err(_) => "the provider went silent in its answer",
        };
        // The connection ends without the mark of a whole answer, so that the program notices too.
        self.over = true;
        Some(Err(io::Error::other(problem)))
    }
}

impl Passage {
    fn pass(&mut self, bytes: &[u8]) -> Bytes {
        let clean = Bytes::from(self.scrubber.push(bytes));
        self.alarm();
        match self.ledger.as_mut().and_then(|ledger| ledger.meter.as_mut()) {
            Some(meter) => meter.pass(clean),
            None => clean,
        }
    }

    /// The first time that something was scrubbed.
    fn alarm(&mut self) {
        if !self.alarmed && self.scrubber.found() > 0 {
            self.alarmed = true;
            self.desk.alarm(&self.agent, Alarm::KeyInAnswer, &self.about);
        }
    }

    fn end(&mut self) -> Bytes {
        let rest = Bytes::from(self.scrubber.finish());
        let Some(ledger) = self.ledger.as_mut() else { return rest };
        ledger.whole = true;
        let Some(meter) = ledger.meter.as_mut() else { return rest };
        let mut last = meter.pass(rest).to_vec();
        last.extend_from_slice(&meter.end());
        self.holds.clear();
        last.into()
    }
}
