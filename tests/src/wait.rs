//! Waiting for something to become true, with a deadline that names it.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Asks `probe` until it has an answer.
///
/// # Panics
/// When `limit` passes first; the message says what was waited for.
pub fn eventually<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// [`eventually`] for a condition, within 20 seconds.
///
/// # Panics
/// When it stays false.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    eventually(what, Duration::from_secs(20), || condition().then_some(()));
}
