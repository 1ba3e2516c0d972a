//! The model gateway: where providers are, which secret is their key, what they cost. And which models the built-in agent takes.

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
    /// `PROVIDER/MODEL` of goals that name none, or `auto` for the tiers (default: `auto` when there are tiers, else the first
    /// provider that can be used).
    pub default: Option<String>,
    /// Models that answer when the one that was wished for cannot, in order.
    pub fallback: Vec<String>,
    /// `PROVIDER/MODEL` that turns what agents remember into vectors (default: none, and words alone find memories).
    pub embedding: Option<String>,
    /// Models by what they can do and cost, for `auto`.
    pub tiers: TiersConfig,
    /// Which tier a step gets: the first rule that fits.
    pub rules: Vec<RuleConfig>,
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
    /// Read out of the provider's cache (default: as `input`).
    pub cached: Option<f64>,
    /// Put into the provider's cache (default: as `input`).
    pub cache_written: Option<f64>,
}

/// Models by what they can do and cost: `PROVIDER/MODEL`, or `PROVIDER` for its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TiersConfig {
    /// Quick and cheap.
    pub flash: Option<String>,
    /// For most work.
    pub standard: Option<String>,
    /// The best there is.
    pub frontier: Option<String>,
}

/// A tier in a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TierName {
    /// Quick and cheap.
    Flash,
    /// For most work.
    Standard,
    /// The best there is.
    Frontier,
}

/// When a tier is taken. Everything that is set has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What is taken then.
    pub tier: TierName,
    /// From this step on.
    pub from_step: Option<u32>,
    /// Until this step.
    pub to_step: Option<u32>,
    /// One of these tools is on offer.
    #[serde(default)]
    pub tools: Vec<String>,
    /// The conversation has at least so many tokens, estimated.
    pub min_tokens: Option<u64>,
    /// The conversation has at most so many tokens, estimated.
    pub max_tokens: Option<u64>,
    /// A call of the last step failed, or none did.
    pub last_failed: Option<bool>,
    /// The agent has this role.
    pub role: Option<String>,
}

/// An address without a query.
pub(super) fn is_url(text: &str) -> bool {
    let uri = text.parse::<hyper::Uri>().ok();
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none())
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

    /// Every model that is named, with its key.
    pub(super) fn wishes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let TiersConfig { flash, standard, frontier } = &self.tiers;
        let tiers = [flash, standard, frontier];
        let has_tiers = tiers.iter().any(|tier| tier.is_some());
        // For the tiers themselves, when there are some.
        let default = self.default.iter().filter(move |wish| *wish != "auto" || !has_tiers).map(|wish| ("models.default", wish));
        let fallback = self.fallback.iter().map(|wish| ("models.fallback", wish));
        let tiers = tiers.into_iter().flatten().map(|wish| ("models.tiers", wish));
        let embedding = self.embedding.iter().map(|wish| ("models.embedding", wish));
        default.chain(fallback).chain(tiers).chain(embedding).map(|(key, wish)| (key, wish.as_str()))
    }

    /// What makes no sense: key and cause.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
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
        if let Some(wish) = self.embedding.as_ref().filter(|wish| wish.split_once('/').is_none_or(|(_, model)| model.is_empty()))
        {
            return Some(("models.embedding", format!("{wish:?} is not PROVIDER/MODEL, such as openai/text-embedding-3-small")));
        }
        let bad = |price: &f64| !(0.0..=1e6).contains(price);
        let prices = |price: &PriceConfig| [Some(price.input), Some(price.output), price.cached, price.cache_written];
        let (name, _) = self.prices.iter().find(|(_, price)| prices(price).iter().flatten().any(bad))?;
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
        assert_eq!(problem("embedding = \"openai\""), Some("models.embedding"));
        assert_eq!(problem("embedding = \"openai/text-embedding-3-small\""), None);
        assert_eq!(problem("[hosts]\n\"a.test\" = \"ftp://x\""), Some("models.hosts"));
        assert_eq!(problem("[prices.\"gpt-5\"]\ninput = -1.0\noutput = 1.0"), Some("models.prices"));
        assert!(toml::from_str::<ModelsConfig>("[openai]\nsecret = \"a b\"").is_err());
    }
}
