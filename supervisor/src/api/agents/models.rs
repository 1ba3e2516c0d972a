//! What an agent asked models through the gateway.

use aether_protocol::{AgentModels, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, caller::Target, error::Answer};

/// What an agent may ask models, and what it asked: calls, tokens, cost and time by step and model.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/models", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentModels>), (status = "default", body = ErrorBody)))]
pub(crate) async fn models(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentModels>> {
    Ok(Data { data: state.fleet().models(&id).await? })
}
