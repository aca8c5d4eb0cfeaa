//! [`Slices`]: what happened when. A load is cut into slices of equal time by the instant each request was due.
//!
//! # Why
//! Requests of one run are not independent, so intervals are estimated from blocks of time; and people ask *when*
//! it was slow. Slices are 100 ms wide, merged in pairs when there are more than 600, narrower in runs that would
//! otherwise have fewer than 10. So their number, and their memory, does not grow with the length of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Histogram;

/// Most slices kept.
const MOST: usize = 600;
/// Fewest slices wanted.
const FEWEST: usize = 10;
/// Width of a slice in a run of ordinary length.
const WIDTH: Duration = Duration::from_millis(100);
/// Width at the start, when nobody knows how short the run will be: 100 ms ÷ 2⁶.
const FIRST_WIDTH: Duration = Duration::from_nanos(1_562_500);

/// One slice of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// Requests that were due in it and were sent.
    pub requests: u64,
    /// Those that failed or whose status counts as an error.
    pub errors: u64,
    /// Their latencies.
    #[serde(with = "stored")]
    #[schemars(with = "Histogram")]
    latency: BTreeMap<u64, u64>,
}

impl Slice {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        for (nanos, count) in &other.latency {
            *self.latency.entry(*nanos).or_default() += count;
        }
    }

    /// Number of latencies.
    pub fn latencies(&self) -> u64 {
        self.latency.values().sum()
    }

    /// Sum of latencies in milliseconds, to three digits each.
    pub fn latency_sum(&self) -> f64 {
        self.latency
            .iter()
            .map(|(nanos, count)| *nanos as f64 / 1e6 * *count as f64)
            .sum()
    }

    /// Adds its latencies to a histogram.
    pub fn add_to(&self, histogram: &mut Histogram) {
        for (nanos, count) in &self.latency {
            histogram.record_many(Duration::from_nanos(*nanos), *count);
        }
    }

    /// How many latencies are above `milliseconds`.
    pub fn latencies_above(&self, milliseconds: f64) -> u64 {
        let limit = milliseconds * 1e6;
        self.latency
            .iter()
            .rev()
            .take_while(|(nanos, _)| lowest_equivalent(**nanos) as f64 > limit)
            .map(|(_, count)| count)
            .sum()
    }

    /// The quantile (0 to 1) of the latencies in milliseconds; `None` when there are none.
    pub fn latency_quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.latencies();
        let rank = (quantile.clamp(0.0, 1.0) * total as f64).ceil().max(1.0);
        let mut seen = 0;
        self.latency.iter().find_map(|(nanos, count)| {
            seen += count;
            (seen as f64 >= rank).then_some(*nanos as f64 / 1e6)
        })
    }
}

/// The slices of a load, all equally wide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slices {
    /// Width of each, in nanoseconds.
    width_ns: u64,
    /// From the start of the load; a slice without requests is there, too.
    slices: Vec<Slice>,
}

impl Default for Slices {
    fn default() -> Self {
        Self {
            width_ns: nanos(FIRST_WIDTH),
            slices: Vec::new(),
        }
    }
}

impl Slices {
    /// Counts a request that was due `at` (from the start of the load) and sent.
    pub fn request(&mut self, at: Duration, error: bool) {
        let slice = self.at(at);
        slice.requests += 1;
        slice.errors += u64::from(error);
    }

    /// Counts a latency of a request that was due `at`.
    pub fn latency(&mut self, at: Duration, latency: Duration) {
        let key = lowest_equivalent(nanos(latency).max(1));
        *self.at(at).latency.entry(key).or_default() += 1;
    }

    fn at(&mut self, at: Duration) -> &mut Slice {
        let at = nanos(at);
        while at / self.width_ns >= MOST as u64 {
            self.widen();
        }
        let index = usize::try_from(at / self.width_ns).unwrap_or(MOST);
        if index >= self.slices.len() {
            self.slices.resize_with(index + 1, Slice::default);
        }
        &mut self.slices[index]
    }

    fn widen(&mut self) {
        self.width_ns = self.width_ns.saturating_mul(2);
        let half = self.slices.len().div_ceil(2);
        for index in 0..half {
            let mut merged = std::mem::take(&mut self.slices[2 * index]);
            if let Some(second) = self.slices.get(2 * index + 1) {
                merged.add(second);
            }
            self.slices[index] = merged;
        }
        self.slices.truncate(half);
    }

    /// Brings a finished load's slices to their final width.
    pub fn settle(&mut self) {
        while self.width_ns < nanos(WIDTH) && self.slices.len().div_ceil(2) >= FEWEST {
            self.widen();
        }
    }

