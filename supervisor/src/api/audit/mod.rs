//! `/api/v1/audit`: who did what.

pub(crate) mod denied;
mod list;
mod verify;

pub(crate) use list::MOST;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ApiState;

/// Every route about the audit.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(verify::verify))
}
