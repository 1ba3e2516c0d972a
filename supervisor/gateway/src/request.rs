//! A request of an agent: held whole, looked at, and cleaned of what is not for the outside.

use std::time::Duration;

use aether_secrets::PLACEHOLDER;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, StatusCode,
    body::Incoming,
    header::{self, HeaderName},
    http::request::Parts,
};
use serde_json::Value;
use tokio::time::timeout;

use crate::{refusal::Refusal, route::Kind};

/// Headers in which the programs' libraries bring their key.
const KEYS: [&str; 5] = ["authorization", "x-api-key", "x-goog-api-key", "api-key", "proxy-authorization"];
/// Headers that go out to a provider.
const PASSED: [&str; 10] = [
    "accept",
    "content-type",
    "user-agent",
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "idempotency-key",
    "x-goog-api-client",
    "x-client-request-id",
    "accept-language",
];
/// Headers that never go out to a granted host: about this connection, about who asked, or about the encoding, which has to
/// stay readable.
const HELD: [&str; 14] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "accept-encoding",
    "forwarded",
    "via",
    "expect",
];

/// What the gateway has to know of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) body: Bytes,
    /// The model, when the body names one.
    pub(crate) model: Option<String>,
    /// The most tokens it can use, when it says so.
    pub(crate) need: Option<u64>,
    /// The report of tokens was asked for here, not by the program.
    pub(crate) hide: bool,
}

/// What the credentials in a request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brought {
    /// None, or the agent's own placeholder.
    Own,
    /// A placeholder that is not its own.
    Foreign,
    /// A key of its own.
    Other,
}

