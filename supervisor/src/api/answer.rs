//! Bodies of answers that went well.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `{"data": ...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Data<T> {
    /// What was asked for.
    pub(crate) data: T,
}

/// `{"data": [...], "meta": {...}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Listing<T> {
    /// This page.
    pub(crate) data: Vec<T>,
    /// Where it stands in the whole.
    pub(crate) meta: Meta,
}

/// Place of a page in the whole list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Meta {
    /// Length of the whole list.
    pub(crate) total: u64,
    /// Longest page asked for; 0 is no limit.
    pub(crate) limit: u64,
    /// Entries before this page.
    pub(crate) offset: u64,
    /// Cursor of the next page of a directory; absent: nothing follows, or the list is not paged by cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> Listing<T> {
    /// The whole list.
    pub(crate) fn whole(data: Vec<T>) -> Self {
        let meta = Meta { total: data.len() as u64, limit: 0, offset: 0, next: None };
        Self { data, meta }
    }
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

impl<T: Serialize> IntoResponse for Listing<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
