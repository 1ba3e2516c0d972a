//! The one-time link itself.

use aether_protocol::{ApiError, ErrorBody};
use axum::{
    Extension,
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::begin::begin;
use crate::api::{ApiState, audit::denied, caller::wrong, connection::Peer, edge::OwnHost, error::Answer, query::Query};

/// The code.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInQuery {
    /// From `POST /api/v1/signin-links`.
    code: String,
}

/// Signs a browser in and sends it to Mission Control.
#[utoipa::path(get, path = "/signin", tag = "session", params(SignInQuery),
    responses((status = 303, description = "Signed in"), (status = "default", body = ErrorBody)))]
pub(crate) async fn signin(
    State(state): State<ApiState>,
    Extension(peer): Extension<Peer>,
    host: Option<Extension<OwnHost>>,
    method: Method,
    Query(query): Query<SignInQuery>,
) -> Answer<Response> {
    if method != Method::GET {
        return Err(ApiError::invalid("a sign-in link is opened with GET", "open it in a browser").into());
    }
    if !state.auth().links.redeem(&query.code) {
        let mut error = wrong(&state, "this sign-in link was used already or is older than 15 minutes");
        error.hint = "ask for a new one over the Unix socket: POST /api/v1/signin-links".to_owned();
        denied::note(&state, Some(&peer), "/signin", &error);
        return Err(error.into());
    }
    let response = (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("/"))]).into_response();
    begin(&state, "link", host.as_deref(), response).await
}
