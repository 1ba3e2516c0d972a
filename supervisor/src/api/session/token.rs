//! The session of a browser: made with the token, asked for, ended.

use aether_protocol::ErrorBody;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    api::{ApiState, answer::Data, audit::denied, body::Body, caller::wrong, error::Answer},
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
pub(crate) async fn sign_in(State(state): State<ApiState>, Body(request): Body<SignInRequest>) -> Answer<Response> {
    if !state.auth().token().matches(request.token.trim()) {
        let error = wrong(&state, "the token is not valid");
        denied::note(&state, "/api/v1/session", &error);
        return Err(error.into());
    }
    state.fleet().audit(OPERATOR, "session.signin", "", json!({ "how": "token" })).await;
    let mut response = Data { data: Session { owner: OPERATOR.to_owned() } }.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie::set(&state.auth().token().session()));
    Ok(response)
}

/// Signs a browser out: clears the session cookie.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "Signed out")))]
pub(crate) async fn sign_out() -> Response {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::clear())]).into_response()
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = Data<Session>), (status = "default", body = ErrorBody)))]
pub(crate) async fn session(caller: Caller) -> Data<Session> {
    Data { data: Session { owner: caller.owner } }
}
