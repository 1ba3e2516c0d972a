//! What answers cost, by configured prices.

use std::collections::BTreeMap;

use crate::TokenUsage;

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
    /// Read out of the provider's cache; as other input when absent.
    pub cached: Option<f64>,
    /// Put into the provider's cache; as other input when absent.
    pub cache_written: Option<f64>,
}

/// Prices by the beginning of a model's name; the longest that fits counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// As configured.
    pub fn new(prices: impl IntoIterator<Item = (String, Price)>) -> Self {
        Self(prices.into_iter().collect())
    }

    /// Cost in millionths of a US dollar; `None` without a price.
    pub fn cost(&self, model: &str, usage: &TokenUsage) -> Option<u64> {
        let fits = self.0.iter().filter(|(name, _)| model.starts_with(name.as_str()));
        let (_, price) = fits.max_by_key(|(name, _)| name.len())?;
        let TokenUsage { input, output, cached, cache_written, .. } = *usage;
        let fresh = input.saturating_sub(cached).saturating_sub(cache_written);
        let kinds = [
            (fresh, price.input),
            (cached, price.cached.unwrap_or(price.input)),
            (cache_written, price.cache_written.unwrap_or(price.input)),
            (output, price.output),
        ];
        // Dollars for a million tokens are millionths of a dollar for one.
        Some(kinds.iter().map(|(tokens, dollars)| *tokens as f64 * dollars).sum::<f64>().round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_token_has_its_price_and_the_most_exact_name_counts() {
        let price = |input, cached| Price { input, output: 10.0, cached, cache_written: Some(4.0) };
        let prices = Prices::new([("gpt-5".to_owned(), price(2.0, Some(0.5))), ("gpt-5-mini".to_owned(), price(1.0, None))]);
        let usage = TokenUsage { input: 1000, output: 10, cached: 600, cache_written: 100, reasoning: 5 };
        assert_eq!(prices.cost("gpt-5.2", &usage), Some(300 * 2 + 300 + 400 + 100));
        assert_eq!(prices.cost("gpt-5-mini-2026", &usage), Some(900 + 400 + 100));
        assert_eq!(prices.cost("claude", &usage), None, "no price is not a price of nothing");
    }
}
