//! The providers that the loop of the built-in agent asks.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use aether_llm::Interface;
use aether_protocol::SecretName;
use serde::{Deserialize, Deserializer};

/// Providers of models.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmConfig {
    /// OpenAI, or an endpoint that speaks its interface.
    pub openai: LlmProvider,
    /// Anthropic.
    pub anthropic: LlmProvider,
    /// Google Gemini.
    pub gemini: LlmProvider,
    /// Ollama.
    pub ollama: LlmProvider,
    /// Further endpoints, by the name that stands before the slash of `NAME/MODEL`.
    pub endpoints: BTreeMap<String, LlmProvider>,
}

/// One provider. What is not set comes from the environment, as the provider's own libraries read it, and the key at last from
/// the sealed secrets.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmProvider {
    /// What it speaks: `chat`, `responses`, `anthropic`, `gemini` or `ollama` (default: the provider's own; `chat` for endpoints).
    #[serde(deserialize_with = "interface")]
    pub interface: Option<Interface>,
    /// Base URL, as the provider's own libraries take it (`OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL`, `OLLAMA_HOST`).
    pub base_url: Option<String>,
    /// Key (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `OLLAMA_API_KEY`).
    pub api_key: Option<String>,
    /// File that holds the key alone, instead of it.
    pub api_key_file: Option<PathBuf>,
    /// Name of the sealed secret that is its key, when neither configuration nor environment has one (default: as the variable).
    pub secret: Option<SecretName>,
    /// Model (`OPENAI_MODEL`, `ANTHROPIC_MODEL`, `GEMINI_MODEL`, `OLLAMA_MODEL`).
    pub model: Option<String>,
    /// Its models take images (default: by their names; of unknown names, those of OpenAI, Anthropic and Gemini do).
    pub images: Option<bool>,
}

fn interface<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Interface>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(serde::de::Error::custom)
}

impl fmt::Debug for LlmProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.api_key.as_ref().map(|_| "(hidden)");
        f.debug_struct("LlmProvider")
            .field("interface", &self.interface)
            .field("base_url", &self.base_url)
            .field("api_key", &key)
            .field("api_key_file", &self.api_key_file)
            .field("secret", &self.secret)
            .field("model", &self.model)
            .field("images", &self.images)
            .finish()
    }
}

impl LlmConfig {
    /// Every provider with the table it stands in.
    pub fn tables(&self) -> impl Iterator<Item = (String, &LlmProvider)> {
        let named =
            [("openai", &self.openai), ("anthropic", &self.anthropic), ("gemini", &self.gemini), ("ollama", &self.ollama)];
        let named = named.into_iter().map(|(name, provider)| (format!("llm.{name}"), provider));
        named.chain(self.endpoints.iter().map(|(name, provider)| (format!("llm.endpoints.{name}"), provider)))
    }

    /// As [`LlmConfig::tables`].
    pub fn tables_mut(&mut self) -> impl Iterator<Item = (String, &mut LlmProvider)> {
        let named = [
            ("openai", &mut self.openai),
            ("anthropic", &mut self.anthropic),
            ("gemini", &mut self.gemini),
            ("ollama", &mut self.ollama),
        ];
        let named = named.into_iter().map(|(name, provider)| (format!("llm.{name}"), provider));
        named.chain(self.endpoints.iter_mut().map(|(name, provider)| (format!("llm.endpoints.{name}"), provider)))
    }

    /// Is there a provider of that name, alone or before a slash?
    pub(super) fn names(&self, wish: &str) -> bool {
        let name = wish.split_once('/').map_or(wish, |(name, _)| name);
        ["openai", "anthropic", "gemini", "ollama", "heuristic"].contains(&name) || self.endpoints.contains_key(name)
    }

    /// What makes no sense: key, cause and fix.
    pub(super) fn problem(&self) -> Option<(String, String, String)> {
        for (table, provider) in self.tables() {
            if provider.api_key.is_some() && provider.api_key_file.is_some() {
                let cause = "give api_key or api_key_file, not both".to_owned();
                return Some((format!("{table}.api_key_file"), cause, "remove one of the two lines".to_owned()));
            }
            if let Some(path) = provider.api_key_file.as_ref().filter(|path| !path.is_absolute()) {
                let cause = format!("{:?} is not an absolute path", path.display().to_string());
                let fix = "give the path from the root, such as /etc/aether/openai.key".to_owned();
                return Some((format!("{table}.api_key_file"), cause, fix));
            }
            if let Some(url) = provider.base_url.as_ref().filter(|url| !url.is_empty() && !super::models::is_url(url)) {
                let cause = format!("{url:?} is not the address of a provider, such as https://api.openai.com/v1");
                return Some((format!("{table}.base_url"), cause, "correct the line, or remove it for the default".to_owned()));
            }
        }
        for (name, provider) in &self.endpoints {
            let fix = |fix: &str| fix.to_owned();
            let taken = ["openai", "anthropic", "gemini", "ollama", "heuristic", "auto"].contains(&name.as_str());
            if taken || name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                let cause = format!("{name:?} cannot be the name of an endpoint");
                return Some((
                    "llm.endpoints".to_owned(),
                    cause,
                    fix("give it a name of a-z, 0-9 and -, unlike the built-in ones"),
                ));
            }
            if provider.base_url.is_none() || provider.model.is_none() {
                let cause = format!("the endpoint {name} needs base_url and model");
                return Some((format!("llm.endpoints.{name}"), cause, fix("add the two lines")));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_make_sense() {
        let problem = |text: &str| toml::from_str::<LlmConfig>(text).expect("TOML").problem().map(|(key, ..)| key);
        let lab = "[endpoints.lab]\nbase_url = \"http://lab:1/v1\"\nmodel = \"m\"\ninterface = \"responses\"\n";
        assert_eq!(problem(lab), None);
        assert_eq!(problem("[openai]\napi_key = \"\"\napi_key_file = \"/k\"").as_deref(), Some("llm.openai.api_key_file"));
        assert_eq!(problem("[gemini]\napi_key_file = \"k\"").as_deref(), Some("llm.gemini.api_key_file"));
        assert_eq!(problem("[anthropic]\nbase_url = \"localhost\"").as_deref(), Some("llm.anthropic.base_url"));
        assert_eq!(problem("[endpoints.lab]\nmodel = \"m\"").as_deref(), Some("llm.endpoints.lab"));
        assert_eq!(problem("[endpoints.auto]\nmodel = \"m\"").as_deref(), Some("llm.endpoints"));
        assert!(toml::from_str::<LlmConfig>("[openai]\ninterface = \"telegraph\"").is_err());
        let config = toml::from_str::<LlmConfig>("[openai]\napi_key = \"sk-1\"").expect("TOML");
        assert!(!format!("{config:?}").contains("sk-1"), "a key is never shown");
    }
}
