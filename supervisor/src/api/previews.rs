//! Requests addressed to a preview: let in by a link or by what a link left, passed on to the agent's program.

use aether_protocol::{ApiError, ErrorCode};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{ApiState, audit::denied, body, edge::is_handshake};
use crate::{
    auth::Credential,
    previews::{Passing, Place, Refusal, cookie, is_foreign, parse, pass, shown},
};

/// The parameter of a link.
pub(crate) const PARAMETER: &str = "aether-preview";

/// Answers a request to the preview that `label` names, at `host`.
pub(crate) async fn answer(state: &ApiState, mut request: Request, label: &str, host: &str) -> Response {
    let (peer, path) = (request.extensions().get().cloned(), request.uri().path().to_owned());
    let refusal = match admit(state, &request, label, host) {
        Ok(Admitted::Enter(answer)) => return answer,
        Ok(Admitted::Pass(place, visit)) => {
            let websocket = *request.method() == Method::GET && is_handshake(request.headers());
            let stopping = state.stopping().clone();
            let passing =
                Passing { fleet: state.fleet(), previews: &state.0.previews, place: &place, visit, stopping, websocket };
            match pass(passing, request).await {
                Ok(answer) => return answer,
                Err(refusal) => refusal,
            }
        }
        Err(error) => {
            denied::note(state, peer.as_ref(), &path, &error);
            body::drain(request.body_mut()).await;
            error.into()
        }
    };
    page(&refusal)
}

enum Admitted {
    /// By a link: go on to the page, with a cookie.
    Enter(Response),
    /// By the cookie.
    Pass(Place, crate::previews::Visit),
}

fn admit(state: &ApiState, request: &Request, label: &str, host: &str) -> Result<Admitted, ApiError> {
    let headers = request.headers();
    let place = place(state, label)?;
    let denied = |cause: &str, hint: &str| Err(ApiError::new(ErrorCode::Denied, cause, hint));
    if is_foreign(request.method(), headers, host) {
        return denied("another site's page may not use this preview", "open the preview itself");
    }
    if matches!(state.auth().credential(headers), Credential::Bearer) {
        return denied("the operator's token is not for agents", "leave the header Authorization out");
    }
    if let Some(code) = link_code(request) {
        return match state.0.previews.tickets.redeem(code, &place) {
            Ok(Some(visit)) => Ok(Admitted::Enter(enter(state, &visit, host, &place))),
            Ok(None) => denied("this link was used, is too old, or is for another preview", NEW_LINK),
            Err(error) => {
                tracing::error!(%error, "no randomness");
                Err(ApiError::internal("something inside the service failed"))
            }
        };
    }
    let Some(visit) = state.0.previews.tickets.visit(shown(headers), &place) else {
        return denied("this preview opens by a link only", NEW_LINK);
    };
    // It would stay in the browser when the agent is gone, and answer for whoever has the name then.
    if headers.contains_key("service-worker") {
        return denied("a preview may have no service worker", "the page works without it");
    }
    Ok(Admitted::Pass(place, visit))
}

const NEW_LINK: &str = "make a new one: aether port AGENT PORT, or the port in Mission Control";

/// The port that a label names. Whether such an agent exists is told to nobody who was not let in.
fn place(state: &ApiState, label: &str) -> Result<Place, ApiError> {
    let unknown = || ApiError::new(ErrorCode::Denied, "this preview opens by a link only", NEW_LINK);
    let (port, name) = parse(label).ok_or_else(unknown)?;
    let agent = state.fleet().named(name).ok_or_else(unknown)?;
    Ok(Place { agent, port })
}

/// The code of a link: `/?aether-preview=CODE` and nothing else, asked for as a page.
fn link_code(request: &Request) -> Option<&str> {
    let asked = *request.method() == Method::GET && request.uri().path() == "/";
    request.uri().query().filter(|_| asked)?.strip_prefix(PARAMETER)?.strip_prefix('=')
}

/// On to the page; the code is gone from the address.
fn enter(state: &ApiState, code: &str, host: &str, place: &Place) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/"), (header::CACHE_CONTROL, "no-store")]).into_response();
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Some(cookie) = cookie(code) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    if state.0.previews.tickets.changes_hands(host, &place.agent) {
        headers.insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    }
    response
}

/// Why there is nothing to see.
fn page(Refusal { status, error }: &Refusal) -> Response {
    let (cause, hint) = (escape(&error.message), escape(&error.hint));
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>Preview</title><style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1.5rem}}\
         p{{opacity:.7}}</style><h1>{cause}</h1><p>{hint}</p></html>\n"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = *status;
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
