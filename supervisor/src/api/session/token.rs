//! The session of a browser: made with the token, asked for, ended.

use aether_protocol::ErrorBody;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::begin::{begin, end};
use crate::{
    api::{ApiState, answer::Data, audit::denied, body::Body, caller::wrong, connection::Peer, edge::OwnHost, error::Answer},
    auth::{OPERATOR, cookie},
    fleet::Caller,
};

/// What signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInRequest {
    /// The operator's token.
    token: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Owner of what they make.
    owner: String,
}

/// Signs a browser in with the operator's token: sets the session cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SignInRequest,
    responses((status = 200, body = Data<Session>), (status = "default", body = ErrorBody)))]
pub(crate) async fn sign_in(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    host: Option<Extension<OwnHost>>,
    Body(request): Body<SignInRequest>,
) -> Answer<Response> {
    if !state.auth().token().matches(request.token.trim()) {
        let error = wrong(&state, "the token is not valid");
        denied::note(&state, Some(&peer), "/api/v1/session", &error);
        return Err(error.into());
    }
    let response = Data { data: Session { owner: OPERATOR.to_owned() } }.into_response();
    begin(&state, "token", host.as_deref(), response).await
}

/// Signs a browser out: its session is over, with every stream and WebSocket of it, and the cookie is cleared.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Signed out"), (status = "default", body = ErrorBody)))]
pub(crate) async fn sign_out(State(state): State<ApiState>, headers: HeaderMap) -> Answer<Response> {
    end(&state, &headers).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::clear())]).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = Data<Session>), (status = "default", body = ErrorBody)))]
pub(crate) async fn session(caller: Caller) -> Data<Session> {
    Data { data: Session { owner: caller.owner } }
}
