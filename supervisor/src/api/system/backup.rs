//! Everything that is remembered, as one file.

use aether_protocol::ErrorBody;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use tokio::{fs::File, io::AsyncReadExt};
use tokio_util::io::ReaderStream;

use crate::{
    api::{ApiState, Failure, error::Answer},
    fleet::Caller,
};

const CHUNK: usize = 256 * 1024;

/// A consistent copy of the database, for root over the Unix socket; changes go on meanwhile and are not in it.
#[utoipa::path(get, path = "/api/v1/system/backup", tag = "service",
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.sqlite3"), (status = "default", body = ErrorBody)))]
pub(crate) async fn backup(State(state): State<ApiState>, caller: Caller) -> Answer<Response> {
    let file = File::from_std(state.fleet().backup(&caller).await?);
    let size = file.metadata().await.map_err(Failure::internal)?.len();
    let mut response = Body::from_stream(ReaderStream::with_capacity(file.take(size), CHUNK)).into_response();
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.sqlite3"));
    // A copy that was cut off is noticed by its length.
    head.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}
