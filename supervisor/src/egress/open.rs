//! TLS that is opened, because the agent's rules say so for this host: towards the program with a certificate of the machine's own
//! authority, towards the server with its certificate checked. Nothing goes on when either fails.

use std::{io, sync::Arc, time::Duration};

use aether_net::{Host, HostName};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
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
    lock,
    pipe::Client,
    wire::Wire,
};

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
    let both = async {
        far.write_all(&asked).await?;
        near.write_all(&answered).await?;
        let (sent, received) = copy_bidirectional(&mut near, &mut far).await?;
        io::Result::Ok((sent + asked.len() as u64, received + answered.len() as u64))
    };
    let outcome = tokio::select! {
        outcome = both => outcome.ok(),
        () = net.denied(|| Some(passed.clone())) => None,
    };
    match outcome {
        Some((sent, received)) => lock(&net.ledger).moved(&passed.host.to_string(), passed.port, sent, received),
        None => {
            near.reset();
            far.reset();
        }
    }
}
