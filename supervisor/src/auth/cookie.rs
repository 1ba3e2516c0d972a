//! The session cookie.

use axum::http::{HeaderMap, HeaderValue, header};

/// Its name.
pub const NAME: &str = "aether_token";
const MAX_AGE_SECONDS: u32 = 30 * 24 * 3600;

/// The session cookie of a request; the first one when there are several.
pub fn read(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

/// `Set-Cookie` that signs in. No script reads it, no other site's request carries it.
pub fn set(session: &str) -> HeaderValue {
    let text = format!("{NAME}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={MAX_AGE_SECONDS}");
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
        assert_eq!(read(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("b=2; aether_token=abc; c=3"));
        assert_eq!(read(&headers), Some("abc"));
    }

    #[test]
    fn carries_every_flag() {
        let text = set("abc").to_str().unwrap().to_owned();
        for part in ["aether_token=abc;", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(clear().to_str().unwrap().contains("Max-Age=0"));
    }
}
