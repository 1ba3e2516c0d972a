//! Look at directories and entries.

use aether_protocol::{ErrorBody, FileEntry};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::check_path;
use crate::api::{
    ApiState,
    answer::{Data, Listing},
    caller::Target,
    error::Answer,
    query::Query,
};

/// Which path.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathQuery {
    /// Path inside; relative ones start at the home.
    path: String,
}

/// Entries of a directory.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/entries", tag = "files", params(("ref" = String, Path), PathQuery),
    responses((status = 200, body = Listing<FileEntry>), (status = "default", body = ErrorBody)))]
pub(crate) async fn entries(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<PathQuery>,
) -> Answer<Listing<FileEntry>> {
    check_path(&query.path)?;
    Ok(Listing::whole(state.fleet().fs(&id).await?.list(&query.path).await?))
}

/// One entry; a link itself, not what it points at.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/stat", tag = "files", params(("ref" = String, Path), PathQuery),
    responses((status = 200, body = Data<FileEntry>), (status = "default", body = ErrorBody)))]
pub(crate) async fn stat(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<PathQuery>,
) -> Answer<Data<FileEntry>> {
    check_path(&query.path)?;
    Ok(Data { data: state.fleet().fs(&id).await?.stat(&query.path).await? })
}
