//! The kept output of an agent.

use aether_protocol::ErrorBody;
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{ApiState, caller::Target, error::Answer, query::Query},
    fleet::Streams,
};

/// Which output.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogsQuery {
    /// Which stream (default all).
    #[param(inline)]
    stream: LogStream,
    /// Go on with what comes, until the agent ends.
    follow: bool,
}

/// Output streams of a program.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogStream {
    /// Standard output, or the terminal.
    Stdout,
    /// Standard error.
    Stderr,
    /// Both, as they came.
    #[default]
    All,
}

/// Offset in the whole output of the first byte of standard output that is still kept: so much was lost before it.
const OFFSET: &str = "x-aether-offset";

/// The raw bytes an agent printed (the newest 16 MiB of them), also after its end.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/logs", tag = "agents", params(("ref" = String, Path), LogsQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "default", body = ErrorBody)))]
pub(crate) async fn logs(State(state): State<ApiState>, Target(id): Target, Query(query): Query<LogsQuery>) -> Answer<Response> {
    let streams = match query.stream {
        LogStream::Stdout => Streams::Stdout,
        LogStream::Stderr => Streams::Stderr,
        LogStream::All => Streams::All,
    };
    let reader = state.fleet().logs(&id, streams, query.follow).await?;
    let offset = reader.offset.to_string();
    let stopping = state.stopping().clone();
    let pieces = stream::unfold((reader, stopping), |(mut reader, stopping)| async move {
        let chunk = tokio::select! {
            chunk = reader.next() => chunk?,
            () = stopping.cancelled() => return None,
        };
        Some((Ok::<Bytes, std::io::Error>(chunk.bytes), (reader, stopping)))
    });
    let headers = [(header::CONTENT_TYPE.as_str(), "application/octet-stream"), (OFFSET, offset.as_str())];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
