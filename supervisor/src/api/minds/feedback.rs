//! What people think of an agent's steps.

use aether_protocol::{ErrorBody, Feedback, NewFeedback};
use axum::extract::State;

use crate::api::{
    ApiState,
    answer::{Data, Listing},
    body::Body,
    caller::Target,
    error::Answer,
};

/// What people thought of an agent's steps, newest first.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/feedback", tag = "memory", params(("ref" = String, Path)),
    responses((status = 200, body = Listing<Feedback>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>, Target(id): Target) -> Answer<Listing<Feedback>> {
    Ok(Listing::whole(state.fleet().feedback(&id).await?))
}

/// Rates a step that was taken, 1 or -1; again, and it replaces what you said before. The agent reads it with `get_feedback`.
#[utoipa::path(post, path = "/api/v1/agents/{ref}/feedback", tag = "memory", params(("ref" = String, Path)),
    request_body = NewFeedback,
    responses((status = 200, body = Data<Feedback>), (status = "default", body = ErrorBody)))]
pub(crate) async fn rate(
    State(state): State<ApiState>,
    Target(id): Target,
    Body(new): Body<NewFeedback>,
) -> Answer<Data<Feedback>> {
    Ok(Data { data: state.fleet().rate(&id, new).await? })
}
