//! One provider: from configuration, environment and sealed secrets to something that can be asked.

use std::sync::Arc;

use aether_llm::{Embedding, Endpoint, Interface, KeySource, Remote, Secret, Sight};
use aether_protocol::SecretName;

use crate::config::LlmProvider;

/// What is usual of a provider.
struct Usual {
    name: &'static str,
    interface: Interface,
    base_url: &'static str,
    model: &'static str,
    /// Variable of the base URL.
    url_variable: &'static str,
    /// Variable of the key, and name of the secret.
    key: &'static str,
    model_variable: &'static str,
    /// Models whose names say nothing take images.
    images: bool,
    /// It works without a key, so that only somebody's word says that it is there.
    local: bool,
}

/// In the order in which they are taken when nobody says which.
const USUAL: [Usual; 4] = [
    Usual {
        name: "openai",
        interface: Interface::Chat,
        base_url: "https://api.openai.com/v1",
        model: "gpt-5.2",
        url_variable: "OPENAI_BASE_URL",
        key: "OPENAI_API_KEY",
        model_variable: "OPENAI_MODEL",
        images: true,
        local: false,
    },
    Usual {
        name: "anthropic",
        interface: Interface::Anthropic,
        base_url: "https://api.anthropic.com",
        model: "claude-opus-4-6",
        url_variable: "ANTHROPIC_BASE_URL",
        key: "ANTHROPIC_API_KEY",
        model_variable: "ANTHROPIC_MODEL",
        images: true,
        local: false,
    },
    Usual {
        name: "gemini",
        interface: Interface::Gemini,
        base_url: "https://generativelanguage.googleapis.com",
        model: "gemini-3-flash",
        url_variable: "GEMINI_BASE_URL",
        key: "GEMINI_API_KEY",
        model_variable: "GEMINI_MODEL",
        images: true,
        local: false,
    },
    Usual {
        name: "ollama",
        interface: Interface::Ollama,
        base_url: "http://127.0.0.1:11434",
        model: "llama3.1",
        url_variable: "OLLAMA_HOST",
        key: "OLLAMA_API_KEY",
        model_variable: "OLLAMA_MODEL",
        images: false,
        local: true,
    },
];

/// One provider.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) interface: Interface,
    pub(super) model: String,
    /// Its default model takes images.
    pub(super) images: bool,
    key: KeySource,
    remote: Result<Arc<Remote>, Problem>,
    /// The same, for where somebody else can answer.
    brief: Option<Arc<Remote>>,
}

/// Why a provider cannot be asked, known without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// Nobody said that it is there.
    NotSetUp(String),
    /// There is no key; how to give one.
    NoKey(String),
    /// What is configured makes no client.
    Unusable(String),
}

impl Problem {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::NotSetUp(why) | Self::NoKey(why) | Self::Unusable(why) => why,
        }
    }
}

/// Takes a sealed secret out, when there is one of that name.
pub(crate) type Sealed = Arc<dyn Fn(&SecretName) -> Option<Result<Secret, String>> + Send + Sync>;

