//! The byte channel of one process (`/api/v1/attach`), with the reader's acknowledgements in the test's hands.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use tungstenite::{Message, WebSocket, client::IntoClientRequest as _, http::HeaderValue};

use crate::Daemon;

/// A WebSocket of the daemon's TCP side, signed in and with its own origin.
///
/// # Errors
/// The handshake's, for example a refusal.
pub fn connect(
    daemon: &Daemon,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<WebSocket<TcpStream>, Box<tungstenite::Error>> {
    let origin = format!("127.0.0.1:{}", daemon.port());
    let mut request = format!("ws://{origin}{path}").into_client_request().map_err(Box::new)?;
    let own = [("authorization", format!("Bearer {}", daemon.token())), ("origin", format!("http://{origin}"))];
    let all = own.into_iter().chain(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
    for (name, value) in all {
        request.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a header value"));
    }
    let stream = TcpStream::connect(("127.0.0.1", daemon.port())).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("timeout");
    // As browsers do: a key must not wait for the acknowledgement of what was sent before it.
    stream.set_nodelay(true).expect("nodelay");
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
        Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("the handshake did not end within a minute"),
    }
}

/// What the server says on a byte channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Standard output (or the terminal) from an offset.
    Out(u64, Vec<u8>),
    /// Standard error from an offset.
    Err(u64, Vec<u8>),
    /// The program ended: exit code and signal name.
    End(u8, String),
    /// Refused or failed.
    Error(serde_json::Value),
    /// The greeting.
    Hello(serde_json::Value),
    /// The connection closed.
    Closed,
}

/// A byte channel.
pub struct Terminal {
    socket: WebSocket<TcpStream>,
    /// Offset after the last byte received.
    pub offset: u64,
    /// Acknowledge what arrives, as a client that keeps up does.
    pub prompt: bool,
}

impl Terminal {
    /// Attaches to a process: `target` is a terminal id or an agent, `query` for example `?from=0&stdin=true`.
    ///
    /// # Panics
    /// When the handshake fails.
    #[track_caller]
    pub fn attach(daemon: &Daemon, target: &str, query: &str) -> Self {
        let socket = connect(daemon, &format!("/api/v1/attach/{target}{query}"), &[]);
        Self { socket: socket.unwrap_or_else(|error| panic!("attach {target}: {error}")), offset: 0, prompt: true }
    }

    /// The next thing it says.
    ///
    /// # Panics
    /// When it says nothing for a minute, or something that is not in the protocol.
    #[track_caller]
    pub fn hear(&mut self) -> Said {
        loop {
            let frame = match self.socket.read() {
                Ok(Message::Binary(frame)) => frame,
                Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => return Said::Closed,
                Ok(_) => continue,
                Err(error) => panic!("the channel broke: {error}"),
            };
            let (channel, rest) = frame.split_first().expect("a channel byte");
            let json = || serde_json::from_slice(rest).expect("JSON");
            return match channel {
                0 | 1 => self.output(*channel, rest),
                2 => Said::End(rest[0], String::from_utf8_lossy(&rest[1..]).into_owned()),
                3 => Said::Error(json()),
                4 => Said::Hello(json()),
                other => panic!("unknown channel {other}"),
            };
        }
    }

    /// Says it nothing for so long?
    ///
    /// # Panics
    /// When the channel breaks.
    #[track_caller]
    pub fn is_quiet(&mut self, limit: Duration) -> bool {
        let patience = |socket: &WebSocket<TcpStream>, limit| socket.get_ref().set_read_timeout(Some(limit)).expect("timeout");
        patience(&self.socket, limit);
        let frame = self.socket.read();
        patience(&self.socket, Duration::from_secs(60));
        match frame {
            Err(tungstenite::Error::Io(error)) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(Message::Binary(frame)) if matches!(frame.first(), Some(0 | 1)) => {
                self.output(frame[0], &frame[1..]);
                false
            }
            Ok(Message::Binary(frame)) if frame.first() == Some(&4) => false,
            Ok(Message::Ping(_) | Message::Pong(_)) => false,
            other => panic!("neither silence nor output: {other:?}"),
        }
    }

    fn output(&mut self, channel: u8, rest: &[u8]) -> Said {
        let (offset, data) = rest.split_first_chunk::<8>().expect("an offset");
        let offset = u64::from_le_bytes(*offset);
        if channel == 1 {
            return Said::Err(offset, data.to_vec());
        }
        self.offset = offset + data.len() as u64;
        if self.prompt {
            self.acknowledge();
        }
        Said::Out(offset, data.to_vec())
    }

    /// Says that everything received so far was consumed.
    pub fn acknowledge(&mut self) {
        // The program may have ended meanwhile; what it said is still to be heard.
        drop(self.socket.send(Message::binary([&[3], self.offset.to_le_bytes().as_slice()].concat())));
    }

    /// Types.
    pub fn types(&mut self, keys: &str) {
        self.send(0, keys.as_bytes());
    }

    /// Sends a signal by its number.
    pub fn signal(&mut self, signal: i32) {
        self.send(4, &signal.to_le_bytes());
    }

    /// Changes the size.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        self.send(2, &[cols.to_le_bytes(), rows.to_le_bytes()].concat());
    }

    fn send(&mut self, channel: u8, data: &[u8]) {
        self.socket.send(Message::binary([&[channel], data].concat())).expect("send");
    }

    /// Listens until the output since now holds `text`; gives that output.
    ///
    /// # Panics
    /// When the program ends or says nothing for a minute first.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.hear() {
                Said::Out(_, data) => seen.extend(data),
                Said::Hello(_) | Said::Err(..) => {}
                other => panic!("{other:?} before {text:?}; so far: {}", String::from_utf8_lossy(&seen)),
            }
            let now = String::from_utf8_lossy(&seen);
            if now.contains(text) {
                return now.into_owned();
            }
        }
    }
}
