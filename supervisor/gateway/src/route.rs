//! Which requests go where. What is not named here does not go out.

use aether_protocol::ModelProvider;
use hyper::Method;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// To a provider of models.
    Model(ModelRoute),
    /// To a host with a secret that was granted for it.
    To(ToRoute),
}

/// A request to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelRoute {
    pub(crate) provider: ModelProvider,
    /// Path below the base URL.
    pub(crate) path: String,
    /// Model that the path names.
    pub(crate) model: Option<String>,
    /// It costs tokens.
    pub(crate) kind: Kind,
}

/// What a request to a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has a model work: counted, held against the budget.
    Work,
    /// OpenAI's chat completions: streamed, they report no tokens unless asked to.
    Chat,
    /// It only looks something up.
    Look,
}

/// A request to a granted host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToRoute {
    pub(crate) host: String,
    pub(crate) path: String,
}

/// Why a request goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// The path can be read in two ways.
    Crafted,
    /// This provider's gateway does not offer it.
    NotOffered(Option<ModelProvider>),
}

/// Finds the way of a request.
pub(crate) fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let mut parts = path.strip_prefix('/').unwrap_or_default().splitn(2, '/');
    let (first, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if first == "to" {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        check(path, true)?;
        return Ok(Route::To(ToRoute { host: host.to_ascii_lowercase(), path: format!("/{path}") }));
    }
    check(rest, false)?;
    let provider = ModelProvider::ALL.into_iter().find(|provider| provider.name() == first).ok_or(NoRoute::NotOffered(None))?;
    let below: Vec<&str> = rest.split('/').collect();
    let found = match provider {
        // Programs differ in whether the base URL has the version in it.
        ModelProvider::Openai => openai(method, below.strip_prefix(&["v1"]).unwrap_or(&below)).map(|kind| (kind, None)),
        ModelProvider::Anthropic => anthropic(method, &below).map(|kind| (kind, None)),
        ModelProvider::Gemini => gemini(method, &below),
        ModelProvider::Ollama => ollama(method, &below).map(|kind| (kind, None)),
    };
    let (kind, model) = found.ok_or(NoRoute::NotOffered(Some(provider)))?;
    let path = match provider {
        ModelProvider::Openai => rest.strip_prefix("v1/").unwrap_or(rest),
        _ => rest,
    };
    Ok(Route::Model(ModelRoute { provider, path: format!("/{path}"), model, kind }))
}

/// A path with one meaning only: no empty parts, no dots, nothing encoded that a server may decode into such.
fn check(path: &str, escapes: bool) -> Result<(), NoRoute> {
    let inner = path.strip_suffix('/').unwrap_or(path);
    let lower = path.to_ascii_lowercase();
    let hidden = ["%2e", "%2f", "%5c", "%25", "%00", "%0a", "%0d"].iter().any(|code| lower.contains(code));
    let crafted = hidden
        || path.contains(['\\', ';', '#', '?'])
        || (!escapes && path.contains('%'))
        || inner.split('/').any(|part| matches!(part, "." | "..") || (part.is_empty() && !inner.is_empty()));
    if crafted { Err(NoRoute::Crafted) } else { Ok(()) }
}

fn openai(method: &Method, below: &[&str]) -> Option<Kind> {
    match (method.as_str(), below) {
        ("POST", ["chat", "completions"]) => Some(Kind::Chat),
        ("POST", ["responses" | "embeddings" | "completions"]) => Some(Kind::Work),
        // Models of some endpoints have a slash in their names.
        ("GET", ["models"] | ["models", _] | ["models", _, _]) => Some(Kind::Look),
        _ => None,
    }
}

fn anthropic(method: &Method, below: &[&str]) -> Option<Kind> {
    match (method.as_str(), below) {
        ("POST", ["v1", "messages"]) => Some(Kind::Work),
        ("POST", ["v1", "messages", "count_tokens"]) | ("GET", ["v1", "models"] | ["v1", "models", _]) => Some(Kind::Look),
        _ => None,
    }
}

