//! `/api/v1/secrets`: names, grants, and values on the way in only.

mod grants;
mod keep;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::ApiState;

/// Every route about secrets.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(keep::list, keep::set))
        .routes(routes!(keep::remove))
        .routes(routes!(grants::grant))
        .routes(routes!(grants::revoke))
}

/// The secret that `{name}` in the path names.
fn named(name: &str) -> Result<aether_protocol::SecretName, aether_protocol::ApiError> {
    name.parse().map_err(|error: aether_protocol::InvalidId| {
        aether_protocol::ApiError::invalid(error.to_string(), "aether secret ls lists the secrets")
    })
}
