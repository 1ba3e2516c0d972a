//! How a browser's session begins, lasts and ends.

use aether_protocol::ApiError;
use axum::{
    http::{HeaderMap, header},
    response::Response,
};
use serde_json::json;

use crate::{
    api::{ApiState, Failure, edge::OwnHost},
    auth::{
        OPERATOR,
        cookie::{self, Way},
    },
};

/// Where the store keeps them.
const KEPT: &str = "sessions";

/// Takes back the sessions of before the start.
///
/// # Errors
/// When the database fails.
pub(crate) async fn restore(state: &ApiState) -> Result<(), ApiError> {
    if let Some(text) = state.fleet().kept(KEPT).await? {
        state.auth().sessions.restore(&text);
    }
    Ok(())
}

/// Signs in: a session of its own for whoever gets `response`, durable and on record before they have it.
pub(super) async fn begin(
    state: &ApiState,
    how: &str,
    host: Option<&OwnHost>,
    mut response: Response,
) -> Result<Response, Failure> {
    let value = state.auth().sessions.begin().map_err(Failure::internal)?;
    keep(state).await?;
    state.fleet().audit(OPERATOR, "session.signin", "", json!({ "how": how })).await;
    let way = host.map_or(Way::Plain, |host| host.way);
    response.headers_mut().insert(header::SET_COOKIE, cookie::set(&value, way));
    Ok(response)
}

/// Signs out: ends the sessions that a request shows, with everything that is open in them.
pub(super) async fn end(state: &ApiState, headers: &HeaderMap) -> Result<(), Failure> {
    let ended = cookie::read(headers).take(cookie::MOST).filter(|value| state.auth().sessions.end(value)).count();
    if ended > 0 {
        state.fleet().audit(OPERATOR, "session.signout", "", json!({})).await;
        keep(state).await?;
    }
    Ok(())
}

async fn keep(state: &ApiState) -> Result<(), ApiError> {
    let _one = state.0.keeping.lock().await;
    state.fleet().keep(KEPT, state.auth().sessions.keep()).await
}
