//! A connection to a port of an agent: a WebSocket whose binary messages are the bytes. An empty one ends its direction.

use std::io;

use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use super::Client;
use crate::failure::Failure;

/// Bytes of a message at most.
const CHUNK: usize = 64 << 10;

/// Carries the bytes of a local connection until both sides are done, or one is gone.
pub(crate) async fn carry(client: &Client, uri: &str, local: TcpStream) -> Result<(), Failure> {
    // What waits to be sent is small, or it would be waited for.
    local.set_nodelay(true)?;
    let (mut sink, mut source) = client.websocket(uri).await?.split();
    let (mut from, mut to) = local.into_split();
    let outward = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            let count = from.read_buf(&mut buffer).await?;
            sink.send(Message::Binary(buffer.split().freeze())).await.map_err(io::Error::other)?;
            if count == 0 {
                return Ok::<_, io::Error>(());
            }
        }
    };
    let inward = async {
        while let Some(message) = source.next().await {
            match message.map_err(io::Error::other)? {
                Message::Binary(bytes) if bytes.is_empty() => {
                    to.shutdown().await?;
                    return Ok(());
                }
                Message::Binary(bytes) => to.write_all(&bytes).await?,
                Message::Close(_) => break,
                _ => {}
            }
        }
        // It broke: the other direction has nowhere to go.
        Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    // Whoever resets a connection knows; there is nobody to tell.
    if tokio::try_join!(outward, inward).is_ok() {
        // Nothing follows either way, so how it closes does not matter.
        let _closed = sink.close().await;
    }
    Ok(())
}
