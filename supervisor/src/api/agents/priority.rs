//! Change an agent's place in the queue.

use aether_protocol::{AgentInfo, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer};

/// Which priority.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriorityRequest {
    /// 1 (first) to 5 (last).
    priority: u8,
}

/// Changes the priority of a queued agent.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/priority", tag = "agents", params(("ref" = String, Path)),
    request_body = PriorityRequest,
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn priority(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<PriorityRequest>,
) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().set_priority(&id, request.priority).await? })
}
