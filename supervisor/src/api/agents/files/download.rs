//! Read a file.

use std::io::SeekFrom;

use aether_protocol::ErrorBody;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use super::{
    check_path,
    range::{self, Part},
};
use crate::{
    api::{ApiState, Failure, caller::Target, error::Answer, query::Query},
    fleet::OpenHow,
};

const CHUNK: usize = 256 * 1024;

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadQuery {
    /// Path inside; relative ones start at the home.
    path: String,
}

/// The bytes of a regular file, or the one range of them that `Range` asks for.
#[utoipa::path(get, path = "/api/v1/agents/{ref}/files", tag = "files", params(("ref" = String, Path), DownloadQuery,
        ("Range" = Option<String>, Header, description = "bytes=FIRST-LAST, bytes=FIRST- or bytes=-LAST_N")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 416, description = "The file ends before the range"), (status = "default", body = ErrorBody)))]
pub(crate) async fn download(
    State(state): State<ApiState>,
    Target(id): Target,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    check_path(&query.path)?;
    let opened = state.fleet().fs(&id).await?.open(&query.path, OpenHow::Read).await?;
    let mut response = send(File::from_std(std::fs::File::from(opened.fd)), opened.size, wanted(&headers, opened.size)).await?;
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(value) = HeaderValue::from_str(&disposition(&query.path)) {
        head.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A conditional range is answered with the whole file: there is nothing that its condition could be compared with.
fn wanted(headers: &HeaderMap, size: u64) -> Part {
    let range = headers.get(header::RANGE).filter(|_| !headers.contains_key(header::IF_RANGE));
    range.and_then(|value| value.to_str().ok()).map_or(Part::Whole, |text| range::parse(text, size))
}

async fn send(mut file: File, size: u64, part: Part) -> Answer<Response> {
    let (start, length) = match part {
        // Files of the kernel (/proc) say that they are empty; they are sent up to their end.
        Part::Whole if size == 0 => {
            return Ok(Body::from_stream(ReaderStream::with_capacity(file, CHUNK)).into_response());
        }
        Part::Whole => (0, size),
        Part::Some { start, length } => (start, length),
        Part::None => {
            let range = format!("bytes */{size}");
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, range)]).into_response());
        }
    };
    if start > 0 {
        file.seek(SeekFrom::Start(start)).await.map_err(Failure::internal)?;
    }
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    let head = [(header::CONTENT_LENGTH, length.to_string()), (header::ACCEPT_RANGES, "bytes".to_owned())];
    if part == Part::Whole {
        return Ok((head, body).into_response());
    }
    let range = format!("bytes {start}-{}/{size}", start + length - 1);
    Ok((StatusCode::PARTIAL_CONTENT, head, [(header::CONTENT_RANGE, range)], body).into_response())
}

/// A name chosen by an agent never reaches a browser raw: everything but letters, digits and a few marks is escaped (RFC 8187).
fn disposition(path: &str) -> String {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let mut text = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn read(part: Part) -> (u16, Option<String>, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"0123456789").unwrap();
        let response = send(File::open(&path).await.unwrap(), 10, part).await.unwrap();
        let range = response.headers().get(header::CONTENT_RANGE).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), range, response.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn sends_what_was_asked_for() {
        assert_eq!(read(Part::Whole).await, (200, None, b"0123456789".to_vec()));
        assert_eq!(read(Part::Some { start: 3, length: 4 }).await, (206, Some("bytes 3-6/10".to_owned()), b"3456".to_vec()));
        assert_eq!(read(Part::None).await, (416, Some("bytes */10".to_owned()), Vec::new()));
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(disposition("/home/agent/a\"b\r\n ü.txt"), "attachment; filename*=UTF-8''a%22b%0D%0A%20%C3%BC.txt");
    }
}
