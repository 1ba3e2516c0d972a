//! A supervisor made of canned answers, behind a real Unix socket.

#![allow(dead_code)] // each test binary uses a part of it

use std::{
    collections::VecDeque,
    convert::Infallible,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

/// One canned answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Status and body.
    Json(u16, String),
    /// A body as it is.
    Bytes(Vec<u8>),
    /// Server-sent events; the stream then stays open, or breaks.
    Events { data: Vec<String>, stays_open: bool },
    /// A WebSocket that plays steps.
    Channel(Vec<Step>),
}

/// One step of a WebSocket.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends a binary frame.
    Send(Vec<u8>),
    /// Sends a text frame.
    Text(String),
    /// Waits for a frame of this kind (its first byte) and notes it.
    Await(u8),
    /// Tells the test something.
    Tell(&'static str),
    /// Waits for the client to go.
    Linger,
    /// Breaks the connection.
    Break,
}

/// Answers by method and path; the last answer of a list stays.
type Answers = Arc<Mutex<Vec<(String, VecDeque<Reply>)>>>;

/// The supervisor.
pub(crate) struct Fake {
    dir: tempfile::TempDir,
    answers: Answers,
    seen: Arc<Mutex<Vec<String>>>,
    told: mpsc::Receiver<String>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Shared {
    answers: Answers,
    seen: Arc<Mutex<Vec<String>>>,
    tell: mpsc::Sender<String>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (tell, told) = mpsc::channel();
        let shared = Shared { answers: Answers::default(), seen: Arc::default(), tell };
        let listener = {
            let _guard = runtime.enter();
            UnixListener::bind(dir.path().join("s")).unwrap()
        };
        let (answers, seen) = (Arc::clone(&shared.answers), Arc::clone(&shared.seen));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let service = service_fn(move |request| answer(request, shared.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
            }
        });
        Self { dir, answers, seen, told, _runtime: runtime }
    }

    /// Answers `METHOD /path` with this query or, when the query is left out, with any; further answers for the same request follow in order, the last one stays.
    pub(crate) fn on(&self, request: &str, reply: Reply) -> &Self {
        let mut answers = self.answers.lock().unwrap();
        match answers.iter_mut().find(|(known, _)| known == request) {
            Some((_, replies)) => replies.push_back(reply),
            None => answers.push((request.to_owned(), VecDeque::from([reply]))),
        }
        self
    }

    /// `{"data": ...}` with status 200.
    pub(crate) fn data(&self, request: &str, data: &str) -> &Self {
        self.on(request, Reply::Json(200, format!("{{\"data\":{data}}}")))
    }

    /// An error body.
    pub(crate) fn error(&self, request: &str, status: u16, code: &str, message: &str, hint: &str) -> &Self {
        let body = serde_json::json!({"error": {"code": code, "message": message, "hint": hint}});
        self.on(request, Reply::Json(status, body.to_string()))
    }

    /// `METHOD uri body` of every request, frames of channels as `frame [..]`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The next thing that a channel tells.
    pub(crate) fn told(&self) -> String {
        self.told.recv_timeout(std::time::Duration::from_secs(20)).unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The client, ready to run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aether"));
        command.args(args).env("AETHER_SOCKET", self.socket()).env_remove("NO_COLOR").env("TERM", "xterm");
        command.current_dir(self.dir.path());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let stdin = stdin.to_vec();
        let feed = std::thread::spawn(move || {
            let _ = std::io::Write::write_all(&mut pipe, &stdin);
        });
        let output = child.wait_with_output().unwrap();
        feed.join().unwrap();
        output.into()
    }
}

