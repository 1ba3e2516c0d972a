//! Deploy an agent.

use aether_protocol::{AgentInfo, AgentSpec, ErrorBody};
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    api::{ApiState, answer::Data, body::Body, connection::Descriptors, error::Answer},
    fleet::Caller,
};

/// Deploys an agent; answers when it is durable and, if there is a free place, its program runs.
///
/// Over the Unix socket, `Aether-Descriptors: N` announces N directory descriptors sent with the request (`SCM_RIGHTS`), which
/// mounts with a `descriptor` source name by their place.
#[utoipa::path(post, path = "/api/v1/agents", tag = "agents", request_body = AgentSpec,
    params(("Aether-Descriptors" = Option<u8>, Header, description = "Descriptors sent with the request, at most 16")),
    responses((status = 201, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    descriptors: Descriptors,
    Body(spec): Body<AgentSpec>,
) -> Answer<Response> {
    spec.check()?;
    let info = state.fleet().create(spec, &caller, descriptors.take()).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/agents/{}", info.id));
    let mut response = (StatusCode::CREATED, Data { data: info }).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
