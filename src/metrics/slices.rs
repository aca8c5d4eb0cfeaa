//! [`Slices`]: what happened when. A load is cut into slices of equal time by the instant each request was due.
//!
//! # Why
//! Requests of one run are not independent, so intervals are estimated from blocks of time; and people ask *when*
//! it was slow. Slices are 100 ms wide, merged in pairs when there are more than 600, narrower in runs that would
//! otherwise have fewer than 10. So their number, and their memory, does not grow with the length of a run.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Histogram;
use super::buckets::{Packed, lowest};

/// Most slices kept.
pub(super) const MOST: usize = 600;
/// Fewest slices wanted.
const FEWEST: usize = 10;
/// Width of a slice in a run of ordinary length, in nanoseconds.
const WIDTH: u64 = 100_000_000;
/// Width at the start, when nobody knows how short the run will be: 100 ms ÷ 2⁶.
const FIRST_WIDTH: u64 = WIDTH >> 6;

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
    pub(super) latency: Packed,
}

impl Slice {
    /// Adds all of `other`. `scratch` only saves allocations.
    pub(super) fn add(&mut self, other: &Self, scratch: &mut Vec<u8>) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.add(other.latency.iter(), scratch);
    }

    /// The latencies in nanoseconds, to three digits, with their counts, ascending.
    fn latency_counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.latency.iter().map(|(bucket, count)| (lowest(bucket), count))
    }

    /// Number of latencies.
    pub fn latencies(&self) -> u64 {
        self.latency.iter().map(|(_, count)| count).sum()
    }

    /// Sum of latencies in milliseconds, to three digits each.
    pub fn latency_sum(&self) -> f64 {
        self.latency_counts()
            .map(|(nanos, count)| nanos as f64 / 1e6 * count as f64)
            .sum()
    }

    /// Adds its latencies to a histogram.
    pub fn add_to(&self, histogram: &mut Histogram) {
        for (nanos, count) in self.latency_counts() {
            histogram.record_many(Duration::from_nanos(nanos), count);
        }
    }

    /// How many latencies are above `milliseconds`.
    pub fn latencies_above(&self, milliseconds: f64) -> u64 {
        let limit = milliseconds * 1e6;
        self.latency_counts()
            .filter(|(nanos, _)| *nanos as f64 > limit)
            .map(|(_, count)| count)
            .sum()
    }

    /// The quantile (0 to 1) of the latencies in milliseconds; `None` when there are none.
    pub fn latency_quantile(&self, quantile: f64) -> Option<f64> {
        let total = self.latencies();
        let rank = (quantile.clamp(0.0, 1.0) * total as f64).ceil().max(1.0);
        let mut seen = 0;
        self.latency_counts().find_map(|(nanos, count)| {
            seen += count;
            (seen as f64 >= rank).then_some(nanos as f64 / 1e6)
        })
    }
}

/// The slices of a load, all equally wide; a [`SliceRecorder`](super::SliceRecorder) makes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slices {
    /// Width of each, in nanoseconds.
    #[serde(deserialize_with = "width")]
    pub(super) width_ns: u64,
    /// From the start of the load; a slice without requests is there, too.
    pub(super) slices: Vec<Slice>,
}

impl Default for Slices {
    fn default() -> Self {
        Self {
            width_ns: FIRST_WIDTH,
            slices: Vec::new(),
        }
    }
}

/// A width that slices can have: others could not be brought to the same width.
fn width<'de, D: serde::Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let width = u64::deserialize(input)?;
    if width.is_multiple_of(FIRST_WIDTH) && (width / FIRST_WIDTH).is_power_of_two() {
        return Ok(width);
    }
    let text = format!("slices are {FIRST_WIDTH} ns wide, or 2, 4, 8, … times as wide, not {width} ns");
    Err(serde::de::Error::custom(text))
}

impl Slices {
    /// Makes each twice as wide.
    pub(super) fn widen(&mut self) {
        let mut scratch = Vec::new();
        self.width_ns = self.width_ns.saturating_mul(2);
        let half = self.slices.len().div_ceil(2);
        for index in 0..half {
            let mut merged = std::mem::take(&mut self.slices[2 * index]);
            if let Some(second) = self.slices.get(2 * index + 1) {
                merged.add(second, &mut scratch);
            }
            self.slices[index] = merged;
        }
        self.slices.truncate(half);
    }

    /// Brings both to the wider of their widths.
    pub(super) fn align(&mut self, other: &mut Self) {
        let width = self.width_ns.max(other.width_ns);
        for slices in [self, other] {
            while slices.width_ns < width {
                slices.widen();
            }
        }
    }

    /// Whether slices are too narrow when one has this number: there would be too many, or there are enough of them to
    /// be as wide as in a run of ordinary length.
    pub(super) fn needs_wider(&self, last: u64) -> bool {
        last >= MOST as u64 || (self.width_ns < WIDTH && last / 2 + 1 >= FEWEST as u64)
    }

