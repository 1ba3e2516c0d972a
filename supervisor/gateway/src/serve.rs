//! Serving one connection of one agent.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aether_protocol::{AgentId, ModelProvider};
use aether_secrets::Scrubber;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Alarm, Desk, Lent, NoKey, Settings,
    account::{Account, NotAdmitted},
    answer::{AnswerBody, Ledger, Passage, pass},
    forward::{Outward, To},
    meter::Meter,
    refusal::Refusal,
    request::{self, Asked, Brought},
    route::{Kind, ModelRoute, NoRoute, Route, ToRoute, route},
};

/// The head of a request has to arrive within this time.
const HEAD: Duration = Duration::from_secs(30);
/// Largest head of a request, bytes.
const HEAD_BYTES: usize = 64 << 10;
/// Bytes of requests are lent in such pieces.
const PIECE: usize = 1024;
/// Names under which agents reach this.
const OWN_NAMES: [&str; 1] = ["gateway.aether.internal"];

/// The gateway of one service.
pub struct Gateway {
    desk: Arc<dyn Desk>,
    settings: Arc<Settings>,
    outward: Outward,
    accounts: Mutex<HashMap<AgentId, Arc<OnceCell<Arc<Account>>>>>,
    held: Arc<Semaphore>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway.
    pub fn new(desk: Arc<dyn Desk>, settings: Settings) -> Arc<Self> {
        let settings = Arc::new(settings);
        let outward = Outward::new(settings.clone(), desk.clone());
        let held = Arc::new(Semaphore::new(settings.max_held / PIECE));
        Arc::new(Self { desk, settings, outward, accounts: Mutex::default(), held })
    }

