//! The one request that lends directories: descriptors travel beside its first bytes (unix(7), `SCM_RIGHTS`).
//!
//! hyper cannot attach ancillary data, so this request is written by hand, on a connection of its own.

use std::{
    io::{IoSlice, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use hyper::StatusCode;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::{
    Answer, Client,
    again::{KEY, Patience, Unanswered},
    refusal, unreachable,
};
use crate::failure::Failure;

/// The supervisor takes no more with one request.
const MAX_DESCRIPTORS: usize = 16;

impl Client {
    pub(super) async fn post_with_descriptors(
        &self,
        uri: &str,
        body: Vec<u8>,
        fds: Vec<OwnedFd>,
        key: &str,
    ) -> Result<Answer, Failure> {
        if fds.len() > MAX_DESCRIPTORS {
            return Err(Failure::usage(
                format!("{} directories to lend, at most {MAX_DESCRIPTORS} are possible", fds.len()),
                "lend a directory above them",
            ));
        }
        let head = format!(
            "POST {uri} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Aether-Descriptors: {}\r\n{KEY}: {key}\r\nConnection: close\r\n\r\n",
            body.len(),
            fds.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(&body);
        let asked = Arc::new((self.socket.clone(), request, fds));
        let (mut absence, patience) = (Patience::of_sockets(self.patience), Patience::of_requests(self.patience));
        loop {
            let asked = asked.clone();
            let connected = tokio::task::spawn_blocking(move || {
                let (socket, request, fds) = &*asked;
                UnixStream::connect(socket).map(|stream| exchange(stream, socket, request, fds))
            });
            match connected.await.map_err(|_| Failure::garbled("the request was interrupted"))? {
                Ok(Err(Unanswered { again: true, .. })) if patience.lasts().await => {}
                Ok(outcome) => return outcome.map_err(|unanswered| unanswered.failure),
                Err(error) if absence.is_away(error.kind()) && absence.lasts().await => {}
                Err(error) => return Err(unreachable(&self.socket, &error)),
            }
        }
    }
}

fn exchange(mut stream: UnixStream, socket: &Path, request: &[u8], fds: &[OwnedFd]) -> Result<Answer, Unanswered> {
    let raw: Vec<_> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let sent = sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(request)],
        &[ControlMessage::ScmRights(&raw)],
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .map_err(|errno| lost(socket, &errno.into()))?;
    // A refusal may come before the body is read; the answer says more than the failed write.
    let written = stream.write_all(&request[sent..]);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    match parse(&answer) {
        Some(Parsed { status, body, .. }) if status.is_success() => Ok(Answer { body }),
        Some(Parsed { status, body, comes_back }) => Err(Unanswered { failure: refusal(status, &body), again: comes_back }),
        None => match written.and(read.map(|_| ())) {
            Err(error) => Err(lost(socket, &error)),
            Ok(()) if answer.is_empty() => Err(lost(socket, &std::io::ErrorKind::UnexpectedEof.into())),
            Ok(()) => Err(Failure::garbled("not an HTTP answer").into()),
        },
    }
}

/// The supervisor may have done it, which it knows by the key.
fn lost(socket: &Path, error: &std::io::Error) -> Unanswered {
    Unanswered { failure: unreachable(socket, error), again: true }
}

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    status: StatusCode,
    body: Bytes,
    /// The supervisor says that it did nothing, and will be back.
    comes_back: bool,
}

/// A whole HTTP/1.1 answer with a `Content-Length` or up to the end of the connection.
fn parse(answer: &[u8]) -> Option<Parsed> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse::<StatusCode>().ok()?;
    let (mut length, mut later) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().ok()?);
        } else if name.eq_ignore_ascii_case("retry-after") {
            later = true;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return None;
        }
    }
    let body = Bytes::copy_from_slice(body.get(..length.unwrap_or(body.len()))?);
    Some(Parsed { status, body, comes_back: later && status == StatusCode::SERVICE_UNAVAILABLE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed_whole_or_not_at_all() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
        let parsed = |status, body, comes_back| Some(Parsed { status, body: Bytes::from_static(body), comes_back });
        assert_eq!(parse(whole), parsed(StatusCode::CREATED, b"{}", false));
        assert_eq!(parse(&whole[..whole.len() - 1]), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nrest"), parsed(StatusCode::OK, b"rest", false));
        let later = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n";
        assert_eq!(parse(later), parsed(StatusCode::SERVICE_UNAVAILABLE, b"", true));
        for bad in [
            &b""[..],
            b"HTTP/1.1",
            b"HTTP/1.1 2x0 OK\r\n\r\n",
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(parse(bad), None);
        }
    }
}
