//! What this host can do.

use aether_protocol::{DoctorReport, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, error::Answer};

/// What this host can do, and what to do about what it cannot.
#[utoipa::path(get, path = "/api/v1/doctor", tag = "service",
    responses((status = 200, body = Data<DoctorReport>), (status = "default", body = ErrorBody)))]
pub(crate) async fn doctor(State(state): State<ApiState>) -> Answer<Data<DoctorReport>> {
    Ok(Data { data: state.fleet().doctor().await? })
}
