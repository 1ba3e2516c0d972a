//! The names this service answers to, against DNS rebinding and other sites' pages.

use std::net::SocketAddr;

use aether_protocol::{ApiError, ErrorCode};
use axum::http::{HeaderMap, HeaderValue, Uri, header};

use super::cookie::Way;

/// Names with their ports, lower case, as they stand in a `Host` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    names: Vec<String>,
    /// Those of [`Hosts::names`](Self) that the configuration brought: a proxy in front may add TLS to them.
    configured: Vec<String>,
    first: String,
}

impl Hosts {
    /// For a listener at `bound`: the loopback names with its port, the address itself, and `configured` ones (with a port, or
    /// without one for a reverse proxy on the scheme's own port).
    pub fn new(bound: SocketAddr, configured: &[String]) -> Self {
        let port = bound.port();
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].iter().map(|name| format!("{name}:{port}")).collect();
        if port == 80 {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        if !bound.ip().is_unspecified() {
            names.push(bound.to_string());
        }
        let mut added = Vec::new();
        for name in configured {
            let name = name.to_ascii_lowercase();
            let has_port = name.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
            if !has_port {
                added.push(format!("{name}:{port}"));
            }
            added.push(name);
        }
        names.extend(added.iter().cloned());
        let first = if bound.ip().is_unspecified() { format!("127.0.0.1:{port}") } else { bound.to_string() };
        Self { names, configured: added, first }
    }

    /// Address of the web UI for a link, when the request does not name one itself.
    pub fn origin(&self) -> String {
        format!("http://{}", self.first)
    }

    /// The host a request names, when it is one of ours.
    ///
    /// # Errors
    /// [`ErrorCode::Misdirected`].
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, ApiError> {
        let mut shown = headers.get_all(header::HOST).iter();
        let host = match (shown.next(), shown.next()) {
            (Some(one), None) => one.to_str().unwrap_or_default().to_ascii_lowercase(),
            _ => String::new(),
        };
        let target_agrees = uri.authority().is_none_or(|target| target.as_str().eq_ignore_ascii_case(&host));
        if target_agrees && self.names.contains(&host) {
            return Ok(host);
        }
        Err(ApiError::new(
            ErrorCode::Misdirected,
            format!("this service does not answer to the host {:?}", host.chars().take(100).collect::<String>()),
            format!("use {}, or add the name to the daemon's configuration", self.origin()),
        ))
    }
}

impl Hosts {
    /// Where a browser on this machine finds the preview that `label` names.
    pub fn preview_origin(&self, label: &str) -> String {
        let port = self.first.rsplit_once(':').map_or("", |(_, port)| port);
        if port == "80" { format!("http://{label}.localhost") } else { format!("http://{label}.localhost:{port}") }
    }

    /// The label of the preview that a request is addressed to, with the whole host: `8080-web` of `8080-web.localhost:3001`. Only
    /// below the name of this very listener, and only where nothing in the request names another host.
    pub fn preview(&self, uri: &Uri, headers: &HeaderMap) -> Option<(String, String)> {
        let mut shown = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (shown.next(), shown.next()) else { return None };
        let host = host.to_str().ok()?.to_ascii_lowercase();
        let (label, port) = host.split_once(".localhost")?;
        let ours = self.names.iter().any(|name| name.strip_prefix("localhost") == Some(port));
        let agrees = uri.authority().is_none_or(|target| target.as_str().eq_ignore_ascii_case(&host));
        (ours && agrees && !label.contains('.')).then(|| (label.to_owned(), host.clone()))
    }

    /// How the browser reaches the service: a proxy in front says so, and is believed only under a name that the
    /// configuration gave it.
    pub fn way(&self, host: &str, headers: &HeaderMap) -> Way {
        let told = headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
        if told && self.is_configured(host) { Way::Tls } else { Way::Plain }
    }

    fn is_configured(&self, host: &str) -> bool {
        self.configured.iter().any(|name| name == host)
    }

