//! Plain HTTP: every request is read, judged and written anew, so that what is judged is what is sent.

use std::{convert::Infallible, sync::Arc, time::Duration};

use aether_net::{GATEWAY_NAME, Host, Reason, Seen, sniff};
use aether_protocol::network::NetworkVerdict;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, Version,
    body::Incoming,
    client::conn::http1::SendRequest,
    header::{self, HeaderValue},
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::Mutex};
use tokio_util::sync::CancellationToken;

use super::{
    agent::AgentNet,
    answer::{denial, failure},
    body::{Counted, Way},
    caller::Caller,
    cut::{Cuttable, Kind, Passed},
    dial::DialError,
    lock, open,
    pipe::Client,
    proxy::no_destination,
    relay::relay,
    seam::Stream,
    wire::Wire,
};

/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(60);
/// Largest head of a request or an answer, bytes.
const MAX_HEAD: usize = 64 * 1024;

/// Body of an answer.
type Body = BoxBody<Bytes, hyper::Error>;

/// Requests of one connection.
struct Route {
    net: Arc<AgentNet>,
    from: Caller,
    /// Its TLS was opened, and the server's is made anew.
    tls: bool,
    /// Where the connection was made to; `None` at the proxy, where each request says it.
    fixed: Option<(Host, u16)>,
    link: Mutex<Option<Link>>,
    /// What was allowed last: requests of a connection follow each other.
    passed: std::sync::Mutex<Option<Passed>>,
    /// Told when that is allowed no longer, and when the agent has ended.
    cut: CancellationToken,
}

/// A connection to a server, kept for the next request.
struct Link {
    host: Host,
    port: u16,
    sender: SendRequest<Counted<Incoming>>,
}

