//! The one-time link itself.

use aether_protocol::{ApiError, ErrorBody};
use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::{
    api::{ApiState, audit::denied, caller::wrong, error::Answer, query::Query},
    auth::{OPERATOR, cookie},
};

/// The code.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct SignInQuery {
    /// From `POST /api/v1/signin-links`.
    code: String,
}

/// Signs a browser in and sends it to Mission Control.
#[utoipa::path(get, path = "/signin", tag = "session", params(SignInQuery),
    responses((status = 303, description = "Signed in"), (status = "default", body = ErrorBody)))]
pub(crate) async fn signin(State(state): State<ApiState>, method: Method, Query(query): Query<SignInQuery>) -> Answer<Response> {
    if method != Method::GET {
        return Err(ApiError::invalid("a sign-in link is opened with GET", "open it in a browser").into());
    }
    if !state.auth().links.redeem(&query.code) {
        let mut error = wrong(&state, "this sign-in link was used already or is older than 15 minutes");
        error.hint = "ask for a new one over the Unix socket: POST /api/v1/signin-links".to_owned();
        denied::note(&state, "/signin", &error);
        return Err(error.into());
    }
    state.fleet().audit(OPERATOR, "session.signin", "", json!({ "how": "link" })).await;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/"))]).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie::set(&state.auth().token().session()));
    Ok(response)
}
