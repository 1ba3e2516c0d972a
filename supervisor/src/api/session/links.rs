//! One-time sign-in links.

use aether_protocol::{ApiError, ErrorBody, ErrorCode, Timestamp};
use axum::{Extension, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{ApiState, Failure, answer::Data, edge::OwnHost, error::Answer},
    auth::links::LIFETIME,
    fleet::Caller,
};

/// A link that signs a browser in once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignInLink {
    /// Open it in a browser on a machine that reaches the service.
    url: String,
    /// It works until then.
    expires_at: Timestamp,
}

/// Makes a link that signs a browser in, once, within 15 minutes.
#[utoipa::path(post, path = "/api/v1/signin-links", tag = "session",
    responses((status = 201, body = Data<SignInLink>), (status = "default", body = ErrorBody)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    host: Option<Extension<OwnHost>>,
) -> Answer<(StatusCode, Data<SignInLink>)> {
    let link = state.sign_in_link().map_err(Failure::internal)?.ok_or_else(|| {
        ApiError::new(ErrorCode::Unsupported, "the service does not listen on TCP", "start aetherd with --listen 127.0.0.1:3001")
    })?;
    // Whoever asks over TCP reaches the service by the name they used.
    let url = match (host, link.split_once("/signin")) {
        (Some(Extension(host)), Some((_, rest))) => format!("{}/signin{rest}", host.origin()),
        _ => link,
    };
    state.fleet().audit(&caller.owner, "session.link", "", serde_json::json!({ "minutes": LIFETIME.as_secs() / 60 })).await;
    let expires = Timestamp::now().unix_millis().unwrap_or(0) + i64::try_from(LIFETIME.as_millis()).unwrap_or(0);
    Ok((StatusCode::CREATED, Data { data: SignInLink { url, expires_at: Timestamp::from_unix_millis(expires) } }))
}
