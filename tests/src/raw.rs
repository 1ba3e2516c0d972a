//! Bytes on a connection, for requests that no HTTP library would write.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// Sends `bytes` over TCP and reads until the other side closes or says nothing for `patience`.
///
/// # Panics
/// When nobody listens.
pub fn tcp(port: u16, bytes: &[u8], patience: Duration) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
    stream.set_read_timeout(Some(patience)).expect("timeout");
    stream.set_write_timeout(Some(patience)).expect("timeout");
    exchange(&mut stream, bytes)
}

/// The same over the Unix socket.
///
/// # Panics
/// When nobody listens.
pub fn unix(socket: &Path, bytes: &[u8], patience: Duration) -> Answer {
    let mut stream = UnixStream::connect(socket).expect("connect");
    stream.set_read_timeout(Some(patience)).expect("timeout");
    stream.set_write_timeout(Some(patience)).expect("timeout");
    exchange(&mut stream, bytes)
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// All of it.
    pub text: String,
    /// The other side closed the connection.
    pub closed: bool,
}

impl Answer {
    /// Status of each answer in it, in their order.
    pub fn statuses(&self) -> Vec<u16> {
        // Bodies of this service are JSON, the UI's files, or metrics: none of them holds a status line.
        let lines = self.text.split("HTTP/1.").skip(1);
        lines.filter_map(|rest| rest.get(2..5)?.parse().ok()).collect()
    }

    /// Status of the first answer; 0 when there is none.
    pub fn status(&self) -> u16 {
        self.statuses().first().copied().unwrap_or(0)
    }
}

fn exchange(stream: &mut (impl Read + Write), bytes: &[u8]) -> Answer {
    // A refusal may come before everything is written; what was said is still read.
    let sent = stream.write_all(bytes);
    let mut heard = Vec::new();
    let mut buffer = [0; 64 * 1024];
    let closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break false,
            Err(_) => break true,
        }
        if heard.len() > 4 << 20 {
            break false;
        }
    };
    drop(sent);
    Answer { text: String::from_utf8_lossy(&heard).into_owned(), closed }
}