/// Serves the requests of a connection, to the destination it was made to or, at the proxy, to the one each names.
pub(super) async fn serve_requests(
    net: Arc<AgentNet>,
    client: Wire<Client>,
    from: Caller,
    to: Option<(Passed, Wire<TcpStream>)>,
) {
    let (cut, tls) = (net.over.child_token(), matches!(client, Wire::Tls(_)));
    let (fixed, link, passed) = match to {
        Some((passed, upstream)) => {
            let Ok(sender) = handshake(Cuttable::new(upstream, cut.clone()), &cut).await else { return };
            let (host, port) = (passed.host.clone(), passed.port);
            (Some((host.clone(), port)), Some(Link { host, port, sender }), Some(passed))
        }
        None => (None, None, None),
    };
    let id = net.id().clone();
    let passed = std::sync::Mutex::new(passed);
    let route = Arc::new(Route { net, from, tls, fixed, link: Mutex::new(link), passed, cut: cut.clone() });
    let served = route.clone();
    let service = service_fn(move |request| {
        let route = served.clone();
        async move { Ok::<_, Infallible>(route.answer(request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD)
        .half_close(true)
        .serve_connection(TokioIo::new(Cuttable::new(client, cut.clone())), service)
        .with_upgrades();
    // Dropped after it was said that it is cut.
    let mut served = std::pin::pin!(served);
    let outcome = tokio::select! {
        outcome = &mut served => outcome,
        () = route.net.denied(|| lock(&route.passed).clone()) => {
            cut.cancel();
            return;
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(agent = %id, %error, "a connection with requests ended");
    }
}

async fn handshake<S: Stream + 'static>(upstream: S, cut: &CancellationToken) -> hyper::Result<SendRequest<Counted<Incoming>>> {
    let builder = hyper::client::conn::http1::Builder::new();
    let (sender, connection) = builder.handshake(TokioIo::new(upstream)).await?;
    // Its failures reach the sender.
    tokio::spawn(cut.clone().run_until_cancelled_owned(connection.with_upgrades()));
    Ok(sender)
}

impl Route {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (host, port) = match self.destination(&request) {
            Ok(to) => to,
            Err(reason) => {
                let (host, port) = self.fixed.clone().unwrap_or((Host::from(std::net::IpAddr::from([0, 0, 0, 0])), 0));
                let reason = self.net.deny(&host, port, reason);
                return text(StatusCode::FORBIDDEN, denial(&self.net, &host, port, &reason));
            }
        };
        let gateway = matches!(&host, Host::Name(name) if name.as_str() == GATEWAY_NAME);
        if !gateway {
            let seen = Seen::Request { method: request.method().as_str(), path: request.uri().path() };
            match self.net.permit(&self.from, &host, port, seen, &[]).await {
                Ok(reason) => {
                    self.net.record(&host, port, NetworkVerdict::Allowed, &reason);
                    if let Err(reason) = self.pass(&request, &host, port, reason) {
                        return text(StatusCode::FORBIDDEN, denial(&self.net, &host, port, &reason));
                    }
                }
                Err(reason) => return text(StatusCode::FORBIDDEN, denial(&self.net, &host, port, &reason)),
            }
        }
        match self.forward(request, &host, port).await {
            Ok(response) => response,
            Err(Failed::Denied(reason)) => text(StatusCode::FORBIDDEN, denial(&self.net, &host, port, &reason)),
            Err(Failed::Dial(error)) => text(StatusCode::BAD_GATEWAY, failure(&host, port, &error)),
            Err(Failed::Server(error)) => {
                text(StatusCode::BAD_GATEWAY, failure(&host, port, &format!("its server failed: {error}")))
            }
        }
    }

    /// Notes what was allowed, for changes of the policy, one of which may have come just now.
    fn pass(&self, request: &Request<Incoming>, host: &Host, port: u16, reason: Reason) -> Result<(), Reason> {
        let kind = Kind::Request { method: request.method().to_string(), path: request.uri().path().to_owned() };
        let mut kept = lock(&self.passed);
        let address = kept.as_ref().filter(|kept| kept.host == *host && kept.port == port).and_then(|kept| kept.address);
        let passed = kept.insert(Passed { host: host.clone(), port, kind, address, reason, program: self.from.known().cloned() });
        self.net.still(passed)
    }

    /// Where a request goes. On a connection made to a destination, it has to name that one.
    fn destination(&self, request: &Request<Incoming>) -> Result<(Host, u16), Reason> {
        if request.method() == Method::CONNECT {
            return Err(Reason::Malformed("CONNECT is understood by the proxy only".to_owned()));
        }
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (Some(host), None) => Some(host.to_str().map_err(|_| Reason::Malformed("the Host header is no text".to_owned()))?),
            (None, _) => None,
            (Some(_), Some(_)) => return Err(Reason::Malformed("the request has two Host headers".to_owned())),
        };
        let authority = request.uri().authority();
        if authority.is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(Reason::Malformed("the address of the request has a user in it".to_owned()));
        }
        if request.uri().scheme_str().is_some_and(|scheme| scheme != if self.tls { "https" } else { "http" }) {
            return Err(Reason::Malformed("only http:// is asked for this way; use CONNECT for https://".to_owned()));
        }
        let port = self.fixed.as_ref().map_or(80, |(_, port)| *port);
        let read = |text| sniff::authority(text, port).map_err(no_destination);
        let asked = match (authority, named) {
            (Some(authority), _) => Some(read(authority.as_str())?),
            (None, Some(named)) => Some(read(named)?),
            (None, None) => None,
        };
        match (&self.fixed, asked) {
            (Some((host, port)), Some((asked, _))) if *host == asked => Ok((asked, *port)),
            (Some((host, port)), None) if request.version() == Version::HTTP_10 => Ok((host.clone(), *port)),
            (Some(_), Some((asked, _))) => Err(Reason::Fronting(asked.to_string())),
            (None, Some(asked)) if authority.is_some() => Ok(asked),
            _ => Err(Reason::Malformed("the request names no host".to_owned())),
        }
    }

    async fn forward(&self, request: Request<Incoming>, host: &Host, port: u16) -> Result<Response<Body>, Failed> {
        let (mut parts, body) = request.into_parts();
        let upgrade = websocket(&parts.headers);
        clean(&mut parts.headers);
        if upgrade {
            parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        let authority = if port == if self.tls { 443 } else { 80 } { host.to_string() } else { format!("{host}:{port}") };
        let named = HeaderValue::from_str(&authority).map_err(|_| Failed::Denied(Reason::Malformed("no host".to_owned())))?;
        parts.headers.insert(header::HOST, named);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        parts.uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        parts.version = Version::HTTP_11;
        let name = host.to_string();
        if let Some(credentials) = self.net.shared.credentials.get() {
            credentials
                .inject(self.net.id(), &name, port, &mut parts)
                .map_err(|why| Failed::Denied(self.net.deny(host, port, Reason::Secret(why))))?;
        }
        let client = upgrade.then(|| parts.extensions.remove::<OnUpgrade>()).flatten();
        let body = Counted::new(body, self.net.clone(), &name, port, Way::Sent, None);
        let mut response = self.send(Request::from_parts(parts, body), host, port).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (Some(client), true) = (client, websocket(response.headers())) else {
                return Err(Failed::Denied(self.net.deny(
                    host,
                    port,
                    Reason::Malformed("an upgrade nobody asked for".to_owned()),
                )));
            };
            let server = hyper::upgrade::on(&mut response);
            let passed = lock(&self.passed).clone();
            let joined = join(self.net.clone(), client, server, passed);
            tokio::spawn(self.cut.clone().run_until_cancelled_owned(joined));
        } else {
            clean(response.headers_mut());
        }
        let scrub = self.net.shared.credentials.get().and_then(|credentials| credentials.scrubber(self.net.id(), &name));
        let net = self.net.clone();
        Ok(response.map(|body| Counted::new(body, net, &name, port, Way::Received, scrub).boxed()))
    }

    /// Sends over the connection at hand, or over a new one: every new one is looked up and judged again.
    async fn send(&self, request: Request<Counted<Incoming>>, host: &Host, port: u16) -> Result<Response<Incoming>, Failed> {
        let mut kept = self.link.lock().await;
        let mut request = request;
        if let Some(link) = kept.as_mut()
            && link.host == *host
            && link.port == port
            && link.sender.ready().await.is_ok()
        {
            match link.sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    // The server had closed it meanwhile, and nothing was sent.
                    Some(unsent) => request = unsent,
                    None => return Err(Failed::Server(error.into_error())),
                },
            }
        }
        *kept = None;
        let sender = match (host, self.net.shared.gateway.get()) {
            (Host::Name(name), Some(gateway)) if name.as_str() == GATEWAY_NAME => {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let (gateway, id, over) = (gateway.clone(), self.net.id().clone(), self.net.over.clone());
                tokio::spawn(over.run_until_cancelled_owned(async move { gateway.serve(id, port, Box::new(theirs)).await }));
                handshake(ours, &self.cut).await
            }
            _ => {
                let upstream = self.net.dial(&self.from, host, port).await.map_err(|error| match error {
                    DialError::Denied(reason) => Failed::Denied(reason),
                    other => Failed::Dial(other),
                })?;
                if let Some(passed) = &mut *lock(&self.passed) {
                    passed.address = upstream.peer_addr().ok().map(|peer| peer.ip());
                }
                let upstream = match (host, self.net.shared.authority.get().filter(|_| self.tls)) {
                    (Host::Name(name), Some(authority)) => open::connect(authority, upstream, name).await,
                    _ if self.tls => Err(std::io::Error::other("it has no name")),
                    _ => Ok(Wire::Plain(upstream)),
                };
                let upstream = upstream.map_err(|error| Failed::Dial(DialError::Unreachable(error)))?;
                handshake(Cuttable::new(upstream, self.cut.clone()), &self.cut).await
            }
        };
        let link = kept.insert(Link { host: host.clone(), port, sender: sender.map_err(Failed::Server)? });
        link.sender.send_request(request).await.map_err(Failed::Server)
    }
}

