//! A gateway with one agent, a provider that plays back bytes, and a desk that writes everything down.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aether_gateway::{Alarm, Call, Desk, Gateway, Key, Lent, NoKey, Settings, Upstream};
use aether_protocol::{AgentId, ModelProvider, SecretPlace, secret::HeaderPlace};
use aether_secrets::Value;
use async_trait::async_trait;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) const CANARY: &str = "sk-canary-0123456789abcdef";
pub(crate) const OWN: &str = "aether-placeholder-00000000000000000000000000000001";
pub(crate) const FOREIGN: &str = "aether-placeholder-00000000000000000000000000000002";

pub(crate) fn agent() -> AgentId {
    AgentId::from_random([1; 12])
}

/// Knows one agent.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) alarms: Mutex<Vec<(Alarm, String)>>,
    pub(crate) budget: Mutex<Option<u64>>,
    pub(crate) not_lent: Mutex<Vec<ModelProvider>>,
    pub(crate) keyless: Mutex<bool>,
    /// Whose keys were added to requests.
    pub(crate) used: Mutex<Vec<ModelProvider>>,
}

#[async_trait]
impl Desk for Notes {
    fn lent(&self, agent: &AgentId) -> Option<Lent> {
        let not = self.not_lent.lock().expect("lock").clone();
        (*agent == self::agent()).then(|| Lent {
            providers: ModelProvider::ALL.into_iter().filter(|provider| !not.contains(provider)).collect(),
            token_budget: *self.budget.lock().expect("lock"),
            placeholder: OWN.to_owned(),
            step: 3,
        })
    }

    async fn used(&self, _: &AgentId) -> u64 {
        0
    }

    fn key(&self, provider: ModelProvider) -> Result<Option<Key>, NoKey> {
        if *self.keyless.lock().expect("lock") {
            return Err(NoKey { cause: "there is no key".into(), hint: "aether secret set OPENAI_API_KEY".into() });
        }
        let header = |name: &str| SecretPlace::Header(HeaderPlace { name: name.into() });
        let place = match provider {
            ModelProvider::Anthropic => header("x-api-key"),
            ModelProvider::Gemini => header("x-goog-api-key"),
            _ => SecretPlace::Bearer {},
        };
        Ok(Some(Key { value: Value::new(CANARY.to_owned()).expect("value"), place }))
    }

    fn key_used(&self, _: &AgentId, provider: ModelProvider) {
        self.used.lock().expect("lock").push(provider);
    }

    fn granted(&self, _: &AgentId, host: &str, method: &str, path: &str) -> Option<Key> {
        (["api.test", "localhost"].contains(&host) && method == "GET" && path.starts_with("/repos/"))
            .then(|| Key { value: Value::new(CANARY.to_owned()).expect("value"), place: SecretPlace::Bearer {} })
    }

    fn may_connect(&self, address: std::net::IpAddr) -> bool {
        !address.is_loopback()
    }

    fn count(&self, _: &AgentId, call: Call) {
        self.calls.lock().expect("lock").push(call);
    }

    fn alarm(&self, _: &AgentId, what: Alarm, about: &str) {
        self.alarms.lock().expect("lock").push((what, about.to_owned()));
    }
}

/// What the provider does on one connection after the request was read.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Says nothing more until the other side is gone.
    Stall,
}

pub(crate) struct Bench {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

/// A gateway whose providers all play these scripts, one a connection; then the port is closed.
pub(crate) async fn bench(scripts: Vec<Vec<Act>>) -> Bench {
    bench_with(scripts, |_| {}).await
}

pub(crate) async fn bench_with(scripts: Vec<Vec<Act>>, change: impl FnOnce(&mut Settings)) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = requests.clone();
    tokio::spawn(async move {
        for script in scripts {
            let (socket, _) = listener.accept().await.expect("accept");
            tokio::spawn(play(socket, script, log.clone()));
        }
    });
    let at = |path: &str| Upstream { base_url: format!("{url}{path}") };
    let mut settings = Settings {
        upstreams: BTreeMap::from([
            (ModelProvider::Openai, at("/v1")),
            (ModelProvider::Anthropic, at("")),
            (ModelProvider::Gemini, at("")),
            (ModelProvider::Ollama, at("")),
        ]),
        hosts: BTreeMap::from([("api.test".to_owned(), url.clone())]),
        tries: 2,
        idle: Duration::from_secs(20),
        first_byte: Duration::from_secs(20),
        ..Settings::default()
    };
    change(&mut settings);
    let notes = Arc::new(Notes::default());
    let gateway = Gateway::new(notes.clone(), settings);
    Bench { gateway, notes, requests }
}

async fn play(mut socket: TcpStream, script: Vec<Act>, log: Arc<Mutex<Vec<String>>>) {
    let request = read_message(&mut socket).await;
    log.lock().expect("lock").push(request);
    for act in script {
        match act {
            Act::Send(bytes) => {
                let _ = socket.write_all(&bytes).await;
                let _ = socket.flush().await;
            }
            Act::Stall => {
                let mut rest = [0; 64];
                while socket.read(&mut rest).await.is_ok_and(|n| n > 0) {}
                return;
            }
        }
    }
    let _ = socket.shutdown().await;
}

async fn read_message(socket: &mut TcpStream) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match socket.read(&mut piece).await {
            Ok(read) if read > 0 => all.extend_from_slice(&piece[..read]),
            _ => return text,
        }
    }
}

impl Bench {
    /// Sends these bytes as the agent and gives everything that comes back until the gateway closes.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(self.gateway.clone().serve(agent(), theirs));
        ours.write_all(request.as_bytes()).await.expect("write");
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.expect("read");
        serving.await.expect("served");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// `POST` of JSON with the placeholder as a bearer token.
    pub(crate) async fn post(&self, path: &str, body: &str) -> String {
        self.raw(&post(path, &format!("Authorization: Bearer {OWN}"), body)).await
    }

    pub(crate) fn only_call(&self) -> Call {
        let calls = self.notes.calls.lock().expect("lock");
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls[0].clone()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests.lock().expect("lock").clone()
    }

    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        self.notes.alarms.lock().expect("lock").iter().map(|(alarm, _)| *alarm).collect()
    }
}

pub(crate) fn post(path: &str, header: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: gateway.aether.internal\r\n{header}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer in one piece.
pub(crate) fn answer(status: &str, kind: &str, body: &str) -> Vec<Act> {
    let text =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    vec![Act::Send(text.into_bytes())]
}

/// An answer in chunks; without the last one it is cut.
pub(crate) fn stream(kind: &str, chunks: &[&str], whole: bool) -> Vec<Act> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    let mut acts = vec![Act::Send(head.into_bytes())];
    acts.extend(chunks.iter().map(|chunk| Act::Send(format!("{:x}\r\n{chunk}\r\n", chunk.len()).into_bytes())));
    if whole {
        acts.push(Act::Send(b"0\r\n\r\n".to_vec()));
    }
    acts
}
