//! One connection from its greeting to its end.

use std::{pin::pin, sync::Arc, time::Duration};

use aether_protocol::{
    ApiError, CommandEnvelope, ErrorCode, PROTOCOL_VERSION, TtyId, TtyInfo,
    command::{Command, TtyOpen},
    event::{KernelReady, Lagged, StreamFrame},
};
use axum::extract::ws::{Message, WebSocket, close_code};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, interval, interval_at, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    commands::{agent, check_size, data},
    lanes::Lanes,
    outgoing::{Frame, Gone, Outgoing},
    request::{answer, parse},
    terminals::{Attachment, Terminals},
};
use crate::{
    api::ApiState,
    fleet::{Caller, Delivery, EventHub},
};

/// How long a client may take to be told the end.
const FAREWELL: Duration = Duration::from_secs(2);
const PING: Duration = Duration::from_secs(20);
const DEAD: Duration = Duration::from_secs(60);
const METRICS: Duration = Duration::from_secs(2);
const COLS: u16 = 120;
const ROWS: u16 = 36;

/// Serves a connection until the client goes, its session is `over`, or the service stops.
pub(crate) async fn run(state: ApiState, socket: WebSocket, caller: Caller, over: impl Future<Output = ()>) {
    let mut over = pin!(over);
    let (sink, mut frames) = socket.split();
    let out = Outgoing::start(sink);
    let stopping = state.stopping().clone();
    let terminals = Terminals::new(state.clone(), out.clone());
    let lanes = Lanes::new(state.clone(), caller, out.clone());
    let mut connection = Connection { state, out: out.clone(), terminals, lanes, feed: None, metrics: None, drafts: None };
    if connection.greet().await.is_err() {
        return;
    }
    let mut ping = interval_at(Instant::now() + PING, PING);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            () = stopping.cancelled() => {
                let _ = out.frame(Frame::Close(close_code::AWAY, "the service stops; agents go on")).await;
                return;
            }
            () = &mut over => {
                // A client that takes nothing is not waited for.
                drop(timeout(FAREWELL, out.frame(Frame::Close(close_code::POLICY, "signed out"))).await);
                return;
            }
            frame = frames.next() => {
                heard = Instant::now();
                let served = match frame {
                    Some(Ok(Message::Text(text))) => connection.take(&text).await,
                    Some(Ok(Message::Binary(bytes))) => connection.take(&String::from_utf8_lossy(&bytes)).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Gone),
                };
                if served.is_err() {
                    return;
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > DEAD {
                    return;
                }
                out.ping();
            }
        }
    }
}

struct Connection {
    state: ApiState,
    out: Outgoing,
    terminals: Terminals,
    feed: Option<AbortOnDropHandle<()>>,
    metrics: Option<AbortOnDropHandle<()>>,
    drafts: Option<AbortOnDropHandle<()>>,
    lanes: Lanes,
}

impl Connection {
    async fn greet(&self) -> Result<(), Gone> {
        let fleet = self.state.fleet();
        let ready =
            KernelReady { version: PROTOCOL_VERSION.to_owned(), uptime: fleet.uptime(), seq: fleet.events().newest().await };
        self.out.send(&StreamFrame::Ready(ready)).await
    }

    async fn take(&mut self, text: &str) -> Result<(), Gone> {
        for command in parse(text) {
            match command {
                Ok(command) => self.serve(command).await?,
                Err(refusal) => self.out.send(&refusal).await?,
            }
        }
        Ok(())
    }

    /// What changes this connection happens here and in order; everything else beside it, so that a slow command holds up
    /// neither keys nor other commands.
    async fn serve(&mut self, CommandEnvelope { id, command }: CommandEnvelope) -> Result<(), Gone> {
        let result = match command {
            Command::TtyOpen(open) => {
                let opened = self.open_terminal(open).await;
                return self.attached(id, opened).await;
            }
            Command::TtyAttach(c) => {
                let found = self.find_terminal(&c.tty_id, c.from).await;
                return self.attached(id, found).await;
            }
            Command::TtyDetach(c) => {
                self.terminals.detach(&c.tty_id);
                Ok(Value::Null)
            }
            Command::TtyAck(c) => self.terminals.acknowledge(&c.tty_id, c.offset).map(|()| Value::Null),
            Command::TtyInput(input) => match self.terminals.input(id, input) {
                Ok(()) => return Ok(()),
                Err((id, error)) => return self.out.send(&answer(id, Err(error))).await,
            },
            Command::EventsResume(c) => return self.resume(id, c.seq).await,
            other => return self.lanes.take(id, other).await,
        };
        self.out.send(&answer(id, result)).await
    }

