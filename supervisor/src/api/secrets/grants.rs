//! Lend a secret, and take it back.

use aether_protocol::{ErrorBody, Grant, GrantSpec};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::named;
use crate::api::{ApiState, answer::Data, body::Body, error::Answer};

/// Lets an agent have the secret added to its requests to one host.
#[utoipa::path(post, path = "/api/v1/secrets/{name}/grants", tag = "secrets", params(("name" = String, Path)),
    request_body = GrantSpec,
    responses((status = 200, body = Data<Grant>), (status = "default", body = ErrorBody)))]
pub(crate) async fn grant(
    State(state): State<ApiState>,
    Path(name): Path<String>,
    Body(spec): Body<GrantSpec>,
) -> Answer<Data<Grant>> {
    Ok(Data { data: state.fleet().grant(&named(&name)?, spec).await? })
}

/// Takes a grant back; the agent's next request goes without.
#[utoipa::path(delete, path = "/api/v1/secrets/{name}/grants/{id}", tag = "secrets",
    params(("name" = String, Path), ("id" = u64, Path)),
    responses((status = 204), (status = "default", body = ErrorBody)))]
pub(crate) async fn revoke(State(state): State<ApiState>, Path((name, id)): Path<(String, String)>) -> Answer<StatusCode> {
    let id = id
        .parse()
        .map_err(|_| aether_protocol::ApiError::invalid("a grant is named by its number", "aether secret ls shows it"))?;
    state.fleet().revoke(&named(&name)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
