//! Kill, pause, resume and continue an agent: the verbs that take nothing else.

use aether_protocol::{AgentInfo, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, caller::Target, error::Answer};

/// Ends everything in the sandbox at once, or takes the agent out of the queue.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/kill", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn kill(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().kill(&id).await? })
}

/// Freezes the agent's cgroup.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/pause", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn pause(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().pause(&id).await? })
}

/// Thaws the agent's cgroup.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/resume", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn resume(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().resume(&id).await? })
}

/// Lets a goal go on past its step limit, by 25 steps.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/continue", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn proceed(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentInfo>> {
    Ok(Data { data: state.fleet().proceed(&id).await? })
}
