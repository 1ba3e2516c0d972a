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
};

use bytes::Bytes;
use hyper::StatusCode;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::{Answer, Client, refusal, unreachable};
use crate::failure::Failure;

/// The supervisor takes no more with one request.
const MAX_DESCRIPTORS: usize = 16;

impl Client {
    pub(super) async fn post_with_descriptors(&self, uri: &str, body: Vec<u8>, fds: Vec<OwnedFd>) -> Result<Answer, Failure> {
        if fds.len() > MAX_DESCRIPTORS {
            return Err(Failure::usage(
                format!("{} directories to lend, at most {MAX_DESCRIPTORS} are possible", fds.len()),
                "lend a directory above them",
            ));
        }
        let head = format!(
            "POST {uri} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Aether-Descriptors: {}\r\nConnection: close\r\n\r\n",
            body.len(),
            fds.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(&body);
        let socket = self.socket.clone();
        let answer = tokio::task::spawn_blocking(move || exchange(&socket, &request, &fds)).await;
        let (status, body) = answer.map_err(|_| Failure::garbled("the request was interrupted"))??;
        if status.is_success() { Ok(Answer { body }) } else { Err(refusal(status, &body)) }
    }
}

fn exchange(socket: &Path, request: &[u8], fds: &[OwnedFd]) -> Result<(StatusCode, Bytes), Failure> {
    let mut stream = UnixStream::connect(socket).map_err(|error| unreachable(socket, &error))?;
    let raw: Vec<_> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let sent = sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(request)],
        &[ControlMessage::ScmRights(&raw)],
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
    .map_err(|errno| unreachable(socket, &errno.into()))?;
    // A refusal may come before the body is read; the answer says more than the failed write.
    let written = stream.write_all(&request[sent..]);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    match parse(&answer) {
        Some(parsed) => Ok(parsed),
        None => match written.and(read.map(|_| ())) {
            Err(error) => Err(unreachable(socket, &error)),
            Ok(()) => Err(Failure::garbled("not an HTTP answer")),
        },
    }
}

/// Status and body of a whole HTTP/1.1 answer with a `Content-Length` or up to the end of the connection.
fn parse(answer: &[u8]) -> Option<(StatusCode, Bytes)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse::<StatusCode>().ok()?;
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse::<usize>().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return None;
        }
    }
    Some((status, Bytes::copy_from_slice(body.get(..length.unwrap_or(body.len()))?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed_whole_or_not_at_all() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(whole), Some((StatusCode::CREATED, Bytes::from_static(b"{}"))));
        assert_eq!(parse(&whole[..whole.len() - 1]), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\nrest"), Some((StatusCode::OK, Bytes::from_static(b"rest"))));
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
