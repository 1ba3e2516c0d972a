//! The session cookie.

use axum::http::{HeaderMap, HeaderValue, header};

use super::sessions::LIFETIME;

/// Its name.
pub const NAME: &str = "aether_token";
/// Session cookies of one request that are looked at.
pub const MOST: usize = 8;

/// The session cookies of a request; a browser sends one, unless another port of this host set some as well.
pub fn read(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// How a browser reaches the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Plain HTTP, which not every browser takes a `Secure` cookie from, not even on loopback.
    Plain,
    /// TLS, which a proxy in front adds: the cookie never travels without it.
    Tls,
}

/// `Set-Cookie` that signs in. No script reads it, no other site's request carries it.
pub fn set(session: &str, way: Way) -> HeaderValue {
    let secure = if way == Way::Tls { "; Secure" } else { "" };
    let text = format!("{NAME}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={}{secure}", LIFETIME.as_secs());
    HeaderValue::from_str(&text).unwrap_or_else(|_| clear())
}

/// `Set-Cookie` that signs out.
pub fn clear() -> HeaderValue {
    HeaderValue::from_static("aether_token=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_own_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; aether_tokenx=2"));
        assert_eq!(read(&headers).next(), None);
        headers.append(header::COOKIE, HeaderValue::from_static("b=2; aether_token=abc; c=3"));
        assert_eq!(read(&headers).collect::<Vec<_>>(), ["abc"]);
    }

    #[test]
    fn carries_every_flag() {
        let text = set("abc", Way::Plain).to_str().unwrap().to_owned();
        for part in ["aether_token=abc;", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("Secure"));
        assert!(set("abc", Way::Tls).to_str().unwrap().ends_with("; Secure"));
        assert!(clear().to_str().unwrap().contains("Max-Age=0"));
    }
}
