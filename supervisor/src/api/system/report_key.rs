//! The key that isolation reports are signed with.

use aether_protocol::{ErrorBody, ReportKey};
use axum::extract::State;

use crate::api::{ApiState, answer::Data};

/// The public key that isolation reports are signed with.
#[utoipa::path(get, path = "/api/v1/system/report-key", tag = "service",
    responses((status = 200, body = Data<ReportKey>), (status = "default", body = ErrorBody)))]
pub(crate) async fn report_key(State(state): State<ApiState>) -> Data<ReportKey> {
    Data { data: state.fleet().report_key() }
}
