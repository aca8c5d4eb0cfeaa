//! How durations are told apart: numbered buckets of three significant digits, and counts of them packed into bytes.

use std::time::Duration;

/// Bits that are kept of a value: 2¹¹ is the smallest power of two that tells 1,000 from 1,001 and 999.
const BITS: u32 = 11;
/// New buckets per doubling of the value.
const PER_DOUBLING: u64 = 1 << (BITS - 1);
/// Packed counts have room for a multiple of this many bytes, so that few additions need another allocation.
const ROOM: usize = 256;
/// What half a byte says when the rest follows.
const MORE: u64 = 15;

/// A duration in nanoseconds; what is longer than 584 years counts as that.
pub fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

/// The bucket of a value: the same values share one as in an HDR histogram of three digits.
#[expect(clippy::cast_possible_truncation, reason = "at most 53 · 1024 + 2047")]
pub(super) fn bucket(nanos: u64) -> u16 {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(BITS);
    (u64::from(shift) * PER_DOUBLING + (nanos >> shift)) as u16
}

/// The smallest value of a bucket.
pub(super) fn lowest(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * PER_DOUBLING {
        return bucket;
    }
    (bucket % PER_DOUBLING + PER_DOUBLING) << (bucket / PER_DOUBLING - 1)
}

/// How many values are in which buckets, in about a byte for each bucket that is not empty.
///
/// Half of a byte is the number of empty buckets before this one, half the number of values after the first. Where
/// that is 15 or more, the rest follows in groups of seven bits, lowest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed(Vec<u8>);

impl Packed {
    /// The buckets that are not empty with their counts, in order.
    pub(super) fn iter(&self) -> Unpack<'_> {
        Unpack {
            rest: &self.0,
            bucket: 0,
        }
    }

    /// Adds buckets with their counts, which ascend and are not zero. `scratch` only saves allocations.
    pub(super) fn add(&mut self, added: impl Iterator<Item = (u16, u64)>, scratch: &mut Vec<u8>) {
        scratch.clear();
        let mut pack = Pack {
            bytes: scratch,
            next: 0,
        };
        let mut mine = self.iter();
        let mut kept = mine.next();
        for (bucket, count) in added {
            let mut sum = count;
            while let Some((mine_bucket, mine_count)) = kept
                && mine_bucket <= bucket
            {
                if mine_bucket == bucket {
                    sum = u64::saturating_add(sum, mine_count);
                } else {
                    pack.push(mine_bucket, mine_count);
                }
                kept = mine.next();
            }
            pack.push(bucket, sum);
        }
        if let Some((bucket, count)) = kept {
            // Only the first of the rest is packed anew: the others follow each other as before.
            pack.push(bucket, count);
            pack.bytes.extend_from_slice(mine.rest);
        }
        if self.0.capacity() < scratch.len() {
            self.0 = Vec::with_capacity(scratch.len().next_multiple_of(ROOM));
        }
        self.0.clear();
        self.0.extend_from_slice(scratch);
    }
}

struct Pack<'a> {
    bytes: &'a mut Vec<u8>,
    /// The first bucket that has not been decided.
    next: u16,
}

impl Pack<'_> {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are at most 15")]
    #[inline]
    fn push(&mut self, bucket: u16, count: u64) {
        let (empty, others) = (u64::from(bucket - self.next), count - 1);
        self.bytes.push((empty.min(MORE) | others.min(MORE) << 4) as u8);
        self.rest(empty);
        self.rest(others);
        self.next = bucket + 1;
    }

    #[inline]
    fn rest(&mut self, half: u64) {
        if let Some(rest) = half.checked_sub(MORE) {
            self.sevens(rest);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "seven bits and a flag are a byte")]
    fn sevens(&mut self, mut rest: u64) {
        while rest > 0x7f {
            self.bytes.push((rest & 0x7f | 0x80) as u8);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }
}

/// The buckets of [`Packed`] counts.
#[derive(Debug, Clone)]
pub(super) struct Unpack<'a> {
    rest: &'a [u8],
    /// The first bucket that has not been decided.
    bucket: u16,
}

impl Unpack<'_> {
    #[inline]
    fn byte(&mut self) -> Option<u64> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(u64::from(*first))
    }

    #[inline]
    fn whole(&mut self, half: u64) -> Option<u64> {
        if half < MORE { Some(half) } else { self.sevens() }
    }

    fn sevens(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value + MORE);
            }
            shift += 7;
        }
    }
}

impl Iterator for Unpack<'_> {
    type Item = (u16, u64);

    #[inline]
    fn next(&mut self) -> Option<(u16, u64)> {
        let byte = self.byte()?;
        let empty = self.whole(byte & MORE)?;
        let others = self.whole(byte >> 4)?;
        let bucket = self.bucket + u16::try_from(empty).ok()?;
        self.bucket = bucket + 1;
        Some((bucket, others + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn packed(counts: &BTreeMap<u16, u64>) -> Packed {
        let mut packed = Packed::default();
        packed.add(counts.iter().map(|(b, n)| (*b, *n)), &mut Vec::new());
        packed
    }

    fn counts() -> impl Strategy<Value = BTreeMap<u16, u64>> {
        let count = prop_oneof![1_u64..40, Just(u64::MAX / 2), 1_u64..1 << 40];
        let bucket = prop_oneof![0_u16..60, 0_u16..=bucket(u64::MAX)];
        proptest::collection::btree_map(bucket, count, 0..80)
    }

    #[test]
    fn buckets_are_those_of_an_hdr_histogram_of_three_digits() {
        let mut hdr = hdrhistogram::Histogram::<u64>::new(3).expect("3 digits");
        hdr.auto(true);
        for exponent in 0..41 {
            for offset in [0_u64, 1, 2, 1000, 123_456_789] {
                let value = (1_u64 << exponent) + offset;
                hdr.clear();
                hdr.record(value).expect("within an hour or so");
                assert_eq!(lowest(bucket(value)), hdr.lowest_equivalent(value), "{value}");
                assert_eq!(bucket(hdr.highest_equivalent(value)), bucket(value), "{value}");
                assert_eq!(
                    bucket(hdr.next_non_equivalent(value)),
                    bucket(value) + 1,
                    "{value}"
                );
            }
        }
        assert_eq!(lowest(bucket(u64::MAX)), 2047 << 53);
    }

    #[test]
    fn a_lone_value_takes_a_byte() {
        let near = packed(&(0..100).map(|bucket| (bucket * 15, 15)).collect());
        assert_eq!(near.0.len(), 100);
    }

    #[test]
    fn the_longest_duration_is_not_wrapped() {
        assert_eq!(nanos(Duration::MAX), u64::MAX);
        assert_eq!(nanos(Duration::from_millis(1_500)), 1_500_000_000);
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(counts in counts()) {
            prop_assert_eq!(packed(&counts).iter().collect::<BTreeMap<_, _>>(), counts);
        }

        #[test]
        fn adding_is_the_same_as_packing_the_sums(one in counts(), other in counts()) {
            let mut sums = one.clone();
            for (bucket, count) in &other {
                *sums.entry(*bucket).or_default() += count;
            }
            let mut added = packed(&one);
            added.add(packed(&other).iter(), &mut Vec::new());
            prop_assert_eq!(added, packed(&sums));
        }
    }
}
