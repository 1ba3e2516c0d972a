//! The tool `browse_web`: a page as text, fetched through the agent's own network.

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};

use aether_protocol::AgentId;
use aether_runtime::{CallOutcome, Effect, HandsError, Offered, Site, Toolset, readable, toolset};
use async_trait::async_trait;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, StatusCode, body::Bytes, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use rustls_platform_verifier::ConfigVerifierExt as _;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::core::Core;

const NAME: &str = "browse_web";
/// Everything together, a person's word about the connection not counted.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection may wait for a person's word.
const HELD: Duration = Duration::from_secs(15 * 60);
/// Bytes of a page; the rest is not read.
const PAGE: usize = 2 << 20;
const REDIRECTS: usize = 5;
const HEAD: usize = 16 << 10;
const AGENT: &str = concat!("aether/", env!("CARGO_PKG_VERSION"));

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Address of the page, with http:// or https://.
    url: String,
    /// Give the source of the page instead of its text.
    #[serde(default)]
    source: bool,
}

/// The web for one agent.
pub(crate) struct Web {
    core: Arc<Core>,
    id: AgentId,
}

/// What came of a fetch.
struct Page {
    url: Url,
    status: StatusCode,
    kind: String,
    body: Vec<u8>,
    cut: bool,
}

impl Web {
    pub(crate) fn new(core: &Arc<Core>, id: &AgentId) -> Self {
        Self { core: core.clone(), id: id.clone() }
    }

    async fn fetch(&self, mut url: Url) -> Result<Page, String> {
        for _ in 0..=REDIRECTS {
            let through = timeout(HELD, self.connect(&url))
                .await
                .map_err(|_| "nobody decided about the connection in time".to_owned())??;
            let page = timeout(PATIENCE, ask(through, &url))
                .await
                .map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))??;
            match page {
                Answer::Page(page) => return Ok(page),
                Answer::Elsewhere(next) => url = next,
            }
        }
        Err(format!("it redirects more than {REDIRECTS} times"))
    }

    /// A connection to the host of the address, which the agent's network has judged.
    async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, String> {
        let host = url.host_str().ok_or("the address names no host")?;
        let port = url.port_or_known_default().ok_or("the address names no port")?;
        let door = self.core.egress.door(&self.id).await.map_err(|error| error.to_string())?;
        let mut door = door.ok_or("the sandbox has no network (a person can give it one: aether network)")?;
        let target = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        door.write_all(target.as_bytes()).await.map_err(lost)?;
        let answer = head(&mut door).await?;
        let mut words = answer.split(' ').skip(1);
        if words.next() != Some("200") {
            let mut text = String::new();
            let _ = timeout(Duration::from_secs(5), door.take(HEAD as u64).read_to_string(&mut text)).await;
            let said = if text.trim().is_empty() { answer.lines().next().unwrap_or_default() } else { text.trim() };
            return Err(said.to_owned());
        }
        if url.scheme() == "http" {
            return Ok(Box::new(door));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let secured = timeout(PATIENCE, connector()?.connect(name, door)).await;
        let secured = secured.map_err(|_| "the server did not finish the TLS handshake".to_owned())?;
        Ok(Box::new(secured.map_err(|error| format!("TLS: {error}"))?))
    }
}

/// A connection, secured or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Made once: reading the host's certificates takes a while.
fn connector() -> Result<TlsConnector, String> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let made = CONFIG.get_or_init(|| {
        // Another part of the program may have installed a provider first; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config =
            ClientConfig::with_platform_verifier().map_err(|error| format!("no certificates of authorities: {error}"))?;
        Ok(Arc::new(config))
    });
    made.clone().map(TlsConnector::from)
}

