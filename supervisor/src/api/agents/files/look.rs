//! Look at directories and entries.

use aether_protocol::{ErrorBody, FileEntry};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::check_path;
use crate::api::{
    ApiState,
    answer::{Data, Listing, Meta},
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

/// Which directory, and from where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntriesQuery {
    /// Path inside; relative ones start at the home.
    path: String,
    /// `meta.next` of the page before. Without it the listing begins.
    after: Option<String>,
}

/// Entries of a directory by name, at most 10 000; `meta.total` says how many there are, `meta.next` where the next page begins.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/entries", tag = "files", params(("ref" = String, Path), EntriesQuery),
    responses((status = 200, body = Listing<FileEntry>), (status = "default", body = ErrorBody)))]
pub(crate) async fn entries(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<EntriesQuery>,
) -> Answer<Listing<FileEntry>> {
    check_path(&query.path)?;
    let page = state.fleet().fs(&id).await?.list(&query.path, query.after.as_deref()).await?;
    let limit = if page.next.is_some() { page.entries.len() as u64 } else { 0 };
    let meta = Meta { total: page.total, limit, offset: page.before, next: page.next };
    Ok(Listing { data: page.entries, meta })
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
