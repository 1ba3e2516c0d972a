//! Decide about what waits.

use aether_protocol::{ApiError, Approval, Decision, ErrorBody};
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::{ApiState, answer::Data, body::Body, error::Answer};

/// A person's word.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideRequest {
    /// `once` (for one minute), `always` (added to the agent's policy) or `deny` (for one minute).
    decision: Decision,
}

/// Decides, once; the connection that was held goes on or is refused.
#[utoipa::path(post, path = "/api/v1/approvals/{id}", tag = "network", params(("id" = u64, Path)), request_body = DecideRequest,
    responses((status = 200, body = Data<Approval>), (status = "default", body = ErrorBody)))]
pub(crate) async fn decide(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Body(request): Body<DecideRequest>,
) -> Answer<Data<Approval>> {
    let id = id.parse().map_err(|_| ApiError::invalid("what waits is named by its number", "aether approvals shows it"))?;
    Ok(Data { data: state.fleet().decide(id, request.decision).await? })
}
