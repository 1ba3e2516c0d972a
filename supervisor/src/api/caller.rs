//! Who asks, and about which agent: what handlers take from a request.

use aether_protocol::{AgentId, ApiError, ErrorCode};
use axum::{
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{ApiState, Failure, audit::denied, body, connection::Peer, edge};
use crate::{
    auth::{Credential, OPERATOR, failures::Verdict},
    fleet::{Caller, on_behalf},
};

/// Lets only authenticated requests through and notes who it is.
pub(crate) async fn require(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match authenticate(&state, &request) {
        Ok(caller) => {
            let owner = caller.owner.clone();
            request.extensions_mut().insert(caller);
            on_behalf(&owner, next.run(request)).await
        }
        Err(error) => {
            denied::note(&state, request.uri().path(), &error);
            body::drain(request.body_mut()).await;
            Failure(error).into_response()
        }
    }
}

fn authenticate(state: &ApiState, request: &Request) -> Result<Caller, ApiError> {
    if let Some(Peer::Unix(peer)) = request.extensions().get::<Peer>() {
        return peer.caller.clone();
    }
    let operator = Caller { owner: OPERATOR.to_owned(), peer: None };
    match state.auth().credential(request.headers()) {
        Credential::Bearer => Ok(operator),
        // A browser says where a page is from when it opens a WebSocket; only something that is none leaves it out, and that
        // has no business with a cookie.
        Credential::Cookie if edge::is_handshake(request.headers()) && !has_origin(request.headers()) => Err(ApiError::new(
            ErrorCode::Denied,
            "this WebSocket does not say which page opens it",
            "send an Origin header, or the token",
        )),
        Credential::Cookie => Ok(operator),
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

fn has_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
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
