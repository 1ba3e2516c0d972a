//! `/api/v1/system` and the doctor.

mod backup;
mod doctor;
mod figures;
mod models;
mod report_key;
mod status;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::ApiState;

/// Every route about the service and its host.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(status::status))
        .routes(routes!(figures::figures))
        .routes(routes!(doctor::doctor))
        .routes(routes!(models::models))
        .routes(routes!(report_key::report_key))
        .routes(routes!(backup::backup))
}
