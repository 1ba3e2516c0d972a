//! Stop an agent.

use std::time::Duration;

use aether_protocol::{AgentInfo, ApiError, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer};

const LONGEST_GRACE: u64 = 3600;

/// How to stop.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct StopRequest {
    /// Seconds between SIGTERM and SIGKILL (default 10).
    grace_seconds: Option<u64>,
}

/// SIGTERM to the program, SIGKILL to everything after the grace; answers after the end.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/stop", tag = "agents", params(("ref" = String, Path)), request_body = StopRequest,
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn stop(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<StopRequest>,
) -> Answer<Data<AgentInfo>> {
    if request.grace_seconds.is_some_and(|seconds| seconds > LONGEST_GRACE) {
        return Err(ApiError::invalid("graceSeconds is out of range", "give 0 to 3600").into());
    }
    let grace = request.grace_seconds.map(Duration::from_secs);
    Ok(Data { data: state.fleet().stop(&id, grace).await? })
}
