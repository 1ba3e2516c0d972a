use std::collections::BTreeMap;

use aether_llm::Secret;
use aether_protocol::ProviderState;

use super::*;
use crate::config::Config;

fn providers(config: &str, variables: &[(&str, &str)], secrets: &[(&str, &str)]) -> Providers {
    let config: Config = toml::from_str(config).expect("configuration");
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let (variables, secrets) = (map(variables), map(secrets));
    let sealed: Sealed = Arc::new(move |name| secrets.get(name.as_str()).map(|value| Ok(Secret::new(value))));
    Providers::new(&config.llm, &config.models, &|name| variables.get(name).cloned(), &sealed)
}

fn goal(model: &str) -> AgentSpec {
    serde_json::from_str(&format!(r#"{{"program": {{"type": "goal", "goal": "g"{model}}}}}"#)).expect("spec")
}

fn wish(model: Option<&str>, step: u32) -> Wish<'_> {
    Wish { model, step, tools: &[], tokens: 10, last_failed: false, role: None }
}

/// The model of a step, and why.
fn chosen(providers: &Providers, wish: &Wish<'_>) -> (String, Option<String>) {
    let choice = providers.choose(wish).unwrap_or_else(|why| panic!("{why}"));
    (format!("{}/{}", choice.provider.name(), choice.model.unwrap_or_default()), choice.why)
}

#[test]
fn without_a_key_goals_use_the_rules_and_say_so() {
    let providers = providers("", &[], &[]);
    assert_eq!(providers.model_of(&goal("")).expect("model").as_deref(), Some("heuristic"));
    let error = providers.model_of(&goal(r#", "model": "anthropic/x""#)).expect_err("no key");
    assert_eq!(error.code, ErrorCode::Unsupported);
    let how = "aether secret set ANTHROPIC_API_KEY, or set ANTHROPIC_API_KEY for the service, or [llm.anthropic] api_key_file";
    assert_eq!(error.hint, how);
    assert_eq!(providers.model_of(&goal(r#", "model": "magic/x""#)).expect_err("unknown").code, ErrorCode::Invalid);
    assert_eq!(providers.model_of(&goal(r#", "model": "auto""#)).expect_err("no tiers").code, ErrorCode::Unsupported);
    assert!(!providers.status().iter().any(|one| one.available && one.name != "heuristic"), "also no Ollama that nobody named");
}

#[test]
fn a_key_comes_from_the_environment_a_secret_or_the_file_and_names_the_provider() {
    for (config, variables, secrets, model) in [
        ("", vec![("OPENAI_API_KEY", "k")], vec![], "openai/gpt-5.2"),
        ("", vec![("OPENAI_API_KEY", ""), ("GEMINI_API_KEY", "k")], vec![], "gemini/gemini-3-flash"),
        ("", vec![], vec![("ANTHROPIC_API_KEY", "k")], "anthropic/claude-opus-4-6"),
        ("[llm.anthropic]\nsecret = \"MINE\"\nmodel = \"m\"", vec![], vec![("MINE", "k")], "anthropic/m"),
        ("", vec![("OPENAI_BASE_URL", "http://localhost:1/v1"), ("OPENAI_MODEL", "x")], vec![], "openai/x"),
        ("", vec![("OLLAMA_HOST", "localhost:11434")], vec![], "ollama/llama3.1"),
        ("[llm.ollama]\nmodel = \"qwen3\"", vec![], vec![], "ollama/qwen3"),
        ("[llm.endpoints.lab]\nbase_url = \"http://lab:8000/v1\"\nmodel = \"a/b\"", vec![], vec![], "lab/a/b"),
        ("[models]\ndefault = \"heuristic\"", vec![("OPENAI_API_KEY", "k")], vec![], "heuristic"),
    ] {
        let providers = providers(config, &variables, &secrets);
        assert_eq!(providers.model_of(&goal("")).expect("model").as_deref(), Some(model), "{config} {variables:?} {secrets:?}");
    }
    let named = providers("", &[("OPENAI_API_KEY", "k")], &[]);
    assert_eq!(named.model_of(&goal(r#", "model": "openai/o""#)).expect("model").as_deref(), Some("openai/o"));
    assert_eq!(named.model_of(&goal(r#", "model": "openai""#)).expect("model").as_deref(), Some("openai/gpt-5.2"));
}

#[test]
fn a_step_gets_the_tier_of_its_rule_and_is_told_why() {
    let config = "[models.tiers]\nflash = \"gemini\"\nfrontier = \"anthropic/big\"\n\
                  [[models.rules]]\ntier = \"flash\"\nto_step = 2\n[[models.rules]]\ntier = \"standard\"\n";
    let providers = providers(config, &[("GEMINI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")], &[]);
    assert_eq!(providers.model_of(&goal("")).expect("model").as_deref(), Some("auto"));
    let (model, why) = chosen(&providers, &wish(None, 2));
    assert_eq!((model.as_str(), why.as_deref()), ("gemini/gemini-3-flash", Some("gemini (flash: rule 1 (step 2))")));
    let (model, why) = chosen(&providers, &wish(Some("auto"), 3));
    let why = why.expect("why");
    assert_eq!(
        (model.as_str(), why.as_str()),
        ("anthropic/big", "anthropic/big (standard: rule 2 (always); frontier stands in for it)")
    );
    assert_eq!(chosen(&providers, &wish(Some("gemini/x"), 1)), ("gemini/x".to_owned(), None), "a wish is a wish");
}

#[test]
fn the_fallback_steps_in_where_a_key_is_missing() {
    let config = "[models]\nfallback = [\"openai/o\", \"gemini\", \"heuristic\"]\n";
    let some = providers(config, &[("GEMINI_API_KEY", "k")], &[]);
    assert_eq!(some.model_of(&goal(r#", "model": "anthropic/x""#)).expect("model").as_deref(), Some("anthropic/x"));
    let (model, why) = chosen(&some, &wish(Some("anthropic/x"), 1));
    assert_eq!(model, "gemini/gemini-3-flash");
    let why = why.expect("why");
    assert!(
        why.starts_with("gemini/gemini-3-flash (fallback: anthropic/x cannot be used: aether secret set ANTHROPIC_API_KEY"),
        "{why}"
    );
    let none = providers("", &[], &[]);
    let Err(why) = none.choose(&wish(Some("anthropic/x"), 1)) else { panic!("there is no key") };
    assert!(why.starts_with("anthropic/x cannot be used: aether secret set ANTHROPIC_API_KEY"), "{why}");
}

#[tokio::test]
async fn the_report_says_of_each_provider_why_it_cannot_be_used() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address");
    let config = format!("[llm.endpoints.lab]\nbase_url = \"http://{closed}/v1\"\nmodel = \"m\"\nimages = true\n");
    let report = providers(&config, &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "not a url")], &[]).report().await;
    let state = |name: &str| report.providers.iter().find(|one| one.name == name).map(|one| one.state);
    assert_eq!(state("openai"), Some(ProviderState::Unusable));
    assert_eq!(state("anthropic"), Some(ProviderState::NoKey));
    assert_eq!(state("ollama"), Some(ProviderState::NotSetUp));
    assert_eq!(state("lab"), Some(ProviderState::Unreachable));
    assert_eq!(state("heuristic"), Some(ProviderState::Available));
    assert_eq!(report.default_model, "lab/m");
}
