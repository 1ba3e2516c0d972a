//! TLS that is opened, because the agent's rules say so for this host: towards the program with a certificate of the machine's own
//! authority, towards the server with its certificate checked. Nothing goes on when either fails.

use std::{io, sync::Arc, time::Duration};

use aether_net::{Host, HostName};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{
    agent::AgentNet,
    answer::{failure, http},
    authority::Authority,
    caller::Caller,
    cut::{Passed, Reset},
    http::serve_requests,
    pipe::Client,
    relay::{Count, Moved},
    wire::Wire,
};

/// Bytes moved at a time: a record of TLS.
const PIECE: usize = 16 * 1024;
/// How long both sides may take to agree.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// Serves what is in a connection of TLS.
pub(super) async fn serve(
    net: Arc<AgentNet>,
    client: Client,
    from: Caller,
    (passed, upstream): (Passed, TcpStream),
    name: &HostName,
) {
    let Some(authority) = net.shared.authority.get() else {
        tracing::error!(agent = %net.id(), "TLS is to be opened, and there is no authority");
        return client.reset();
    };
    let config = match authority.server(name) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(agent = %net.id(), %error, "TLS cannot be opened");
            return client.reset();
        }
    };
    let mut near = match timeout(HANDSHAKE, TlsAcceptor::from(config).accept(client)).await {
        Ok(Ok(near)) => near,
        // Most likely it does not trust the authority; the alert it sent is its own words.
        Ok(Err(error)) => {
            return tracing::info!(agent = %net.id(), host = %name, %error, "a program does not agree to its TLS being opened");
        }
        Err(_) => return,
    };
    match connect(authority, upstream, name).await {
        Ok(far) => {
            let near = Wire::Tls(Box::new(TlsStream::from(near)));
            serve_requests(net, near, from, Some((passed, far))).await;
        }
        Err(error) => {
            let text = failure(&passed.host, passed.port, &format!("its server cannot be believed: {error}"));
            let said = async {
                near.write_all(&http("502 Bad Gateway", &text)).await?;
                near.shutdown().await
            };
            let _gone = timeout(HANDSHAKE, said).await;
        }
    }
}

/// TLS with a server, as the program would have made it itself.
pub(super) async fn connect(authority: &Authority, upstream: TcpStream, name: &HostName) -> io::Result<Wire<TcpStream>> {
    let server = ServerName::try_from(name.as_str().to_owned()).map_err(io::Error::other)?;
    let made = timeout(HANDSHAKE, TlsConnector::from(authority.upstream()).connect(server, upstream)).await;
    let made = made.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(Wire::Tls(Box::new(TlsStream::from(made))))
}

impl AgentNet {
    /// The name of a host whose TLS is opened for this agent.
    pub(super) fn opens<'a>(&self, host: &'a Host) -> Option<&'a HostName> {
        match host {
            Host::Name(name) if self.policy().open.iter().any(|pattern| pattern.matches(host)) => Some(name),
            _ => None,
        }
    }
}

/// Relays what follows an upgrade within TLS.
pub(super) async fn relay(net: &AgentNet, near: (Wire<Client>, Vec<u8>), far: (Wire<TcpStream>, Vec<u8>), passed: &Passed) {
    let ((mut near, asked), (mut far, answered)) = (near, far);
    let moved = Moved::new(net, passed);
    let both = async {
        let (from_near, to_near) = split(&mut near);
        let (from_far, to_far) = split(&mut far);
        tokio::try_join!(pump(asked, from_near, to_far, &moved.sent), pump(answered, from_far, to_near, &moved.received))
            .map(drop)
    };
    let whole = tokio::select! {
        outcome = both => outcome.is_ok(),
        () = net.denied(|| Some(passed.clone())) => false,
        () = moved.idle() => false,
        () = moved.tell_always() => false,
    };
    if !whole {
        near.reset();
        far.reset();
    }
}

/// One way, as [`super::relay`] has it for connections that are not opened.
async fn pump(
    first: Vec<u8>,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &Count,
) -> io::Result<()> {
    let (mut buffer, mut length) = (first, None);
    loop {
        let bytes = buffer.get(..length.unwrap_or(buffer.len())).unwrap_or_default();
        to.write_all(bytes).await?;
        // Within TLS, what is written waits for more otherwise.
        to.flush().await?;
        count.add(bytes.len());
        buffer.resize(PIECE, 0);
        match from.read(&mut buffer).await? {
            0 => return to.shutdown().await,
            read => length = Some(read),
        }
    }
}
