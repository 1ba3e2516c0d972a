//! The list of routes, and the OpenAPI 3.1 document that comes from the same list.

use axum::{Router, http::header::CONTENT_TYPE, middleware, routing::get};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiState, agents, approvals, attach, audit, caller, events, health, kernel, minds, ports, secrets, session, system};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Aether",
        description = "Runs AI agents in sandboxes built straight from the Linux kernel. Over the Unix socket the caller is known by \
                       uid; over TCP a request carries `Authorization: Bearer TOKEN` or the session cookie.",
        license(name = "MIT", identifier = "MIT")
    ),
    tags(
        (name = "agents", description = "Deploy, watch and steer agents"),
        (name = "files", description = "Files inside an agent's sandbox"),
        (name = "memory", description = "What agents remember, plan, and are known for"),
        (name = "templates", description = "Agents that somebody thought out before"),
        (name = "network", description = "What agents may reach, and what waits for a person's word"),
        (name = "streams", description = "WebSockets: commands and events, and the byte channel of one process"),
        (name = "secrets", description = "Secrets that agents use without seeing them"),
        (name = "session", description = "Sign in and out"),
        (name = "service", description = "The service and its host")
    )
)]
struct Document;

/// Every documented route; those about anything but health and signing in ask who it is.
pub(crate) fn routes(state: &ApiState) -> OpenApiRouter<ApiState> {
    let known = OpenApiRouter::new()
        .merge(agents::routes())
        .merge(approvals::routes())
        .merge(minds::routes())
        .merge(system::routes())
        .merge(session::routes())
        .merge(audit::routes())
        .merge(secrets::routes())
        .merge(ports::routes())
        .routes(routes!(events::events))
        .routes(routes!(kernel::kernel))
        .routes(routes!(attach::attach))
        .route_layer(middleware::from_fn_with_state(state.clone(), caller::require));
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::health))
        .routes(routes!(health::metrics))
        .merge(session::public_routes())
        .merge(known)
}

/// The document that the routes make, as text in the program's file: as a tree it would take three megabytes of memory that hardly
/// anybody asks for, and a copy of them for whoever does.
const TEXT: &str = include_str!("../../openapi.json");

/// `GET /api/v1/openapi.json`: the document; it says nothing that the source does not, so it is public.
pub(crate) fn route() -> Router<ApiState> {
    Router::new().route("/api/v1/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], TEXT)))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use crate::api::testing;

    /// The committed document is what the handlers say. `AETHER_UPDATE=1` writes it anew.
    #[tokio::test]
    async fn the_committed_document_is_current() {
        let dir = tempfile::tempdir().unwrap();
        let (_, document) = super::routes(&testing::state(dir.path()).await).split_for_parts();
        let text = document.to_pretty_json().unwrap() + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        if std::env::var_os("AETHER_UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "openapi.json is out of date: run AETHER_UPDATE=1 cargo test -p aether-supervisor openapi");
    }
}
