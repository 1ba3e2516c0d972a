//! Deploy an agent.

use aether_protocol::{AgentInfo, AgentSpec, ErrorBody};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    api::{ApiState, answer::Data, body::Exact, connection::Descriptors, error::Answer},
    fleet::{Caller, Made, Once},
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Said of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Deploys an agent; answers when it is durable and, if there is a free place, its program runs.
///
/// Over the Unix socket, `Aether-Descriptors: N` announces N directory descriptors sent with the request (`SCM_RIGHTS`), which
/// mounts with a `descriptor` source name by their place.
///
/// With an `Idempotency-Key`, whoever lost the answer may ask again, also after a restart of the service: the same request makes no
/// second agent, and is answered with the one that it made, as it is now, and `Idempotency-Replayed: true`. The key with another body,
/// or of an agent that is gone, is refused (409). Keys are each caller's own, and are remembered while 10,000 more agents are made; that
/// of a request that failed is free again.
#[utoipa::path(post, path = "/api/v1/agents", tag = "agents", request_body = AgentSpec,
    params(
        ("Aether-Descriptors" = Option<u8>, Header, description = "Descriptors sent with the request, at most 16"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters that no other request has"),
    ),
    responses((status = 201, body = Data<AgentInfo>), (status = "default", body = ErrorBody)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    descriptors: Descriptors,
    headers: HeaderMap,
    Exact(spec, body): Exact<AgentSpec>,
) -> Answer<Response> {
    spec.check()?;
    let once = headers.get(KEY).map(|key| Once::new(key.as_bytes(), body)).transpose()?;
    let (fleet, descriptors) = (state.fleet(), descriptors.take());
    let made = match once {
        Some(once) => fleet.create_once(spec, &caller, descriptors, once).await?,
        None => Made::Now(fleet.create(spec, &caller, descriptors).await?),
    };
    let (info, again) = match made {
        Made::Now(info) => (info, None),
        Made::Before(info) => (info, Some(HeaderValue::from_static("true"))),
    };
    let location = HeaderValue::from_str(&format!("/api/v1/agents/{}", info.id));
    let mut response = (StatusCode::CREATED, Data { data: info }).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(again.map(|yes| (REPLAYED, yes)));
    Ok(response)
}