    /// Serves one connection of `agent` until it ends.
    pub async fn serve<S>(self: Arc<Self>, agent: AgentId, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let (gateway, agent) = (self.clone(), agent.clone());
            async move { Ok::<_, Infallible>(gateway.answer(agent, request).await) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(64);
        if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%agent, %error, "a connection to the gateway ended early");
        }
    }

    /// Forgets the count of an agent that is gone.
    pub fn forget(&self, agent: &AgentId) {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).remove(agent);
    }

    async fn answer(&self, agent: AgentId, request: Request<Incoming>) -> Response<AnswerBody> {
        let provider = named(request.uri().path());
        self.consider(&agent, request).await.unwrap_or_else(|refusal| {
            tracing::debug!(%agent, status = refusal.status.as_u16(), why = refusal.message, "the gateway refuses");
            refusal.answer(provider)
        })
    }

    async fn consider(&self, agent: &AgentId, request: Request<Incoming>) -> Result<Response<AnswerBody>, Refusal> {
        let gone = || Refusal::new(StatusCode::FORBIDDEN, "this agent may not use the gateway");
        let lent = self.desk.lent(agent).ok_or_else(gone)?;
        let (parts, body) = request.into_parts();
        if parts.uri.host().is_some_and(|host| !OWN_NAMES.contains(&host)) || parts.method == Method::CONNECT {
            let text = "this is the gateway, not a proxy: ask it for a path such as /openai/v1/chat/completions";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, text));
        }
        let found = route(&parts.method, parts.uri.path()).map_err(|why| self.no_route(agent, &parts, why))?;
        match found {
            Route::Model(route) => self.model(agent, &lent, route, parts, body).await,
            Route::To(route) => self.to(agent, &lent, route, parts, body).await,
        }
    }

    fn no_route(&self, agent: &AgentId, parts: &Parts, why: NoRoute) -> Refusal {
        match why {
            NoRoute::Crafted => {
                self.desk.alarm(agent, Alarm::CraftedPath, parts.uri.path());
                Refusal::new(StatusCode::BAD_REQUEST, "the path can be read in two ways: write it plainly")
            }
            NoRoute::NotOffered(Some(provider)) => {
                let text = format!(
                    "the gateway does not offer {} {} of {}: it passes on what has a model work, and lists of models",
                    parts.method,
                    parts.uri.path(),
                    provider.name()
                );
                Refusal::new(StatusCode::NOT_FOUND, text)
            }
            NoRoute::NotOffered(None) => {
                Refusal::new(StatusCode::NOT_FOUND, "the gateway has /openai/v1, /anthropic, /gemini, /ollama and /to/HOST")
            }
        }
    }

    async fn model(
        &self,
        agent: &AgentId,
        lent: &Lent,
        route: ModelRoute,
        parts: Parts,
        body: Incoming,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let provider = route.provider;
        match request::brought(&parts, &lent.placeholder) {
            Brought::Own => {}
            Brought::Foreign => {
                self.desk.alarm(agent, Alarm::ForeignPlaceholder, parts.uri.path());
                return Err(Refusal::new(
                    StatusCode::UNAUTHORIZED,
                    "this placeholder is not yours: use the one in your environment",
                ));
            }
            Brought::Other => {
                let text = "the gateway adds the key itself: send the placeholder from your environment instead of a key";
                return Err(Refusal::new(StatusCode::UNAUTHORIZED, text));
            }
        }
        if !lent.providers.contains(&provider) {
            self.desk.alarm(agent, Alarm::NotGranted, provider.name());
            let text = format!("this agent may not ask {0}: start it with --models {0}", provider.name());
            return Err(Refusal::new(StatusCode::FORBIDDEN, text));
        }
        let key = self
            .desk
            .key(provider)
            .map_err(|NoKey { cause, hint }| Refusal::new(StatusCode::FORBIDDEN, format!("{cause} ({hint})")))?;
        let begun = Instant::now();
        let (memory, body) = self.held(&parts, body).await?;
        let asked = request::look(body, route.kind)?;
        let hold = match route.kind {
            Kind::Look => None,
            Kind::Work | Kind::Chat => Some(self.admit(agent, lent, &asked).await?),
        };
        let scrubber = key.as_ref().map_or_else(Scrubber::default, |key| Scrubber::new(&key.value));
        let mut ledger = hold.map(|hold| Ledger {
            desk: self.desk.clone(),
            settings: self.settings.clone(),
            agent: agent.clone(),
            provider,
            model: route.model.or_else(|| asked.model.clone()).unwrap_or_default(),
            step: lent.step,
            begun,
            status: 0,
            asked_bytes: asked.body.len() as u64,
            meter: None,
            hold: Some(hold),
            whole: false,
        });
        let url = format!("{}{}", self.settings.base_url(provider), route.path);
        let outgoing = outgoing(&parts, request::to_provider(&parts.headers), request::query(&parts));
        if key.is_some() {
            self.desk.key_used(agent, provider);
        }
        let answer = self.outward.ask(To::Configured, &url, outgoing, key.as_ref(), asked.body).await?;
        if let Some(ledger) = &mut ledger {
            let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            ledger.status = answer.status().as_u16();
            ledger.meter = Some(Meter::new(kind, asked.hide && answer.status().is_success()));
        }
        Ok(self.passed(agent, answer, scrubber, ledger, vec![Box::new(memory)], provider.name()))
    }

    async fn to(
        &self,
        agent: &AgentId,
        lent: &Lent,
        route: ToRoute,
        parts: Parts,
        body: Incoming,
    ) -> Result<Response<AnswerBody>, Refusal> {
        if request::holds_foreign(&parts, &lent.placeholder) {
            self.desk.alarm(agent, Alarm::ForeignPlaceholder, &route.host);
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "this placeholder is not yours: use the one in your environment"));
        }
        let ToRoute { host, path } = route;
        let Some(key) = self.desk.granted(agent, &host, parts.method.as_str(), &path) else {
            self.desk.alarm(agent, Alarm::NotGranted, &host);
            let text = format!(
                "no secret is granted to this agent for {} {host}{path}: aether secret grant NAME --agent A --host {host}",
                parts.method
            );
            return Err(Refusal::new(StatusCode::FORBIDDEN, text));
        };
        let (memory, body) = self.held(&parts, body).await?;
        let place = self.account(agent).await.admit(None, None, self.settings.queue).await.map_err(busy)?;
        let (to, base) = match self.settings.hosts.get(&host) {
            Some(base) => (To::Configured, base.trim_end_matches('/').to_owned()),
            None => (To::Granted, format!("https://{host}")),
        };
        let query = parts.uri.query().map(str::to_owned);
        let outgoing = outgoing(&parts, request::to_host(&parts.headers), query);
        let answer = self.outward.ask(to, &format!("{base}{path}"), outgoing, Some(&key), body).await?;
        Ok(self.passed(agent, answer, Scrubber::new(&key.value), None, vec![Box::new(memory), Box::new(place)], &host))
    }

    fn passed(
        &self,
        agent: &AgentId,
        answer: reqwest::Response,
        scrubber: Scrubber,
        ledger: Option<Ledger>,
        holds: Vec<Box<dyn Send>>,
        about: &str,
    ) -> Response<AnswerBody> {
        let passage = Passage {
            desk: self.desk.clone(),
            agent: agent.clone(),
            about: about.to_owned(),
            scrubber,
            ledger,
            idle: self.settings.idle,
            holds,
            alarmed: false,
        };
        pass(answer, passage)
    }

    /// The body, within the memory that all requests share.
    async fn held(&self, parts: &Parts, body: Incoming) -> Result<(OwnedSemaphorePermit, bytes::Bytes), Refusal> {
        let most = self.settings.max_request;
        let pieces = request::length(&parts.headers, most)?.div_ceil(PIECE).max(1);
        let wanted = self.held.clone().acquire_many_owned(u32::try_from(pieces).unwrap_or(u32::MAX));
        let permit = timeout(self.settings.queue, wanted).await.ok().and_then(Result::ok);
        let permit = permit.ok_or_else(|| busy(NotAdmitted::Busy))?;
        Ok((permit, request::body(body, most, self.settings.idle).await?))
    }

    async fn admit(&self, agent: &AgentId, lent: &Lent, asked: &Asked) -> Result<crate::account::Hold, Refusal> {
        self.account(agent).await.admit(lent.token_budget, asked.need, self.settings.queue).await.map_err(busy)
    }

    async fn account(&self, agent: &AgentId) -> Arc<Account> {
        let cell = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).entry(agent.clone()).or_default().clone();
        let make = || async { Account::new(self.settings.calls, self.desk.used(agent).await) };
        cell.get_or_init(make).await.clone()
    }
}