    async fn open_terminal(&mut self, open: TtyOpen) -> Result<(TtyInfo, Attachment), ApiError> {
        let size = (open.cols.unwrap_or(COLS), open.rows.unwrap_or(ROWS));
        check_size(size.0, size.1)?;
        aether_protocol::spec::check_env(&open.env)?;
        let agent = agent(&self.state, &open.pid)?;
        let info = self.state.fleet().open_tty(&agent, open.argv, open.env, size).await?;
        let attachment = self.terminals.prepare(&info.tty_id, None).await?;
        Ok((info, attachment))
    }

    async fn find_terminal(&mut self, tty: &TtyId, from: Option<u64>) -> Result<(TtyInfo, Attachment), ApiError> {
        let attachment = self.terminals.prepare(tty, from).await?;
        let info = match attachment.without_terminal() {
            Some(info) => info,
            None => self.state.fleet().terminal(tty).await?,
        };
        Ok((info, attachment))
    }

    /// Answers first: output of a terminal that the client does not know yet would be lost on it.
    async fn attached(&mut self, id: String, result: Result<(TtyInfo, Attachment), ApiError>) -> Result<(), Gone> {
        match result {
            Ok((info, attachment)) => {
                self.out.send(&answer(id, data(&info))).await?;
                self.terminals.start(attachment);
                Ok(())
            }
            Err(error) => self.out.send(&answer(id, Err(error))).await,
        }
    }

    async fn resume(&mut self, id: String, after: u64) -> Result<(), Gone> {
        let hub = self.state.fleet().events().clone();
        let newest = hub.newest().await;
        if after > newest {
            let cause = format!("event {after} does not exist yet: the newest is {newest}");
            let error =
                ApiError::invalid(cause, "start again from the seq of kernel.ready: this service's history is another one");
            return self.out.send(&answer(id, Err(error))).await;
        }
        self.feed = None;
        self.out.send(&answer(id, Ok(Value::Null))).await?;
        self.feed = Some(AbortOnDropHandle::new(tokio::spawn(feed(hub, after, self.out.clone()))));
        if self.metrics.is_none() {
            self.metrics = Some(AbortOnDropHandle::new(tokio::spawn(metrics(self.state.clone(), self.out.clone()))));
            self.drafts = Some(AbortOnDropHandle::new(tokio::spawn(drafts(self.state.fleet().drafts(), self.out.clone()))));
        }
        Ok(())
    }
}

/// Durable events in order. After `lagged` nothing follows until the client resumes, so it never sees a gap it was not told of.
async fn feed(hub: EventHub, after: u64, out: Outgoing) {
    let mut subscription = hub.subscribe(after);
    loop {
        let sent = match subscription.next().await {
            Delivery::Event(notice) => out.frame(Frame::Event(notice)).await,
            Delivery::Lagged { missed, resume } => {
                let _ = out.send(&StreamFrame::Lagged(Lagged { missed, resume, code: ErrorCode::Busy })).await;
                return;
            }
            Delivery::Closed => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Answers while they are written. A client that does not keep up misses pieces: the whole follows as an event.
async fn drafts(mut pieces: broadcast::Receiver<Arc<str>>, out: Outgoing) {
    loop {
        match pieces.recv().await {
            Ok(text) => out.offer(|| text),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

async fn metrics(state: ApiState, out: Outgoing) {
    let mut tick = interval(METRICS);
    loop {
        tick.tick().await;
        out.offer(|| state.0.figures.text(state.fleet()));
    }
}
