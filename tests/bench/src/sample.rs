//! Times of one contestant.

use std::time::Duration;

/// Measured times.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    sorted: Vec<Duration>,
}

impl From<Vec<Duration>> for Sample {
    fn from(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self { sorted: times }
    }
}

impl Sample {
    /// The time below which `part` (0 to 1) of all lie, milliseconds; NaN without any.
    pub(crate) fn at(&self, part: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
        let index = (self.sorted.len().saturating_sub(1) as f64 * part).round() as usize;
        self.sorted.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    /// The median, milliseconds.
    pub(crate) fn p50(&self) -> f64 {
        self.at(0.5)
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_percentiles() {
        let sample = Sample::from((0..=100).rev().map(Duration::from_millis).collect::<Vec<_>>());
        assert_eq!((sample.at(0.0), sample.p50(), sample.at(0.99), sample.at(1.0)), (0.0, 50.0, 99.0, 100.0));
        assert!(Sample::default().p50().is_nan());
    }
}
