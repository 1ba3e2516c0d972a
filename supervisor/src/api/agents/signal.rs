//! Signal an agent's program.

use aether_protocol::{AgentInfo, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer};

/// Which signal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalRequest {
    /// Name, with or without `SIG`.
    signal: String,
}

/// Sends a signal to the agent's program; `KILL` ends the whole sandbox.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/signal", tag = "agents", params(("ref" = String, Path)), request_body = SignalRequest,
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn signal(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<SignalRequest>,
) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().signal(&id, &request.signal).await? })
}
