//! Frames of the byte channel.

use aether_protocol::{ApiError, ExitInfo};
use axum::body::Bytes;

use crate::fleet::OutputStream;

/// What a client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FromClient {
    /// Bytes for standard input.
    Input(Bytes),
    /// End of standard input.
    EndOfInput,
    /// New size of the terminal.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Bytes of output consumed since the connection began.
    Ack(u64),
    /// A raw signal number.
    Signal(i32),
}

impl FromClient {
    /// From a binary frame.
    ///
    /// # Errors
    /// When the channel is unknown or its payload has another length.
    pub(crate) fn parse(frame: &Bytes) -> Result<Self, ApiError> {
        let Some((channel, payload)) = frame.split_first() else { return Err(malformed("an empty frame")) };
        match (channel, payload) {
            (0, _) => Ok(Self::Input(frame.slice(1..))),
            (1, []) => Ok(Self::EndOfInput),
            (2, &[c0, c1, r0, r1]) => Ok(Self::Resize { cols: u16::from_le_bytes([c0, c1]), rows: u16::from_le_bytes([r0, r1]) }),
            (3, bytes) => bytes.try_into().map(|bytes| Self::Ack(u64::from_le_bytes(bytes))).map_err(|_| malformed("an ack")),
            (4, bytes) => {
                bytes.try_into().map(|bytes| Self::Signal(i32::from_le_bytes(bytes))).map_err(|_| malformed("a signal"))
            }
            (channel, _) => Err(malformed(&format!("channel {channel} with {} bytes", payload.len()))),
        }
    }
}

fn malformed(what: &str) -> ApiError {
    ApiError::invalid(format!("{what} is not a frame of this channel"), "see GET /api/v1/attach in /api/v1/openapi.json")
}

/// Output from `offset` on.
pub(crate) fn output(stream: OutputStream, offset: u64, bytes: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(9 + bytes.len());
    frame.push(match stream {
        OutputStream::Stdout => 0,
        OutputStream::Stderr => 1,
    });
    frame.extend_from_slice(&offset.to_le_bytes());
    frame.extend_from_slice(bytes);
    frame.into()
}

/// How the process ended.
pub(crate) fn end(exit: &ExitInfo) -> Bytes {
    let mut frame = vec![2, exit.code];
    frame.extend_from_slice(exit.signal.as_deref().unwrap_or_default().as_bytes());
    frame.into()
}

/// Why the connection ends before the process.
pub(crate) fn error(error: &ApiError) -> Bytes {
    let mut frame = vec![3];
    frame.extend(serde_json::to_vec(error).unwrap_or_default());
    frame.into()
}

/// First frame.
pub(crate) fn hello(tty: bool, offset: u64, oldest: u64) -> Bytes {
    let mut frame = vec![4];
    frame.extend(serde_json::json!({ "tty": tty, "offset": offset, "oldest": oldest }).to_string().into_bytes());
    frame.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_channel() {
        let parse = |bytes: &'static [u8]| FromClient::parse(&Bytes::from_static(bytes));
        assert_eq!(parse(b"\0ls\n").unwrap(), FromClient::Input(Bytes::from_static(b"ls\n")));
        assert_eq!(parse(&[1]).unwrap(), FromClient::EndOfInput);
        assert_eq!(parse(&[2, 80, 0, 44, 1]).unwrap(), FromClient::Resize { cols: 80, rows: 300 });
        assert_eq!(parse(&[3, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap(), FromClient::Ack(256));
        assert_eq!(parse(&[4, 2, 0, 0, 0]).unwrap(), FromClient::Signal(2));
        for bad in [&[][..], &[1, 0], &[2, 80, 0], &[3, 1], &[4], &[5], &[255, 1]] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn writes_every_channel() {
        assert_eq!(&output(OutputStream::Stderr, 258, b"x")[..], [1, 2, 1, 0, 0, 0, 0, 0, 0, b'x']);
        let exit = ExitInfo { code: 137, signal: Some("SIGKILL".to_owned()), reason: None };
        assert_eq!(&end(&exit)[..], b"\x02\x89SIGKILL");
        assert_eq!(&hello(true, 5, 1)[1..], br#"{"offset":5,"oldest":1,"tty":true}"#);
    }

    proptest! {
        #[test]
        fn takes_any_bytes(bytes: Vec<u8>) {
            let _ = FromClient::parse(&bytes.into());
        }
    }
}
