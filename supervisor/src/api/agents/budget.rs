//! What an agent may use up, and what it used.

use aether_protocol::{AgentBudget, Budget, ErrorBody};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer};

/// The limits that hold for an agent, what is used of each, and what was found when it was frozen.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/budget", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentBudget>), (status = "default", body = ErrorBody)))]
pub(crate) async fn budget(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentBudget>> {
    Ok(Data { data: state.fleet().budget(&id).await? })
}

/// Sets the limits of an agent, all of them. One that was frozen goes on when nothing is used up any more.
#[utoipa::path(put, path = "/api/v1/agents/{ref}/budget", tag = "agents", params(("ref" = String, Path)), request_body = Budget,
    responses((status = 200, body = Data<AgentBudget>), (status = "default", body = ErrorBody)))]
pub(crate) async fn set(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(budget): Body<Budget>,
) -> Answer<Data<AgentBudget>> {
    Ok(Data { data: state.fleet().set_budget(&id, budget).await? })
}
