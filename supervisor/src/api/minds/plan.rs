//! Plans, profiles, reflections and letters.

use aether_protocol::{AgentProfile, ErrorBody, Letter, Plan, Reflection};
use axum::extract::State;

use crate::api::{
    ApiState,
    answer::{Data, Listing},
    caller::Target,
    error::Answer,
};

/// The newest plan of an agent.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/plan", tag = "memory", params(("ref" = String, Path)),
    responses((status = 200, body = Data<Plan>), (status = "default", body = ErrorBody)))]
pub(crate) async fn plan(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<Plan>> {
    Ok(Data { data: state.fleet().plan(&id).await? })
}

/// What an agent is known for: counts of what really happened.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/profile", tag = "memory", params(("ref" = String, Path)),
    responses((status = 200, body = Data<AgentProfile>), (status = "default", body = ErrorBody)))]
pub(crate) async fn profile(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<AgentProfile>> {
    Ok(Data { data: state.fleet().profile(&id).await? })
}

/// What was thought of the runs of an agent's memory, newest first, at most 100.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/reflections", tag = "memory", params(("ref" = String, Path)),
    responses((status = 200, body = Listing<Reflection>), (status = "default", body = ErrorBody)))]
pub(crate) async fn reflections(State(state): State<ApiState>, Target(id): Target) -> Answer<Listing<Reflection>> {
    Ok(Listing::whole(state.fleet().reflections(&id).await?))
}

/// Letters to and from an agent, newest first, at most 500.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/letters", tag = "memory", params(("ref" = String, Path)),
    responses((status = 200, body = Listing<Letter>), (status = "default", body = ErrorBody)))]
pub(crate) async fn letters(State(state): State<ApiState>, Target(id): Target) -> Answer<Listing<Letter>> {
    Ok(Listing::whole(state.fleet().letters(&id).await?))
}
