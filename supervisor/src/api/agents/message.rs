//! Write to the built-in agent.

use aether_protocol::{AgentInfo, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer};

/// What to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageRequest {
    /// The message.
    content: String,
}

/// Writes to the built-in agent; it reads the message before its next step.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/message", tag = "agents", params(("ref" = String, Path)),
    request_body = MessageRequest,
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn message(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<MessageRequest>,
) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().message(&id, &request.content).await? })
}