fn gemini(method: &Method, below: &[&str]) -> Option<(Kind, Option<String>)> {
    let ["v1" | "v1beta" | "v1alpha", rest @ ..] = below else { return None };
    match (method.as_str(), rest) {
        ("GET", ["models"] | ["models", _]) => Some((Kind::Look, None)),
        ("POST", ["models", call]) => {
            let (model, verb) = call.split_once(':')?;
            let kind = match verb {
                "generateContent" | "streamGenerateContent" | "embedContent" | "batchEmbedContents" => Kind::Work,
                "countTokens" => Kind::Look,
                _ => return None,
            };
            Some((kind, Some(model.to_owned())))
        }
        _ => None,
    }
}

/// Not among them: what downloads, makes or deletes models on the host.
fn ollama(method: &Method, below: &[&str]) -> Option<Kind> {
    match (method.as_str(), below) {
        ("POST", ["v1", "chat", "completions"]) => Some(Kind::Chat),
        ("POST", ["api", "chat" | "generate" | "embed" | "embeddings"] | ["v1", "embeddings"]) => Some(Kind::Work),
        ("POST", ["api", "show"]) | ("GET", ["api", "tags" | "ps" | "version"] | ["v1", "models"]) => Some(Kind::Look),
        // Clients ask the root whether it lives.
        ("GET" | "HEAD", [""]) => Some(Kind::Look),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(method: Method, path: &str) -> Option<(ModelProvider, String, Kind)> {
        match route(&method, path) {
            Ok(Route::Model(found)) => Some((found.provider, found.path, found.kind)),
            _ => None,
        }
    }

    #[test]
    fn what_programs_ask_goes_out() {
        use ModelProvider::{Anthropic, Gemini, Ollama, Openai};
        for (path, provider, below, kind) in [
            ("/openai/v1/chat/completions", Openai, "/chat/completions", Kind::Chat),
            ("/openai/responses", Openai, "/responses", Kind::Work),
            ("/anthropic/v1/messages", Anthropic, "/v1/messages", Kind::Work),
            (
                "/gemini/v1beta/models/gemini-3-pro:generateContent",
                Gemini,
                "/v1beta/models/gemini-3-pro:generateContent",
                Kind::Work,
            ),
            ("/ollama/api/chat", Ollama, "/api/chat", Kind::Work),
            ("/ollama/v1/chat/completions", Ollama, "/v1/chat/completions", Kind::Chat),
        ] {
            assert_eq!(model(Method::POST, path), Some((provider, below.to_owned(), kind)), "{path}");
        }
        assert!(model(Method::GET, "/openai/v1/models").is_some() && model(Method::HEAD, "/ollama/").is_some());
    }

    #[test]
    fn nothing_else_does() {
        for path in [
            "/openai/v1/files",
            "/openai/v1/organization/admin_api_keys",
            "/openai/v1/fine_tuning/jobs",
            "/anthropic/v1/organizations/me",
            "/anthropic/v1/files",
            "/gemini/v1beta/models/x:predict",
            "/gemini/v1beta/files",
            "/gemini/upload/v1beta/files",
            "/ollama/api/pull",
            "/ollama/api/delete",
            "/ollama/api/create",
            "/",
            "/evil/v1/chat/completions",
        ] {
            assert!(matches!(route(&Method::POST, path), Err(NoRoute::NotOffered(_))), "{path}");
        }
        assert!(model(Method::DELETE, "/openai/v1/models/x").is_none());
    }

    #[test]
    fn a_path_with_two_meanings_is_noticed() {
        for path in [
            "/openai/v1/chat/../files",
            "/openai/v1/models/..%2ffiles",
            "/openai//v1/files",
            "/openai/v1/models/%2e%2e/files",
            "/openai/v1/models/x;y",
            "/to/api.test/a/%2E%2E/b",
            "/to/api.test/a\\b",
            "/to/api.test//a",
        ] {
            assert_eq!(route(&Method::GET, path), Err(NoRoute::Crafted), "{path}");
        }
        let to = Route::To(ToRoute { host: "api.test".into(), path: "/r/a%20b/".into() });
        assert_eq!(route(&Method::GET, "/to/API.test/r/a%20b/"), Ok(to));
    }
}
