//! List agents.

use aether_protocol::{AgentInfo, AgentState, ErrorBody};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::page::Page;
use crate::{
    api::{
        ApiState,
        answer::{Listing, Meta},
        error::{Answer, Failure},
        query::Query,
    },
    fleet::ListFilter,
};

/// Which agents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListQuery {
    /// Also the ended ones.
    all: bool,
    /// Only those in this state; asking for `dead` includes the ended ones.
    state: Option<AgentState>,
    /// At most this many; 0 is no limit.
    limit: usize,
    /// Skip this many.
    offset: usize,
}

/// Agents, newest first.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", params(ListQuery),
    responses((status = 200, body = Listing<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>, Query(query): Query<ListQuery>) -> Answer<Response> {
    let all = query.all || query.state == Some(AgentState::Dead);
    let filter = ListFilter { all, state: query.state, limit: query.limit, offset: query.offset };
    let (data, total) = state.fleet().list(&filter);
    let meta = Meta { total: total as u64, limit: query.limit as u64, offset: query.offset as u64, next: None };
    let meta = serde_json::to_string(&meta).map_err(Failure::internal)?;
    let body = Body::new(Page::new(data, &meta).await);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
