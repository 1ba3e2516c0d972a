//! One agent.

use aether_protocol::{AgentInfo, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, caller::Target, error::Answer};

/// One agent, by id, name, number or a unique prefix.
#[utoipa::path(get, path = "/api/v1/agents/{ref}", tag = "agents", params(("ref" = String, Path, description = "Id, name, number or unique prefix")),
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn get(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().get(id.as_str()).await? })
}