fn busy(why: NotAdmitted) -> Refusal {
    match why {
        NotAdmitted::Spent { budget } => {
            let text = format!("this agent has used its budget of {budget} tokens: start one with a larger --model-tokens");
            Refusal::new(StatusCode::FORBIDDEN, text)
        }
        NotAdmitted::Busy => {
            let text = "too many calls of this agent are under way: wait until some end";
            Refusal { retry_after: Some(1), ..Refusal::new(StatusCode::TOO_MANY_REQUESTS, text) }
        }
    }
}

/// The head that goes out: method, chosen headers and query of the agent's.
fn outgoing(parts: &Parts, headers: hyper::HeaderMap, query: Option<String>) -> Parts {
    let mut outgoing = Request::new(()).into_parts().0;
    outgoing.method = parts.method.clone();
    outgoing.headers = headers;
    // Programs name themselves; the connection's own headers are the client's business.
    outgoing.headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static("aether-gateway"));
    if let Some(uri) = query.and_then(|query| format!("/?{query}").parse().ok()) {
        outgoing.uri = uri;
    }
    outgoing
}

/// The provider whose words a refusal is said in.
fn named(path: &str) -> Option<ModelProvider> {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    ModelProvider::ALL.into_iter().find(|provider| provider.name() == first)
}
