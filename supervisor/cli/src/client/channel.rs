//! The byte channel of one process: a WebSocket whose binary frames begin with a channel number.

use aether_protocol::{ApiError, ErrorBody};
use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use tokio::net::UnixStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use super::{Client, encode, refusal};
use crate::failure::Failure;

/// A live channel.
pub(crate) type Channel = WebSocketStream<UnixStream>;

/// What the supervisor sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromProcess {
    /// Bytes of standard output (or the terminal) from `offset` on.
    Stdout { offset: u64, data: Bytes },
    /// Bytes of standard error from `offset` on.
    Stderr { offset: u64, data: Bytes },
    /// The process ended: exit status and signal name.
    End { code: u8, signal: String },
    /// The channel cannot go on.
    Refused(ApiError),
    /// First frame.
    Hello(Hello),
}

/// What the process is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Hello {
    /// It has a terminal.
    pub(crate) tty: bool,
    /// Offset of the first byte that follows.
    #[serde(default)]
    pub(crate) offset: u64,
}

/// What the client sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToProcess<'a> {
    Stdin(&'a [u8]),
    EndOfStdin,
    Resize { columns: u16, rows: u16 },
    Ack(u64),
    Signal(i32),
}

impl ToProcess<'_> {
    /// The frame.
    pub(crate) fn encode(&self) -> Message {
        let mut frame = BytesMut::with_capacity(16);
        match self {
            Self::Stdin(data) => {
                frame.extend_from_slice(&[0]);
                frame.extend_from_slice(data);
            }
            Self::EndOfStdin => frame.extend_from_slice(&[1]),
            Self::Resize { columns, rows } => {
                frame.extend_from_slice(&[2]);
                frame.extend_from_slice(&columns.to_le_bytes());
                frame.extend_from_slice(&rows.to_le_bytes());
            }
            Self::Ack(total) => {
                frame.extend_from_slice(&[3]);
                frame.extend_from_slice(&total.to_le_bytes());
            }
            Self::Signal(number) => {
                frame.extend_from_slice(&[4]);
                frame.extend_from_slice(&number.to_le_bytes());
            }
        }
        Message::Binary(frame.freeze())
    }
}

impl FromProcess {
    /// Reads a frame; `None` for a kind that this client does not know.
    pub(crate) fn decode(mut frame: Bytes) -> Result<Option<Self>, Failure> {
        let garbled = || Failure::garbled("a frame of the byte channel");
        if frame.is_empty() {
            return Err(garbled());
        }
        let kind = frame.split_to(1)[0];
        Ok(Some(match kind {
            0 | 1 => {
                if frame.len() < 8 {
                    return Err(garbled());
                }
                let offset = frame.split_to(8).as_ref().try_into().map(u64::from_le_bytes).map_err(|_| garbled())?;
                if kind == 0 { Self::Stdout { offset, data: frame } } else { Self::Stderr { offset, data: frame } }
            }
            2 => {
                let (code, signal) = frame.split_first().ok_or_else(garbled)?;
                Self::End { code: *code, signal: String::from_utf8_lossy(signal).into_owned() }
            }
            // Some senders wrap it as in an HTTP answer.
            3 => match serde_json::from_slice::<ErrorBody>(&frame) {
                Ok(body) => Self::Refused(body.error),
                Err(_) => Self::Refused(serde_json::from_slice(&frame).map_err(|_| garbled())?),
            },
            4 => Self::Hello(serde_json::from_slice(&frame).map_err(|_| garbled())?),
            _ => return Ok(None),
        }))
    }
}

impl Client {
    /// Opens the channel of an agent's main program, or of a terminal or exec by its id.
    pub(crate) async fn attach(&self, target: &str, from: u64, stdin: bool) -> Result<Channel, Failure> {
        self.websocket(&format!("/api/v1/attach/{}?from={from}&stdin={stdin}", encode(target))).await
    }

    /// Opens a WebSocket.
    pub(super) async fn websocket(&self, uri: &str) -> Result<Channel, Failure> {
        let stream = self.dial().await?;
        match client_async(format!("ws://localhost{uri}"), stream).await {
            Ok((channel, _)) => Ok(channel),
            Err(Error::Http(response)) => {
                let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(refusal(status, response.body().as_deref().unwrap_or_default()))
            }
            Err(error) => Err(self.lost(&error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read() {
        let decode = |bytes: &[u8]| FromProcess::decode(Bytes::copy_from_slice(bytes));
        let stdout = decode(b"\x00\x05\0\0\0\0\0\0\0hi").unwrap();
        assert_eq!(stdout, Some(FromProcess::Stdout { offset: 5, data: Bytes::from_static(b"hi") }));
        assert_eq!(decode(b"\x02\x89SIGKILL").unwrap(), Some(FromProcess::End { code: 137, signal: "SIGKILL".into() }));
        assert_eq!(decode(b"\x02\x00").unwrap(), Some(FromProcess::End { code: 0, signal: String::new() }));
        assert_eq!(
            decode(b"\x04{\"tty\":true,\"offset\":3,\"oldest\":1}").unwrap(),
            Some(FromProcess::Hello(Hello { tty: true, offset: 3 }))
        );
        assert_eq!(decode(b"\x63??").unwrap(), None);
        for error in [
            &br#"{"code":"CONFLICT","message":"m","hint":"h"}"#[..],
            br#"{"error":{"code":"CONFLICT","message":"m","hint":"h"}}"#,
        ] {
            let frame = [b"\x03", error].concat();
            assert!(matches!(decode(&frame).unwrap(), Some(FromProcess::Refused(e)) if e.message == "m"));
        }
        for bad in [&b""[..], b"\x00\x01", b"\x02", b"\x03{", b"\x04[]"] {
            assert!(decode(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn frames_are_written() {
        for (frame, bytes) in [
            (ToProcess::Stdin(b"hi"), &b"\x00hi"[..]),
            (ToProcess::EndOfStdin, b"\x01"),
            (ToProcess::Resize { columns: 80, rows: 258 }, b"\x02\x50\x00\x02\x01"),
            (ToProcess::Ack(256), b"\x03\x00\x01\0\0\0\0\0\0"),
            (ToProcess::Signal(15), b"\x04\x0f\0\0\0"),
        ] {
            assert_eq!(frame.encode(), Message::Binary(Bytes::copy_from_slice(bytes)));
        }
    }
}
