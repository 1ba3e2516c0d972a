//! Query strings: unknown names and wrong values are refused with their cause.

use aether_protocol::ApiError;
use axum::{
    extract::{FromRequestParts, Query as AxumQuery},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::Failure;

/// The query string as a `T`.
#[derive(Debug, Clone)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match AxumQuery::<T>::try_from_uri(&parts.uri) {
            Ok(AxumQuery(value)) => Ok(Self(value)),
            Err(rejection) => {
                let cause = rejection.body_text();
                let cause = cause.strip_prefix("Failed to deserialize query string: ").unwrap_or(&cause);
                Err(ApiError::invalid(format!("query string: {cause}"), "see /api/v1/openapi.json for what this path takes")
                    .into())
            }
        }
    }
}
