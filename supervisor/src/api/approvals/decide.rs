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
    /// `once` (this call, or connections there for one minute), `always` (and everything like it, as long as the agent lives) or
    /// `deny`.
    decision: Decision,
    /// Why: the built-in agent reads it.
    #[serde(default)]
    reason: Option<String>,
}

/// Decides, once; what was held goes on or is refused.
#[utoipa::path(post, path = "/api/v1/approvals/{id}", tag = "network", params(("id" = u64, Path)), request_body = DecideRequest,
    responses((status = 200, body = Data<Approval>), (status = "default", body = ErrorBody)))]
pub(crate) async fn decide(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Body(request): Body<DecideRequest>,
) -> Answer<Data<Approval>> {
    let id = id.parse().map_err(|_| ApiError::invalid("what waits is named by its number", "aether approvals shows it"))?;
    Ok(Data { data: state.fleet().decide(id, request.decision, reason(request.reason)?).await? })
}

/// A reason as it is kept.
///
/// # Errors
/// When it is too long.
pub(crate) fn reason(said: Option<String>) -> Result<Option<String>, ApiError> {
    let reason = said.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.len() > 4096) {
        return Err(ApiError::invalid("the reason is longer than 4 KiB", "say it in fewer words"));
    }
    Ok(reason)
}