/// Reads a variable of the environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Entry {
    /// As [`Entry::ready`], giving up soon.
    pub(super) fn ready_briefly(&self) -> Result<&Arc<Remote>, Problem> {
        let patient = self.ready()?;
        Ok(self.brief.as_ref().unwrap_or(patient))
    }

    /// The provider, if it can be asked now.
    pub(super) fn ready(&self) -> Result<&Arc<Remote>, Problem> {
        let remote = self.remote.as_ref().map_err(Clone::clone)?;
        (self.key)().map_err(Problem::NoKey)?;
        Ok(remote)
    }

    /// This model of it, for vectors. A key that comes later is used.
    pub(super) fn embedding(&self, model: &str) -> Result<Embedding, String> {
        let remote = self.remote.as_ref().map_err(|problem| problem.why().to_owned())?;
        Embedding::new(remote.clone(), model).map_err(|error| error.to_string())
    }

    fn new(
        name: &str,
        interface: Interface,
        base_url: String,
        model: String,
        images: Sight,
        key: KeySource,
        absent: Option<Problem>,
    ) -> Self {
        let endpoint = Endpoint { images, key: key.clone(), ..Endpoint::new(name, interface, &base_url, None, &model) };
        let remote = match absent {
            Some(problem) => Err(problem),
            None => Remote::new(endpoint).map(Arc::new).map_err(|error| Problem::Unusable(error.to_string())),
        };
        let images = images.of(&model);
        let brief = remote.as_ref().ok().map(|remote| Arc::new(remote.brief()));
        Self { name: name.to_owned(), interface, model, images, key, remote, brief }
    }

    /// One of the usual providers.
    fn usual(usual: &Usual, config: &LlmProvider, environment: Environment<'_>, secrets: &Sealed) -> Self {
        let from = |value: &Option<String>, name: &str| {
            value.clone().filter(|value| !value.is_empty()).or_else(|| environment(name).filter(|value| !value.is_empty()))
        };
        let base_url = from(&config.base_url, usual.url_variable).map(|url| if usual.local { with_scheme(&url) } else { url });
        let model = from(&config.model, usual.model_variable);
        let key = from(&config.api_key, usual.key);
        let named = config.secret.clone();
        let secret = named.clone().or_else(|| usual.key.parse().ok());
        let lacking = format!(
            "aether secret set {2}, or set {0} for the service, or [llm.{1}] api_key_file",
            usual.key,
            usual.name,
            secret.as_ref().map_or("", SecretName::as_str)
        );
        // An endpoint that somebody named, and a local one, may do without a key; a public one would only refuse.
        let without = named.is_none() && (usual.local || base_url.is_some());
        let absent = (usual.local && base_url.is_none() && model.is_none() && *config == LlmProvider::default())
            .then(|| Problem::NotSetUp(format!("set OLLAMA_HOST, or [llm.{}] in the configuration", usual.name)));
        let source = key_source(key.map(Secret::new), secret, without, lacking, secrets);
        Self::new(
            usual.name,
            config.interface.unwrap_or(usual.interface),
            base_url.unwrap_or_else(|| usual.base_url.to_owned()),
            model.unwrap_or_else(|| usual.model.to_owned()),
            config.images.map_or(Sight::ByName { unknown: usual.images }, Sight::Said),
            source,
            absent,
        )
    }

    /// A further endpoint.
    fn further(name: &str, config: &LlmProvider, secrets: &Sealed) -> Self {
        let key = config.api_key.clone().filter(|key| !key.is_empty()).map(Secret::new);
        let secret = config.secret.clone();
        let lacking = secret.as_ref().map_or_else(String::new, |name| format!("aether secret set {name}"));
        let source = key_source(key, secret.clone(), secret.is_none(), lacking, secrets);
        Self::new(
            name,
            config.interface.unwrap_or(Interface::Chat),
            config.base_url.clone().unwrap_or_default(),
            config.model.clone().unwrap_or_default(),
            config.images.map_or(Sight::ByName { unknown: false }, Sight::Said),
            source,
            None,
        )
    }

    /// All of them, in the order in which they are taken when nobody says which: what is configured by name first.
    pub(super) fn all(config: &crate::config::LlmConfig, environment: Environment<'_>, secrets: &Sealed) -> Vec<Self> {
        let tables = [&config.openai, &config.anthropic, &config.gemini, &config.ollama];
        let usual = USUAL.iter().zip(tables).map(|(usual, table)| Self::usual(usual, table, environment, secrets));
        let further = config.endpoints.iter().map(|(name, table)| Self::further(name, table, secrets));
        let mut all: Vec<Self> = usual.collect();
        let local = all.pop();
        all.extend(further);
        all.extend(local);
        all
    }
}

/// `OLLAMA_HOST` may be a host and a port alone.
fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// The key that is configured, or the sealed secret as it is when a request goes out.
fn key_source(key: Option<Secret>, secret: Option<SecretName>, without: bool, lacking: String, secrets: &Sealed) -> KeySource {
    let secrets = secrets.clone();
    Arc::new(move || {
        if let Some(key) = &key {
            return Ok(Some(key.clone()));
        }
        match secret.as_ref().and_then(|name| secrets(name)) {
            Some(sealed) => sealed.map(Some),
            None if without => Ok(None),
            None => Err(lacking.clone()),
        }
    })
}
