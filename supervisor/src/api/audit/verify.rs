//! Whether the records are the ones that were written.

use aether_protocol::{AuditCheck, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, error::Answer};

/// Recomputes the whole chain of hashes. A broken chain is an answer, not an error.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "service", operation_id = "verify_audit",
    responses((status = 200, body = Data<AuditCheck>), (status = "default", body = ErrorBody)))]
pub(crate) async fn verify(State(state): State<ApiState>) -> Answer<Data<AuditCheck>> {
    Ok(Data { data: state.fleet().verify_audit().await? })
}
