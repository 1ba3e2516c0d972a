//! What holds an agent.

use aether_protocol::{ErrorBody, SignedReport};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::api::{ApiState, answer::Data, caller::Target, error::Answer};

/// Every layer of a live agent's sandbox as the kernel confirms it now, signed. `data` is the canonical JSON that was signed,
/// byte for byte; its hash goes to the audit.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/isolation", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<SignedReport>), (status = "default", body = ErrorBody)))]
pub(crate) async fn isolation(State(state): State<ApiState>, Target(id): Target) -> Answer<Response> {
    let body = format!("{{\"data\":{}}}", state.fleet().isolation(&id).await?);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
