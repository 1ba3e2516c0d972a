//! JSON bodies: bounded in size and time, errors with the place and the fix.

use std::time::Duration;

use aether_protocol::{ApiError, ErrorCode};
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{Failure, MAX_BODY};
use crate::fleet::Caller;

/// A whole JSON body has to arrive within this time.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(60);
/// Largest body of somebody who is not known yet.
const STRANGERS: usize = 4096;
/// Of a body that nobody wants so much is read and thrown away, and for so long at most between two pieces: a client that still
/// writes when the connection ends would not see the answer.
const DRAIN: usize = 64 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The JSON body as a `T`. An empty body counts as `{}`.
#[derive(Debug, Clone)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Exact::from_request(request, state).await.map(|Exact(value, _)| Self(value))
    }
}

/// The JSON body as a `T`, and as it came.
#[derive(Debug, Clone)]
pub(crate) struct Exact<T>(pub(crate) T, pub(crate) Bytes);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Exact<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        check_type(request.headers())?;
        let bytes = tokio::time::timeout(BODY_TIME, collect(request)).await.map_err(|_| {
            ApiError::invalid(
                format!("the body did not arrive within {} s", BODY_TIME.as_secs()),
                "check the connection, then send it again",
            )
        })??;
        Ok(Self(parse(if bytes.is_empty() { b"{}" } else { &bytes })?, bytes))
    }
}

/// Reads the rest of a body and throws it away.
pub(crate) async fn drain(body: &mut axum::body::Body) {
    let mut length = 0;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(DRAIN_TIME, body.frame()).await {
        length += frame.data_ref().map_or(0, Bytes::len);
        if length > DRAIN {
            return;
        }
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default();
    let plain = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if plain == "application/json" || plain.ends_with("+json") {
        return Ok(());
    }
    Err(ApiError::invalid(format!("the body is {plain:?}, not JSON"), "send it with Content-Type: application/json"))
}

async fn collect(request: Request) -> Result<Bytes, ApiError> {
    let most = if request.extensions().get::<Caller>().is_some() { MAX_BODY } else { STRANGERS };
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::invalid(format!("the body broke off: {error}"), "send the request again"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= most {
            bytes.extend_from_slice(&data);
        } else if length > DRAIN {
            break;
        }
    }
    if length > most {
        return Err(ApiError::new(
            ErrorCode::TooLarge,
            format!("the body is larger than {} KiB", most >> 10),
            "put large data in a file (aether cp), or send it on standard input (-i)",
        ));
    }
    Ok(bytes.into())
}

/// JSON text as a `T`.
///
/// # Errors
/// [`ErrorCode::Invalid`] with line and column.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let cause: String = text.split(" at line ").next().unwrap_or(&text).chars().take(500).collect();
        let place = if line > 0 { format!(" at line {line} column {column}") } else { String::new() };
        let hint = match error.classify() {
            Category::Eof => "the JSON text ends too early: close what was opened",
            Category::Syntax | Category::Io => "correct the JSON text at that place",
            Category::Data => "see /api/v1/openapi.json for the fields and their types",
        };
        ApiError::invalid(format!("invalid JSON{place}: {cause}"), hint)
    })
}

#[cfg(test)]
mod tests {
    use aether_protocol::AgentSpec;

    use super::*;

    #[test]
    fn names_place_cause_and_fix() {
        for (text, place, cause) in [
            ("{", "line 1 column 1", "EOF"),
            ("{\n  \"name\" 1}", "line 2 column 10", "expected `:`"),
            (r#"{"program":{"type":"command","argv":["a"]},"nmae":"x"}"#, "line 1", "unknown field `nmae`"),
            (r#"{"program":{"type":"goal","argv":["a"]}}"#, "line 1", "argv"),
            ("{}", "line 1 column 2", "missing field `program`"),
            ("[]", "line 1", "invalid"),
        ] {
            let error = parse::<AgentSpec>(text.as_bytes()).unwrap_err();
            assert_eq!(error.code, ErrorCode::Invalid, "{text}");
            assert!(error.message.contains(place) && error.message.contains(cause), "{text}: {}", error.message);
            assert!(!error.hint.is_empty());
        }
    }

    #[tokio::test]
    async fn takes_json_only_and_twelve_mebibytes_at_most() {
        let send = |kind: &'static str, body: Vec<u8>| async move {
            let mut request = Request::builder().header("content-type", kind).body(axum::body::Body::from(body)).unwrap();
            request.extensions_mut().insert(Caller { owner: "root".to_owned(), peer: None });
            Body::<serde_json::Value>::from_request(request, &()).await.map(|Body(value)| value)
        };
        assert_eq!(send("application/json; charset=utf-8", b"[1]".to_vec()).await.unwrap(), serde_json::json!([1]));
        assert_eq!(send("application/json", Vec::new()).await.unwrap(), serde_json::json!({}));
        assert_eq!(send("text/plain", b"[1]".to_vec()).await.unwrap_err().0.code, ErrorCode::Invalid);
        let stranger = Request::builder().body(axum::body::Body::from(vec![b' '; STRANGERS + 1])).unwrap();
        let refused = Body::<serde_json::Value>::from_request(stranger, &()).await.unwrap_err();
        assert_eq!(refused.0.code, ErrorCode::TooLarge);
        let large = vec![b' '; MAX_BODY + 1];
        assert_eq!(send("application/json", large).await.unwrap_err().0.code, ErrorCode::TooLarge);
    }
}
