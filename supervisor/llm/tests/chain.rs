//! Fallback and rest, with the clock held by the test.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aether_llm::{Breakers, Chain, Completion, CompletionRequest, Delta, Link, LlmError, Price, Prices, Provider, TokenUsage};
use async_trait::async_trait;

/// Fails as often as it is told to, then answers.
struct Scripted {
    name: &'static str,
    failures: Mutex<VecDeque<LlmError>>,
    asked: AtomicU32,
    takes: Duration,
}

impl Scripted {
    fn new(name: &'static str, failures: impl IntoIterator<Item = LlmError>) -> Arc<Self> {
        let failures = Mutex::new(failures.into_iter().collect());
        Arc::new(Self { name, failures, asked: AtomicU32::new(0), takes: Duration::ZERO })
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn default_model(&self) -> String {
        "m".into()
    }

    async fn complete(&self, request: CompletionRequest, _: &mut (dyn FnMut(Delta) + Send)) -> Result<Completion, LlmError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.takes).await;
        match self.failures.lock().expect("lock").pop_front() {
            Some(error) => Err(error),
            None => {
                let usage = Some(TokenUsage { input: 100, output: 10, ..TokenUsage::default() });
                Ok(Completion { usage, ..Completion::new(format!("{}-exact", request.model.expect("model"))) })
            }
        }
    }
}

fn down() -> LlmError {
    LlmError::Network("no connection".into())
}

fn chain(providers: &[Arc<Scripted>], breakers: &Breakers) -> Chain {
    let price = Price { input: 2.0, output: 5.0, cached: None, cache_written: None };
    let mut links = providers.iter().map(|provider| Link { provider: provider.clone(), model: "m".into() });
    let first = links.next().expect("a first link");
    Chain::new(first, links, breakers.clone(), Arc::new(Prices::new([("m".to_owned(), price)])))
}

async fn ask(chain: &Chain) -> (Result<Completion, LlmError>, Vec<Delta>) {
    let mut deltas = Vec::new();
    let result = chain.complete(CompletionRequest::default(), &mut |delta| deltas.push(delta)).await;
    (result, deltas)
}

#[tokio::test(start_paused = true)]
async fn the_next_one_answers_and_says_why() {
    let (a, b) = (Scripted::new("a", [down()]), Scripted::new("b", []));
    let chain = chain(&[a.clone(), b.clone()], &Breakers::default());
    let (result, deltas) = ask(&chain).await;
    let answer = result.expect("answer");
    let why = "fallback: a/m: the provider cannot be reached: no connection";
    assert_eq!((answer.provider.as_str(), answer.model.as_str(), answer.why.as_deref()), ("b", "m-exact", Some(why)));
    assert_eq!(answer.cost_microusd, Some(250), "by the price of the model that answered");
    assert_eq!(deltas, [Delta::Choice { model: "b/m".into(), why: why.into() }]);
    let (result, deltas) = ask(&chain).await;
    let answer = result.expect("answer");
    assert_eq!((answer.provider.as_str(), answer.why, deltas), ("a", None, Vec::new()), "the first one is asked first again");
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_told_when_nobody_answers() {
    let (a, b) = (Scripted::new("a", [down()]), Scripted::new("b", [LlmError::Auth("HTTP 401: no".into())]));
    let error = ask(&chain(&[a, b], &Breakers::default())).await.0.expect_err("nobody");
    let said = "no provider answered: a/m: the provider cannot be reached: no connection; b/m: the provider refused the key: HTTP 401: no";
    assert_eq!(error.to_string(), said);
    let alone = Scripted::new("a", [down()]);
    assert_eq!(ask(&chain(&[alone], &Breakers::default())).await.0.expect_err("alone"), down());
}

#[tokio::test(start_paused = true)]
async fn a_model_that_keeps_failing_is_left_alone_and_tried_by_one() {
    let slow = Scripted { takes: Duration::from_secs(3), ..Arc::into_inner(Scripted::new("a", vec![down(); 4])).expect("new") };
    let (a, breakers) = (Arc::new(slow), Breakers::default());
    let one = chain(std::slice::from_ref(&a), &breakers);
    for _ in 0..3 {
        assert_eq!(ask(&one).await.0, Err(down()));
    }
    let error = ask(&one).await.0.expect_err("resting");
    assert_eq!(a.asked(), 3, "nobody asks it");
    let said = "the provider failed 3 times in a row and is asked again in 15 s: the provider cannot be reached: no connection";
    assert_eq!(error.to_string(), said);
    assert!(breakers.resting("a/m").is_some() && breakers.resting("b/m").is_none());

    tokio::time::advance(Duration::from_secs(16)).await;
    let (first, second) = tokio::join!(ask(&one), ask(&one));
    assert_eq!((first.0, a.asked()), (Err(down()), 4), "one tries");
    assert!(matches!(second.0, Err(LlmError::Resting { .. })), "the other does not wait for it: {:?}", second.0);

    tokio::time::advance(Duration::from_secs(16)).await;
    assert!(matches!(ask(&one).await.0, Err(LlmError::Resting { .. })), "the rest is longer now");
    tokio::time::advance(Duration::from_secs(16)).await;
    assert!(ask(&one).await.0.is_ok());
    assert!(ask(&one).await.0.is_ok() && breakers.resting("a/m").is_none(), "an answer makes good");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_dropped_leaves_the_way_free() {
    let slow = Scripted { takes: Duration::from_secs(60), ..Arc::into_inner(Scripted::new("a", [])).expect("new") };
    let (a, breakers) = (Arc::new(slow), Breakers::default());
    let failing = Scripted::new("a", vec![down(); 3]);
    let broken = chain(&[failing], &breakers);
    for _ in 0..3 {
        let _ = ask(&broken).await;
    }
    tokio::time::advance(Duration::from_secs(16)).await;
    let one = chain(std::slice::from_ref(&a), &breakers);
    assert!(tokio::time::timeout(Duration::from_secs(1), ask(&one)).await.is_err(), "somebody cancels the try");
    assert!(ask(&one).await.0.is_ok(), "the next one may try");
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_kept_and_a_bad_question_blames_nobody() {
    let limited = LlmError::RateLimited { message: "slow down".into(), retry_after: Some(Duration::from_secs(40)) };
    let (a, b) = (Scripted::new("a", [limited]), Scripted::new("b", []));
    let both = chain(&[a.clone(), b], &Breakers::default());
    assert_eq!(ask(&both).await.0.expect("answer").provider, "b");
    assert_eq!(ask(&both).await.0.expect("answer").provider, "b", "a said when it wants to be asked");
    assert_eq!(a.asked(), 1);
    tokio::time::advance(Duration::from_secs(41)).await;
    assert_eq!(ask(&both).await.0.expect("answer").provider, "a");

    let bad = Scripted::new("c", vec![LlmError::Invalid("too long".into()); 5]);
    let one = chain(std::slice::from_ref(&bad), &Breakers::default());
    for _ in 0..5 {
        assert!(matches!(ask(&one).await.0, Err(LlmError::Invalid(_))));
    }
    assert_eq!(bad.asked(), 5);
}
