//! Remove an agent.

use aether_protocol::ErrorBody;
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{ApiState, caller::Target, error::Answer, query::Query},
    fleet::Force,
};

/// How to remove.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RemoveQuery {
    /// Kill a live agent first; without it, a live agent is refused.
    force: bool,
}

/// Removes record, home and log of an agent.
#[utoipa::path(delete, path = "/api/v1/agents/{ref}", tag = "agents", params(("ref" = String, Path), RemoveQuery),
    responses((status = 204, description = "Removed"), (status = "default", body = ErrorBody)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<RemoveQuery>,
) -> Answer<StatusCode> {
    let force = if query.force { Force::KillFirst } else { Force::No };
    state.fleet().remove(&id, force).await?;
    Ok(StatusCode::NO_CONTENT)
}