    /// Adds slices of the same time, from a load that ran beside this one.
    pub fn join(&mut self, other: &Self) {
        let (mut other, mut scratch) = (other.clone(), Vec::new());
        self.align(&mut other);
        if self.slices.len() < other.slices.len() {
            self.slices.resize_with(other.slices.len(), Slice::default);
        }
        for (mine, other) in self.slices.iter_mut().zip(&other.slices) {
            mine.add(other, &mut scratch);
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
        self.align(&mut later);
        self.slices.append(&mut later.slices);
        while self.slices.len() > MOST {
            self.widen();
        }
    }

    /// Leaves out the slices that are over at a time.
    pub fn begin_at(&mut self, time: Duration) {
        let over = time.as_nanos() / u128::from(self.width_ns.max(1));
        let over = usize::try_from(over).unwrap_or(usize::MAX);
        self.slices.drain(..over.min(self.slices.len()));
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
                merged.add(slice, &mut Vec::new());
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

    /// These and `other`, of a load that ran beside this one, with equally many slices of equal width: the same number
    /// is the same time in both.
    pub fn aligned(&self, other: &Self) -> (Self, Self) {
        let (mut mine, mut other) = (self.clone(), other.clone());
        mine.align(&mut other);
        let longer = mine.slices.len().max(other.slices.len());
        mine.slices.resize_with(longer, Slice::default);
        other.slices.resize_with(longer, Slice::default);
        (mine, other)
    }

    /// Exactly `blocks` groups of consecutive slices, which differ by one slice at most; some are empty where there are
    /// fewer slices than blocks.
    pub fn equal_blocks(&self, blocks: usize) -> impl Iterator<Item = &[Slice]> {
        let cut = move |index: usize| index * self.slices.len() / blocks;
        (0..blocks).map(move |index| &self.slices[cut(index)..cut(index + 1)])
    }
}

impl<'a> IntoIterator for &'a Slices {
    type Item = &'a Slice;
    type IntoIter = std::slice::Iter<'a, Slice>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A slice's latencies are stored as any other histogram.
mod stored {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Histogram, Packed, lowest};
    use crate::metrics::histogram::Stored;
    use crate::metrics::sparse;

    pub(super) fn serialize<S: Serializer>(latency: &Packed, out: S) -> Result<S::Ok, S::Error> {
        let mut histogram = Histogram::new();
        for (bucket, count) in latency.iter() {
            histogram.record_many(Duration::from_nanos(lowest(bucket)), count);
        }
        histogram.serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Packed, D::Error> {
        sparse::packed(Stored::deserialize(input)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SliceRecorder;

    const MS: u64 = 1_000_000;

    fn run(every: u64, requests: u64) -> Slices {
        let mut slices = SliceRecorder::default();
        for n in 0..requests {
            let due = every * n * MS;
            slices.request(due, n % 10 == 0);
            slices.latency(due, (1 + n % 7) * MS);
        }
        slices.finish()
    }

    #[test]
    fn an_ordinary_run_has_slices_of_100_ms() {
        let slices = run(10, 500);
        assert_eq!(slices.width(), Duration::from_millis(100));
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
    fn widths_that_no_load_has_are_refused() {
        let stored = |width: u64| format!(r#"{{"widthNs":{width},"slices":[]}}"#);
        for width in [0, 1, 2, WIDTH + 1, 3 * WIDTH, u64::MAX] {
            let error = serde_json::from_str::<Slices>(&stored(width)).expect_err("refused");
            assert!(error.to_string().contains("ns wide"), "{error}");
        }
        for width in [FIRST_WIDTH, WIDTH, 1024 * WIDTH] {
            serde_json::from_str::<Slices>(&stored(width)).expect("a width");
        }
    }

    #[test]
    fn a_load_that_begins_later_has_no_slices_before() {
        let mut slices = run(10, 500);
        slices.begin_at(Duration::from_millis(1250));
        assert_eq!(slices.iter().count(), 38);
        slices.begin_at(Duration::MAX);
        assert_eq!(slices.iter().count(), 0);
    }

    #[test]
    fn appended_slices_follow_in_time() {
        let mut first = run(10, 100);
        first.append(&run(20, 100));
        assert_eq!(first.iter().count(), 30);
        assert_eq!(first.iter().map(Slice::latencies).sum::<u64>(), 200);
    }

    #[test]
    fn blocks_of_two_loads_are_the_same_time_of_both() {
        for (shorter, longer) in [(10, 11), (600, 601), (1, 4), (9, 10), (0, 7)] {
            let of = |slices: u64| Slices {
                width_ns: WIDTH,
                slices: (0..slices)
                    .map(|at| Slice {
                        requests: 1 + at,
                        ..Slice::default()
                    })
                    .collect(),
            };
            let (one, other) = of(shorter).aligned(&of(longer));
            let blocks: Vec<_> = one.equal_blocks(5).zip(other.equal_blocks(5)).collect();
            assert_eq!(blocks.len(), 5);
            let sizes: Vec<usize> = blocks.iter().map(|(_, block)| block.len()).collect();
            assert_eq!(sizes.iter().sum::<usize>() as u64, longer);
            assert!(
                sizes.iter().max() <= sizes.iter().min().map(|least| least + 1).as_ref(),
                "{sizes:?}"
            );
            for (mine, theirs) in blocks {
                assert_eq!(mine.len(), theirs.len());
                for (mine, theirs) in mine.iter().zip(theirs) {
                    assert!(
                        mine.requests == theirs.requests || (mine.requests == 0 && theirs.requests > shorter)
                    );
                }
            }
        }
    }

    #[test]
    fn aligned_slices_have_the_wider_width_and_lose_nothing() {
        let (short, long) = (run(1, 200), run(10, 500));
        let (one, other) = short.aligned(&long);
        assert_eq!((one.width(), other.width()), (long.width(), long.width()));
        assert_eq!(one.iter().count(), other.iter().count());
        assert_eq!(one.iter().map(|slice| slice.requests).sum::<u64>(), 200);
    }

    #[test]
    fn counts_above_a_limit_agree_with_the_quantile() {
        let slices = run(10, 70);
        let mut all = Slice::default();
        slices.iter().for_each(|slice| all.add(slice, &mut Vec::new()));
        assert_eq!(all.latencies_above(5.0), 20);
        assert!((all.latency_quantile(0.5).expect("some") - 4.0).abs() < 0.01);
    }
}
