//! Who asks, and about which agent: what handlers take from a request.

use aether_protocol::{AgentId, ApiError, ErrorCode};
use axum::{
    Extension,
    body::{Body, HttpBody},
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use futures_util::StreamExt;

use super::{ApiState, Failure, audit::denied, body, connection::Peer, edge};
use crate::{
    auth::{Credential, OPERATOR, Session, failures::Verdict},
    fleet::{Caller, on_behalf},
};

/// Lets only authenticated requests through and notes who it is.
pub(crate) async fn require(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match authenticate(&state, &request) {
        Ok((caller, session)) => {
            let owner = caller.owner.clone();
            request.extensions_mut().insert(caller);
            let Some(session) = session else { return on_behalf(&owner, next.run(request)).await };
            request.extensions_mut().insert(session.clone());
            while_signed_in(session, on_behalf(&owner, next.run(request))).await
        }
        Err(error) => {
            denied::note(&state, request.extensions().get(), request.uri().path(), &error);
            body::drain(request.body_mut()).await;
            Failure(error).into_response()
        }
    }
}

/// An answer under a session: nobody waits for it, and no stream goes on, once the session is over.
async fn while_signed_in(session: Session, answer: impl Future<Output = Response>) -> Response {
    let response = tokio::select! {
        response = answer => response,
        () = session.ended() => {
            return Failure(ApiError::new(ErrorCode::Unauthenticated, "the session is over", SIGN_IN)).into_response();
        }
    };
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(async move { session.ended().await })))
}

/// Completes when the session of a WebSocket is over; never where it has none.
pub(crate) async fn until(session: Option<Extension<Session>>) {
    match session {
        Some(Extension(session)) => session.ended().await,
        None => std::future::pending().await,
    }
}

fn authenticate(state: &ApiState, request: &Request) -> Result<(Caller, Option<Session>), ApiError> {
    if let Some(Peer::Unix(peer)) = request.extensions().get::<Peer>() {
        return peer.caller.clone().map(|caller| (caller, None));
    }
    let operator = Caller { owner: OPERATOR.to_owned(), peer: None };
    match state.auth().credential(request.headers()) {
        Credential::Bearer => Ok((operator, None)),
        // A browser says which page changes something or opens a WebSocket; only something that is none leaves it out, and
        // that has no business with a cookie.
        Credential::Cookie(_) if edge::acts(request) && !request.headers().contains_key(header::ORIGIN) => Err(ApiError::new(
            ErrorCode::Denied,
            "this request does not say which page sends it",
            "send an Origin header, or the token",
        )),
        // Another port of this host is the same site: its pages' requests carry the cookie. They do not get to use it.
        Credential::Cookie(_) if from_elsewhere(request.headers()) => {
            Err(ApiError::new(ErrorCode::Denied, "another site's page may not use this session", "open Mission Control itself"))
        }
        Credential::Cookie(session) => Ok((operator, Some(session))),
        Credential::Wrong => Err(wrong(state, "the token is not valid")),
        Credential::None => Err(ApiError::new(ErrorCode::Unauthenticated, "nobody is signed in", SIGN_IN)),
    }
}

const SIGN_IN: &str =
    "open a one-time link (POST /api/v1/signin-links over the Unix socket), or send Authorization: Bearer TOKEN";

/// The error for a wrong credential, and its count.
pub(crate) fn wrong(state: &ApiState, cause: &str) -> ApiError {
    match state.auth().failures.count() {
        Verdict::Wrong => ApiError::new(ErrorCode::Unauthenticated, cause, SIGN_IN),
        Verdict::TooMany => ApiError::new(ErrorCode::Busy, "too many failed sign-ins", "wait a minute, then use the right token"),
    }
}

/// Does the browser say that a page of another origin asks (Fetch Metadata Request Headers, `Sec-Fetch-Site`)?
fn from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Failure::internal("a handler asks for a caller on a public path"))
    }
}

/// The agent that `{ref}` in the path names.
#[derive(Debug, Clone)]
pub(crate) struct Target(pub(crate) AgentId);

impl FromRequestParts<ApiState> for Target {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Failure> {
        let Path(reference) = Path::<String>::from_request_parts(parts, state).await.map_err(|rejection| {
            ApiError::invalid(format!("path: {}", rejection.body_text()), "name an agent by name, id or number")
        })?;
        Ok(Self(state.fleet().resolve(&reference)?))
    }
}
