//! The options that say which models an agent's programs may ask.

use aether_protocol::ModelProvider;
use clap::Args;

/// Which models its programs may ask.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// Let its programs ask models through the gateway: openai, anthropic, gemini, ollama or all; the keys stay outside
    #[arg(long, value_name = "PROVIDER", value_delimiter = ',', value_parser = parse)]
    models: Vec<Wanted>,
    /// Most tokens that its programs may use through the gateway, read and written
    #[arg(long, value_name = "N", requires = "models")]
    pub(crate) model_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    One(ModelProvider),
}

impl ModelArgs {
    /// As the wire has it: each provider once, in their order.
    pub(crate) fn providers(&self) -> Vec<ModelProvider> {
        let wanted = |provider: &ModelProvider| {
            self.models.iter().any(|want| matches!(want, Wanted::All) || *want == Wanted::One(*provider))
        };
        ModelProvider::ALL.into_iter().filter(wanted).collect()
    }
}

fn parse(text: &str) -> Result<Wanted, String> {
    if text == "all" {
        return Ok(Wanted::All);
    }
    let found = ModelProvider::ALL.into_iter().find(|provider| provider.name() == text);
    found
        .map(Wanted::One)
        .ok_or_else(|| format!("the providers are {} and all", ModelProvider::ALL.map(ModelProvider::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_named_once_each() {
        let args = |models: &[&str]| ModelArgs {
            models: models.iter().map(|text| parse(text).expect("a provider")).collect(),
            model_tokens: None,
        };
        assert!(args(&[]).providers().is_empty());
        assert_eq!(args(&["ollama", "openai", "ollama"]).providers(), [ModelProvider::Openai, ModelProvider::Ollama]);
        assert_eq!(args(&["all", "openai"]).providers(), ModelProvider::ALL);
        assert!(parse("OpenAI").is_err());
    }
}
