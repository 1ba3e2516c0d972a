//! Make directories, move and copy.

use aether_protocol::ErrorBody;
use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::check_path;
use crate::{
    api::{ApiState, body::Body, caller::Target, error::Answer},
    fleet::Depth,
};

/// Which directory.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MkdirRequest {
    /// Path inside.
    path: String,
    /// Make parents as well; an existing directory is no error then.
    #[serde(default)]
    recursive: bool,
}

/// From where to where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferRequest {
    /// Path inside.
    from: String,
    /// Path inside.
    to: String,
}

/// Makes a directory.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/mkdir", tag = "files", params(("ref" = String, Path)), request_body = MkdirRequest,
    responses((status = 204, description = "Made"), (status = "default", body = ErrorBody)))]
pub(crate) async fn mkdir(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<MkdirRequest>,
) -> Answer<StatusCode> {
    check_path(&request.path)?;
    let depth = if request.recursive { Depth::Recursive } else { Depth::One };
    state.fleet().fs(&id).await?.mkdir(&request.path, depth).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves or renames.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/mv", tag = "files", params(("ref" = String, Path)), request_body = TransferRequest,
    responses((status = 204, description = "Moved"), (status = "default", body = ErrorBody)))]
pub(crate) async fn mv(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<TransferRequest>,
) -> Answer<StatusCode> {
    check_path(&request.from)?;
    check_path(&request.to)?;
    state.fleet().fs(&id).await?.rename(&request.from, &request.to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Copies a file or a tree.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/cp", tag = "files", params(("ref" = String, Path)), request_body = TransferRequest,
    responses((status = 204, description = "Copied"), (status = "default", body = ErrorBody)))]
pub(crate) async fn cp(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(request): Body<TransferRequest>,
) -> Answer<StatusCode> {
    check_path(&request.from)?;
    check_path(&request.to)?;
    state.fleet().fs(&id).await?.copy(&request.from, &request.to).await?;
    Ok(StatusCode::NO_CONTENT)
}
