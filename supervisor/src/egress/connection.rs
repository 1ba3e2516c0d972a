//! One connection made inside: where it meant to go, what it carries, and the way it takes.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aether_net::{
    DNS_PORT, GATEWAY, GATEWAY_NAME, Host, Names, PROXY_PORT, Reason, SERVICE, SERVICE_V6, Seen,
    sniff::{self, First},
};
use aether_protocol::network::NetworkVerdict;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    agent::{AgentNet, reset},
    answer::{denial, failure, http, refuse, say},
    caller::Caller,
    cut::{Kind, Passed},
    dial::DialError,
    http::serve_requests,
    lock, names, open,
    pipe::Client,
    proxy,
    relay::relay,
    wire::Wire,
};

/// How long a connection may carry nothing before it is known what it carries.
const SILENT: Duration = Duration::from_secs(300);

/// How a connection that goes through the proxy is told how it went; nothing is said on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Made to the destination itself.
    Nothing,
    /// `CONNECT` of HTTP.
    Http,
    /// `CONNECT` of SOCKS.
    Socks,
}

/// Serves a connection to its end.
pub(super) async fn serve(net: Arc<AgentNet>, stream: TcpStream) {
    // What the agent connected to: the kernel gave the connection to the service without changing its addresses.
    let Ok(to) = stream.local_addr() else { return };
    let _slower = stream.set_nodelay(true);
    serve_to(net, stream, to).await;
}

async fn serve_to(net: Arc<AgentNet>, stream: TcpStream, to: SocketAddr) {
    let port = to.port();
    let client = Client::new(stream);
    let host = match to.ip().to_canonical() {
        _ if port == DNS_PORT => {
            if let Err(error) = names::serve_stream(&net, client.stream).await {
                tracing::debug!(agent = %net.id(), %error, "a connection for names ended");
            }
            return;
        }
        ip if ip == IpAddr::V4(SERVICE) || ip == IpAddr::V6(SERVICE_V6) => {
            match port {
                PROXY_PORT => proxy::serve(net, client).await,
                _ => reset(client.stream),
            }
            return;
        }
        IpAddr::V4(GATEWAY) => return gateway(&net, port, client).await,
        IpAddr::V4(ip) if Names::is_synthetic(ip) => {
            let name = lock(&net.names).name(ip);
            match name {
                Some(name) => Host::Name(name),
                // Forgotten, or never given: nothing is meant by it.
                None => return reset(client.stream),
            }
        }
        ip => Host::Address(ip),
    };
    carry(net, client, host, port, Told::Nothing).await;
}

/// Tells a connection that its agent has too many.
pub(super) async fn turn_away(net: Arc<AgentNet>, stream: TcpStream) {
    let Ok(to) = stream.local_addr() else { return };
    let name = match to.ip().to_canonical() {
        IpAddr::V4(ip) => lock(&net.names).name(ip),
        IpAddr::V6(_) => None,
    };
    let host = name.map_or(Host::Address(to.ip().to_canonical()), Host::Name);
    let reason = net.deny(&host, to.port(), Reason::Limit("it has as many connections open as there is room for"));
    refuse(Client::new(stream), "503 Service Unavailable", &denial(&net, &host, to.port(), &reason)).await;
}

/// Hands a connection to the gateway.
async fn gateway(net: &AgentNet, port: u16, client: Client) {
    match net.shared.gateway.get() {
        Some(gateway) => gateway.serve(net.id().clone(), port, Box::new(client)).await,
        None => {
            let text = "error: this service has no gateway to models\nhint: configure a provider of models\n";
            refuse(client, "502 Bad Gateway", text).await;
        }
    }
}

