//! The records themselves.

use aether_protocol::{AuditRecord, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{
    ApiState,
    answer::{Listing, Meta},
    error::Answer,
    query::Query,
};

/// Records of one answer.
pub(crate) const MOST: u32 = 1000;

/// Which records.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditQuery {
    /// Only those after this number.
    since: u64,
    /// At most so many (default and most: 1000).
    limit: Option<u32>,
}

/// Who did what, oldest first; `meta.offset` is the number that the page comes after.
#[utoipa::path(get, path = "/api/v1/audit", tag = "service", operation_id = "audit", params(AuditQuery),
    responses((status = 200, body = Listing<AuditRecord>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>, Query(query): Query<AuditQuery>) -> Answer<Listing<AuditRecord>> {
    let limit = query.limit.unwrap_or(MOST).clamp(1, MOST);
    let (data, total) = state.fleet().audit_records(query.since, limit).await?;
    Ok(Listing { data, meta: Meta { total, limit: limit.into(), offset: query.since, next: None } })
}