/// The head of the proxy's answer.
async fn head(door: &mut TcpStream) -> Result<String, String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD {
            return Err("the way out answered nonsense".to_owned());
        }
        // Byte by byte, so that nothing of what follows is taken.
        head.push(door.read_u8().await.map_err(lost)?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

enum Answer {
    Page(Page),
    Elsewhere(Url),
}

async fn ask(through: Box<dyn Stream>, url: &Url) -> Result<Answer, String> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(through)).await.map_err(lost)?;
    let driven = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9,*/*;q=0.5")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(lost)?;
    let answer = sender.send_request(request).await.map_err(lost)?;
    let status = answer.status();
    let told = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if status.is_redirection()
        && let Ok(next) = url.join(&told(header::LOCATION))
        && next != *url
    {
        return if matches!(next.scheme(), "http" | "https") {
            Ok(Answer::Elsewhere(next))
        } else {
            Err(format!("it redirects to {next}, which is no web page"))
        };
    }
    let kind = told(header::CONTENT_TYPE);
    let (mut body, mut cut) = (Vec::new(), false);
    let mut incoming = answer.into_body();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(lost)?.into_data() else { continue };
        let room = PAGE - body.len();
        body.extend_from_slice(&data[..room.min(data.len())]);
        if data.len() > room {
            cut = true;
            break;
        }
    }
    drop(driven);
    Ok(Answer::Page(Page { url: url.clone(), status, kind, body, cut }))
}

fn lost(error: impl std::fmt::Display) -> String {
    format!("the connection broke: {error}")
}

/// The page as the agent reads it.
fn shown(page: &Page, source: bool) -> CallOutcome {
    let kind = page.kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut text = format!("{} {}\n\n", page.status, page.url);
    let is_text = kind.starts_with("text/") || ["json", "xml", "javascript", "yaml"].iter().any(|part| kind.ends_with(part));
    if kind.is_empty() && !page.body.contains(&0) || is_text || kind == "application/xhtml+xml" {
        let body = String::from_utf8_lossy(&page.body);
        let html = kind.contains("html") || kind.is_empty() && body.trim_start().starts_with('<');
        text.push_str(&if html && !source { readable(&body) } else { body.into_owned() });
        if page.cut {
            let _ = write!(text, "\n[... cut after {} MiB ...]", PAGE >> 20);
        }
    } else {
        let size = if page.cut { format!("more than {} MiB", PAGE >> 20) } else { format!("{} bytes", page.body.len()) };
        let _ = write!(text, "This is no text: {kind}, {size}. Fetch it into a file with run_command.");
    }
    let outcome = if page.status.is_success() { CallOutcome::done(text) } else { CallOutcome::failed(text) };
    outcome.from_outside(page.url.as_str())
}

pub(super) static OFFERED: LazyLock<Vec<Offered>> = LazyLock::new(|| {
    let what =
        "Fetches a web page by GET and gives its text. It goes through the sandbox's network and is refused where that is.";
    vec![Offered::new::<Args>(NAME, what, Effect::None)]
});

#[async_trait]
impl Toolset for Web {
    fn offered(&self) -> Vec<Offered> {
        OFFERED.clone()
    }

    async fn call(&self, tool: &str, args: &Value, _: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let args: Args = match toolset::arguments(tool, args) {
            Ok(args) => args,
            Err(wrong) => return Ok(wrong),
        };
        let url = match Url::parse(&args.url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            Ok(url) => return Ok(CallOutcome::failed(format!("{url} is no web page: give http:// or https:// and a host"))),
            Err(error) => return Ok(CallOutcome::failed(format!("{:?} is no address: {error}", args.url))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Ok(CallOutcome::failed("an address with a name or password in it is not fetched: leave them out"));
        }
        Ok(match self.fetch(url.clone()).await {
            Ok(page) => shown(&page, args.source),
            Err(why) => CallOutcome::failed(format!("{url} was not fetched: {why}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: &str, body: &[u8], status: u16) -> Page {
        Page {
            url: Url::parse("https://a.test/x").expect("url"),
            status: StatusCode::from_u16(status).expect("status"),
            kind: kind.to_owned(),
            body: body.to_vec(),
            cut: false,
        }
    }

    #[test]
    fn pages_are_readable_and_never_trusted() {
        let html = shown(&page("text/html; charset=utf-8", b"<p>hello <b>there</b></p>", 200), false);
        assert_eq!((html.ok, html.text.as_str()), (true, "200 OK https://a.test/x\n\nhello there"));
        assert_eq!(html.outside.as_deref(), Some("https://a.test/x"));
        assert!(shown(&page("text/html", b"<p>x</p>", 200), true).text.ends_with("<p>x</p>"));
        assert!(shown(&page("application/json", b"{\"a\":1}", 200), false).text.ends_with("{\"a\":1}"));
        let image = shown(&page("image/png", b"\x89PNG", 200), false);
        assert!(image.text.ends_with("This is no text: image/png, 4 bytes. Fetch it into a file with run_command."));
        let missing = shown(&page("text/plain", b"no", 404), false);
        assert!(!missing.ok && missing.outside.is_some(), "a refusal is from outside as well");
    }
}
