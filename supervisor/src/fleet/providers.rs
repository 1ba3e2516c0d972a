//! The providers of models that this service can use.

use std::sync::Arc;

use aether_llm::{Endpoint, Interface, Provider, Remote, Secret};
use aether_protocol::{AgentSpec, ApiError, ErrorCode, Program, system::ProviderStatus};
use aether_runtime::{Choice, Heuristic, Models, Wish};

use crate::config::OpenAiConfig;

/// Base URL of the endpoint that is asked when only a key is given.
const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
/// Model of an endpoint that names none.
const DEFAULT_MODEL: &str = "gpt-5.2";

/// Every provider; the built-in rules are always there.
pub(crate) struct Providers {
    heuristic: Arc<dyn Provider>,
    openai: Result<Arc<dyn Provider>, String>,
}

impl Providers {
    /// From the configuration, then the environment.
    pub(crate) fn new(config: &OpenAiConfig) -> Self {
        let from =
            |value: &Option<String>, name: &str| value.clone().or_else(|| std::env::var(name).ok()).filter(|v| !v.is_empty());
        let key = from(&config.api_key, "OPENAI_API_KEY");
        let base_url = from(&config.base_url, "OPENAI_BASE_URL");
        let model = from(&config.model, "OPENAI_MODEL").unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let openai = if key.is_none() && base_url.is_none() {
            Err("set OPENAI_API_KEY or OPENAI_BASE_URL, or [llm.openai] in the configuration".to_owned())
        } else {
            let base_url = base_url.unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
            match Remote::new(Endpoint::new("openai", Interface::Chat, &base_url, key.map(Secret::new), &model)) {
                Ok(provider) => Ok(Arc::new(provider) as Arc<dyn Provider>),
                Err(error) => Err(error.to_string()),
            }
        };
        Self { heuristic: Arc::new(Heuristic), openai }
    }

    /// `PROVIDER/MODEL` that a spec will use; `None` for programs.
    pub(crate) fn model_of(&self, spec: &AgentSpec) -> Result<Option<String>, ApiError> {
        let Program::Goal(goal) = &spec.program else { return Ok(None) };
        let wanted = goal.model.as_deref();
        let (name, model) = wanted.map_or((None, None), |text| match text.split_once('/') {
            Some((name, model)) => (Some(name), Some(model)),
            None => (Some(text), None),
        });
        let provider = self.named(name)?;
        let model = model.map_or_else(|| provider.default_model(), str::to_owned);
        Ok(Some(if provider.name() == model { model } else { format!("{}/{model}", provider.name()) }))
    }

    /// The provider and the model within it that `PROVIDER/MODEL` names.
    pub(crate) fn find(&self, model: Option<&str>) -> Result<(Arc<dyn Provider>, Option<String>), ApiError> {
        let name = model.map(|text| text.split_once('/').map_or(text, |(name, _)| name));
        let provider = self.named(name)?;
        Ok((provider, model.and_then(|text| text.split_once('/')).map(|(_, model)| model.to_owned())))
    }

    /// For people.
    pub(crate) fn status(&self) -> Vec<ProviderStatus> {
        let (available, detail) = match &self.openai {
            Ok(provider) => (true, provider.default_model()),
            Err(why) => (false, why.clone()),
        };
        vec![
            ProviderStatus { name: "openai".to_owned(), available, detail },
            ProviderStatus {
                name: "heuristic".to_owned(),
                available: true,
                detail: "built-in rules, not a model; needs no key".to_owned(),
            },
        ]
    }

    fn named(&self, name: Option<&str>) -> Result<Arc<dyn Provider>, ApiError> {
        match (name, &self.openai) {
            (Some("heuristic"), _) | (None, Err(_)) => Ok(self.heuristic.clone()),
            (Some("openai") | None, Ok(provider)) => Ok(provider.clone()),
            (Some("openai"), Err(why)) => {
                Err(ApiError::new(ErrorCode::Unsupported, "the provider openai cannot be used", why.clone()))
            }
            (Some(other), _) => Err(ApiError::invalid(
                format!("there is no provider {other:?}"),
                "give openai/MODEL or heuristic; aether doctor lists the providers",
            )),
        }
    }
}

impl Models for Providers {
    fn choose(&self, wish: &Wish<'_>) -> Result<Choice<'_>, String> {
        let (provider, model) = self.find(wish.model).map_err(|error| format!("{} ({})", error.message, error.hint))?;
        Ok(Choice { provider, model, why: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(model: &str) -> AgentSpec {
        serde_json::from_str(&format!(r#"{{"program": {{"type": "goal", "goal": "g"{model}}}}}"#)).expect("spec")
    }

    #[test]
    fn without_a_key_goals_use_the_rules_and_say_so() {
        let providers = Providers { heuristic: Arc::new(Heuristic), openai: Err("set a key".into()) };
        assert_eq!(providers.model_of(&goal("")).expect("model").as_deref(), Some("heuristic"));
        let error = providers.model_of(&goal(r#", "model": "openai/gpt-5.2""#)).expect_err("no key");
        assert_eq!((error.code, error.hint.as_str()), (ErrorCode::Unsupported, "set a key"));
        assert_eq!(providers.model_of(&goal(r#", "model": "magic/x""#)).expect_err("unknown").code, ErrorCode::Invalid);
    }
}
