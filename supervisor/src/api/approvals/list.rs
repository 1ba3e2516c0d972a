//! List what waits.

use aether_protocol::{Approval, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Listing, error::Answer};

/// What agents wait for, oldest first. The same arrives as the events `approval.requested` and `approval.decided`.
#[utoipa::path(get, path = "/api/v1/approvals", tag = "network",
    responses((status = 200, body = Listing<Approval>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>) -> Answer<Listing<Approval>> {
    Ok(Listing::whole(state.fleet().approvals()))
}
