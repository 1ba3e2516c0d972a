//! Which models the built-in agent can use.

use aether_protocol::{ErrorBody, ModelsReport};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, error::Answer};

/// Which models the built-in agent can use, and why others cannot be used. The providers are asked, for five seconds at most; what
/// they said holds for five seconds.
#[utoipa::path(get, path = "/api/v1/models", tag = "service",
    responses((status = 200, body = Data<ModelsReport>), (status = "default", body = ErrorBody)))]
pub(crate) async fn models(State(state): State<ApiState>) -> Answer<Data<ModelsReport>> {
    Ok(Data { data: state.fleet().model_report().await })
}
