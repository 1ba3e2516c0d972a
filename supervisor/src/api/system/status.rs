//! The service and its host.

use aether_protocol::{ErrorBody, SystemStatus};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, error::Answer};

/// The service and its host.
#[utoipa::path(get, path = "/api/v1/system/status", tag = "service",
    responses((status = 200, body = Data<SystemStatus>), (status = "default", body = ErrorBody)))]
pub(crate) async fn status(State(state): State<ApiState>) -> Answer<Data<SystemStatus>> {
    Ok(Data { data: state.fleet().status().await? })
}
