//! What of the headers passes between a browser and an agent's program.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::tickets::VISIT_TIME;
use crate::auth;

/// Name of the cookie that lets a browser in.
pub(crate) const COOKIE: &str = "aether_preview";
/// Cookies of that name that are looked at; a page can add some.
const MOST: usize = 8;

/// About one connection (RFC 9110, 7.6.1).
const HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// About a way that there is none of here: whoever sets them says nothing that is true.
const WAY: [&str; 8] =
    ["expect", "forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port"];

/// What would reach beyond the page: other ports and names of this host, what the browser keeps, who is told of failures.
const WIDE: [&str; 9] = [
    "alt-svc",
    "clear-site-data",
    "nel",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
    "origin-agent-cluster",
];

/// `Set-Cookie` that lets a browser in at this origin alone: no `Domain`, so no other host gets it.
pub(crate) fn cookie(code: &str) -> Option<HeaderValue> {
    let lifetime = VISIT_TIME.as_secs();
    HeaderValue::from_str(&format!("{COOKIE}={code}; HttpOnly; SameSite=Lax; Path=/; Max-Age={lifetime}")).ok()
}

/// The codes that a request shows.
pub(crate) fn shown(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('=')).take(MOST)
}

/// Does a page of another origin ask? Opening the address is everybody's right, as a link does; nothing else is, whatever the
/// browser thinks of as one site.
pub(crate) fn is_foreign(method: &Method, headers: &HeaderMap, host: &str) -> bool {
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match told("sec-fetch-site") {
        Some("same-origin") => return false,
        Some("cross-site" | "same-site") => {
            let opens = *method == Method::GET && told("sec-fetch-mode") == Some("navigate");
            return !(opens && told("sec-fetch-dest").is_none_or(|dest| dest == "document"));
        }
        _ => {}
    }
    let own = format!("http://{host}");
    headers.get_all(header::ORIGIN).iter().any(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
}

/// Leaves what the agent's program may see of a request.
pub(super) fn inward(headers: &mut HeaderMap, websocket: bool) {
    without(headers, &WAY);
    one_hop(headers, websocket);
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().filter_map(others).collect();
    headers.remove(header::COOKIE);
    for line in lines {
        headers.append(header::COOKIE, line);
    }
}

/// Leaves what the browser may see of an answer.
pub(super) fn outward(headers: &mut HeaderMap, websocket: bool) {
    without(headers, &WIDE);
    one_hop(headers, websocket);
    let cookies: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().filter_map(narrow).collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn without(headers: &mut HeaderMap, names: &[&'static str]) {
    for name in names {
        headers.remove(HeaderName::from_static(name));
    }
}

fn one_hop(headers: &mut HeaderMap, websocket: bool) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // What frames the message and says for whom it is cannot be taken out of it.
        .filter(|name| ![header::HOST, header::CONTENT_LENGTH, header::COOKIE, header::SET_COOKIE].contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
    without(headers, &HOP);
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// A line of cookies without those of the service.
fn others(line: &HeaderValue) -> Option<HeaderValue> {
    let text = std::str::from_utf8(line.as_bytes()).ok()?;
    let kept: Vec<&str> = text.split(';').map(str::trim).filter(|pair| !is_ours(pair)).collect();
    if kept.is_empty() { None } else { HeaderValue::from_str(&kept.join("; ")).ok() }
}

/// A cookie of the agent, for its own host alone; nothing when it has a name of the service's.
fn narrow(cookie: &HeaderValue) -> Option<HeaderValue> {
    let text = std::str::from_utf8(cookie.as_bytes()).ok()?;
    let mut parts = text.split(';');
    let pair = parts.next().filter(|pair| !is_ours(pair))?;
    let domain = |part: &&str| part.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("domain"));
    let kept: Vec<&str> = std::iter::once(pair).chain(parts.filter(|part| !domain(part))).collect();
    HeaderValue::from_str(&kept.join(";")).ok()
}

/// Has this pair a name of the service's? One without a name is sent back as its value, so that counts as well.
fn is_ours(pair: &str) -> bool {
    let pair = pair.trim().trim_start_matches('=').trim();
    let name = pair.split('=').next().unwrap_or_default().trim();
    [COOKIE, auth::cookie::NAME].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    fn all(map: &HeaderMap, name: &str) -> Vec<String> {
        map.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_agent_sees_its_own_cookies_only() {
        let mut headers = map(&[
            ("cookie", "a=1; aether_preview=x; b=2;aether_token=y"),
            ("cookie", "aether_preview=z"),
            ("connection", "close, X-Private, host"),
            ("x-private", "1"),
            ("host", "80-web.localhost"),
            ("x-forwarded-for", "1.2.3.4"),
            ("accept", "*/*"),
        ]);
        inward(&mut headers, false);
        assert_eq!(all(&headers, "cookie"), ["a=1; b=2"]);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "cookie", "host"]);
    }

    #[test]
    fn an_answer_stays_within_its_origin() {
        let mut headers = map(&[
            ("set-cookie", "a=1; Path=/; DOMAIN=localhost; HttpOnly"),
            ("set-cookie", "aether_preview=mine"),
            ("set-cookie", " Aether_Token = mine"),
            ("set-cookie", "=aether_preview=mine"),
            ("clear-site-data", "\"*\""),
            ("service-worker-allowed", "/"),
            ("strict-transport-security", "max-age=1; includeSubDomains"),
            ("transfer-encoding", "chunked"),
            ("content-type", "text/html"),
        ]);
        outward(&mut headers, false);
        assert_eq!(all(&headers, "set-cookie"), ["a=1; Path=/; HttpOnly"]);
        assert_eq!(headers.len(), 2, "{headers:?}");
        outward(&mut headers, true);
        assert_eq!(all(&headers, "upgrade"), ["websocket"]);
    }

    #[test]
    fn other_origins_may_open_and_nothing_more() {
        let host = "80-web.localhost:3001";
        let foreign = |method: Method, pairs: &[(&str, &str)]| is_foreign(&method, &map(pairs), host);
        assert!(!foreign(Method::GET, &[]) && !foreign(Method::POST, &[("origin", "http://80-web.localhost:3001")]));
        assert!(!foreign(Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]));
        assert!(!foreign(Method::POST, &[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        for (method, pairs) in [
            (Method::GET, &[("origin", "http://81-evil.localhost:3001")][..]),
            (Method::GET, &[("origin", "null")]),
            (Method::GET, &[("origin", "http://localhost:3001")]),
            (Method::GET, &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")]),
            (Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]),
            (Method::POST, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]),
        ] {
            assert!(foreign(method, pairs), "{pairs:?}");
        }
    }
}