    /// Adds slices of the same time, from another worker of the same load.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        let width = self.width_ns.max(other.width_ns);
        for slices in [&mut *self, &mut other] {
            while slices.width_ns < width {
                slices.widen();
            }
        }
        if self.slices.len() < other.slices.len() {
            self.slices.resize_with(other.slices.len(), Slice::default);
        }
        for (mine, other) in self.slices.iter_mut().zip(&other.slices) {
            mine.add(other);
        }
    }

    /// Puts `later` behind these, as the load that ran afterwards.
    pub fn append(&mut self, later: &Self) {
        if later.slices.is_empty() {
            return;
        }
        if self.slices.is_empty() {
            *self = later.clone();
            return;
        }
        let mut later = later.clone();
        let width = self.width_ns.max(later.width_ns);
        for slices in [&mut *self, &mut later] {
            while slices.width_ns < width {
                slices.widen();
            }
        }
        self.slices.append(&mut later.slices);
        while self.slices.len() > MOST {
            self.widen();
        }
    }

    /// Width of each slice.
    pub fn width(&self) -> Duration {
        Duration::from_nanos(self.width_ns)
    }

    /// All slices, in time.
    pub fn iter(&self) -> std::slice::Iter<'_, Slice> {
        self.slices.iter()
    }

    /// The same in at most `most` wider slices, for charts: their width, and the slices in time.
    pub fn grouped(&self, most: usize) -> (Duration, Vec<Slice>) {
        let per_group = self.slices.len().div_ceil(most.max(1)).max(1);
        let merge = |group: &[Slice]| {
            let mut merged = Slice::default();
            for slice in group {
                merged.add(slice);
            }
            merged
        };
        let width = self
            .width()
            .saturating_mul(u32::try_from(per_group).unwrap_or(u32::MAX));
        (width, self.slices.chunks(per_group).map(merge).collect())
    }

    /// At most `blocks` groups of consecutive slices, of equal time but for the last.
    pub fn blocks(&self, blocks: usize) -> impl Iterator<Item = &[Slice]> {
        self.slices
            .chunks(self.slices.len().div_ceil(blocks.max(1)).max(1))
    }
}

impl<'a> IntoIterator for &'a Slices {
    type Item = &'a Slice;
    type IntoIter = std::slice::Iter<'a, Slice>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The smallest value that an HDR histogram of three digits counts together with `nanos`: its upper 11 bits.
fn lowest_equivalent(nanos: u64) -> u64 {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(11);
    (nanos >> shift) << shift
}

/// A slice's latencies are stored as any other histogram.
mod stored {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Histogram, lowest_equivalent};

    pub(super) fn serialize<S: Serializer>(latency: &BTreeMap<u64, u64>, out: S) -> Result<S::Ok, S::Error> {
        let mut histogram = Histogram::new();
        for (nanos, count) in latency {
            histogram.record_many(Duration::from_nanos(*nanos), *count);
        }
        histogram.serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeMap<u64, u64>, D::Error> {
        let histogram = Histogram::deserialize(input)?;
        Ok(histogram
            .buckets()
            .map(|(nanos, count)| (lowest_equivalent(nanos), count))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn run(every: u64, requests: u64) -> Slices {
        let mut slices = Slices::default();
        for n in 0..requests {
            slices.request(ms(every * n), n % 10 == 0);
            slices.latency(ms(every * n), ms(1 + n % 7));
        }
        slices.settle();
        slices
    }

    #[test]
    fn an_ordinary_run_has_slices_of_100_ms() {
        let slices = run(10, 500);
        assert_eq!(slices.width(), ms(100));
        assert_eq!(slices.iter().count(), 50);
        assert_eq!(slices.iter().map(|slice| slice.requests).sum::<u64>(), 500);
        assert_eq!(slices.iter().map(|slice| slice.errors).sum::<u64>(), 50);
    }

    #[test]
    fn a_short_run_still_has_ten_slices() {
        let slices = run(1, 200);
        assert!(slices.iter().count() >= 10, "{}", slices.iter().count());
    }

    #[test]
    fn a_long_run_has_no_more_than_600_slices() {
        let slices = run(1000, 7200);
        assert!(slices.iter().count() <= 600);
        assert_eq!(slices.iter().map(Slice::latencies).sum::<u64>(), 7200);
    }

    #[test]
    fn stored_slices_come_back_equal() {
        let slices = run(10, 300);
        let json = serde_json::to_string(&slices).expect("json");
        assert_eq!(serde_json::from_str::<Slices>(&json).expect("back"), slices);
    }

    #[test]
    fn appended_slices_follow_in_time() {
        let mut first = run(10, 100);
        first.append(&run(20, 100));
        assert_eq!(first.iter().count(), 30);
        assert_eq!(first.iter().map(Slice::latencies).sum::<u64>(), 200);
    }

    #[test]
    fn slices_of_the_same_time_are_added() {
        let mut merged = Slices::default();
        let mut together = Slices::default();
        let mut other = Slices::default();
        for n in 0..2000 {
            let part = if n % 3 == 0 { &mut merged } else { &mut other };
            for slices in [part, &mut together] {
                slices.request(ms(n), n % 7 == 0);
                slices.latency(ms(n), ms(n % 50));
            }
        }
        merged.merge(&other);
        assert_eq!(merged, together);
    }

    #[test]
    fn counts_above_a_limit_agree_with_the_quantile() {
        let slices = run(10, 70);
        let mut all = Slice::default();
        slices.iter().for_each(|slice| all.add(slice));
        assert_eq!(all.latencies_above(5.0), 20);
        assert!((all.latency_quantile(0.5).expect("some") - 4.0).abs() < 0.01);
    }
}
