//! List agents.

use std::sync::Arc;

use aether_protocol::{AgentInfo, AgentState, ErrorBody};
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{
        ApiState,
        answer::{Listing, Meta},
        error::Answer,
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
pub(crate) async fn list(State(state): State<ApiState>, Query(query): Query<ListQuery>) -> Answer<Listing<Arc<AgentInfo>>> {
    let all = query.all || query.state == Some(AgentState::Dead);
    let filter = ListFilter { all, state: query.state, limit: query.limit, offset: query.offset };
    let (data, total) = state.fleet().list(&filter);
    let meta = Meta { total: total as u64, limit: query.limit as u64, offset: query.offset as u64, next: None };
    Ok(Listing { data, meta })
}
