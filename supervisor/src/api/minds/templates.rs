//! Templates.

use aether_protocol::{ErrorBody, Template};
use axum::extract::{Path, State};

use crate::api::{
    ApiState,
    answer::{Data, Listing},
    error::Answer,
};

/// Every template, by name. A goal is started from one with the field `template`.
#[utoipa::path(get, path = "/api/v1/templates", tag = "templates",
    responses((status = 200, body = Listing<Template>), (status = "default", body = ErrorBody)))]
pub(crate) async fn list(State(state): State<ApiState>) -> Answer<Listing<Template>> {
    Ok(Listing::whole(state.fleet().templates().await?))
}

/// One template.
#[utoipa::path(get, path = "/api/v1/templates/{id}", tag = "templates", params(("id" = String, Path)),
    responses((status = 200, body = Data<Template>), (status = "default", body = ErrorBody)))]
pub(crate) async fn get(State(state): State<ApiState>, Path(id): Path<String>) -> Answer<Data<Template>> {
    Ok(Data { data: state.fleet().template(&id).await? })
}
