//! What programs of an agent find in their environment: addresses of the gateway, and placeholders.

use std::collections::BTreeMap;

use aether_protocol::{ModelProvider, SecretName};

/// Name of the gateway inside.
const GATEWAY: &str = "http://gateway.aether.internal";

/// Variables for the granted providers and secrets. The libraries of the providers read them by themselves.
pub(crate) fn environment(providers: &[ModelProvider], secrets: &[SecretName], placeholder: &str) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: String| drop(env.insert(name.to_owned(), value));
    for secret in secrets {
        set(secret.as_str(), placeholder.to_owned());
    }
    for provider in providers {
        match provider {
            ModelProvider::Openai => {
                set("OPENAI_BASE_URL", format!("{GATEWAY}/openai/v1"));
                set("OPENAI_API_KEY", placeholder.to_owned());
            }
            ModelProvider::Anthropic => {
                set("ANTHROPIC_BASE_URL", format!("{GATEWAY}/anthropic"));
                set("ANTHROPIC_API_KEY", placeholder.to_owned());
            }
            ModelProvider::Gemini => {
                set("GOOGLE_GEMINI_BASE_URL", format!("{GATEWAY}/gemini"));
                set("GEMINI_API_KEY", placeholder.to_owned());
            }
            ModelProvider::Ollama => {
                // With its port: the library would add its own.
                set("OLLAMA_HOST", format!("{GATEWAY}:80/ollama"));
                set("OLLAMA_API_KEY", placeholder.to_owned());
            }
        }
    }
    if !providers.is_empty() || !secrets.is_empty() {
        set("AETHER_GATEWAY_URL", GATEWAY.to_owned());
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_granted_is_named() {
        assert!(environment(&[], &[], "p").is_empty());
        let env = environment(&[ModelProvider::Anthropic], &["GITHUB_TOKEN".parse().expect("name")], "p");
        let names: Vec<_> = env.keys().map(String::as_str).collect();
        assert_eq!(names, ["AETHER_GATEWAY_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "GITHUB_TOKEN"]);
        assert_eq!((env["ANTHROPIC_API_KEY"].as_str(), env["GITHUB_TOKEN"].as_str()), ("p", "p"));
    }
}
