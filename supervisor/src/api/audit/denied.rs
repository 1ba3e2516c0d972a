//! Refused requests, on record without letting strangers fill the disk: the first of a kind at once, repeats as a number.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aether_protocol::{ApiError, ErrorCode};
use serde_json::json;
use tokio::{sync::Notify, time::Instant};

use crate::api::{ApiState, connection::Peer, metrics};

/// How long repeats of a kind are counted together.
const EVERY: Duration = Duration::from_secs(60);
/// Kinds kept apart in that time; what comes beyond is counted together.
const KINDS: usize = 32;
/// Longest path on record, characters.
const PATH: usize = 120;

/// What was refused and is not on record yet.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    waiting: Mutex<Waiting>,
    /// There is a kind that is not on record at all.
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    kinds: BTreeMap<Kind, Count>,
    /// A task writes them.
    served: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    /// On record in this time already.
    shown: bool,
    /// Not on record.
    times: u64,
}

/// Requests that are one record.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    path: String,
    code: String,
    cause: String,
    peer: String,
}

/// What [`Waiting::add`] changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    /// The first ever: nobody writes yet.
    First,
    /// A new kind.
    News,
    /// One more of a known kind.
    Repeat,
}

impl Waiting {
    fn add(&mut self, kind: Kind) -> Added {
        let full = self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind);
        let rest = || Kind { path: "(others)".into(), ..Kind::default() };
        let count = self.kinds.entry(if full { rest() } else { kind }).or_default();
        count.times += 1;
        let news = !count.shown;
        match (std::mem::replace(&mut self.served, true), news) {
            (false, _) => Added::First,
            (true, true) => Added::News,
            (true, false) => Added::Repeat,
        }
    }

    /// The kinds that are not on record yet.
    fn news(&mut self) -> Vec<(Kind, u64)> {
        let fresh = self.kinds.iter_mut().filter(|(_, count)| !count.shown);
        fresh
            .map(|(kind, count)| {
                count.shown = true;
                (kind.clone(), std::mem::take(&mut count.times))
            })
            .collect()
    }

    /// The repeats; a new time begins. `None` when nothing happened in this one: the writer ends.
    fn turn(&mut self) -> Option<Vec<(Kind, u64)>> {
        let kinds = std::mem::take(&mut self.kinds);
        self.served = !kinds.is_empty();
        self.served.then(|| kinds.into_iter().map(|(kind, count)| (kind, count.times)).filter(|(_, times)| *times > 0).collect())
    }
}

/// Notes a refused request: in the log, in the figures, and in the audit. Never waits.
pub(crate) fn note(state: &ApiState, peer: Option<&Peer>, path: &str, error: &ApiError) {
    if !matches!(error.code, ErrorCode::Denied | ErrorCode::Misdirected | ErrorCode::Unauthenticated | ErrorCode::Busy) {
        return;
    }
    let code = format!("{:?}", error.code);
    let outcome = format!("{code}: {}", error.message);
    let peer = peer.map(ToString::to_string).unwrap_or_default();
    tracing::warn!(target: "aether::denied", peer, path, outcome, "request refused");
    metrics::count_denied(error.code);
    let kind = Kind { path: path.chars().take(PATH).collect(), code, cause: error.message.clone(), peer };
    let denials = &state.0.denials;
    let added = denials.waiting.lock().unwrap_or_else(PoisonError::into_inner).add(kind);
    match added {
        Added::First => drop(tokio::spawn(write(state.clone()))),
        Added::News => denials.news.notify_one(),
        Added::Repeat => {}
    }
}

async fn write(state: ApiState) {
    let denials = &state.0.denials;
    let waiting = || denials.waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let mut turn = Instant::now() + EVERY;
    loop {
        let news = waiting().news();
        record(&state, news).await;
        let stopping = tokio::select! {
            () = denials.news.notified() => false,
            () = tokio::time::sleep_until(turn) => false,
            // What came meanwhile is not lost with the service.
            () = state.stopping().cancelled() => true,
        };
        if !stopping && Instant::now() < turn {
            continue;
        }
        turn = Instant::now() + EVERY;
        let Some(repeats) = waiting().turn() else { return };
        record(&state, repeats).await;
    }
}

async fn record(state: &ApiState, kinds: Vec<(Kind, u64)>) {
    for (kind, times) in kinds {
        let outcome = json!({ "code": kind.code, "cause": kind.cause, "peer": kind.peer, "times": times });
        state.fleet().audit("nobody", "request.denied", &kind.path, outcome).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str) -> Kind {
        Kind { path: path.into(), code: "Denied".into(), cause: "x".into(), peer: "127.0.0.1".into() }
    }

    #[test]
    fn a_flood_is_a_few_records_with_numbers() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.add(kind("/a")), Added::First);
        for n in 0..10_000 {
            assert_ne!(waiting.add(kind(&format!("/{n}"))), Added::First);
            waiting.add(kind("/a"));
        }
        let news = waiting.news();
        assert_eq!(news.len(), KINDS + 1);
        assert_eq!(news.iter().map(|(_, times)| times).sum::<u64>(), 20_001);
        assert_eq!(waiting.turn(), Some(Vec::new()), "all of it is on record");
        assert_eq!(waiting.turn(), None);
    }

    #[test]
    fn a_new_kind_is_on_record_at_once_and_repeats_once_a_minute() {
        let mut waiting = Waiting::default();
        assert_eq!((waiting.add(kind("/a")), waiting.news()), (Added::First, vec![(kind("/a"), 1)]));
        assert_eq!((waiting.add(kind("/a")), waiting.add(kind("/a"))), (Added::Repeat, Added::Repeat));
        assert_eq!((waiting.add(kind("/b")), waiting.news()), (Added::News, vec![(kind("/b"), 1)]));
        let other = Kind { peer: "127.0.0.2".into(), ..kind("/a") };
        assert_eq!(waiting.add(other), Added::News, "somebody else");
        assert_eq!(waiting.news().len(), 1);
        assert_eq!(waiting.turn(), Some(vec![(kind("/a"), 2)]));
        assert_eq!(waiting.add(kind("/a")), Added::News, "the writer is still there");
    }
}
