//! A brake on failed sign-ins.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures allowed within [`WINDOW`], for the whole process.
pub const MOST: usize = 30;
/// Over which time they are counted.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Failed sign-ins of the last minute. A right token is always let in, so that nobody can lock the operator out; with 256 bits
/// the brake is there to keep guesses from filling the audit log and the CPU, not to make guessing hard.
#[derive(Debug, Default)]
pub struct Failures {
    times: Mutex<VecDeque<Instant>>,
}

/// What to answer after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Say that it was wrong.
    Wrong,
    /// Say to come back later.
    TooMany,
}

impl Failures {
    /// Counts a failure.
    pub fn count(&self) -> Verdict {
        self.count_at(Instant::now())
    }

    fn count_at(&self, now: Instant) -> Verdict {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        while times.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            times.pop_front();
        }
        if times.len() >= MOST {
            return Verdict::TooMany;
        }
        times.push_back(now);
        Verdict::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_a_minute() {
        let failures = Failures::default();
        let start = Instant::now();
        for _ in 0..MOST {
            assert_eq!(failures.count_at(start), Verdict::Wrong);
        }
        assert_eq!(failures.count_at(start + WINDOW - Duration::from_millis(1)), Verdict::TooMany);
        assert_eq!(failures.count_at(start + WINDOW), Verdict::Wrong);
    }
}
