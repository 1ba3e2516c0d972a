//! What an agent's network may reach and did reach.

use aether_protocol::{ErrorBody, NetworkChange, NetworkInfo};
use axum::extract::State;

use crate::api::{ApiState, answer::Data, body::Body, caller::Target, error::Answer};

/// The policy in force and every destination that was asked for, with verdicts and bytes.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/network", tag = "network", params(("ref" = String, Path)),
    responses((status = 200, body = Data<NetworkInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn network(State(state): State<ApiState>, Target(id): Target) -> Answer<Data<NetworkInfo>> {
    Ok(Data { data: state.fleet().network(&id).await? })
}

/// Changes the policy of an agent; in force at once, also for what is connected.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/network", tag = "network", params(("ref" = String, Path)),
    request_body = NetworkChange,
    responses((status = 200, body = Data<NetworkInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn change(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(change): Body<NetworkChange>,
) -> Answer<Data<NetworkInfo>> {
    Ok(Data { data: state.fleet().change_network(&id, change).await? })
}
