//! Memories.

use aether_protocol::{ApiError, ErrorBody, Memory, MemoryLayer, MindInfo, NewMemory};
use aether_store::Recall;
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::api::{
    ApiState,
    answer::{Data, Listing},
    body::Body,
    caller::Target,
    error::Answer,
    query::Query,
};

/// What to recall.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecallQuery {
    /// Words to look for; the weightiest memories when absent.
    #[serde(default)]
    q: Option<String>,
    /// Only of this layer.
    #[serde(default)]
    #[param(inline)]
    layer: Option<MemoryLayer>,
    /// Only with all of these tags, separated by commas.
    #[serde(default)]
    tags: Option<String>,
    /// At most so many: 10 when absent, 1000 at most.
    #[serde(default)]
    limit: Option<usize>,
}

/// Every mind: named ones, and those of agents that keep something.
#[utoipa::path(get, path = "/api/v1/minds", tag = "memory",
    responses((status = 200, body = Listing<MindInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn minds(State(state): State<ApiState>) -> Answer<Listing<MindInfo>> {
    Ok(Listing::whole(state.fleet().minds().await?))
}

/// What an agent remembers, the most fitting first.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/memory", tag = "memory", params(("ref" = String, Path), RecallQuery),
    responses((status = 200, body = Listing<Memory>), (status = "default", body = ErrorBody)))]
pub(crate) async fn recall(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<RecallQuery>,
) -> Answer<Listing<Memory>> {
    let tags = query.tags.unwrap_or_default();
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    let limit = query.limit.unwrap_or(10).clamp(1, 1000);
    let found = state.fleet().recall(&id, Recall { query: query.q, layer: query.layer, tags, limit, near: None }).await?;
    Ok(Listing::whole(found))
}

/// Has an agent remember something. The same words in the same layer are one memory.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/memory", tag = "memory", params(("ref" = String, Path)),
    request_body = NewMemory,
    responses((status = 200, body = Data<Memory>), (status = "default", body = ErrorBody)))]
pub(crate) async fn remember(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(new): Body<NewMemory>,
) -> Answer<Data<Memory>> {
    Ok(Data { data: state.fleet().remember(&id, new).await? })
}

/// Has an agent forget something.
#[utoipa::path(delete, path = "/api/v1/agents/{ref}/memory/{id}", tag = "memory",
    params(("ref" = String, Path), ("id" = u64, Path)),
    responses((status = 204), (status = "default", body = ErrorBody)))]
pub(crate) async fn forget(State(state): State<ApiState>, Path((agent, memory)): Path<(String, String)>) -> Answer<StatusCode> {
    let id = state.fleet().resolve(&agent)?;
    state.fleet().forget(&id, number(&memory)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// With whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareRequest {
    /// The other agent, by id, number or name.
    to: String,
}

/// Gives a copy of a memory to another agent of the same owner; it weighs four fifths there.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/memory/{id}/share", tag = "memory",
    params(("ref" = String, Path), ("id" = u64, Path)), request_body = ShareRequest,
    responses((status = 200, body = Data<Memory>), (status = "default", body = ErrorBody)))]
pub(crate) async fn share(
    State(state): State<ApiState>,
    Path((agent, memory)): Path<(String, String)>,
    Body(request): Body<ShareRequest>,
) -> Answer<Data<Memory>> {
    let (from, to) = (state.fleet().resolve(&agent)?, state.fleet().resolve(&request.to)?);
    Ok(Data { data: state.fleet().share(&from, number(&memory)?, &to).await? })
}

fn number(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ApiError::invalid("a memory is named by its number", "aether memory ls A lists them"))
}
