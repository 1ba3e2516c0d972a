//! Remove a file or a directory.

use aether_protocol::ErrorBody;
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::check_path;
use crate::{
    api::{ApiState, caller::Target, error::Answer, query::Query},
    fleet::Depth,
};

/// What to remove.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveFileQuery {
    /// Path inside.
    path: String,
    /// A directory with all it holds.
    #[serde(default)]
    recursive: bool,
}

/// Removes a file, a link or a directory. Never follows a link.
#[utoipa::path(delete, path = "/api/v1/agents/{ref}/files", tag = "files", operation_id = "remove_file",
    params(("ref" = String, Path), RemoveFileQuery),
    responses((status = 204, description = "Removed"), (status = "default", body = ErrorBody)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<RemoveFileQuery>,
) -> Answer<StatusCode> {
    check_path(&query.path)?;
    let depth = if query.recursive { Depth::Recursive } else { Depth::One };
    state.fleet().fs(&id).await?.remove(&query.path, depth).await?;
    Ok(StatusCode::NO_CONTENT)
}
