//! What agents remember, plan and are known for: `/api/v1/minds` and below `/api/v1/agents/{ref}`.

mod feedback;
mod memory;
mod plan;
mod templates;

use utoipa_axum::{router::OpenApiRouter, routes};

use super::ApiState;

/// Every route about memories, plans and feedback.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(memory::minds))
        .routes(routes!(memory::recall, memory::remember))
        .routes(routes!(memory::forget))
        .routes(routes!(memory::share))
        .routes(routes!(templates::list))
        .routes(routes!(templates::get))
        .routes(routes!(plan::plan))
        .routes(routes!(plan::profile))
        .routes(routes!(plan::reflections))
        .routes(routes!(plan::letters))
        .routes(routes!(feedback::list, feedback::rate))
}
