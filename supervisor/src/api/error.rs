//! What a client sees of a failure; the log gets more.

use aether_protocol::{ApiError, ErrorBody, ErrorCode};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::fleet::away;

/// An [`ApiError`] as an answer: its status and [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub ApiError);

/// Result of a handler.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// An internal error: the cause goes to the log, not to the client.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self(ApiError::internal("something inside the service failed"))
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let unauthenticated = self.0.code == ErrorCode::Unauthenticated;
        let away = self.0.code == ErrorCode::Unavailable && self.0 == away();
        let mut response = (status, Json(ErrorBody { error: self.0 })).into_response();
        if unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if away {
            // Seconds (RFC 9110, 10.2.3). Whoever is told so knows that nothing was done.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
