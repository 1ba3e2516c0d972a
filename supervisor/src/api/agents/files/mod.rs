//! `/api/v1/agents/{ref}/files` and its neighbours: done inside the sandbox, as the agent.

mod change;
mod download;
mod look;
mod range;
mod remove;
mod upload;

use aether_protocol::ApiError;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::api::ApiState;

/// Every route about files.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(download::download, upload::upload, remove::remove))
        .routes(routes!(look::entries))
        .routes(routes!(look::stat))
        .routes(routes!(change::mkdir))
        .routes(routes!(change::mv))
        .routes(routes!(change::cp))
}

/// Checks a path given by a client: not empty, no NUL, not longer than the kernel takes. What it means is decided inside the
/// sandbox, where it cannot lead out.
pub(crate) fn check_path(path: &str) -> Result<(), ApiError> {
    if path.is_empty() {
        return Err(ApiError::invalid("the path is empty", "name a path inside the agent, absolute or from its home"));
    }
    if path.contains('\0') || path.len() > 4095 {
        return Err(ApiError::invalid("the path holds a NUL byte or is longer than 4095 bytes", "give a shorter path"));
    }
    Ok(())
}
