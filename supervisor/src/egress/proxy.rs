//! The proxy inside, for programs that like one: `CONNECT` and requests of HTTP, and SOCKS 5, on one port.

use std::{sync::Arc, time::Duration};

use aether_net::{
    Host, NameError, Reason, sniff,
    socks::{self, Part, Reply, Request},
};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    agent::{AgentNet, reset},
    answer::{http, say},
    caller::Caller,
    connection::{Told, carry},
    http::serve_requests,
    pipe::Client,
    wire::Wire,
};

/// How long a client may take to say where it wants to go, and in how many bytes.
const HEAD: Duration = Duration::from_secs(30);
const MAX_HEAD: usize = 16 * 1024;

/// What a client of the proxy wants.
enum Wish {
    /// A connection of its own.
    Connect(Host, u16, Told),
    /// Requests, each with its destination.
    Requests,
}

/// Why it gets nothing.
enum Refused {
    /// It is gone, or took too long.
    Gone,
    /// Said in HTTP.
    Http(&'static str, String),
    /// Said in SOCKS.
    Socks(Reply),
}

/// Serves a connection to the proxy.
pub(super) async fn serve(net: Arc<AgentNet>, mut client: Client) {
    match timeout(HEAD, wish(&mut client)).await.unwrap_or(Err(Refused::Gone)) {
        Ok(Wish::Connect(host, port, told)) => carry(net, client, host, port, told).await,
        Ok(Wish::Requests) => {
            let from = Caller::of(&client.stream);
            serve_requests(net, Wire::Plain(client), from, None).await;
        }
        Err(Refused::Gone) => reset(client.stream),
        Err(Refused::Http(status, text)) => {
            tracing::debug!(agent = %net.id(), %text, "a request to the proxy was refused");
            say(client.stream, &http(status, &text)).await;
        }
        Err(Refused::Socks(reply)) => say(client.stream, &socks::reply(reply)).await,
    }
}

async fn wish(client: &mut Client) -> Result<Wish, Refused> {
    more(client).await?;
    if client.first.first() == Some(&5) {
        return socks(client).await;
    }
    const CONNECT: &[u8] = b"CONNECT ";
    while client.first.len() < CONNECT.len() && CONNECT.starts_with(&client.first) {
        more(client).await?;
    }
    if !client.first.starts_with(CONNECT) {
        return Ok(Wish::Requests);
    }
    let end = loop {
        if let Some(at) = client.first.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if client.first.len() > MAX_HEAD {
            return Err(Refused::Http("431 Request Header Fields Too Large", "error: the request is too large\n".to_owned()));
        }
        more(client).await?;
    };
    let line = client.first.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let target = std::str::from_utf8(line).ok().and_then(|line| {
        let mut words = line.split(' ').skip(1);
        let target = words.next()?;
        (words.next()?.starts_with("HTTP/1.") && words.next().is_none()).then_some(target)
    });
    // Only the destination counts: what else is in the head is between the client and nobody.
    let (host, port) = target.ok_or(NameError::Character).and_then(|target| sniff::authority(target, 443)).map_err(|error| {
        let text = format!("error: CONNECT to something that is no host: {error}\nhint: write CONNECT NAME:PORT HTTP/1.1\n");
        Refused::Http("403 Forbidden", text)
    })?;
    client.first.drain(..end);
    Ok(Wish::Connect(host, port, Told::Http))
}

async fn socks(client: &mut Client) -> Result<Wish, Refused> {
    let none = loop {
        match socks::greeting(&client.first) {
            Part::Whole(none, used) => {
                client.first.drain(..used);
                break none;
            }
            Part::More => more(client).await?,
        }
    };
    let method = if none { 0 } else { 0xff };
    client.stream.write_all(&[5, method]).await.map_err(|_| Refused::Gone)?;
    if !none {
        return Err(Refused::Gone);
    }
    loop {
        match socks::request(&client.first) {
            Part::More => more(client).await?,
            Part::Whole(request, used) => {
                client.first.drain(..used);
                return match request {
                    Request::Connect(host, port) if port != 0 => Ok(Wish::Connect(host, port, Told::Socks)),
                    Request::Connect(..) | Request::Bad(_) => Err(Refused::Socks(Reply::Denied)),
                    Request::Unsupported => Err(Refused::Socks(Reply::Unsupported)),
                };
            }
        }
    }
}

async fn more(client: &mut Client) -> Result<(), Refused> {
    if client.first.len() <= MAX_HEAD && client.more().await.unwrap_or(false) { Ok(()) } else { Err(Refused::Gone) }
}

/// The reason for a request without a usable destination.
pub(super) fn no_destination(error: NameError) -> Reason {
    Reason::Malformed(format!("the request names no host: {error}"))
}
