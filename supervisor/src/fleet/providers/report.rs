//! What each provider says when it is asked for its models: for people who wonder why theirs is not used.

use std::time::Duration;

use aether_llm::{LlmError, Tier};
use aether_protocol::{ModelsReport, ProviderReport, ProviderState, TierModel};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::{AUTO, Entry, HEURISTIC, Meaning, Problem, Providers};

/// What the built-in rules are.
pub(super) const RULES: &str = "built-in rules, not a model; needs no key";
/// Longest wait for a provider.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what was found holds: a page that asks again and again must not become requests with a key.
const FRESH: Duration = Duration::from_secs(5);

impl Providers {
    /// Asks every provider which models it has, all at once.
    pub(crate) async fn report(&self) -> ModelsReport {
        // Held while they are asked, so that many who ask at once are answered by one look.
        let mut looked = self.looked.lock().await;
        if let Some((when, report)) = looked.as_ref()
            && when.elapsed() < FRESH
        {
            return report.clone();
        }
        let mut providers = join_all(self.entries.iter().map(|entry| self.look(entry))).await;
        providers.push(ProviderReport {
            name: HEURISTIC.to_owned(),
            interface: "rules".to_owned(),
            state: ProviderState::Available,
            detail: RULES.to_owned(),
            default_model: HEURISTIC.to_owned(),
            images: false,
            models: Vec::new(),
        });
        let tiers = Tier::ALL.into_iter().zip(&self.tiers);
        let tier = |(tier, model): (Tier, &Option<String>)| {
            Some(TierModel { tier: tier.name().to_owned(), model: self.whole(model.as_deref()?) })
        };
        let report = ModelsReport {
            default_model: self.name_of(None).unwrap_or_else(|_| self.default.clone().unwrap_or_default()),
            fallback: self.fallback.iter().map(|wish| self.whole(wish)).collect(),
            tiers: tiers.filter_map(tier).collect(),
            providers,
        };
        *looked = Some((Instant::now(), report.clone()));
        report
    }

    /// A name with its model.
    fn whole(&self, wish: &str) -> String {
        match Meaning::of(wish) {
            Meaning::Rules => HEURISTIC.to_owned(),
            Meaning::Tiers => AUTO.to_owned(),
            Meaning::Model { model: Some(_), .. } => wish.to_owned(),
            Meaning::Model { provider, .. } => {
                self.entry(&provider).map_or(provider, |entry| format!("{}/{}", entry.name, entry.model))
            }
        }
    }

    async fn look(&self, entry: &Entry) -> ProviderReport {
        let (state, detail, models) = match entry.ready() {
            Err(problem) => {
                let state = match problem {
                    Problem::NotSetUp(_) => ProviderState::NotSetUp,
                    Problem::NoKey(_) => ProviderState::NoKey,
                    Problem::Unusable(_) => ProviderState::Unusable,
                };
                (state, problem.why().to_owned(), Vec::new())
            }
            Ok(remote) => match remote.models(PATIENCE).await {
                Ok(models) => self.found(entry, models),
                Err(error) => unusable(&error),
            },
        };
        ProviderReport {
            name: entry.name.clone(),
            interface: entry.interface.name().to_owned(),
            state,
            detail,
            default_model: entry.model.clone(),
            images: entry.images,
            models,
        }
    }

    /// It answered: is its default model among those that it has, and did that one answer lately?
    fn found(&self, entry: &Entry, models: Vec<String>) -> (ProviderState, String, Vec<String>) {
        if let Some(resting) = self.breakers.resting(&format!("{}/{}", entry.name, entry.model)) {
            return (ProviderState::Resting, resting.to_string(), models);
        }
        // Ollama lists `llama3.1:latest` for `llama3.1`.
        let has =
            |model: &String| *model == entry.model || model.strip_prefix(&entry.model).is_some_and(|tag| tag.starts_with(':'));
        let detail = if models.is_empty() || models.iter().any(has) {
            String::new()
        } else {
            format!("it does not list {}: set model, or name another one", entry.model)
        };
        (ProviderState::Available, detail, models)
    }
}

fn unusable(error: &LlmError) -> (ProviderState, String, Vec<String>) {
    let state = match error {
        LlmError::NoKey(_) => ProviderState::NoKey,
        LlmError::Auth(_) => ProviderState::Refused,
        LlmError::RateLimited { .. } => ProviderState::Limited,
        LlmError::Resting { .. } => ProviderState::Resting,
        LlmError::Network(_) | LlmError::Timeout(_) => ProviderState::Unreachable,
        // Some endpoints have no list of models, and answer questions all the same.
        LlmError::Invalid(said) if said.starts_with("HTTP 404") || said.starts_with("HTTP 405") => {
            return (ProviderState::Available, "it lists no models".to_owned(), Vec::new());
        }
        LlmError::Overloaded { .. }
        | LlmError::Invalid(_)
        | LlmError::Malformed(_)
        | LlmError::TooLarge(_)
        | LlmError::Exhausted(_) => ProviderState::Failing,
    };
    (state, error.to_string(), Vec::new())
}
