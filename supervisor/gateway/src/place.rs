//! Putting a secret into a request.

use aether_protocol::SecretPlace;
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::http::{HeaderName, HeaderValue, Uri, header, request::Parts};
use zeroize::Zeroizing;

use crate::Key;

/// Puts the secret where its grant says, in the place of whatever stood there.
///
/// # Errors
/// When the value cannot stand there; the text never holds it.
pub fn put(key: &Key, parts: &mut Parts) -> Result<(), String> {
    let value = key.value.expose();
    let (name, text) = match &key.place {
        SecretPlace::Bearer {} => (header::AUTHORIZATION, Zeroizing::new(format!("Bearer {value}"))),
        SecretPlace::Header(place) => {
            let name =
                HeaderName::try_from(place.name.as_str()).map_err(|_| "the grant's header has no valid name".to_owned())?;
            (name, Zeroizing::new(value.to_owned()))
        }
        SecretPlace::Basic(place) => {
            let pair = Zeroizing::new(format!("{}:{value}", place.user));
            (header::AUTHORIZATION, Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
        }
        SecretPlace::Query(place) => return query(&place.name, value, parts),
    };
    let mut header = HeaderValue::from_str(&text).map_err(|_| "the secret holds a character that no header can".to_owned())?;
    header.set_sensitive(true);
    parts.headers.insert(name, header);
    Ok(())
}

fn query(name: &str, value: &str, parts: &mut Parts) -> Result<(), String> {
    let same = |pair: &&str| pair.split('=').next() != Some(name);
    let mut pairs: Vec<&str> =
        parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).filter(same).collect();
    let ours = Zeroizing::new(format!("{name}={}", *encode(value)));
    pairs.push(&ours);
    let target = Zeroizing::new(format!("{}?{}", parts.uri.path(), pairs.join("&")));
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(target.parse().map_err(|_| "the secret does not fit into the query".to_owned())?);
    parts.uri = Uri::from_parts(uri).map_err(|_| "the secret does not fit into the query".to_owned())?;
    Ok(())
}

fn encode(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use aether_protocol::secret::{BasicPlace, HeaderPlace, QueryPlace};
    use aether_secrets::Value;
    use hyper::Request;

    use super::*;

    fn with(place: SecretPlace) -> Parts {
        let request = Request::get("http://h.test/a?key=old&x=1").header("authorization", "Bearer mine").header("x-key", "mine");
        let mut parts = request.body(()).expect("request").into_parts().0;
        let key = Key { value: Value::new("s3cret+value".into()).expect("value"), place };
        put(&key, &mut parts).expect("put");
        parts
    }

    #[test]
    fn the_secret_replaces_what_stood_in_its_place() {
        assert_eq!(with(SecretPlace::Bearer {}).headers["authorization"], "Bearer s3cret+value");
        let header = with(SecretPlace::Header(HeaderPlace { name: "X-Key".into() }));
        assert_eq!(
            (header.headers.get_all("x-key").iter().count(), &header.headers["x-key"]),
            (1, &HeaderValue::from_static("s3cret+value"))
        );
        assert!(header.headers["x-key"].is_sensitive());
        let basic = with(SecretPlace::Basic(BasicPlace { user: "me".into() }));
        assert_eq!(basic.headers["authorization"], format!("Basic {}", STANDARD.encode("me:s3cret+value")).as_str());
        let query = with(SecretPlace::Query(QueryPlace { name: "key".into() }));
        assert_eq!(query.uri, "http://h.test/a?x=1&key=s3cret%2Bvalue");
    }
}
