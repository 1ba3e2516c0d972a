//! Terminals of an agent.

use aether_protocol::{ErrorBody, TtyInfo};
use axum::extract::State;

use crate::api::{ApiState, answer::Listing, caller::Target, error::Answer};

/// The terminals of an agent, its main one first.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/terminals", tag = "agents", params(("ref" = String, Path)),
    responses((status = 200, body = Listing<TtyInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn terminals(State(state): State<ApiState>, Target(id): Target) -> Answer<Listing<TtyInfo>> {
    Ok(Listing::whole(state.fleet().terminals(&id).await?))
}
