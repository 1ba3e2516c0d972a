//! The providers of models that this service can use, and which one answers a step.

mod entry;
mod report;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aether_llm::{Breakers, Chain, Embedder, Link, Price, Prices, Provider, Rule, Situation, Tier, TokenUsage, choose, router};
use aether_protocol::{AgentSpec, ApiError, ErrorCode, ModelsReport, Program, system::ProviderStatus};
use aether_runtime::{Choice, Heuristic, Models, Wish};

pub(crate) use self::entry::Sealed;
use self::entry::{Entry, Environment, Problem};
use crate::config::{LlmConfig, ModelsConfig, RuleConfig, TierName};

/// Name of the built-in rules.
const HEURISTIC: &str = "heuristic";
/// Asks for the tiers.
const AUTO: &str = "auto";
const HINT: &str = "give PROVIDER/MODEL, auto or heuristic; aether models lists what there is";

/// Every provider; the built-in rules are always there.
pub(crate) struct Providers {
    heuristic: Arc<dyn Provider>,
    entries: Vec<Entry>,
    default: Option<String>,
    fallback: Vec<String>,
    tiers: [Option<String>; 3],
    rules: Vec<Rule>,
    prices: Arc<Prices>,
    breakers: Breakers,
    embedder: Option<Arc<dyn Embedder>>,
    looked: tokio::sync::Mutex<Option<(tokio::time::Instant, ModelsReport)>>,
}

/// How long a provider is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As long as it may help.
    Patient,
    /// Somebody else can answer.
    Brief,
}

/// What a wish for a model means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Rules,
    Tiers,
    Model { provider: String, model: Option<String> },
}

impl Meaning {
    fn of(text: &str) -> Self {
        match text.split_once('/') {
            None if text == HEURISTIC => Self::Rules,
            None if text == AUTO => Self::Tiers,
            None => Self::Model { provider: text.to_owned(), model: None },
            Some((HEURISTIC, _)) => Self::Rules,
            Some((provider, model)) => Self::Model { provider: provider.to_owned(), model: Some(model.to_owned()) },
        }
    }
}

impl Providers {
    /// From the configuration, then the environment, then the sealed secrets.
    pub(crate) fn new(llm: &LlmConfig, models: &ModelsConfig, environment: Environment<'_>, sealed: &Sealed) -> Self {
        let price = |price: &crate::config::PriceConfig| Price {
            input: price.input,
            output: price.output,
            cached: price.cached,
            cache_written: price.cache_written,
        };
        let tiers = &models.tiers;
        let rules: Vec<Rule> = models.rules.iter().map(rule).collect();
        let entries = Entry::all(llm, environment, sealed);
        Self {
            heuristic: Arc::new(Heuristic),
            embedder: models.embedding.as_deref().and_then(|wish| embedder(&entries, wish)),
            entries,
            default: models.default.clone(),
            fallback: models.fallback.clone(),
            tiers: [tiers.flash.clone(), tiers.standard.clone(), tiers.frontier.clone()],
            rules: if rules.is_empty() { router::usual() } else { rules },
            prices: Arc::new(Prices::new(models.prices.iter().map(|(name, one)| (name.clone(), price(one))))),
            breakers: Breakers::default(),
            looked: tokio::sync::Mutex::default(),
        }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    fn has_tiers(&self) -> bool {
        self.tiers.iter().any(Option::is_some)
    }

    /// What a wish means; without one, what is configured, else the first provider that can be asked, else the rules.
    fn meaning(&self, wish: Option<&str>) -> Meaning {
        if let Some(wish) = wish.or(self.default.as_deref()) {
            return Meaning::of(wish);
        }
        if self.has_tiers() {
            return Meaning::Tiers;
        }
        let ready = self.entries.iter().find(|entry| entry.ready().is_ok());
        ready.map_or(Meaning::Rules, |entry| Meaning::Model { provider: entry.name.clone(), model: None })
    }

    /// `PROVIDER/MODEL`, `auto` or `heuristic` that a spec will use; `None` for programs.
    pub(crate) fn model_of(&self, spec: &AgentSpec) -> Result<Option<String>, ApiError> {
        let Program::Goal(goal) = &spec.program else { return Ok(None) };
        self.name_of(goal.model.as_deref()).map(Some)
    }

    /// The whole name of what a wish means.
    ///
    /// # Errors
    /// When there is no such provider, or neither it nor one of the fallback can be asked.
    fn name_of(&self, wish: Option<&str>) -> Result<String, ApiError> {
        match self.meaning(wish) {
            Meaning::Rules => Ok(HEURISTIC.to_owned()),
            Meaning::Tiers if self.has_tiers() => Ok(AUTO.to_owned()),
            Meaning::Tiers => Err(no_tiers()),
            Meaning::Model { provider, model } => {
                let entry = self.entry(&provider).ok_or_else(|| no_provider(&provider))?;
                if let Err(problem) = entry.ready()
                    && self.others().is_empty()
                {
                    let message = format!("the provider {provider} cannot be used");
                    return Err(ApiError::new(ErrorCode::Unsupported, message, problem.why().to_owned()));
                }
                Ok(format!("{provider}/{}", model.unwrap_or_else(|| entry.model.clone())))
            }
        }
    }

    /// What of the fallback can be asked.
    fn others(&self) -> Vec<Meaning> {
        let meanings = self.fallback.iter().map(|wish| Meaning::of(wish));
        meanings.filter(|meaning| self.link(meaning, Pace::Patient).is_ok()).collect()
    }

    fn link(&self, meaning: &Meaning, pace: Pace) -> Result<Link, (String, String)> {
        match meaning {
            Meaning::Rules => Ok(Link { provider: self.heuristic.clone(), model: HEURISTIC.to_owned() }),
            Meaning::Tiers => Err((AUTO.to_owned(), "is no model of its own".to_owned())),
            Meaning::Model { provider, model } => {
                let entry = self.entry(provider).ok_or_else(|| (provider.clone(), "there is no such provider".to_owned()))?;
                let model = model.clone().unwrap_or_else(|| entry.model.clone());
                let name = format!("{provider}/{model}");
                let ready = if pace == Pace::Brief { entry.ready_briefly() } else { entry.ready() };
                let remote = ready.map_err(|problem| (name, problem.why().to_owned()))?.clone();
                Ok(Link { provider: remote, model })
            }
        }
    }

    /// The model of a tier, or of the nearest one that has a model.
    fn of_tier(&self, tier: Tier) -> Option<(Tier, &str)> {
        let nearest = match tier {
            Tier::Flash => [Tier::Flash, Tier::Standard, Tier::Frontier],
            Tier::Standard => [Tier::Standard, Tier::Frontier, Tier::Flash],
            Tier::Frontier => [Tier::Frontier, Tier::Standard, Tier::Flash],
        };
        let model = |tier: &Tier| self.tiers.get(*tier as usize)?.as_deref();
        nearest.iter().find_map(|tier| Some((*tier, model(tier)?)))
    }

    /// Who makes vectors of what agents remember, where somebody is configured.
    pub(crate) fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        self.embedder.clone()
    }

