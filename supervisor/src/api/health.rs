//! `GET /health` and `GET /metrics`: public, without anything about single agents.

use aether_protocol::{HealthInfo, PROTOCOL_VERSION};
use axum::{Json, extract::State, http::header, response::IntoResponse};

use super::ApiState;

/// Is the service well?
#[utoipa::path(get, path = "/health", tag = "service", responses((status = 200, body = HealthInfo)))]
pub(crate) async fn health(State(state): State<ApiState>) -> Json<HealthInfo> {
    let status = if state.fleet().healthy().await { "ok" } else { "degraded" };
    Json(HealthInfo { status: status.to_owned(), version: PROTOCOL_VERSION.to_owned(), uptime: state.fleet().uptime() })
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<ApiState>) -> impl IntoResponse {
    let text = state.0.metrics.render(state.fleet()).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
