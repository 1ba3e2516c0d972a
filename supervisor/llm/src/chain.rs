//! Several models, one after the other, until one answers; those that keep failing are left alone for a while.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Completion, CompletionRequest, Delta, LlmError, Prices, Provider};

/// Failures in a row after which a model is left alone.
const FAILURES: u32 = 3;
/// For how long at first; doubled with each failure after that.
const REST: Duration = Duration::from_secs(15);
/// For how long at most.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// What is known of how models did, shared by all chains of a service. It holds as many entries as there are models asked for.
#[derive(Debug, Clone, Default)]
pub struct Breakers(Arc<Mutex<HashMap<String, Record>>>);

#[derive(Debug, Clone)]
struct Record {
    failures: u32,
    until: Instant,
    last: String,
    /// Somebody tries whether it works again; until then the others stay away.
    tried: bool,
}

/// Leave to ask a model. Dropped without a word, it counts for nothing.
struct Leave<'a> {
    breakers: &'a Breakers,
    model: &'a str,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.breakers.lock().get_mut(self.model) {
            record.tried = false;
        }
    }
}

impl Breakers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a model that is left alone failed, and for how much longer.
    pub fn resting(&self, model: &str) -> Option<LlmError> {
        self.lock().get(model).and_then(|record| record.refusal(Instant::now()))
    }

    fn ask<'a>(&'a self, model: &'a str) -> Result<Leave<'a>, LlmError> {
        let mut records = self.lock();
        if let Some(record) = records.get_mut(model) {
            if let Some(refusal) = record.refusal(Instant::now()) {
                return Err(refusal);
            }
            record.tried = record.failures >= FAILURES;
        }
        Ok(Leave { breakers: self, model })
    }

    fn answered(&self, model: &str) {
        self.lock().remove(model);
    }

    fn failed(&self, model: &str, error: &LlmError) {
        // What is wrong with the question says nothing about who was asked.
        if matches!(error, LlmError::Invalid(_) | LlmError::TooLarge(_)) {
            return;
        }
        let now = Instant::now();
        let mut records = self.lock();
        let record = records.entry(model.to_owned()).or_insert_with(|| Record {
            failures: 0,
            until: now,
            last: String::new(),
            tried: false,
        });
        record.failures = record.failures.saturating_add(1);
        record.last = error.to_string();
        let more = record.failures.saturating_sub(FAILURES).min(16);
        let rest = if record.failures < FAILURES { Duration::ZERO } else { REST.saturating_mul(1 << more).min(LONGEST_REST) };
        // The provider's own word counts, within reason.
        record.until = now + rest.max(error.retry_after().unwrap_or_default().min(LONGEST_REST));
    }
}

impl Record {
    fn refusal(&self, now: Instant) -> Option<LlmError> {
        if now >= self.until && !self.tried {
            return None;
        }
        let rest = self.until.saturating_duration_since(now);
        Some(LlmError::Resting { failures: self.failures, rest, last: self.last.clone() })
    }
}

/// One model of a chain.
#[derive(Clone)]
pub struct Link {
    /// Who answers for it.
    pub provider: Arc<dyn Provider>,
    /// Model within the provider.
    pub model: String,
}

impl Link {
    /// `PROVIDER/MODEL`, or the one name where both are the same.
    pub fn name(&self) -> String {
        let provider = self.provider.name();
        if provider == self.model { self.model.clone() } else { format!("{provider}/{}", self.model) }
    }
}

/// Several models, one after the other, until one answers.
pub struct Chain {
    links: Vec<Link>,
    breakers: Breakers,
    prices: Arc<Prices>,
}

impl Chain {
    /// The first one answers where it can; a model that stands in it twice is asked once.
    pub fn new(first: Link, others: impl IntoIterator<Item = Link>, breakers: Breakers, prices: Arc<Prices>) -> Self {
        let mut links = vec![first];
        for link in others {
            if !links.iter().any(|known| known.name() == link.name()) {
                links.push(link);
            }
        }
        Self { links, breakers, prices }
    }

    fn first(&self) -> Option<&Link> {
        self.links.first()
    }

    async fn ask(
        &self,
        link: &Link,
        request: CompletionRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let name = link.name();
        let _leave = self.breakers.ask(&name)?;
        let request = CompletionRequest { model: Some(link.model.clone()), ..request };
        match link.provider.complete(request, on_delta).await {
            Ok(answer) => {
                self.breakers.answered(&name);
                // Providers answer with the exact name of a model that was asked for by a shorter one; either may have a price.
                let cost = answer
                    .usage
                    .and_then(|used| self.prices.cost(&answer.model, &used).or_else(|| self.prices.cost(&link.model, &used)));
                Ok(Completion { provider: link.provider.name().to_owned(), cost_microusd: cost, ..answer })
            }
            Err(error) => {
                self.breakers.failed(&name, &error);
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Provider for Chain {
    fn name(&self) -> &str {
        self.first().map_or("", |link| link.provider.name())
    }

    fn default_model(&self) -> String {
        self.first().map_or_else(String::new, |link| link.model.clone())
    }

    fn history(&self) -> usize {
        self.first().map_or(crate::provider::DEFAULT_HISTORY, |link| link.provider.history())
    }

    fn sees(&self, _: Option<&str>) -> bool {
        // Whoever of the others cannot see is told in words.
        self.first().is_some_and(|link| link.provider.sees(Some(&link.model)))
    }

    /// The model of the request counts for nothing: the chain has its own.
    async fn complete(
        &self,
        request: CompletionRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<Completion, LlmError> {
        let mut failures: Vec<String> = Vec::new();
        let mut last = None;
        for (i, link) in self.links.iter().enumerate() {
            let why = (i > 0).then(|| format!("fallback: {}", failures.join("; ")));
            if let Some(why) = &why {
                tracing::info!(model = link.name(), why, "another model is asked");
                on_delta(Delta::Choice { model: link.name(), why: why.clone() });
            }
            match self.ask(link, request.clone(), on_delta).await {
                Ok(answer) => return Ok(Completion { why, ..answer }),
                Err(error) => {
                    failures.push(format!("{}: {error}", link.name()));
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if self.links.len() == 1 => Err(error),
            _ => Err(LlmError::Exhausted(failures.join("; "))),
        }
    }
}
