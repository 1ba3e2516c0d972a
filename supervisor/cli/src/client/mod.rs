//! HTTP over the supervisor's Unix socket.

pub(crate) mod again;
pub(crate) mod agents;
pub(crate) mod channel;
mod descriptors;
pub(crate) mod events;
pub(crate) mod tunnel;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use aether_protocol::{ApiError, ErrorBody, ErrorCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::{net::UnixStream, sync::Mutex};

use self::again::{KEY, Patience, Unanswered, comes_back, is_safe};
use crate::failure::{Failure, plain};

/// Body of a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The supervisor, as reached through its socket.
pub(crate) struct Client {
    socket: PathBuf,
    patience: Duration,
    /// A connection whose last answer was read to the end.
    idle: Mutex<Option<http1::SendRequest<Body>>>,
}

/// A successful answer: `{"data": ...}` and, for lists, `{"meta": ...}`.
pub(crate) struct Answer {
    body: Bytes,
}

#[derive(serde::Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(serde::Deserialize)]
struct Meta {
    total: u64,
    #[serde(default)]
    next: Option<String>,
}

impl Answer {
    /// The `data` as the supervisor wrote it.
    pub(crate) fn raw(&self) -> Result<&str, Failure> {
        Ok(self.envelope()?.data.get())
    }

    /// There is nothing to print (204).
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The `data`, parsed.
    pub(crate) fn data<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(self.raw()?).map_err(|error| Failure::garbled(&error.to_string()))
    }

    /// `meta.total` of a list.
    pub(crate) fn total(&self) -> Result<Option<u64>, Failure> {
        Ok(self.envelope()?.meta.map(|meta| meta.total))
    }

    /// `meta.next`: where the next page of a list begins.
    pub(crate) fn next(&self) -> Result<Option<String>, Failure> {
        Ok(self.envelope()?.meta.and_then(|meta| meta.next))
    }

    fn envelope(&self) -> Result<Envelope<'_>, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::garbled(&error.to_string()))
    }
}

impl Client {
    /// `patience`: how long a supervisor that is away is waited for.
    pub(crate) fn new(socket: PathBuf, patience: Duration) -> Self {
        Self { socket, patience, idle: Mutex::new(None) }
    }

