//! What happened to one agent.

use aether_protocol::{ApiError, ErrorBody, Event};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::{ApiState, answer::Listing, caller::Target, error::Answer, query::Query};

const MOST: usize = 10_000;
const USUAL: usize = 1000;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimelineQuery {
    /// Only those after this number.
    since: u64,
    /// At most this many (default 1000, at most 10000).
    limit: Option<usize>,
}

/// Durable events of one agent, oldest first.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/timeline", tag = "agents", params(("ref" = String, Path), TimelineQuery),
    responses((status = 200, body = Listing<Event>), (status = "default", body = ErrorBody)))]
pub(crate) async fn timeline(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<TimelineQuery>,
) -> Answer<Listing<Event>> {
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::invalid("limit is out of range", "give 1 to 10000").into());
    }
    let mut listing = Listing::whole(state.fleet().timeline(&id, query.since, limit).await?);
    listing.meta.limit = limit as u64;
    Ok(listing)
}
