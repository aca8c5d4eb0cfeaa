//! [`SliceRecorder`]: [`Slices`] in the making.
//!
//! The newest slice counts its latencies in a table that has a place for every bucket, because most latencies are
//! for it; older ones hold their counts packed. A latency of an older slice (a request that was due before and took
//! long) waits in a buffer, which is sorted and folded into the slices when it is full. So each latency costs about
//! the same, however late it comes.

use std::ops::Range;

use super::Slices;
use super::buckets::bucket;
use super::slices::{MOST, Slice};

/// Latencies that wait to be folded.
const PENDING: usize = 2048;

/// The slices of a running load.
#[derive(Debug, Clone)]
pub struct SliceRecorder {
    slices: Slices,
    newest: Newest,
    /// Latencies of older slices: the slice in the upper half, the bucket in the lower.
    pending: Vec<u32>,
    scratch: Vec<u8>,
    /// The slice that was used last; often it is the next one, too.
    last: usize,
    /// When that one begins.
    last_start: u64,
}

/// The latencies of the newest slice.
#[derive(Debug, Clone, Default)]
struct Newest {
    /// Which slice that is.
    slice: usize,
    /// Latencies per bucket, as far as they have been seen.
    counts: Vec<u32>,
    /// Buckets between which all latencies are.
    range: Range<usize>,
}

impl Newest {
    /// Whether a count is as great as it can be.
    #[inline]
    fn record(&mut self, bucket: u16) -> bool {
        let bucket = usize::from(bucket);
        if !self.range.contains(&bucket) {
            self.reach(bucket);
        }
        self.counts[bucket] += 1;
        self.counts[bucket] == u32::MAX
    }

    #[cold]
    fn reach(&mut self, bucket: usize) {
        self.range = if self.range.is_empty() {
            bucket..bucket + 1
        } else {
            self.range.start.min(bucket)..self.range.end.max(bucket + 1)
        };
        if self.counts.len() < self.range.end {
            self.counts.resize(self.range.end.next_multiple_of(1024), 0);
        }
    }
}

impl Default for SliceRecorder {
    fn default() -> Self {
        Self {
            slices: Slices::default(),
            newest: Newest::default(),
            pending: Vec::with_capacity(PENDING),
            scratch: Vec::new(),
            last: usize::MAX,
            last_start: 0,
        }
    }
}

impl SliceRecorder {
    /// Counts a request that was due at `due` (nanoseconds from the start of the load) and sent.
    #[inline]
    pub fn request(&mut self, due: u64, error: bool) {
        let index = self.index(due);
        let slice = &mut self.slices.slices[index];
        slice.requests += 1;
        slice.errors += u64::from(error);
    }

    /// Counts a latency (nanoseconds) of a request that was due at `due`.
    #[inline]
    pub fn latency(&mut self, due: u64, latency: u64) {
        let slice = self.index(due);
        let bucket = bucket(latency.max(1));
        if slice < self.newest.slice {
            self.late(slice, bucket);
            return;
        }
        if slice > self.newest.slice {
            self.close();
            self.newest.slice = slice;
        }
        if self.newest.record(bucket) {
            self.close();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "slices have numbers below 600")]
    fn late(&mut self, slice: usize, bucket: u16) {
        self.pending.push((slice as u32) << u16::BITS | u32::from(bucket));
        if self.pending.len() == PENDING {
            self.fold();
        }
    }

    #[inline]
    fn index(&mut self, due: u64) -> usize {
        let known = self.last < self.slices.slices.len();
        if !known || due.wrapping_sub(self.last_start) >= self.slices.width_ns {
            self.last = self.find(due);
            self.last_start = self.last as u64 * self.slices.width_ns;
        }
        self.last
    }

    fn find(&mut self, due: u64) -> usize {
        while self.slices.needs_wider(due / self.slices.width_ns) {
            self.settle();
            self.slices.widen();
            self.newest.slice /= 2;
        }
        let index = usize::try_from(due / self.slices.width_ns).unwrap_or(MOST);
        if index >= self.slices.slices.len() {
            self.slices.slices.resize_with(index + 1, Slice::default);
        }
        index
    }

