//! [`packed`]: the counts of a stored histogram without the histogram. A slice of time has a hundred buckets or so; the
//! tables that a histogram fills for them are a thousand times as large, and a merge reads tens of thousands of slices.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::buckets::{Packed, bucket};
use super::histogram::{COMPRESSED, DIGITS, HIGHEST, Histogram, HistogramError, LARGEST_PAYLOAD, Stored};

fn wrong(why: impl Into<String>) -> HistogramError {
    HistogramError::Format(why.into())
}

/// The head of a histogram in its stored form.
/// <https://github.com/HdrHistogram/HdrHistogram/blob/master/src/main/java/org/HdrHistogram/EncodableHistogram.java>
pub(super) struct Head {
    /// Bytes behind it.
    pub(super) payload: u64,
    /// Buckets by which the others are moved.
    pub(super) offset: u64,
    /// Decimal digits that are kept.
    pub(super) digits: u64,
    /// Lowest value that is told from zero.
    pub(super) low: u64,
}

impl Head {
    /// Bytes of it.
    pub(super) const LENGTH: usize = 40;

    /// What is compressed of a stored histogram.
    pub(super) fn compressed(bytes: &[u8]) -> Result<&[u8], HistogramError> {
        let wrong = |why: &str| HistogramError::Format(why.to_owned());
        let (cookie, rest) = bytes.split_at_checked(8).ok_or_else(|| wrong("too short"))?;
        if cookie[..4] != COMPRESSED {
            return Err(wrong("not compressed"));
        }
        Ok(rest)
    }

    /// Refuses what a stored histogram of ours never says of itself, before memory is reserved for it: results come from
    /// artifacts that anybody may have written.
    pub(super) fn read(head: &[u8]) -> Result<Self, HistogramError> {
        let number = |at: usize, length: usize| {
            let digits = head.iter().skip(at).take(length);
            digits.fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let high = number(24, 8);
        let read = Self {
            payload: number(4, 4),
            offset: number(8, 4),
            digits: number(12, 4),
            low: number(16, 8),
        };
        if read.payload > LARGEST_PAYLOAD
            || read.digits > u64::from(DIGITS)
            || read.low == 0
            || high > HIGHEST * 2
        {
            return Err(HistogramError::Format(
                "its range is not one of a load".to_owned(),
            ));
        }
        Ok(read)
    }
}

/// The counts of a stored histogram; one that no load of ours has stored is read as any other.
pub(super) fn packed(stored: Stored) -> Result<Packed, HistogramError> {
    let bytes = STANDARD.decode(&stored.hdr)?;
    let compressed = Head::compressed(&bytes)?;
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(compressed)
        .take(Head::LENGTH as u64 + LARGEST_PAYLOAD + 1)
        .read_to_end(&mut plain)
        .map_err(|cause| wrong(cause.to_string()))?;
    let (head, payload) = plain
        .split_at_checked(Head::LENGTH)
        .ok_or_else(|| wrong("too short"))?;
    let head = Head::read(head)?;
    if head.digits != u64::from(DIGITS) || head.low != 1 || head.offset != 0 {
        return Histogram::try_from(stored).map(|histogram| histogram.packed());
    }
    let length = usize::try_from(head.payload).map_err(|_large| wrong("too long"))?;
    let payload = payload.get(..length).ok_or_else(|| wrong("too short"))?;
    stored.check()?;
    let (counts, total) = counts(payload)?;
    if total != stored.count {
        return Err(wrong(format!(
            "{total} values where {} were announced",
            stored.count
        )));
    }
    let mut packed = Packed::default();
    packed.add(counts.into_iter(), &mut Vec::new());
    Ok(packed)
}

/// Buckets with their counts, ascending, and the sum of those. The numbers of buckets are those of an HDR histogram.
/// <https://github.com/HdrHistogram/HdrHistogram/blob/master/src/main/java/org/HdrHistogram/EncodableHistogram.java>
fn counts(mut payload: &[u8]) -> Result<(Vec<(u16, u64)>, u64), HistogramError> {
    let most = bucket(2 * HIGHEST);
    let (mut counts, mut total, mut next) = (Vec::new(), 0_u64, 0_u64);
    while !payload.is_empty() {
        let number = zig_zag(&mut payload)?;
        if number <= 0 {
            // So many empty ones follow; a single one is written as its count.
            next = next.saturating_add(number.unsigned_abs().max(1));
            continue;
        }
        let at = u16::try_from(next).ok().filter(|at| *at <= most);
        let at = at.ok_or_else(|| wrong("its range is not one of a load"))?;
        let count = number.unsigned_abs();
        total = total.checked_add(count).ok_or_else(|| wrong("too many values"))?;
        counts.push((at, count));
        next += 1;
    }
    Ok((counts, total))
}

/// A number in the form LEB128-64b9B, whose ninth byte has eight bits.
fn zig_zag(payload: &mut &[u8]) -> Result<i64, HistogramError> {
    let mut number = 0_u64;
    for place in 0..9_u32 {
        let (byte, rest) = payload.split_first().ok_or_else(|| wrong("cut off"))?;
        *payload = rest;
        let (bits, more) = if place == 8 {
            (*byte, false)
        } else {
            (*byte & 0x7f, *byte & 0x80 != 0)
        };
        number |= u64::from(bits) << (7 * place);
        if !more {
            break;
        }
    }
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    type Counts = Vec<(u16, u64)>;

    fn both(histogram: &Histogram) -> (Counts, Counts) {
        let stored = Stored::from(histogram.clone());
        let sparse = packed(stored.clone()).expect("sparse");
        let dense = Histogram::try_from(stored).expect("dense").packed();
        (sparse.iter().collect(), dense.iter().collect())
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_the_histogram(
            values in prop::collection::vec((0..4_000_000_000_000_u64, 1..1_000_000_000_000_u64), 0..40),
            small in prop::collection::vec((0..5000_u64, 1..300_u64), 0..40),
        ) {
            let mut histogram = Histogram::new();
            for (nanos, count) in values.into_iter().chain(small) {
                histogram.record_many(Duration::from_nanos(nanos), count);
            }
            let (sparse, dense) = both(&histogram);
            prop_assert_eq!(sparse, dense);
        }

        #[test]
        fn no_bytes_are_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = counts(&payload);
        }
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        let mut histogram = Histogram::new();
        histogram.record_many(Duration::from_millis(3), 7);
        let stored = Stored::from(histogram);
        let with = |change: &dyn Fn(&mut Stored)| {
            let mut stored = stored.clone();
            change(&mut stored);
            packed(stored).map(|packed| packed.iter().count())
        };
        assert_eq!(with(&|_| {}).expect("as it was"), 1);
        assert!(with(&|stored| stored.count = 8).is_err());
        assert!(with(&|stored| stored.min_ns = stored.max_ns + 1).is_err());
        assert!(with(&|stored| stored.hdr.truncate(20)).is_err());
        assert!(with(&|stored| stored.hdr = "%".into()).is_err());
        assert!(counts(&[0x82]).is_err(), "a number that goes on");
        assert!(
            counts(&[2, 0xff, 0xff, 0xff, 0xff, 0x0f, 2]).is_err(),
            "beyond an hour"
        );
    }
}