    /// Does the page that sends a request belong to this service, addressed as `host`? True without an `Origin` header.
    ///
    /// # Errors
    /// [`ErrorCode::Denied`].
    pub fn check_origin(&self, host: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        let foreign = headers.get_all(header::ORIGIN).iter().find(|origin| !self.is_own(host, self.way(host, headers), origin));
        match foreign {
            None => Ok(()),
            Some(origin) => Err(ApiError::new(
                ErrorCode::Denied,
                format!(
                    "a page of {:?} may not use this service",
                    origin.to_str().unwrap_or("?").chars().take(100).collect::<String>()
                ),
                format!("open http://{host} itself"),
            )),
        }
    }

    /// Plain HTTP is no page of ours where the browser came by TLS: whoever sits on the wire could have written it.
    fn is_own(&self, host: &str, way: Way, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
            (Some(page), _) => page == host && way == Way::Plain,
            (_, Some(page)) => page == host && self.is_configured(host),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn only_own_names_with_the_port() {
        let hosts = Hosts::new("127.0.0.1:3001".parse().unwrap(), &["Box.lan".to_owned()]);
        let uri: Uri = "/".parse().unwrap();
        for good in ["localhost:3001", "127.0.0.1:3001", "[::1]:3001", "LOCALHOST:3001", "box.lan", "box.lan:3001"] {
            assert!(hosts.check(&uri, &headers(&[("host", good)])).is_ok(), "{good}");
        }
        for bad in ["", "localhost", "localhost:3002", "evil.example:3001", "127.0.0.1:3001.evil", "localhost:3001@evil"] {
            assert_eq!(hosts.check(&uri, &headers(&[("host", bad)])).unwrap_err().code, ErrorCode::Misdirected, "{bad}");
        }
        assert!(hosts.check(&uri, &headers(&[])).is_err(), "no host");
        assert!(hosts.check(&uri, &headers(&[("host", "localhost:3001"), ("host", "localhost:3001")])).is_err(), "two hosts");
    }

    #[test]
    fn an_absolute_target_must_agree() {
        let hosts = Hosts::new("127.0.0.1:3001".parse().unwrap(), &[]);
        let map = headers(&[("host", "localhost:3001")]);
        assert!(hosts.check(&"http://localhost:3001/x".parse().unwrap(), &map).is_ok());
        assert!(hosts.check(&"http://evil.example/x".parse().unwrap(), &map).is_err());
    }

    #[test]
    fn other_pages_stay_out() {
        let hosts = Hosts::new("127.0.0.1:3001".parse().unwrap(), &["box.lan".to_owned()]);
        let own = "localhost:3001";
        assert!(hosts.check_origin(own, &headers(&[])).is_ok());
        assert!(hosts.check_origin(own, &headers(&[("origin", "http://localhost:3001")])).is_ok());
        for bad in [
            "null",
            "http://evil.example",
            "http://localhost:3002",
            "http://localhost:3001.evil.example",
            "https://localhost:3001",
            "",
            "file://",
        ] {
            assert_eq!(hosts.check_origin(own, &headers(&[("origin", bad)])).unwrap_err().code, ErrorCode::Denied, "{bad}");
        }
        assert!(
            hosts.check_origin(own, &headers(&[("origin", "http://localhost:3001"), ("origin", "http://evil.example")])).is_err()
        );
        assert!(hosts.check_origin("box.lan", &headers(&[("origin", "https://box.lan")])).is_ok(), "a proxy adds TLS");
        let told = |host: &'static str, origin: &'static str| {
            hosts.check_origin(host, &headers(&[("origin", origin), ("x-forwarded-proto", "https")])).is_ok()
        };
        assert!(told("box.lan", "https://box.lan") && !told("box.lan", "http://box.lan"));
        assert!(told(own, "http://localhost:3001") && !told(own, "https://localhost:3001"), "no proxy has this name");
    }
}
