//! [`Recorder`]: a [`Histogram`] in the making, as cheap to add to as can be.

use super::Histogram;
use super::buckets::{bucket, lowest};
use super::histogram::HIGHEST;

/// Durations that are still being recorded. It counts what a [`Histogram`] counts, in plain integers, so that its sums
/// are exact whatever the order of recording and merging.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Per bucket, as far as values have been seen.
    counts: Vec<u64>,
    /// Nanoseconds.
    sum: u128,
    /// Nanoseconds squared.
    sum_of_squares: u128,
    min: u64,
    max: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            counts: Vec::new(),
            sum: 0,
            sum_of_squares: 0,
            min: u64::MAX,
            max: 0,
        }
    }
}

impl Recorder {
    /// Adds a duration in nanoseconds; above an hour it counts as an hour in percentiles.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        self.record_many(nanos, 1);
    }

    /// Adds the same duration `count` times.
    #[inline]
    pub fn record_many(&mut self, nanos: u64, count: u64) {
        if count == 0 {
            return;
        }
        let kept = nanos.min(HIGHEST);
        let index = usize::from(bucket(kept.max(1)));
        if index >= self.counts.len() {
            self.grow(index);
        }
        self.counts[index] += count;
        let (value, count) = (u128::from(nanos), u128::from(count));
        self.sum = self.sum.saturating_add(value * count);
        self.sum_of_squares = self
            .sum_of_squares
            .saturating_add((value * value).saturating_mul(count));
        self.min = self.min.min(kept);
        self.max = self.max.max(kept);
    }

    #[cold]
    fn grow(&mut self, index: usize) {
        self.counts.resize((index + 1).next_multiple_of(1024), 0);
    }

    /// Adds all of `other`, exactly.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, other) in self.counts.iter_mut().zip(&other.counts) {
            *mine += other;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.sum_of_squares = self.sum_of_squares.saturating_add(other.sum_of_squares);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Forgets all values and keeps its memory.
    pub fn clear(&mut self) {
        let mut counts = std::mem::take(&mut self.counts);
        counts.fill(0);
        *self = Self {
            counts,
            ..Self::default()
        };
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What has been recorded.
    pub fn histogram(&self) -> Histogram {
        let buckets = (0..=u16::MAX)
            .zip(&self.counts)
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (lowest(bucket), *count));
        Histogram::recorded(
            buckets,
            self.sum as f64 / 1e9,
            self.sum_of_squares as f64 / 1e18,
            (self.min, self.max),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::Statistic;

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = prop_oneof![
            0_u64..5,
            0_u64..5_000_000,
            0_u64..10_000_000_000_000,
            Just(1 << 60)
        ];
        proptest::collection::vec(value, 0..60)
    }

    fn recorder(values: &[u64]) -> Recorder {
        let mut recorder = Recorder::default();
        values.iter().for_each(|nanos| recorder.record(*nanos));
        recorder
    }

    #[test]
    fn what_is_recorded_no_times_is_not_the_least() {
        let mut recorded = recorder(&[7_000_000]);
        recorded.record_many(0, 0);
        let mut histogram = recorded.histogram();
        histogram.record_many(Duration::ZERO, 0);
        assert_eq!(histogram.statistic(Statistic::Min), Some(7.0));
    }

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values
            .iter()
            .for_each(|nanos| histogram.record(Duration::from_nanos(*nanos)));
        histogram
    }

    fn same(one: &Histogram, other: &Histogram) {
        let stored = |histogram| {
            let mut json = serde_json::to_value(histogram).expect("json");
            let fields = json.as_object_mut().expect("an object");
            fields.remove("sumSquaresSeconds");
            fields.remove("sumSeconds");
            json
        };
        assert_eq!(stored(one), stored(other));
        let greatest = other.statistic(Statistic::Max).unwrap_or(0.0);
        for statistic in [Statistic::Mean, Statistic::Stddev] {
            let (one, other) = (one.statistic(statistic), other.statistic(statistic));
            let near = one
                .zip(other)
                .is_some_and(|(a, b)| (a - b).abs() <= 1e-6 * greatest.max(b));
            assert!(near || one == other, "{statistic}: {one:?} is not {other:?}");
        }
    }

    #[test]
    fn a_cleared_recorder_is_as_good_as_new() {
        let mut recorder = recorder(&[5, 70_000, 1 << 60]);
        recorder.clear();
        assert_eq!(recorder.count(), 0);
        recorder.record(7);
        same(&recorder.histogram(), &histogram(&[7]));
    }

    proptest! {
        #[test]
        fn a_recorder_becomes_the_histogram_of_its_values(values in values()) {
            same(&recorder(&values).histogram(), &histogram(&values));
        }

        #[test]
        fn merging_is_the_same_as_recording_together(one in values(), other in values()) {
            let mut merged = recorder(&one);
            merged.merge(&recorder(&other));
            same(&merged.histogram(), &histogram(&[one, other].concat()));
        }
    }
}
