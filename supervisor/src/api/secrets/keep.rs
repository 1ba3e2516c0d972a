//! List, set and remove secrets.

use aether_protocol::{ErrorBody, SecretInfo, SecretSet};
use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::named;
use crate::api::{
    ApiState,
    answer::{Data, Listing},
    body::Body,
    error::Answer,
};

/// Every secret with its grants; never a value.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets",
    responses((status = 200, body = Listing<SecretInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>) -> Answer<Listing<SecretInfo>> {
    Ok(Listing::whole(state.fleet().secrets()))
}

/// Sets a secret, or replaces its value; its grants stay.
#[utoipa::path(post, path = "/api/v1/secrets", tag = "secrets", request_body = SecretSet,
    responses((status = 200, body = Data<SecretInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn set(State(state): State<ApiState>, Body(set): Body<SecretSet>) -> Answer<Data<SecretInfo>> {
    Ok(Data { data: state.fleet().set_secret(set).await? })
}

/// Removes a secret with its grants.
#[utoipa::path(delete, path = "/api/v1/secrets/{name}", tag = "secrets", params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = ErrorBody)))]
pub(crate) async fn remove(State(state): State<ApiState>, Path(name): Path<String>) -> Answer<StatusCode> {
    state.fleet().remove_secret(&named(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