    /// Packs the latencies of the newest slice.
    fn close(&mut self) {
        let Newest { slice, counts, range } = &mut self.newest;
        let range = std::mem::take(range);
        if range.is_empty() {
            return;
        }
        let counts = &mut counts[range.clone()];
        let seen = (0..=u16::MAX)
            .skip(range.start)
            .zip(&*counts)
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, count)| (bucket, u64::from(*count)));
        self.slices.slices[*slice].latency.add(seen, &mut self.scratch);
        counts.fill(0);
    }

    /// Puts all latencies into their slices.
    fn settle(&mut self) {
        self.close();
        self.fold();
    }

    /// Puts the latencies that wait into their slices.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is a bucket")]
    fn fold(&mut self) {
        self.pending.sort_unstable();
        for group in self.pending.chunk_by(|a, b| a >> u16::BITS == b >> u16::BITS) {
            let slice = (group[0] >> u16::BITS) as usize;
            let counts = group
                .chunk_by(|a, b| a == b)
                .map(|same| (same[0] as u16, same.len() as u64));
            self.slices.slices[slice].latency.add(counts, &mut self.scratch);
        }
        self.pending.clear();
    }

    /// Adds slices of the same time, from another worker of the same load.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.settle();
        self.settle();
        self.slices.align(&mut other.slices);
        let mine = &mut self.slices.slices;
        if mine.len() < other.slices.slices.len() {
            mine.resize_with(other.slices.slices.len(), Slice::default);
        }
        for (mine, other) in mine.iter_mut().zip(&other.slices.slices) {
            mine.add(other, &mut self.scratch);
        }
        while self
            .slices
            .needs_wider((self.slices.slices.len() as u64).saturating_sub(1))
        {
            self.slices.widen();
        }
        self.last = usize::MAX;
        self.newest.slice = 0;
    }

    /// The slices of the finished load.
    pub fn finish(mut self) -> Slices {
        self.settle();
        self.slices
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::buckets::lowest;

    /// One request: when it was due, its latency, and whether it is an error.
    type Request = (u64, Option<u64>, bool);

    /// Counts without any buffer, each slice in a map: its requests, errors and latencies.
    fn naive(requests: &[Request], width: u64) -> Vec<(u64, u64, BTreeMap<u64, u64>)> {
        let mut slices = Vec::new();
        for (due, latency, error) in requests {
            let index = usize::try_from(due / width).expect("few");
            if slices.len() <= index {
                slices.resize_with(index + 1, || (0, 0, BTreeMap::new()));
            }
            let slice = &mut slices[index];
            slice.0 += 1;
            slice.1 += u64::from(*error);
            if let Some(latency) = latency {
                let shift = (u64::BITS - latency.leading_zeros()).saturating_sub(11);
                *slice.2.entry(latency.max(&1) >> shift << shift).or_default() += 1;
            }
        }
        slices
    }

    fn record(requests: &[Request]) -> SliceRecorder {
        let mut slices = SliceRecorder::default();
        for (due, latency, error) in requests {
            slices.request(*due, *error);
            if let Some(latency) = latency {
                slices.latency(*due, *latency);
            }
        }
        slices
    }

    fn requests() -> impl Strategy<Value = Vec<Request>> {
        let end = prop_oneof![
            Just(2_000_000_u64),
            Just(400_000_000),
            Just(30_000_000_000),
            Just(900_000_000_000)
        ];
        let latency = prop_oneof![0_u64..3, 900_000_u64..1_100_000, 0_u64..u64::MAX];
        end.prop_flat_map(move |end| {
            let request = (0..end, proptest::option::of(latency.clone()), any::<bool>());
            proptest::collection::vec(request, 1..300)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn slices_hold_what_counting_one_by_one_gives(requests in requests()) {
            let slices = record(&requests).finish();
            let width = u64::try_from(slices.width().as_nanos()).expect("hours");
            let expected = naive(&requests, width);
            let rule = [1_562_500, 3_125_000, 6_250_000, 12_500_000, 25_000_000, 50_000_000, 100_000_000]
                .into_iter()
                .find(|width| naive(&requests, *width).len().div_ceil(2) < 10)
                .unwrap_or(100_000_000);
            let last = requests.iter().map(|(due, ..)| *due).max().unwrap_or(0);
            let needed = std::iter::successors(Some(1_562_500), |width| Some(width * 2))
                .find(|width| last / width < 600)
                .expect("some width is enough");
            prop_assert_eq!(width, rule.max(needed));
            prop_assert_eq!(slices.iter().count(), expected.len());
            for (slice, (requests, errors, latencies)) in slices.iter().zip(expected) {
                prop_assert_eq!((slice.requests, slice.errors), (requests, errors));
                prop_assert_eq!(slice.latencies(), latencies.values().sum::<u64>());
                let counts = slice.latency.iter().map(|(bucket, count)| (lowest(bucket), count));
                prop_assert_eq!(counts.collect::<BTreeMap<_, _>>(), latencies.clone());
                let above = latencies.range(1_000_001..).map(|(_, count)| count).sum::<u64>();
                prop_assert_eq!(slice.latencies_above(1.0), above);
            }
        }

        #[test]
        fn slices_of_the_same_time_are_added(requests in requests(), parts in proptest::collection::vec(any::<bool>(), 300)) {
            let part = |wanted: bool| -> Vec<Request> {
                requests.iter().zip(&parts).filter(|(_, part)| **part == wanted).map(|(one, _)| *one).collect()
            };
            let mut merged = record(&part(true));
            merged.merge(&record(&part(false)));
            prop_assert_eq!(merged.finish(), record(&requests).finish());
        }
    }

    #[test]
    fn more_than_the_buffer_holds_is_folded_on_the_way() {
        let request = |n: u64| (n % 7 * 100_000_000, Some(n % 5000 * 1000), false);
        let requests: Vec<Request> = (0..9 * PENDING as u64).map(request).collect();
        let mut ordered = requests.clone();
        ordered.sort_unstable();
        let slices = record(&requests).finish();
        assert_eq!(slices, record(&ordered).finish());
        let latencies: u64 = slices.iter().map(Slice::latencies).sum();
        assert_eq!(latencies, 9 * PENDING as u64);
    }
}
