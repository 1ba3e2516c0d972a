//! The way out: one client for all, no redirects, no proxies, and a key for the moment of a request.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use hyper::{StatusCode, header, http::request::Parts};
use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::time::{sleep, timeout};

use crate::{Desk, Key, Settings, place, refusal::Refusal};

/// Wait before the second try to connect; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(250);
/// Why a granted host is not connected to.
const FORBIDDEN: &str = "the name leads to an address that no agent may reach";

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// To an address that the configuration names, wherever that is.
    Configured,
    /// To a host that a grant names: only where agents may go.
    Granted,
}

/// Sends requests out.
#[derive(Clone)]
pub(crate) struct Outward {
    /// Made for the first request: the certificates of the host's authorities take their time and their memory.
    clients: Arc<OnceLock<Clients>>,
    desk: Arc<dyn Desk>,
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Clients {
    configured: Client,
    granted: Client,
}

impl Outward {
    pub(crate) fn new(settings: Arc<Settings>, desk: Arc<dyn Desk>) -> Self {
        Self { clients: Arc::default(), desk, settings }
    }

    fn clients(&self) -> Result<&Clients, reqwest::Error> {
        if let Some(clients) = self.clients.get() {
            return Ok(clients);
        }
        // Two that come first make them both, once.
        let clients = Clients::new(&self.settings, &self.desk)?;
        Ok(self.clients.get_or_init(|| clients))
    }

    /// Asks. Only what was never sent is sent again.
    pub(crate) async fn ask(
        &self,
        to: To,
        url: &str,
        mut parts: Parts,
        key: Option<&Key>,
        body: bytes::Bytes,
    ) -> Result<Response, Refusal> {
        let bad = || Refusal::new(StatusCode::BAD_GATEWAY, "the provider's address in the configuration is no URL");
        let target = match parts.uri.query() {
            Some(query) => format!("{url}?{query}"),
            None => url.to_owned(),
        };
        parts.uri = target.parse().map_err(|_| bad())?;
        parts.headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static("identity"));
        if let Some(key) = key {
            place::put(key, &mut parts).map_err(|cause| Refusal::new(StatusCode::BAD_GATEWAY, cause))?;
        }
        let url = Url::parse(&parts.uri.to_string()).map_err(|_| bad())?;
        let unmade = |error: reqwest::Error| Refusal::new(StatusCode::BAD_GATEWAY, format!("no client can be made: {error}"));
        let clients = self.clients().map_err(unmade)?;
        let client = match to {
            To::Configured => &clients.configured,
            To::Granted => &clients.granted,
        };
        let mut attempt = 1;
        let response = loop {
            let mut request = client.request(parts.method.clone(), url.clone()).headers(parts.headers.clone());
            if !body.is_empty() {
                request = request.body(body.clone());
            }
            match timeout(self.settings.first_byte, request.send()).await {
                Ok(Ok(response)) => break response,
                Ok(Err(error)) if error.is_connect() && attempt < self.settings.tries => {
                    sleep(BACKOFF * (1 << (attempt - 1).min(6))).await;
                    attempt += 1;
                }
                Ok(Err(error)) => return Err(unreachable(&error, attempt)),
                Err(_) => {
                    let text = format!("the provider did not answer within {} s", self.settings.first_byte.as_secs());
                    return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, text));
                }
            }
        };
        acceptable(response)
    }
}

impl Clients {
    fn new(settings: &Settings, desk: &Arc<dyn Desk>) -> Result<Self, reqwest::Error> {
        // Another part of the program may have installed a provider first; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would carry the key to wherever the answer says.
        let none = reqwest::redirect::Policy::none;
        let client = || Client::builder().connect_timeout(settings.connect).redirect(none()).no_proxy();
        let judged = || client().dns_resolver(Arc::new(Judged(desk.clone())));
        if let (Ok(configured), Ok(granted)) = (client().build(), judged().build()) {
            return Ok(Self { configured, granted });
        }
        // A host without certificates of authorities: nobody is trusted then, and plain addresses are reached nevertheless.
        let granted = judged().tls_certs_only([]).build()?;
        let configured = client().tls_certs_only([]).build()?;
        tracing::warn!(
            "no certificates of authorities are installed: providers of models cannot be reached by https\n\
                        hint: install ca-certificates, then restart aetherd"
        );
        Ok(Self { configured, granted })
    }
}

/// Finds the addresses of granted hosts and judges every one of them; the one connected to is among those judged.
struct Judged(Arc<dyn Desk>);

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let desk = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().any(|address| !desk.may_connect(address.ip())) {
                return Err(io::Error::other(FORBIDDEN).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// What can be passed on: nothing that leads elsewhere, nothing that cannot be read.
fn acceptable(response: Response) -> Result<Response, Refusal> {
    if response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED {
        return Err(Refusal::new(StatusCode::BAD_GATEWAY, "the provider redirects: set its base URL to where it leads"));
    }
    let encoded = response.headers().get_all(header::CONTENT_ENCODING).iter().any(|value| value != "identity");
    if encoded {
        let text = "the provider packs its answer although it was asked not to: it cannot be scrubbed, so it stays outside";
        return Err(Refusal::new(StatusCode::BAD_GATEWAY, text));
    }
    Ok(response)
}

/// Without the URL: its query may hold a key.
fn unreachable(error: &reqwest::Error, attempt: u32) -> Refusal {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    tracing::info!(attempt, %cause, "a provider of models cannot be reached");
    let cause = cause.to_string();
    let text = if cause == FORBIDDEN {
        return Refusal::new(StatusCode::FORBIDDEN, FORBIDDEN);
    } else if error.is_connect() {
        format!("the provider cannot be reached (tried {attempt} times)")
    } else {
        "the connection to the provider broke before it answered".to_owned()
    };
    Refusal::new(StatusCode::BAD_GATEWAY, text)
}
