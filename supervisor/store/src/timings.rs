//! How long changes take to reach the database.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets, microseconds.
const BOUNDS: [u64; 11] = [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// Counts durations by size; every count is since the service was started.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One a bound, each without what is in those below it, and one for everything beyond.
    counts: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// What a [`Histogram`] holds at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// For each bound, in seconds, how many took no longer.
    pub at_most: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long they took together, seconds.
    pub sum: f64,
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// What it holds now.
    pub fn now(&self) -> Distribution {
        let mut count = 0;
        let mut at_most = Vec::with_capacity(BOUNDS.len());
        for (place, own) in self.counts.iter().enumerate() {
            count += own.load(Ordering::Relaxed);
            if let Some(bound) = BOUNDS.get(place) {
                at_most.push((Duration::from_micros(*bound).as_secs_f64(), count));
            }
        }
        Distribution { at_most, count, sum: Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64() }
    }
}

/// What is measured of the writer.
#[derive(Debug, Default)]
pub struct Timings {
    /// From the moment that a change was handed in until whoever did so was told.
    pub change: Histogram,
    /// One commit of the changes that waited together.
    pub commit: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_below_every_bound_that_it_keeps() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 40, 5_000] {
            histogram.record(Duration::from_millis(millis));
        }
        let now = histogram.now();
        let below = |bound: f64| now.at_most.iter().find(|(at, _)| *at >= bound).map(|(_, count)| *count);
        assert_eq!(
            (below(0.000_25), below(0.001), below(0.005), below(0.05), below(1.0)),
            (Some(1), Some(2), Some(3), Some(4), Some(4))
        );
        assert_eq!((now.count, now.sum), (5, 5.043));
    }
}