/// Why a request that was allowed has no answer.
enum Failed {
    Denied(Reason),
    Dial(DialError),
    Server(hyper::Error),
}

/// Relays what follows an upgrade.
async fn join(net: Arc<AgentNet>, client: OnUpgrade, server: OnUpgrade, passed: Option<Passed>) {
    let (Ok((client, server)), Some(passed)) = (tokio::try_join!(client, server), passed) else { return };
    let (Ok(client), Ok(server)) =
        (client.downcast::<TokioIo<Cuttable<Wire<Client>>>>(), server.downcast::<TokioIo<Cuttable<Wire<TcpStream>>>>())
    else {
        return;
    };
    let (Some(near), Some(far)) = (client.io.into_inner().into_inner(), server.io.into_inner().into_inner()) else { return };
    let (asked, answered) = (Vec::from(client.read_buf), Vec::from(server.read_buf));
    match (near, far) {
        (Wire::Plain(near), Wire::Plain(far)) => {
            let near = Client { stream: near.stream, first: [near.first, asked].concat() };
            relay(&net, near, Client { stream: far, first: answered }, &passed).await;
        }
        (near, far) => open::relay(&net, (near, asked), (far, answered), &passed).await,
    }
}

/// Does it ask for, or agree to, a WebSocket? No other upgrade is passed on: behind it requests could no longer be read.
fn websocket(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    value(header::UPGRADE).eq_ignore_ascii_case("websocket")
        && value(header::CONNECTION).split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade"))
}

/// Removes what is between two neighbours only (RFC 9110, 7.6.1), and what only a proxy should read.
fn clean(headers: &mut HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        // Nobody may have the destination or the framing removed that way.
        .filter(|name| !matches!(name.as_str(), "host" | "content-length" | "authorization" | "cookie"))
        .collect();
    for name in named.iter().map(String::as_str).chain([
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "proxy-authenticate",
        "te",
        "transfer-encoding",
        "upgrade",
    ]) {
        headers.remove(name);
    }
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::VIA, HeaderValue::from_static("1.1 aether"));
    response
}
