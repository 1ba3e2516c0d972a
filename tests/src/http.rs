//! Plain HTTP/1.1, so that a test can send what no polite client would.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    place: Place,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Place {
    Unix(PathBuf),
    Tcp(u16),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, decoded when it came in chunks.
    pub body: Vec<u8>,
}

/// A request over the Unix socket.
pub fn unix(socket: &Path, method: &str, path: &str) -> Request {
    Request::new(Place::Unix(socket.to_owned()), "localhost".into(), method, path)
}

/// A request over loopback TCP.
pub fn tcp(port: u16, method: &str, path: &str) -> Request {
    Request::new(Place::Tcp(port), format!("127.0.0.1:{port}"), method, path)
}

impl Request {
    fn new(place: Place, host: String, method: &str, path: &str) -> Self {
        let headers = vec![("host".to_owned(), host), ("connection".to_owned(), "close".to_owned())];
        Self { place, method: method.into(), path: path.into(), headers, body: Vec::new() }
    }

    /// Sets a header, in place of one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Signs in with a token.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// A JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// Any body, sent as JSON.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", "application/json")
    }

    /// Sends it.
    ///
    /// # Panics
    /// When nobody answers in HTTP.
    #[track_caller]
    pub fn send(self) -> Response {
        let what = format!("{} {}", self.method, self.path);
        self.try_send().unwrap_or_else(|| panic!("no answer to {what}"))
    }

    /// Sends it over the Unix socket and reads no answer; the connection is open as long as what is returned lives.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn begin(&self) -> UnixStream {
        let Place::Unix(path) = &self.place else { panic!("it goes over TCP") };
        let mut stream = UnixStream::connect(path).expect("connect");
        stream.write_all(self.head().as_bytes()).and_then(|()| stream.write_all(&self.body)).expect("send");
        stream
    }

    fn head(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
        format!("{} {} HTTP/1.1\r\n{headers}content-length: {}\r\n\r\n", self.method, self.path, self.body.len())
    }

    /// Sends it; `None` when nobody answers in HTTP.
    pub fn try_send(&self) -> Option<Response> {
        match &self.place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).ok()?;
                stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
                self.exchange(stream)
            }
            Place::Tcp(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port)).ok()?;
                stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
                self.exchange(stream)
            }
        }
    }

    fn exchange(&self, mut stream: impl Read + Write) -> Option<Response> {
        stream.write_all(self.head().as_bytes()).ok()?;
        // A server may refuse a large body before it has read all of it; its answer still counts.
        let sent = stream.write_all(&self.body);
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        if bytes.is_empty() && (sent.is_err() || read.is_err()) {
            return None;
        }
        Response::parse(&bytes)
    }
}

impl Response {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let raw = &bytes[end + 4..];
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value.contains("chunked"));
        let body = if chunked { dechunk(raw).ok()? } else { raw.to_vec() };
        Some(Self { status, headers, body })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The `data` of a success.
    ///
    /// # Panics
    /// When it is not a success.
    #[track_caller]
    pub fn data(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        self.json()["data"].clone()
    }

    /// Asserts the documented error: status, code, and a cause.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let error = &self.json()["error"];
        assert_eq!((self.status, error["code"].as_str()), (status, Some(code)), "{self}");
        assert!(error["message"].as_str().is_some_and(|cause| !cause.is_empty()), "no cause: {self}");
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}, body {}", self.status, String::from_utf8_lossy(&self.body).chars().take(2000).collect::<String>())
    }
}

fn dechunk(mut raw: &[u8]) -> io::Result<Vec<u8>> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut body = Vec::new();
    loop {
        let line = raw.windows(2).position(|window| window == b"\r\n").ok_or_else(broken)?;
        let size = std::str::from_utf8(&raw[..line])
            .ok()
            .and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok())
            .ok_or_else(broken)?;
        raw = &raw[line + 2..];
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(raw.get(..size).ok_or_else(broken)?);
        raw = raw.get(size + 2..).ok_or_else(broken)?;
    }
}
