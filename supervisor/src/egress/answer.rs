//! A refusal in the words of the protocol that is spoken, so that who reads it knows what to do.

use std::time::Duration;

use aether_net::{Host, Reason, sniff};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    agent::{AgentNet, reset},
    pipe::Client,
};

/// How long the first bytes of a connection that is refused anyway are waited for.
const FIRST: Duration = Duration::from_secs(2);
/// How long a client may take to read a refusal.
const READ: Duration = Duration::from_secs(2);
/// Fatal alert `access_denied` (RFC 8446, 6.2).
const TLS_DENIED: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 49];

/// A refusal as text: the cause, then what can be done.
pub(super) fn denial(net: &AgentNet, host: &Host, port: u16, reason: &Reason) -> String {
    let name = net.world.about(net.id()).map(|about| about.name).unwrap_or_default();
    let hint = match reason {
        Reason::Unlisted | Reason::Port(_) | Reason::Request | Reason::Hidden | Reason::Unanswered => {
            format!("ask a person to allow it: aether network {name} allow {host}:{port}")
        }
        Reason::Program { by: Some(by), .. } => {
            format!("use that program, or ask a person: aether network {name} allow {host}:{port}={by}")
        }
        Reason::Program { by: None, .. } => "use that program, and let nothing else have its connection".to_owned(),
        Reason::Listed(_) | Reason::Refused => "do without it: a person denied it".to_owned(),
        Reason::Special(..) | Reason::Own(_) => "use a public address: these are never reached from a sandbox".to_owned(),
        Reason::Fronting(_) => "connect to the host that is meant".to_owned(),
        Reason::Limit(_) => "wait until others have ended".to_owned(),
        Reason::Lookups(_) => "ask for fewer names, or later".to_owned(),
        _ => "correct the request".to_owned(),
    };
    format!("error: {host}:{port} cannot be reached from this sandbox: {reason}\nhint: {hint}\n")
}

/// A failure that is not a refusal, as text.
pub(super) fn failure(host: &Host, port: u16, cause: &impl std::fmt::Display) -> String {
    format!("error: {host}:{port} is allowed, but {cause}\nhint: check the name and the port, or try again later\n")
}

/// A whole answer of HTTP/1.1.
pub(super) fn http(status: &str, text: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\nVia: 1.1 aether\r\n\r\n",
        text.len()
    );
    [head.as_bytes(), text.as_bytes()].concat()
}

/// Refuses a connection, and says why if it speaks a protocol in which that can be said.
pub(super) async fn refuse(mut client: Client, status: &str, text: &str) {
    let first = async {
        loop {
            match sniff::first(&client.first) {
                sniff::First::More if client.first.len() < sniff::MAX_FIRST => {
                    if !client.more().await.unwrap_or(false) {
                        return sniff::First::Other;
                    }
                }
                first => return first,
            }
        }
    };
    let answer = match timeout(FIRST, first).await {
        Ok(sniff::First::Http) => http(status, text),
        Ok(sniff::First::Tls(_)) => TLS_DENIED.to_vec(),
        _ if client.first.first() == Some(&0x16) => TLS_DENIED.to_vec(),
        _ => return reset(client.stream),
    };
    say(client.stream, &answer).await;
}

/// Says the last thing on a connection and reads what is on its way, which would turn an answer into a reset otherwise.
pub(super) async fn say(mut stream: TcpStream, answer: &[u8]) {
    let saying = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        for _ in 0..64 {
            if stream.read(&mut rest).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    let _gone = timeout(READ, saying).await;
}