/// Judges the credentials that a request brings.
pub(crate) fn brought(parts: &Parts, placeholder: &str) -> Brought {
    let mut found = Vec::new();
    for name in KEYS {
        found.extend(parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    let query = parts.uri.query().unwrap_or_default();
    found.extend(query.split('&').filter_map(|pair| pair.strip_prefix("key=")).map(str::to_owned));
    let mut worst = Brought::Own;
    for text in &found {
        let token = text.split_once(' ').map_or(text.as_str(), |(_, token)| token.trim());
        let basic = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let password = basic.split_once(':').map_or("", |(_, password)| password);
        if token == placeholder || password == placeholder || token.is_empty() {
            continue;
        }
        if token.contains(PLACEHOLDER) || basic.contains(PLACEHOLDER) {
            return Brought::Foreign;
        }
        worst = Brought::Other;
    }
    worst
}

/// A placeholder of somebody else anywhere in the head of a request.
pub(crate) fn holds_foreign(parts: &Parts, placeholder: &str) -> bool {
    let foreign = |text: &str| text.replace(placeholder, "").contains(PLACEHOLDER);
    foreign(&parts.uri.to_string()) || parts.headers.values().any(|value| foreign(&String::from_utf8_lossy(value.as_bytes())))
}

/// The headers that go out to a provider.
pub(crate) fn to_provider(headers: &HeaderMap) -> HeaderMap {
    let passes = |name: &HeaderName| PASSED.contains(&name.as_str()) || name.as_str().starts_with("x-stainless-");
    let kept = headers.iter().filter(|(name, _)| passes(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The headers that go out to a granted host.
pub(crate) fn to_host(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    let passes = |name: &HeaderName| {
        let name = name.as_str();
        !HELD.contains(&name) && !name.starts_with("x-forwarded-") && !named.iter().any(|held| held == name)
    };
    let kept = headers.iter().filter(|(name, _)| passes(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The query that goes out: without a key.
pub(crate) fn query(parts: &Parts) -> Option<String> {
    let kept: Vec<&str> = parts.uri.query()?.split('&').filter(|pair| !pair.starts_with("key=") && !pair.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

/// How long the body says it is.
pub(crate) fn length(headers: &HeaderMap, most: usize) -> Result<usize, Refusal> {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let length = said.unwrap_or(if chunked { most } else { 0 });
    if length > most { Err(too_large(most)) } else { Ok(length) }
}

/// The whole body.
pub(crate) async fn body(mut body: Incoming, most: usize, idle: Duration) -> Result<Bytes, Refusal> {
    let mut all = BytesMut::new();
    loop {
        let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the request stopped arriving: send it again");
        let Some(frame) = timeout(idle, body.frame()).await.map_err(late)? else { return Ok(all.freeze()) };
        let frame = frame.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the request broke off: send it again"))?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() > most {
            return Err(too_large(most));
        }
        all.extend_from_slice(&data);
    }
}

fn too_large(most: usize) -> Refusal {
    let text = format!("the request is larger than {} MiB: send less, or a smaller picture", most >> 20);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// Looks into the body of a request that has a model work.
pub(crate) fn look(body: Bytes, kind: Kind) -> Result<Asked, Refusal> {
    if kind == Kind::Look {
        return Ok(Asked { body, ..Asked::default() });
    }
    let value: Value = serde_json::from_slice(&body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the request is not JSON: {error}")))?;
    let Value::Object(fields) = &value else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "the request is not a JSON object"));
    };
    let model = fields.get("model").and_then(Value::as_str).map(|model| model.chars().take(128).collect());
    let limits = [
        "/max_tokens",
        "/max_completion_tokens",
        "/max_output_tokens",
        "/generationConfig/maxOutputTokens",
        "/options/num_predict",
    ];
    // A token is hardly ever less than a byte of the request.
    let read = body.len() as u64;
    let choices = ["/n", "/generationConfig/candidateCount"].iter().filter_map(|place| value.pointer(place)?.as_u64()).max();
    let most = limits.iter().filter_map(|place| value.pointer(place)?.as_u64()).max();
    let need = most.map(|most| most.saturating_mul(choices.unwrap_or(1)).saturating_add(read));
    let streamed = fields.get("stream") == Some(&Value::Bool(true));
    let reported = value.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    if kind != Kind::Chat || !streamed || reported {
        return Ok(Asked { body, model, need, hide: false });
    }
    let body = if fields.contains_key("stream_options") {
        let mut value = value;
        value["stream_options"]["include_usage"] = true.into();
        Bytes::from(value.to_string())
    } else {
        // Put in by hand: every other byte stays what the program sent.
        let at = body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1);
        let (head, rest) = body.split_at(at);
        Bytes::from([head, br#""stream_options":{"include_usage":true},"#, rest].concat())
    };
    Ok(Asked { body, model, need, hide: true })
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn parts(name: &str, value: &str) -> Parts {
        Request::get("/openai/v1/models?a=1&key=aether-placeholder-own")
            .header(name, value)
            .body(())
            .expect("request")
            .into_parts()
            .0
    }

    #[test]
    fn only_the_own_placeholder_is_taken() {
        let own = "aether-placeholder-own";
        let basic = format!("Basic {}", STANDARD.encode(format!("u:{own}")));
        for (value, expected) in [
            (format!("Bearer {own}"), Brought::Own),
            (basic, Brought::Own),
            ("Bearer aether-placeholder-other".to_owned(), Brought::Foreign),
            ("Bearer aether-placeholder-own2".to_owned(), Brought::Foreign),
            ("Bearer sk-mine".to_owned(), Brought::Other),
        ] {
            assert_eq!(brought(&parts("authorization", &value), own), expected, "{value}");
        }
        assert_eq!(brought(&parts("x-a", ""), "aether-placeholder-zzz"), Brought::Foreign, "in the query");
        assert_eq!(query(&parts("x-a", "")).as_deref(), Some("a=1"));
    }

    #[test]
    fn what_is_not_for_the_outside_stays() {
        let mut headers = HeaderMap::new();
        for name in
            ["x-forwarded-for", "authorization", "cookie", "openai-organization", "content-type", "x-stainless-os", "x-mine"]
        {
            headers.insert(name, "v".parse().expect("value"));
        }
        headers.insert("connection", "x-mine, close".parse().expect("value"));
        let names = |headers: HeaderMap| headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(to_provider(&headers)), ["content-type", "x-stainless-os"]);
        let kept = names(to_host(&headers));
        assert!(
            !kept.contains(&"x-forwarded-for".to_owned())
                && !kept.contains(&"x-mine".to_owned())
                && kept.contains(&"cookie".to_owned())
        );
    }

    #[test]
    fn a_streamed_chat_reports_its_tokens() {
        let look = |text: &str, kind| look(Bytes::copy_from_slice(text.as_bytes()), kind).expect("JSON");
        let asked = look(r#" {"model":"m", "stream":true,"max_tokens":5}"#, Kind::Chat);
        assert_eq!(&asked.body[..], br#" {"stream_options":{"include_usage":true},"model":"m", "stream":true,"max_tokens":5}"#);
        assert_eq!((asked.model.as_deref(), asked.need, asked.hide), (Some("m"), Some(5 + 44), true));
        let theirs = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!((look(theirs, Kind::Chat).hide, &look(theirs, Kind::Chat).body[..]), (false, theirs.as_bytes()));
        assert!(look(r#"{"stream":true,"stream_options":{"x":1}}"#, Kind::Chat).hide);
        assert!(!look(r#"{"stream":true}"#, Kind::Work).hide);
        assert_eq!(look(r#"{"generationConfig":{"maxOutputTokens":9}}"#, Kind::Work).need, Some(9 + 42));
    }

    #[test]
    fn what_is_no_json_object_goes_nowhere() {
        for text in ["", "[]", "{", "x"] {
            assert!(look(Bytes::copy_from_slice(text.as_bytes()), Kind::Work).is_err(), "{text}");
        }
    }
}
