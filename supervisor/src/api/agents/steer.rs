//! Change the tools or the model of a built-in agent between its steps.

use aether_protocol::{AgentInfo, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer},
    fleet::Steering,
};

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SteerRequest {
    /// Only these tools (and `complete`) from its next step on.
    #[serde(default)]
    tools: Option<Vec<String>>,
    /// Every tool there is from its next step on.
    #[serde(default)]
    all_tools: bool,
    /// `PROVIDER/MODEL` from its next step on.
    #[serde(default)]
    model: Option<String>,
}

/// Changes tools or model of a built-in agent. A call whose tool it has lost by then is refused.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/steer", tag = "agents", params(("ref" = String, Path)),
    request_body = SteerRequest,
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn steer(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<SteerRequest>,
) -> Answer<Data<AgentInfo>> {
    let steering = Steering::wished(request.tools, request.all_tools, request.model)?;
    Ok(Data { data: state.fleet().steer(&id, steering).await? })
}
