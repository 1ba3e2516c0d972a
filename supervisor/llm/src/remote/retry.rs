//! When to ask again.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::Timing;
use crate::LlmError;

/// How long to wait before the next try; `None` gives up.
pub(super) fn wait(timing: &Timing, attempt: u32, error: &LlmError) -> Option<Duration> {
    if attempt >= timing.tries || !error.is_retryable() {
        return None;
    }
    match error.retry_after() {
        Some(asked) if asked > timing.longest_backoff => None,
        // A little more than asked for, so that many agents refused together do not come back together.
        Some(asked) => Some(asked + timing.backoff.mul_f64(0.5 * random_fraction())),
        None => {
            let full = timing.backoff.saturating_mul(1 << (attempt - 1).min(16)).min(timing.longest_backoff);
            // Between half and all of it, for the same reason.
            Some(full.mul_f64(0.5 + 0.5 * random_fraction()))
        }
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3), or the finer `retry-after-ms` some providers send. Dates are ignored.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number(RETRY_AFTER.as_str()))?;
    Some(Duration::from_secs_f64(seconds.min(86_400.0)))
}

/// The standard library keys its hash tables randomly; that is random enough to spread retries.
fn random_fraction() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}
