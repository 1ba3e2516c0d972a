//! Refused requests, on record without letting strangers fill the disk: the first of a kind at once, repeats as a number.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aether_protocol::{ApiError, ErrorCode};
use serde_json::json;

use crate::api::{ApiState, metrics};

/// Between two batches of records.
const EVERY: Duration = Duration::from_secs(60);
/// Kinds kept apart in one batch; what comes beyond is counted together.
const KINDS: usize = 32;
/// Longest path on record, characters.
const PATH: usize = 120;

/// What was refused since the last batch.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    kinds: BTreeMap<Kind, u64>,
    /// A task writes them.
    served: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    path: String,
    code: String,
    cause: String,
}

impl Waiting {
    /// Counts one more; is there nobody yet who writes it?
    fn add(&mut self, kind: Kind) -> bool {
        let full = self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind);
        let rest = || Kind { path: "(others)".into(), code: String::new(), cause: String::new() };
        *self.kinds.entry(if full { rest() } else { kind }).or_default() += 1;
        !std::mem::replace(&mut self.served, true)
    }

    /// What is to be written; with nothing, the writer ends.
    fn take(&mut self) -> BTreeMap<Kind, u64> {
        let kinds = std::mem::take(&mut self.kinds);
        self.served = !kinds.is_empty();
        kinds
    }
}

/// Notes a refused request: in the log, in the figures, and in the audit. Never waits.
pub(crate) fn note(state: &ApiState, path: &str, error: &ApiError) {
    if !matches!(error.code, ErrorCode::Denied | ErrorCode::Misdirected | ErrorCode::Unauthenticated | ErrorCode::Busy) {
        return;
    }
    let code = format!("{:?}", error.code);
    let outcome = format!("{code}: {}", error.message);
    tracing::warn!(target: "aether::denied", path, outcome, "request refused");
    metrics::count_denied(error.code);
    let kind = Kind { path: path.chars().take(PATH).collect(), code, cause: error.message.clone() };
    let first = state.0.denials.0.lock().unwrap_or_else(PoisonError::into_inner).add(kind);
    if first {
        tokio::spawn(write(state.clone()));
    }
}

async fn write(state: ApiState) {
    loop {
        let batch = state.0.denials.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if batch.is_empty() {
            return;
        }
        for (kind, times) in batch {
            let outcome = json!({ "code": kind.code, "cause": kind.cause, "times": times });
            state.fleet().audit("nobody", "request.denied", &kind.path, outcome).await;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // What came meanwhile is not lost with the service.
            () = state.stopping().cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str) -> Kind {
        Kind { path: path.into(), code: "Denied".into(), cause: "x".into() }
    }

    #[test]
    fn a_flood_is_a_few_records_with_numbers() {
        let mut waiting = Waiting::default();
        assert!(waiting.add(kind("/a")), "the first one starts the writer");
        for n in 0..10_000 {
            assert!(!waiting.add(kind(&format!("/{n}"))));
            waiting.add(kind("/a"));
        }
        let batch = waiting.take();
        assert_eq!((batch.len(), batch[&kind("/a")]), (KINDS + 1, 10_001));
        assert_eq!(batch.values().sum::<u64>(), 20_001);
        assert!(!waiting.add(kind("/a")), "the writer comes back for it");
        assert_eq!(waiting.take().len(), 1);
        assert!(waiting.take().is_empty());
        assert!(waiting.add(kind("/a")), "the writer had ended");
    }
}
