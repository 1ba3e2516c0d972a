//! Live figures.

use aether_protocol::{ErrorBody, event::KernelMetrics};
use axum::extract::State;

use crate::api::{ApiState, answer::Data};

/// Newest samples of every live agent's resources.
#[utoipa::path(get, path = "/api/v1/system/metrics", tag = "service",
    responses((status = 200, body = Data<KernelMetrics>), (status = "default", body = ErrorBody)))]
pub(crate) async fn figures(State(state): State<ApiState>) -> Data<KernelMetrics> {
    Data { data: state.fleet().metrics() }
}