    /// What so many tokens cost that `PROVIDER/MODEL` reads, millionths of a US dollar; `None` without a price.
    pub(crate) fn cost(&self, model: &str, tokens: u64) -> Option<u64> {
        let model = model.split_once('/').map_or(model, |(_, model)| model);
        self.prices.cost(model, &TokenUsage { input: tokens, ..TokenUsage::default() })
    }

    /// For people, without asking anybody.
    pub(crate) fn status(&self) -> Vec<ProviderStatus> {
        let mut all: Vec<ProviderStatus> = self
            .entries
            .iter()
            .map(|entry| match entry.ready() {
                Ok(_) => ProviderStatus { name: entry.name.clone(), available: true, detail: entry.model.clone() },
                Err(problem) => ProviderStatus { name: entry.name.clone(), available: false, detail: problem.why().to_owned() },
            })
            .collect();
        all.push(ProviderStatus { name: HEURISTIC.to_owned(), available: true, detail: report::RULES.to_owned() });
        all
    }
}

impl Models for Providers {
    fn choose(&self, wish: &Wish<'_>) -> Result<Choice<'_>, String> {
        let meaning = self.meaning(wish.model);
        if meaning == Meaning::Rules {
            return Ok(Choice { provider: self.heuristic.clone(), model: None, why: None });
        }
        let (meaning, mut why) = if meaning == Meaning::Tiers {
            let now = Situation {
                step: wish.step,
                tools: wish.tools,
                tokens: wish.tokens,
                last_failed: wish.last_failed,
                role: wish.role,
            };
            let (tier, why) = choose(&self.rules, &now);
            let (taken, model) = self.of_tier(tier).ok_or_else(|| words(&no_tiers()))?;
            let instead = if taken == tier { String::new() } else { format!("; {} stands in for it", taken.name()) };
            (Meaning::of(model), Some(format!("{model} ({why}{instead})")))
        } else {
            (meaning, None)
        };
        let others = self.others();
        // Whoever comes last is asked with patience, the others only for as long as somebody else may answer.
        let pace = |left: usize| if left == 0 { Pace::Patient } else { Pace::Brief };
        let count = others.len();
        let others = others.iter().enumerate();
        let mut others = others.filter_map(|(i, meaning)| self.link(meaning, pace(count - 1 - i)).ok());
        let first = match self.link(&meaning, pace(count)) {
            Ok(first) => first,
            Err((name, problem)) => {
                let first = others.next().ok_or_else(|| format!("{name} cannot be used: {problem}"))?;
                why = Some(format!("{} (fallback: {name} cannot be used: {problem})", first.name()));
                first
            }
        };
        let model = first.model.clone();
        let chain = Chain::new(first, others, self.breakers.clone(), self.prices.clone());
        Ok(Choice { provider: Arc::new(chain), model: Some(model), why })
    }
}

/// The model that makes vectors; without it words find memories.
fn embedder(entries: &[Entry], wish: &str) -> Option<Arc<dyn Embedder>> {
    let (provider, model) = wish.split_once('/')?;
    let made = entries.iter().find(|entry| entry.name == provider)?.embedding(model);
    match made {
        Ok(embedding) => Some(Arc::new(embedding)),
        Err(why) => {
            tracing::warn!(model = wish, why, "no vectors are made of memories; correct models.embedding");
            None
        }
    }
}

fn rule(config: &RuleConfig) -> Rule {
    let tier = match config.tier {
        TierName::Flash => Tier::Flash,
        TierName::Standard => Tier::Standard,
        TierName::Frontier => Tier::Frontier,
    };
    Rule {
        tier,
        from_step: config.from_step,
        to_step: config.to_step,
        tools: config.tools.clone(),
        min_tokens: config.min_tokens,
        max_tokens: config.max_tokens,
        last_failed: config.last_failed,
        role: config.role.clone(),
    }
}

fn no_provider(name: &str) -> ApiError {
    ApiError::invalid(format!("there is no provider {name:?}"), HINT)
}

fn no_tiers() -> ApiError {
    let hint = "set models.tiers in the configuration, or name a model";
    ApiError::new(ErrorCode::Unsupported, "no tiers are configured, so that auto means nothing", hint)
}

fn words(error: &ApiError) -> String {
    format!("{} ({})", error.message, error.hint)
}
