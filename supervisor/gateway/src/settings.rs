//! Where the providers are, what they cost, and how long anything may take.

use std::{collections::BTreeMap, time::Duration};

use aether_protocol::ModelProvider;

/// Settings of the gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Providers that are not where they usually are.
    pub upstreams: BTreeMap<ModelProvider, Upstream>,
    /// Hosts of `/to/HOST/` that are not `https://HOST`.
    pub hosts: BTreeMap<String, String>,
    /// Prices by the beginning of the model's name; the longest that fits counts.
    pub prices: BTreeMap<String, Price>,
    /// Longest wait for a connection to a provider.
    pub connect: Duration,
    /// Tries to connect.
    pub tries: u32,
    /// Longest wait for the head of an answer. Long answers that are not streamed begin late.
    pub first_byte: Duration,
    /// Longest silence within an answer, and within a request.
    pub idle: Duration,
    /// Longest wait for a place among the agent's calls.
    pub queue: Duration,
    /// Calls of one agent at a time.
    pub calls: usize,
    /// Largest request, bytes.
    pub max_request: usize,
    /// Bytes of requests held at a time, of all agents together.
    pub max_held: usize,
}

/// A provider's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Base URL, as the provider's own libraries take it.
    pub base_url: String,
}

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            upstreams: BTreeMap::new(),
            hosts: BTreeMap::new(),
            prices: BTreeMap::new(),
            connect: Duration::from_secs(10),
            tries: 3,
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(120),
            queue: Duration::from_secs(60),
            calls: 16,
            max_request: 32 << 20,
            max_held: 256 << 20,
        }
    }
}

impl Settings {
    /// Base URL of a provider, without a slash at its end.
    pub fn base_url(&self, provider: ModelProvider) -> &str {
        let usual = match provider {
            ModelProvider::Openai => "https://api.openai.com/v1",
            ModelProvider::Anthropic => "https://api.anthropic.com",
            ModelProvider::Gemini => "https://generativelanguage.googleapis.com",
            ModelProvider::Ollama => "http://127.0.0.1:11434",
        };
        self.upstreams.get(&provider).map_or(usual, |upstream| upstream.base_url.trim_end_matches('/'))
    }

    /// Cost in millionths of a US dollar; `None` without a price.
    pub(crate) fn cost(&self, model: &str, input: u64, output: u64) -> Option<u64> {
        let fits = self.prices.iter().filter(|(name, _)| model.starts_with(name.as_str()));
        let (_, price) = fits.max_by_key(|(name, _)| name.len())?;
        // Dollars for a million tokens are millionths of a dollar for one.
        Some((input as f64).mul_add(price.input, output as f64 * price.output).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_price_counts() {
        let price = |input| Price { input, output: 2.0 };
        let prices = BTreeMap::from([("gpt-5".to_owned(), price(1.0)), ("gpt-5-mini".to_owned(), price(0.5))]);
        let settings = Settings { prices, ..Settings::default() };
        assert_eq!(settings.cost("gpt-5.2", 1000, 10), Some(1020));
        assert_eq!(settings.cost("gpt-5-mini-2026", 1000, 10), Some(520));
        assert_eq!(settings.cost("claude", 1000, 10), None);
    }
}
