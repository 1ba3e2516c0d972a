//! Signing in and out over TCP.

mod begin;
mod links;
mod signin;
mod token;

use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use begin::restore;

use super::ApiState;

/// Routes that need nobody signed in.
pub(crate) fn public_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(signin::signin)).routes(routes!(token::sign_in, token::sign_out))
}

/// Routes that do.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(links::create)).routes(routes!(token::session))
}
