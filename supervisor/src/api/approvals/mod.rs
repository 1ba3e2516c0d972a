//! `/api/v1/approvals`: what waits for a person's word.

mod decide;
mod list;

pub(crate) use decide::reason;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ApiState;

/// Every route about approvals.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(decide::decide))
}