/// Carries a connection to `host`, if that is allowed.
pub(super) async fn carry(net: Arc<AgentNet>, mut client: Client, host: Host, port: u16, told: Told) {
    if matches!(&host, Host::Name(name) if name.as_str() == GATEWAY_NAME) {
        return if tell(&mut client, told, Ok(())).await {
            gateway(&net, port, client).await
        };
    }
    let from = Caller::of(&client.stream);
    // Nothing of a name leaves before it is allowed.
    let reason = match net.permit(&from, &host, port, Seen::Nothing, &[]).await {
        Ok(reason) => reason,
        Err(reason) => return deny(&net, client, &host, port, &reason, told).await,
    };
    let upstream = match net.dial(&from, &host, port).await {
        Ok(upstream) => upstream,
        Err(DialError::Denied(reason)) => return deny(&net, client, &host, port, &reason, told).await,
        Err(error) => {
            let text = failure(&host, port, &error);
            return match told {
                Told::Nothing => refuse(client, "502 Bad Gateway", &text).await,
                Told::Http => say(client.stream, &http("502 Bad Gateway", &text)).await,
                Told::Socks => drop(tell(&mut client, told, Err(aether_net::socks::Reply::Unreachable)).await),
            };
        }
    };
    if !tell(&mut client, told, Ok(())).await {
        return;
    }
    let address = upstream.peer_addr().ok().map(|peer| peer.ip());
    let mut passed = Passed { host: host.clone(), port, kind: Kind::Nothing, address, reason, program: from.known().cloned() };
    let first = tokio::select! {
        first = timeout(SILENT, first(&mut client, &upstream)) => first,
        () = net.denied(|| Some(passed.clone())) => return reset(client.stream),
    };
    let reason = match first {
        Ok(Some(First::Http)) => {
            return serve_requests(net, Wire::Plain(client), from, Some((passed, Wire::Plain(upstream)))).await;
        }
        Ok(Some(First::Tls(name))) => match agrees(&host, name) {
            Ok(()) if let Some(name) = net.clone().opens(&host) => {
                return open::serve(net, client, from, (passed, upstream), name).await;
            }
            Ok(()) => net.permit(&from, &host, port, Seen::Opaque, &[]).await,
            Err(reason) => Err(net.deny(&host, port, reason)),
        },
        Ok(Some(First::Http2)) => {
            let why = "plain HTTP/2 cannot be read here; use HTTP/1.1 or TLS".to_owned();
            Err(net.deny(&host, port, Reason::Malformed(why)))
        }
        // A greeting of TLS too large or too odd to be read could ask for any host.
        Ok(Some(First::Other | First::More)) if client.first.first() == Some(&0x16) => {
            Err(net.deny(&host, port, Reason::Malformed("the greeting of TLS cannot be read".to_owned())))
        }
        Ok(Some(First::Other | First::More)) => net.permit(&from, &host, port, Seen::Opaque, &[]).await,
        Ok(None) | Err(_) => return,
    };
    match reason {
        Ok(reason) => {
            net.record(&host, port, NetworkVerdict::Allowed, &reason);
            (passed.kind, passed.reason) = (Kind::Opaque, reason);
            relay(&net, client, Client::new(upstream), &passed).await;
        }
        Err(reason) => refuse(client, "403 Forbidden", &denial(&net, &host, port, &reason)).await,
    }
}

/// What the connection carries. Where the server speaks first, the client has nothing to be read yet: then it is neither TLS nor
/// HTTP. `None`: it ended before it carried anything.
async fn first(client: &mut Client, upstream: &TcpStream) -> Option<First> {
    let mut byte = [0];
    loop {
        match sniff::first(&client.first) {
            First::More if client.first.len() < sniff::MAX_FIRST => {}
            first => return Some(first),
        }
        tokio::select! {
            biased;
            more = client.more() => if !more.ok()? {
                return (!client.first.is_empty()).then_some(First::Other);
            },
            spoke = upstream.peek(&mut byte), if client.first.is_empty() => {
                return (spoke.ok()? > 0).then_some(First::Other);
            }
        }
    }
}

/// The name that TLS asks for has to be the one that was judged.
fn agrees(host: &Host, asked: Result<Option<aether_net::HostName>, aether_net::NameError>) -> Result<(), Reason> {
    match (host, asked) {
        (Host::Name(name), Ok(Some(asked))) if *name == asked => Ok(()),
        // To an address that was allowed as one, and without a name: nothing is hidden.
        (Host::Address(_), Ok(None)) => Ok(()),
        (_, Ok(Some(asked))) => Err(Reason::Fronting(asked.to_string())),
        (_, Ok(None)) => Err(Reason::Malformed("TLS names no host (no SNI)".to_owned())),
        (_, Err(error)) => Err(Reason::Malformed(format!("TLS asks for a host that is none: {error}"))),
    }
}

/// Says through the proxy how it went; `false` when the client is gone.
async fn tell(client: &mut Client, told: Told, outcome: Result<(), aether_net::socks::Reply>) -> bool {
    let answer: &[u8] = match (told, outcome) {
        (Told::Nothing, _) | (Told::Http, Err(_)) => return true,
        (Told::Http, Ok(())) => b"HTTP/1.1 200 Connection established\r\n\r\n",
        (Told::Socks, outcome) => &aether_net::socks::reply(outcome.err().unwrap_or(aether_net::socks::Reply::Done)),
    };
    client.stream.write_all(answer).await.is_ok()
}

async fn deny(net: &AgentNet, mut client: Client, host: &Host, port: u16, reason: &Reason, told: Told) {
    let text = denial(net, host, port, reason);
    match told {
        Told::Nothing => refuse(client, "403 Forbidden", &text).await,
        Told::Http => say(client.stream, &http("403 Forbidden", &text)).await,
        Told::Socks => drop(tell(&mut client, told, Err(aether_net::socks::Reply::Denied)).await),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn tls_asks_for_the_host_that_was_judged() {
        let host = |text| Host::parse(text).expect("host");
        let name = |text| aether_net::HostName::parse(text).map(Some);
        assert!(agrees(&host("a.test"), name("A.test")).is_ok());
        assert!(agrees(&host("a.test"), name("b.test")).is_err());
        assert!(agrees(&host("a.test"), Ok(None)).is_err());
        assert!(agrees(&host("93.184.216.34"), Ok(None)).is_ok());
        assert!(agrees(&host("93.184.216.34"), name("b.test")).is_err());
    }
}