/// What a run of the client gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A transcript: status, stdout, stderr.
pub(crate) fn ran(status: i32, stdout: &str, stderr: &str) -> Ran {
    Ran { status, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

/// An agent as the API shows it.
pub(crate) fn agent(name: &str, change: serde_json::Value) -> String {
    let mut info = serde_json::json!({
        "id": "abcdefghijkl", "number": 7, "uid": "agent_7", "name": name, "owner": "root", "pid": 4242, "state": "running",
        "phase": "executing", "role": null, "spec": {"program": {"type": "command", "argv": ["sleep", "1000"]}}, "model": null,
        "step": 0, "maxSteps": null, "queuePosition": null, "cgroup": "/aether/abcdefghijkl",
        "uidRange": {"start": 1_000_000, "size": 65_536}, "enforcement": {"mode": "full", "layers": {}}, "home": "/home/agent",
        "createdAt": "2026-01-01T00:00:00.000Z", "startedAt": "2026-01-01T00:00:00.000Z", "endedAt": null, "exit": null,
        "lastAction": null, "usage": null
    });
    for (key, value) in change.as_object().cloned().unwrap_or_default() {
        info[key] = value;
    }
    info.to_string()
}

/// A frame of output.
pub(crate) fn output(channel: u8, offset: u64, data: &[u8]) -> Step {
    Step::Send([&[channel][..], &offset.to_le_bytes(), data].concat())
}

/// The first frame.
pub(crate) fn hello(tty: bool) -> Step {
    Step::Send([b"\x04".as_slice(), format!("{{\"tty\":{tty},\"offset\":0,\"oldest\":0}}").as_bytes()].concat())
}

/// The last frame.
pub(crate) fn end(code: u8, signal: &str) -> Step {
    Step::Send([&[2, code], signal.as_bytes()].concat())
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

async fn answer(mut request: Request<Incoming>, shared: Shared) -> Result<Response<Body>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri());
    let exact = line.clone();
    let key = format!("{} {}", request.method(), request.uri().path());
    let upgrade = hyper::upgrade::on(&mut request);
    let key_header = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    shared.seen.lock().unwrap().push(format!("{line} {}", String::from_utf8_lossy(&body)).trim_end().to_owned());
    let reply = {
        let mut answers = shared.answers.lock().unwrap();
        let at = [&exact, &key].into_iter().find_map(|key| answers.iter().position(|(known, _)| known == key));
        at.and_then(|at| {
            let replies = &mut answers[at].1;
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        })
    };
    let full = |bytes: Vec<u8>| Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync();
    let response = match reply {
        None => Response::builder().status(404).body(full(
            br#"{"error":{"code":"NOT_FOUND","message":"no agent is named so","hint":"aether ps -a lists them"}}"#.to_vec(),
        )),
        Some(Reply::Json(status, body)) => Response::builder().status(status).body(full(body.into_bytes())),
        Some(Reply::Bytes(bytes)) => Response::builder().body(full(bytes)),
        Some(Reply::Events { data, stays_open }) => {
            let events = data.into_iter().map(|data| Ok(Frame::data(Bytes::from(format!("data: {data}\n\n")))));
            let events = stream::iter(events);
            let body = if stays_open {
                StreamBody::new(events.chain(stream::pending())).boxed_unsync()
            } else {
                StreamBody::new(events).boxed_unsync()
            };
            Response::builder().header(header::CONTENT_TYPE, "text/event-stream").body(body)
        }
        Some(Reply::Channel(steps)) => {
            tokio::spawn(async move {
                if let Ok(upgraded) = upgrade.await {
                    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
                    play(socket, steps, shared).await;
                }
            });
            Response::builder()
                .status(101)
                .header(header::CONNECTION, "upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key_header.unwrap().as_bytes()))
                .body(full(Vec::new()))
        }
    };
    Ok(response.unwrap())
}

async fn play<S>(mut socket: WebSocketStream<S>, steps: Vec<Step>, shared: Shared)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    for step in steps {
        match step {
            Step::Send(bytes) => {
                if socket.send(Message::Binary(bytes.into())).await.is_err() {
                    return;
                }
            }
            Step::Text(text) => {
                let _ = socket.send(Message::Text(text.into())).await;
            }
            Step::Await(kind) => loop {
                let Some(Ok(message)) = socket.next().await else { return };
                if let Message::Binary(frame) = message {
                    shared.seen.lock().unwrap().push(format!("frame {:?}", String::from_utf8_lossy(&frame)));
                    if frame.first() == Some(&kind) {
                        break;
                    }
                }
            },
            Step::Tell(what) => {
                let _ = shared.tell.send(what.to_owned());
            }
            Step::Linger => while let Some(Ok(_)) = socket.next().await {},
            Step::Break => return,
        }
    }
    let _ = socket.close(None).await;
    while let Some(Ok(_)) = socket.next().await {}
}
