//! Who started whom.

use aether_protocol::{AgentTree, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, caller::Target, error::Answer};

/// An agent and everybody below it, each before its children.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/tree", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentTree>), (status = "default", body = ErrorBody)))]
pub(crate) async fn tree(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentTree>> {
    Ok(Data { data: state.fleet().tree(&id).await? })
}
