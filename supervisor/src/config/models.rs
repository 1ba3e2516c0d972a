//! The model gateway: where providers are, which secret is their key, what they cost.

use std::collections::BTreeMap;

use aether_protocol::{ModelProvider, SecretName};
use serde::Deserialize;

/// The model gateway.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelsConfig {
    /// OpenAI, or an endpoint that speaks its interface.
    pub openai: UpstreamConfig,
    /// Anthropic.
    pub anthropic: UpstreamConfig,
    /// Google Gemini.
    pub gemini: UpstreamConfig,
    /// Ollama.
    pub ollama: UpstreamConfig,
    /// Prices by the beginning of a model's name.
    pub prices: BTreeMap<String, PriceConfig>,
    /// Hosts of the gateway's `/to/HOST/` that are not `https://HOST`, with their base URLs.
    pub hosts: BTreeMap<String, String>,
}

/// A provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamConfig {
    /// Base URL, as the provider's own libraries take it (default: the provider's; for Ollama `http://127.0.0.1:11434`).
    pub base_url: Option<String>,
    /// Name of the secret that is its key (default: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY` or
    /// `OLLAMA_API_KEY`).
    pub secret: Option<SecretName>,
}

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
}

impl ModelsConfig {
    /// What is configured of a provider.
    pub const fn upstream(&self, provider: ModelProvider) -> &UpstreamConfig {
        match provider {
            ModelProvider::Openai => &self.openai,
            ModelProvider::Anthropic => &self.anthropic,
            ModelProvider::Gemini => &self.gemini,
            ModelProvider::Ollama => &self.ollama,
        }
    }

    /// What makes no sense: key and cause.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        let is_url = |text: &str| {
            let uri = text.parse::<hyper::Uri>().ok();
            uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
            })
        };
        for provider in ModelProvider::ALL {
            if let Some(url) = self.upstream(provider).base_url.as_ref().filter(|url| !is_url(url)) {
                return Some((
                    "models.base_url",
                    format!("{url:?} is not the address of a provider, such as https://api.openai.com/v1"),
                ));
            }
        }
        if let Some((_, url)) = self.hosts.iter().find(|(_, url)| !is_url(url)) {
            return Some(("models.hosts", format!("{url:?} is not a base URL, such as http://10.0.0.5:8080")));
        }
        let bad = |price: &f64| !(0.0..=1e6).contains(price);
        let (name, _) = self.prices.iter().find(|(_, price)| bad(&price.input) || bad(&price.output))?;
        Some(("models.prices", format!("the prices of {name:?} are not dollars for a million tokens")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_prices_make_sense() {
        let problem = |text: &str| toml::from_str::<ModelsConfig>(text).expect("TOML").problem().map(|(key, _)| key);
        assert_eq!(problem("[openai]\nbase_url = \"http://127.0.0.1:8000/v1\"\nsecret = \"MY_KEY\""), None);
        assert_eq!(problem("[openai]\nbase_url = \"localhost\""), Some("models.base_url"));
        assert_eq!(problem("[hosts]\n\"a.test\" = \"ftp://x\""), Some("models.hosts"));
        assert_eq!(problem("[prices.\"gpt-5\"]\ninput = -1.0\noutput = 1.0"), Some("models.prices"));
        assert!(toml::from_str::<ModelsConfig>("[openai]\nsecret = \"a b\"").is_err());
    }
}
