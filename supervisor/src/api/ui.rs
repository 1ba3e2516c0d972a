//! Mission Control's files, built into the program; and the answer for paths that do not exist.

use aether_protocol::ApiError;
use axum::{
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{AppendHeaders, Html, IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Failure;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../webui/dist"]
struct Files;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Aether</title>\
    <h1>The web UI was not built into this program</h1>\
    <p>Run <code>make build</code> and start the service again. The API and the <code>aether</code> command work without it.</p></html>";

/// A file of the UI, its start page for the UI's own addresses, or a 404.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") || !matches!(method, Method::GET | Method::HEAD) {
        return Failure(ApiError::not_found(format!("there is no {method} {path}"), "see /api/v1/openapi.json")).into_response();
    }
    let name = path.trim_start_matches('/');
    if let Some(found) = Files::get(name).filter(|_| name != "index.html" && !name.starts_with('.') && !name.ends_with(".gz")) {
        return file(name, found, &headers);
    }
    if is_page(path, &headers) {
        return match Files::get("index.html") {
            Some(index) => file("index.html", index, &headers),
            None => Html(NOT_BUILT).into_response(),
        };
    }
    Failure(ApiError::not_found(format!("there is no {path}"), "open / for Mission Control")).into_response()
}

/// An address within the UI: no file extension, asked for by something that shows pages.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    matches!(path, "/" | "/index.html") || (!last.contains('.') && accept.contains("text/html"))
}

fn file(name: &str, found: EmbeddedFile, headers: &HeaderMap) -> Response {
    // The bundler leaves a packed copy beside what is worth it; nothing is packed here. Each of both has a tag of its own.
    let packed = Files::get(&format!("{name}.gz")).filter(|_| takes_gzip(headers));
    let coding = packed.as_ref().map(|_| [(header::CONTENT_ENCODING, "gzip")]);
    let found = packed.unwrap_or(found);
    let tag = format!("\"{}\"", found.metadata.sha256_hash().iter().take(16).map(|b| format!("{b:02x}")).collect::<String>());
    // The bundler puts a hash of the content into the names below assets/, so they never change.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let head =
        [(header::CACHE_CONTROL, cache.to_owned()), (header::ETAG, tag.clone()), (header::VARY, "accept-encoding".to_owned())];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, [(header::CONTENT_TYPE, content_type(name))], coding.map(AppendHeaders), found.data).into_response()
}

/// `Accept-Encoding` names gzip, and not only to refuse it (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, "q=1"));
        let refused = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_none_or(|q| q <= 0.0);
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_pages_from_files() {
        let mut browser = HeaderMap::new();
        browser.insert(header::ACCEPT, "text/html,*/*;q=0.8".parse().unwrap());
        for page in ["/", "/agents/abc", "/agents/abc/files", "/history"] {
            assert!(is_page(page, &browser), "{page}");
        }
        assert!(!is_page("/assets/gone.js", &browser));
        let mut fetch = HeaderMap::new();
        fetch.insert(header::ACCEPT, "application/json".parse().unwrap());
        assert!(!is_page("/agents/abc", &fetch));
    }

    #[test]
    fn packed_files_go_to_those_who_take_them() {
        let takes = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip , br"));
        assert!(!takes("") && !takes("br") && !takes("gzip;q=0") && !takes("gzip;q=odd") && !takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn unknown_api_paths_are_json() {
        let response = serve(Method::GET, "/api/v1/nothing".parse().unwrap(), HeaderMap::new()).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}
