//! What every request passes, public or not: host and origin, descriptors, panics, headers of the answer.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
};

use aether_protocol::{ApiError, ErrorCode, PROTOCOL_VERSION};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use super::{
    ApiState, Failure,
    audit::denied,
    body,
    connection::{Descriptors, Peer, TcpPeer},
    previews,
};
use crate::{auth::cookie::Way, fleet::away};

/// The host a TCP request was addressed to, checked, and how the browser reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnHost {
    pub(crate) name: String,
    pub(crate) way: Way,
}

impl OwnHost {
    /// Address of the UI by this name.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.way == Way::Tls { "https" } else { "http" };
        format!("{scheme}://{}", self.name)
    }
}

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Checks the request, runs it and completes the answer.
pub(crate) async fn pass(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let path = request.uri().path().to_owned();
    if let Some((label, host)) = preview(&request) {
        // Another origin, where nothing of this API exists.
        return previews::answer(&state, request, &label, &host).await;
    }
    let host = match admit(&mut request) {
        Ok(host) => host,
        Err(error) => {
            denied::note(&state, request.extensions().get(), &path, &error);
            body::drain(request.body_mut()).await;
            return complete(Failure(error).into_response(), number, Policy::Data);
        }
    };
    let policy = if is_data(&path) { Policy::Data } else { Policy::Page(host) };
    if state.stopping().is_cancelled() && acts(&request) {
        body::drain(request.body_mut()).await;
        return complete(Failure(away()).into_response(), number, policy);
    }
    tracing::debug!(request = number, method = %request.method(), %path, "request");
    // A handler holds no lock over an await that a panic could leave half done: the fleet guards its own state.
    let response = AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(request = number, %path, "a handler panicked");
        Failure(ApiError::internal("something inside the service failed")).into_response()
    });
    complete(response, number, policy)
}

/// The preview that a request over TCP is addressed to: its label, and the whole host.
fn preview(request: &Request) -> Option<(String, String)> {
    match request.extensions().get::<Peer>()? {
        Peer::Tcp(peer) => peer.hosts.preview(request.uri(), request.headers()),
        Peer::Unix(_) => None,
    }
}

/// Is this the opening handshake of a WebSocket?
pub(crate) fn is_handshake(headers: &HeaderMap) -> bool {
    let upgrade = headers.get_all(header::UPGRADE).iter().filter_map(|value| value.to_str().ok());
    upgrade.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case("websocket"))
}

/// Could this request change something, or open a channel that can?
pub(crate) fn acts(request: &Request) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || is_handshake(request.headers())
}

fn admit(request: &mut Request) -> Result<Option<String>, ApiError> {
    let wanted = wanted_descriptors(request.headers());
    let peer = request.extensions().get::<Peer>().cloned();
    match peer {
        Some(Peer::Unix(peer)) => {
            // Whatever came with this request is taken off the queue before anything can refuse it, so that it never
            // counts for the next one.
            let descriptors = peer.descriptors.take(wanted.as_ref().copied().unwrap_or(0));
            peer.caller?;
            if request.headers().contains_key(header::ORIGIN) {
                let hint = "use the TCP address for browsers";
                return Err(ApiError::new(ErrorCode::Denied, "a web page may not use the Unix socket", hint));
            }
            let (wanted, got) = (wanted?, descriptors.len());
            if got < wanted {
                let cause = format!("Aether-Descriptors says {wanted}, but {got} came with the request");
                return Err(ApiError::invalid(cause, "send them with the first bytes of the request (SCM_RIGHTS)"));
            }
            request.extensions_mut().insert(Descriptors::new(descriptors));
            Ok(None)
        }
        Some(Peer::Tcp(TcpPeer { hosts, .. })) => {
            let host = hosts.check(request.uri(), request.headers())?;
            if acts(request) {
                hosts.check_origin(&host, request.headers())?;
            }
            if wanted? > 0 {
                return Err(ApiError::invalid(
                    "descriptors cannot travel over TCP",
                    "use the Unix socket (aether --socket PATH)",
                ));
            }
            let way = hosts.way(&host, request.headers());
            request.extensions_mut().insert(OwnHost { name: host.clone(), way });
            Ok(Some(host))
        }
        None => Err(ApiError::internal("a connection without its peer")),
    }
}

fn wanted_descriptors(headers: &HeaderMap) -> Result<usize, ApiError> {
    let Some(value) = headers.get("aether-descriptors") else { return Ok(0) };
    let number = value.to_str().ok().and_then(|text| text.parse::<usize>().ok());
    number.filter(|number| *number <= Descriptors::MOST).ok_or_else(|| {
        ApiError::invalid(
            format!("Aether-Descriptors is {value:?}"),
            format!("give the number of descriptors sent with the request, at most {}", Descriptors::MOST),
        )
    })
}

/// What a browser may do with an answer.
enum Policy {
    /// A page of the UI; addressed by this host.
    Page(Option<String>),
    /// Nothing: shown as a page of its own, no part of it runs or loads.
    Data,
}

/// The API's own paths. What an agent wrote can be in their answers.
fn is_data(path: &str) -> bool {
    ["/api", "/metrics", "/health", "/kernel"]
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| matches!(rest.chars().next(), None | Some('/'))))
}

fn complete(mut response: Response, number: u64, policy: Policy) -> Response {
    let headers = response.headers_mut();
    headers.insert("x-aether-version", HeaderValue::from_static(PROTOCOL_VERSION));
    headers.insert("x-request-id", HeaderValue::from(number));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let text = match policy {
        Policy::Page(host) => content_policy(host.as_deref()),
        Policy::Data => "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox".to_owned(),
    };
    if let Ok(policy) = HeaderValue::from_str(&text) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // The API's answers are about this moment and this person; the UI's files set their own.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Styles may stand in the page because the terminal sizes its cells that way; scripts may not. The WebSocket's address is spelt
/// out for browsers whose 'self' does not cover it.
fn content_policy(host: Option<&str>) -> String {
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'{sockets}; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
}