    /// How long a supervisor that is away is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Where the supervisor's socket is looked for.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// `GET` of something small.
    pub(crate) async fn get(&self, uri: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, uri, None, None).await
    }

    /// `POST` of JSON.
    pub(crate) async fn post(&self, uri: &str, body: &impl serde::Serialize) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::garbled(&error.to_string()))?;
        self.call(Method::POST, uri, Some(body), None).await
    }

    /// `POST` of JSON that is done once, however often it has to be sent: `key` is what the supervisor knows it by.
    pub(crate) async fn post_once(&self, uri: &str, body: Vec<u8>, key: &str) -> Result<Answer, Failure> {
        self.call(Method::POST, uri, Some(body), Some(key)).await
    }

    /// `PUT` of JSON.
    pub(crate) async fn put_json(&self, uri: &str, body: &impl serde::Serialize) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::garbled(&error.to_string()))?;
        self.call(Method::PUT, uri, Some(body), None).await
    }

    /// `DELETE`.
    pub(crate) async fn delete(&self, uri: &str) -> Result<Answer, Failure> {
        self.call(Method::DELETE, uri, None, None).await
    }

    /// `PUT` of a stream.
    pub(crate) async fn put(&self, uri: &str, body: Body) -> Result<Answer, Failure> {
        let request =
            Request::put(uri).header(header::HOST, "localhost").header(header::CONTENT_TYPE, "application/octet-stream");
        let request = request.body(body).map_err(|_| Failure::garbled("a bad address"))?;
        // A stream cannot be sent twice.
        self.exchange(request).await.map_err(|unanswered| unanswered.failure)
    }

    /// `GET` of something large or endless: a connection of its own, the body unread. Failures are read already.
    pub(crate) async fn stream(&self, uri: &str) -> Result<Response<Incoming>, Failure> {
        let patience = Patience::of_requests(self.patience);
        loop {
            match self.begin_stream(uri).await {
                Err(Unanswered { again: true, .. }) if patience.lasts().await => {}
                outcome => return outcome.map_err(|unanswered| unanswered.failure),
            }
        }
    }

    async fn begin_stream(&self, uri: &str) -> Result<Response<Incoming>, Unanswered> {
        let request =
            Request::get(uri).header(header::HOST, "localhost").body(empty()).map_err(|_| Failure::garbled("a bad address"))?;
        let lost = |error: hyper::Error| Unanswered { failure: self.lost(&error.to_string()), again: true };
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await.map_err(lost)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, again) = (response.status(), comes_back(response.status(), response.headers()));
        let body = response.into_body().collect().await.map_err(lost)?.to_bytes();
        Err(Unanswered { failure: refusal(status, &body), again })
    }

    /// `GET /health`, which has no envelope.
    pub(crate) async fn health(&self) -> Result<Bytes, Failure> {
        let response = self.stream("/health").await?;
        Ok(response.into_body().collect().await.map_err(|error| self.lost(&error.to_string()))?.to_bytes())
    }

    /// A bare connection to the socket.
    pub(crate) async fn dial(&self) -> Result<UnixStream, Failure> {
        let mut patience = Patience::of_sockets(self.patience);
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => return Ok(stream),
                Err(error) if patience.is_away(error.kind()) && patience.lasts().await => {}
                Err(error) => return Err(unreachable(&self.socket, &error)),
            }
        }
    }

    async fn call(&self, method: Method, uri: &str, json: Option<Vec<u8>>, key: Option<&str>) -> Result<Answer, Failure> {
        let (json, patience) = (json.map(Bytes::from), Patience::of_requests(self.patience));
        loop {
            let mut request = Request::builder().method(&method).uri(uri).header(header::HOST, "localhost");
            if json.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            if let Some(key) = key {
                request = request.header(KEY, key);
            }
            let body = json.clone().map_or_else(empty, boxed);
            let request = request.body(body).map_err(|_| Failure::garbled("a bad address"))?;
            match self.exchange(request).await {
                Err(Unanswered { again: true, .. }) if patience.lasts().await => {}
                outcome => return outcome.map_err(|unanswered| unanswered.failure),
            }
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Answer, Unanswered> {
        let safe = is_safe(request.method(), request.headers());
        let kept = self.idle.lock().await.take();
        let mut sender = match kept {
            // On a connection that the supervisor may be closing just now nobody would know whether a request was heard.
            Some(mut sender) if safe => match sender.ready().await {
                Ok(()) => sender,
                Err(_) => self.connect().await?,
            },
            _ => self.connect().await?,
        };
        let lost =
            |error: hyper::Error| Unanswered { again: safe || error.is_canceled(), failure: self.lost(&error.to_string()) };
        let response = sender.send_request(request).await.map_err(lost)?;
        let (status, again) = (response.status(), comes_back(response.status(), response.headers()));
        let body = response.into_body().collect().await.map_err(lost)?.to_bytes();
        *self.idle.lock().await = Some(sender);
        if status.is_success() { Ok(Answer { body }) } else { Err(Unanswered { failure: refusal(status, &body), again }) }
    }

    async fn connect(&self) -> Result<http1::SendRequest<Body>, Failure> {
        let stream = self.dial().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.lost(&error.to_string()))?;
        // Its failures reach the sender, which reports them.
        tokio::spawn(connection);
        Ok(sender)
    }

    pub(crate) fn lost(&self, why: &str) -> Failure {
        Failure::Unreachable {
            cause: format!("the supervisor at {} broke the connection: {why}", self.socket.display()),
            hint: "see its log, then try again".to_owned(),
        }
    }
}

/// An empty body.
fn empty() -> Body {
    boxed(Bytes::new())
}

fn boxed(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A refused request as an error; answers that are not the API's own get a plain text.
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    if let Ok(body) = serde_json::from_slice::<ErrorBody>(body) {
        return Failure::Api(body.error);
    }
    let code = match status.as_u16() {
        400 => ErrorCode::Invalid,
        401 => ErrorCode::Unauthenticated,
        403 => ErrorCode::Denied,
        404 => ErrorCode::NotFound,
        409 => ErrorCode::Conflict,
        413 => ErrorCode::TooLarge,
        503 => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    };
    Failure::Api(ApiError::new(code, format!("the supervisor answered {status}"), "see its log for details"))
}

fn unreachable(socket: &Path, error: &io::Error) -> Failure {
    let shown = socket.display();
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::Api(ApiError::new(
            ErrorCode::Denied,
            format!("you may not use the supervisor's socket {shown}"),
            "use sudo, or join the group: sudo usermod -aG aether $USER (then sign in again)",
        ));
    }
    Failure::Unreachable {
        cause: format!("cannot reach the supervisor at {shown}: {}", plain(error).to_lowercase()),
        hint: "start it (sudo systemctl start aetherd), or name its socket with --socket PATH or AETHER_SOCKET".to_owned(),
    }
}

/// One part of an address, percent-encoded (RFC 3986, only unreserved characters stay).
pub(crate) fn encode(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encoded() {
        assert_eq!(encode("/home/ä b?&=#%"), "%2Fhome%2F%C3%A4%20b%3F%26%3D%23%25");
        assert_eq!(encode("builder-1.x_~"), "builder-1.x_~");
    }

    #[test]
    fn refusals_keep_the_servers_words() {
        let body = br#"{"error":{"code":"CONFLICT","message":"name taken","hint":"choose another"}}"#;
        assert_eq!(refusal(StatusCode::CONFLICT, body).lines(), Some(("name taken", "choose another")));
        assert_eq!(refusal(StatusCode::NOT_FOUND, b"nope").status(), 3);
    }
}
