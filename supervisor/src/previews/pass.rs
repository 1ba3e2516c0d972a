//! One request of a browser, passed to the program that listens inside.

use std::{sync::Arc, time::Duration};

use aether_protocol::{ApiError, ErrorCode};
use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, Uri, Version, uri::PathAndQuery},
    response::Response,
};
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, SendRequest},
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{Place, Previews, Visit, headers};
use crate::fleet::{Dialled, Fleet, Why};

/// An answer has to begin so long after the last of the request was sent.
const HEAD_TIME: Duration = Duration::from_secs(60);
/// Largest head of an answer, bytes.
const HEAD_BYTES: usize = 256 * 1024;

/// A request on its way.
pub(crate) struct Passing<'p> {
    pub(crate) fleet: &'p Fleet,
    pub(crate) previews: &'p Previews,
    pub(crate) place: &'p Place,
    pub(crate) visit: Visit,
    /// The service stops.
    pub(crate) stopping: CancellationToken,
    /// The request opens a WebSocket.
    pub(crate) websocket: bool,
}

/// No answer of the agent: the status for the browser, and why.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: ApiError,
}

impl Refusal {
    fn bad_gateway(cause: impl Into<String>, hint: &str) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, error: ApiError::conflict(cause, hint) }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { status: StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error }
    }
}

/// Passes a request on and its answer back, both as they come.
pub(crate) async fn pass(passing: Passing<'_>, mut request: Request) -> Result<Response, Refusal> {
    let Passing { fleet, previews, place, visit, stopping, websocket } = passing;
    let busy = || ApiError::new(ErrorCode::Busy, "too many previews are open", "close some of their tabs");
    let held = Arc::new(previews.places.clone().try_acquire_owned().map_err(|_| busy())?);
    let dialled = fleet.dial(&place.agent, place.port).await.map_err(|not| match not.why {
        Why::Nobody => Refusal { status: StatusCode::BAD_GATEWAY, error: not.error },
        Why::Slow => Refusal { status: StatusCode::GATEWAY_TIMEOUT, error: not.error },
        Why::Closed => not.error.into(),
    })?;
    let cut = CancellationToken::new();
    tokio::spawn(cut_when_over(visit, dialled.over.clone(), stopping, cut.clone()));
    let cutting = cut.clone().drop_guard();
    let sender = handshake(dialled, &cut, held.clone()).await?;
    let browser = websocket.then(|| hyper::upgrade::on(&mut request));
    let response = answer(sender, outgoing(request, websocket), place.port).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(browser) = browser else {
            return Err(Refusal::bad_gateway("the program changed to a protocol that nobody asked for", "look at its server"));
        };
        return Ok(switched(response, browser, cutting.disarm(), held));
    }
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    headers::outward(&mut parts.headers, false);
    // With the body goes the guard: whoever leaves ends the connection to the program.
    let body = body.map_frame(move |frame| {
        let _guard = &cutting;
        frame
    });
    Ok(Response::from_parts(parts, Body::new(body)))
}

/// Cuts what is open when it may not be any longer.
async fn cut_when_over(visit: Visit, over: CancellationToken, stopping: CancellationToken, cut: CancellationToken) {
    tokio::select! {
        () = visit.ended() => {}
        () = over.cancelled() => {}
        () = stopping.cancelled() => {}
        () = cut.cancelled() => {}
    }
    cut.cancel();
}

async fn handshake(
    dialled: Dialled,
    cut: &CancellationToken,
    held: Arc<OwnedSemaphorePermit>,
) -> Result<SendRequest<Body>, Refusal> {
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD_BYTES);
    let failed =
        |error: hyper::Error| Refusal::bad_gateway(format!("the program cannot be spoken to: {error}"), "look at its log");
    let (sender, connection) = builder.handshake(TokioIo::new(dialled.stream)).await.map_err(failed)?;
    let connection = cut.clone().run_until_cancelled_owned(connection.with_upgrades());
    tokio::spawn(async move {
        // Its failures reach the sender, or the reader of the answer.
        let _ended = connection.await;
        drop(held);
    });
    Ok(sender)
}

/// The request as the program gets it. The host stays what the browser calls it, so that the program's own checks of it hold.
fn outgoing(request: Request, websocket: bool) -> Request {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    headers::inward(&mut parts.headers, websocket);
    Request::from_parts(parts, body)
}

/// Sends it; the time for an answer begins anew with each piece of the request that is taken.
async fn answer(mut sender: SendRequest<Body>, request: Request, port: u16) -> Result<Response<Incoming>, Refusal> {
    let moved = Arc::new(Notify::new());
    let moving = moved.clone();
    let request = request.map(|body| {
        Body::new(body.map_frame(move |frame| {
            moving.notify_one();
            frame
        }))
    });
    let mut sending = std::pin::pin!(sender.send_request(request));
    loop {
        tokio::select! {
            response = &mut sending => {
                return response.map_err(|error| {
                    tracing::debug!(%error, port, "a preview's program did not answer");
                    let cause = format!("the program on port {port} closed the connection without an answer in HTTP");
                    Refusal::bad_gateway(cause, "aether logs AGENT may say why; only HTTP can be shown")
                });
            }
            () = moved.notified() => {}
            () = sleep(HEAD_TIME) => {
                let cause = format!("the program on port {port} gave no answer within {} seconds", HEAD_TIME.as_secs());
                let error = ApiError::conflict(cause, "it may be busy or stuck: try again, or look at aether logs AGENT");
                return Err(Refusal { status: StatusCode::GATEWAY_TIMEOUT, error });
            }
        }
    }
}

/// Joins both ends of a WebSocket.
fn switched(
    response: Response<Incoming>,
    browser: OnUpgrade,
    cut: CancellationToken,
    held: Arc<OwnedSemaphorePermit>,
) -> Response {
    let mut response = response.map(|_| ());
    let program = hyper::upgrade::on(&mut response);
    let guard = cut.clone().drop_guard();
    tokio::spawn(cut.run_until_cancelled_owned(async move {
        let _held = (guard, held);
        let (browser, program) = match tokio::try_join!(browser, program) {
            Ok(both) => both,
            Err(error) => return tracing::debug!(%error, "a preview's WebSocket did not open"),
        };
        let carried = tokio::io::copy_bidirectional(&mut TokioIo::new(browser), &mut TokioIo::new(program)).await;
        if let Err(error) = carried {
            tracing::debug!(%error, "a preview's WebSocket ended");
        }
    }));
    headers::outward(response.headers_mut(), true);
    response.map(|()| Body::empty())
}
