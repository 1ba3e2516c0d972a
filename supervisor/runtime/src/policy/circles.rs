//! An agent that goes in circles.

use std::collections::BTreeSet;

use crate::{CallOutcome, History, PlannedCall};

/// The same call with the same result so often is a circle.
pub const REPEATS: usize = 4;
/// Steps without anything new after which there is no progress.
pub const IDLE: usize = 12;

/// A call with its result, for comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    call: String,
    result: String,
}

/// What an agent did last, as far as it matters for circles.
#[derive(Debug, Clone, Default)]
pub struct Circles {
    /// One entry per call, oldest first; no more than are looked at.
    deeds: Vec<Deed>,
    seen: BTreeSet<Deed>,
    /// Calls in a row that brought nothing that was not seen before.
    stale: usize,
}

impl Circles {
    /// From what was written down; only what happened after step `since`.
    pub fn of(history: &History, since: u32) -> Self {
        let mut circles = Self::default();
        for step in history.steps.iter().filter(|step| step.intent.step > since) {
            for (call, outcome) in step.intent.calls.iter().zip(&step.outcomes) {
                if let Some(outcome) = outcome {
                    circles.note(call, outcome);
                }
            }
        }
        circles
    }

    /// One more call that ended.
    pub fn note(&mut self, call: &PlannedCall, outcome: &CallOutcome) {
        let deed = Deed { call: format!("{} {}", call.tool, call.args), result: short(&outcome.text) };
        self.stale = if self.seen.insert(deed.clone()) { 0 } else { self.stale + 1 };
        // Waiting for something to change looks again and again: what it saw in between counts.
        self.deeds.push(deed);
        if self.deeds.len() > REPEATS * 4 {
            self.deeds.remove(0);
        }
    }

    /// Would this call close a circle? In words, for people.
    pub fn closes(&self, call: &PlannedCall) -> Option<String> {
        let next = format!("{} {}", call.tool, call.args);
        let last = self.deeds.iter().rev().take(REPEATS - 1).collect::<Vec<_>>();
        let same = last.len() == REPEATS - 1 && last.iter().all(|deed| deed.call == next && deed.result == last[0].result);
        if same {
            return Some(format!(
                "it makes the same call for the {REPEATS}th time in a row, and the result was the same each time: {}",
                crate::text::one_line(&next, 120)
            ));
        }
        let turning = self.stale >= IDLE && self.seen.iter().any(|deed| deed.call == next);
        turning.then(|| format!("its last {} calls brought nothing that it had not seen before", self.stale))
    }
}

/// Enough of a result to tell it from another: output of commands may be long.
fn short(text: &str) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(n: u32) -> PlannedCall {
        PlannedCall { id: n.to_string(), tool: "read_file".into(), args: json!({ "path": n }) }
    }

    #[test]
    fn the_same_call_with_the_same_result_closes_a_circle() {
        let mut circles = Circles::default();
        for _ in 1..REPEATS {
            assert_eq!(circles.closes(&call(1)), None);
            circles.note(&call(1), &CallOutcome::done("same"));
        }
        assert!(circles.closes(&call(1)).is_some_and(|why| why.contains("4th time")));
        assert_eq!(circles.closes(&call(2)), None, "something else");
        let mut waiting = Circles::default();
        for second in 0..40 {
            assert_eq!(waiting.closes(&call(1)), None, "it looks again, and what it sees changes");
            waiting.note(&call(1), &CallOutcome::done(format!("{second} of 40")));
        }
    }

    #[test]
    fn going_round_several_places_is_a_circle_too() {
        let mut circles = Circles::default();
        let mut closed = None;
        for round in 0..30 {
            closed = circles.closes(&call(round % 3)).map(|_| round);
            if closed.is_some() {
                break;
            }
            circles.note(&call(round % 3), &CallOutcome::done("same"));
        }
        assert_eq!(closed, Some(15), "three new ones, then twelve that were known");
        assert_eq!(circles.closes(&call(7)), None, "something new is progress");
    }
}
