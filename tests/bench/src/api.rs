//! One kept connection to the Unix socket, as a program that uses the API holds it.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The service closes a connection on which nothing is asked for some seconds.
const IDLE: Duration = Duration::from_secs(3);

fn dial(socket: &Path) -> io::Result<BufReader<UnixStream>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(BufReader::new(stream))
}

/// A kept HTTP/1.1 connection.
pub(crate) struct Api {
    stream: BufReader<UnixStream>,
    socket: PathBuf,
    used: Instant,
}

impl Api {
    /// Connects.
    ///
    /// # Errors
    /// Those of connect(2).
    pub(crate) fn connect(socket: &Path) -> io::Result<Self> {
        Ok(Self { stream: dial(socket)?, socket: socket.to_owned(), used: Instant::now() })
    }

    /// Asks and waits for the answer: status and body.
    ///
    /// # Errors
    /// When the connection fails or the answer is no HTTP.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        if self.used.elapsed() > IDLE {
            self.stream = dial(&self.socket)?;
        }
        self.used = Instant::now();
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{kind}content-length: {}\r\n\r\n{body}", body.len());
        self.stream.get_mut().write_all(head.as_bytes())?;
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let field = line.trim_end();
            if let Some(rest) = field.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some(value) = field.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            } else if field.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, body))
    }

    /// Asks for JSON; the `data` of the answer.
    ///
    /// # Errors
    /// As [`Api::ask`], and when the answer is a refusal.
    pub(crate) fn data(&mut self, method: &str, path: &str, body: &str) -> io::Result<Value> {
        let (status, bytes) = self.ask(method, path, body)?;
        if !(200..300).contains(&status) {
            return Err(io::Error::other(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes))));
        }
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(answer["data"].clone())
    }

    /// Creates an agent; its id.
    ///
    /// # Errors
    /// As [`Api::data`].
    pub(crate) fn create(&mut self, argv: &[&str], ephemeral: bool) -> io::Result<String> {
        let spec = json!({ "program": { "type": "command", "argv": argv }, "ephemeral": ephemeral });
        let info = self.data("POST", "/api/v1/agents", &spec.to_string())?;
        Ok(info["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits for an agent's end; its exit status.
    ///
    /// # Errors
    /// As [`Api::data`].
    pub(crate) fn wait(&mut self, id: &str) -> io::Result<u64> {
        let exit = self.data("GET", &format!("/api/v1/agents/{id}/wait"), "")?;
        exit["code"].as_u64().ok_or_else(|| io::Error::other(format!("no exit status in {exit}")))
    }

    /// Ends and removes an agent.
    ///
    /// # Errors
    /// As [`Api::data`].
    pub(crate) fn destroy(&mut self, id: &str) -> io::Result<()> {
        self.data("DELETE", &format!("/api/v1/agents/{id}?force=true"), "").map(drop)
    }
}
