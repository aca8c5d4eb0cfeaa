//! [`Histogram`]: a distribution of durations that merges exactly and does not grow with the number of values.

use std::fmt;
use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Statistic;
use super::buckets::{Packed, bucket};
use super::sparse::Head;

/// Longest duration kept apart from longer ones: one hour, in nanoseconds.
pub(super) const HIGHEST: u64 = 3_600_000_000_000;
/// How a compressed HDR V2 histogram begins.
pub(super) const COMPRESSED: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
/// Bytes of a histogram up to [`HIGHEST`] with nine bytes per count, and some.
pub(super) const LARGEST_PAYLOAD: u64 = 1 << 19;
/// Decimal digits that are kept of each value.
pub(super) const DIGITS: u8 = 3;

/// A stored histogram that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// The text is not base64.
    #[error("histogram is not base64")]
    Base64(#[from] base64::DecodeError),
    /// The bytes are not an HDR V2 histogram.
    #[error("histogram is not in the HDR V2 format: {0}")]
    Format(String),
}

/// Durations in nanoseconds with three significant digits (HdrHistogram, Gil Tene), plus exact sum, minimum and maximum.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Stored", into = "Stored")]
#[schemars(with = "Stored")]
pub struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    /// Seconds.
    sum: f64,
    /// Seconds squared.
    sum_of_squares: f64,
    min: u64,
    max: u64,
}

/// What is stored of a histogram: HDR V2, deflated, base64; sums in seconds, extremes in nanoseconds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    pub(super) count: u64,
    sum_seconds: f64,
    sum_squares_seconds: f64,
    pub(super) min_ns: u64,
    pub(super) max_ns: u64,
    /// HdrHistogram V2 (nanoseconds), zlib-compressed, base64.
    pub(super) hdr: String,
}

impl Stored {
    /// Refuses extremes that no values have.
    pub(super) fn check(&self) -> Result<(), HistogramError> {
        if self.count > 0 && self.min_ns > self.max_ns {
            return Err(HistogramError::Format(format!(
                "the minimum {} is above the maximum {}",
                self.min_ns, self.max_ns
            )));
        }
        Ok(())
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Self {
        let mut counts = hdrhistogram::Histogram::new(DIGITS).expect("3 digits are within 0 to 5");
        counts.auto(true);
        Self {
            counts,
            sum: 0.0,
            sum_of_squares: 0.0,
            min: u64::MAX,
            max: 0,
        }
    }

    /// One of values that were recorded elsewhere: a value of each bucket with its count, ascending; their sum in
    /// seconds, the sum of their squares, and the least and the greatest of them in nanoseconds.
    pub(super) fn recorded(
        buckets: impl DoubleEndedIterator<Item = (u64, u64)>,
        sum: f64,
        sum_of_squares: f64,
        (min, max): (u64, u64),
    ) -> Self {
        let mut histogram = Self {
            sum,
            sum_of_squares,
            min,
            max,
            ..Self::new()
        };
        // The greatest first, so that it grows once.
        for (nanos, count) in buckets.rev() {
            histogram
                .counts
                .record_n(nanos, count)
                .expect("an auto-resizing histogram takes an hour");
        }
        histogram
    }

    /// Adds one duration; above an hour it counts as an hour in percentiles.
    pub fn record(&mut self, value: Duration) {
        self.record_many(value, 1);
    }

    /// Adds the same duration `count` times.
    pub fn record_many(&mut self, value: Duration, count: u64) {
        if count == 0 {
            return;
        }
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX).min(HIGHEST);
        self.counts
            .record_n(nanos.max(1), count)
            .expect("an auto-resizing histogram takes an hour");
        let seconds = value.as_secs_f64();
        self.sum += seconds * count as f64;
        self.sum_of_squares += seconds * seconds * count as f64;
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds all of `other`, exactly.
    pub fn merge(&mut self, other: &Self) {
        self.counts
            .add(&other.counts)
            .expect("an auto-resizing histogram of the same precision takes any other");
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// Sum of all values, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum
    }

    /// One statistic in milliseconds; `None` when there are no values.
    pub fn statistic(&self, statistic: Statistic) -> Option<f64> {
        let n = self.count();
        if n == 0 {
            return None;
        }
        let mean = self.sum / n as f64;
        Some(match statistic {
            Statistic::Mean => mean * 1e3,
            Statistic::Stddev => (self.sum_of_squares / n as f64 - mean * mean).max(0.0).sqrt() * 1e3,
            Statistic::Min => self.min as f64 / 1e6,
            Statistic::Max => self.max as f64 / 1e6,
            Statistic::Percentile(p) => {
                let nanos = self.counts.value_at_quantile(p / 100.0);
                nanos.clamp(self.min, self.max) as f64 / 1e6
            }
        })
    }

    /// Several percentiles in milliseconds, ascending, in one pass; empty when there are no values.
    pub fn percentiles(&self, ascending: &[f64]) -> Vec<f64> {
        let n = self.count() as f64;
        let mut found = Vec::with_capacity(ascending.len());
        let mut seen = 0;
        for (milliseconds, count) in self.points() {
            seen += count;
            while let Some(percent) = ascending.get(found.len())
                && seen as f64 >= (percent / 100.0 * n).ceil().max(1.0)
            {
                found.push(milliseconds);
            }
        }
        found
    }

    /// The value of a rank (1 = smallest) in milliseconds; `None` outside 1 … count.
    pub fn value_at_rank(&self, rank: u64) -> Option<f64> {
        if rank == 0 || rank > self.count() {
            return None;
        }
        let mut seen = 0;
        self.counts.iter_recorded().find_map(|step| {
            seen += step.count_at_value();
            (seen >= rank).then(|| step.value_iterated_to().clamp(self.min, self.max) as f64 / 1e6)
        })
    }

    /// How many values are above `milliseconds`, to the precision of the histogram.
    pub fn count_above(&self, milliseconds: f64) -> u64 {
        let nanos = (milliseconds * 1e6).clamp(0.0, HIGHEST as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0 … one hour"
        )]
        let nanos = nanos as u64;
        if nanos >= self.max {
            return 0;
        }
        let highest = self.counts.highest_equivalent(nanos);
        let below: u64 = self
            .counts
            .iter_recorded()
            .take_while(|step| step.value_iterated_to() <= highest)
            .map(|step| step.count_at_value())
            .sum();
        self.count().saturating_sub(below)
    }

    /// The recorded values with their counts, smallest first: (milliseconds, count). For charts.
    pub fn points(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.counts.iter_recorded().map(|step| {
            (
                step.value_iterated_to().clamp(self.min, self.max) as f64 / 1e6,
                step.count_at_value(),
            )
        })
    }

    /// The recorded buckets with their counts, smallest first: (nanoseconds, count).
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts
            .iter_recorded()
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
    }

    /// The same, packed.
    pub(super) fn packed(&self) -> Packed {
        let mut packed = Packed::default();
        let counts = self.buckets().map(|(nanos, count)| (bucket(nanos), count));
        packed.add(counts, &mut Vec::new());
        packed
    }

    fn encode(&self) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.counts, &mut bytes)
            .expect("a histogram of at most one hour serialises into memory");
        STANDARD.encode(bytes)
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.buckets()).finish()
    }
}

impl From<Histogram> for Stored {
    fn from(histogram: Histogram) -> Self {
        Self {
            count: histogram.count(),
            sum_seconds: histogram.sum,
            sum_squares_seconds: histogram.sum_of_squares,
            min_ns: if histogram.count() == 0 { 0 } else { histogram.min },
            max_ns: histogram.max,
            hdr: histogram.encode(),
        }
    }
}

fn check_head(bytes: &[u8]) -> Result<(), HistogramError> {
    let mut head = [0; Head::LENGTH];
    flate2::read::ZlibDecoder::new(Head::compressed(bytes)?)
        .read_exact(&mut head)
        .map_err(|cause| HistogramError::Format(cause.to_string()))?;
    Head::read(&head).map(|_head| ())
}

impl TryFrom<Stored> for Histogram {
    type Error = HistogramError;

    fn try_from(stored: Stored) -> Result<Self, HistogramError> {
        let bytes = STANDARD.decode(&stored.hdr)?;
        check_head(&bytes)?;
        let mut counts: hdrhistogram::Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|cause| HistogramError::Format(cause.to_string()))?;
        counts.auto(true);
        if counts.len() != stored.count {
            return Err(HistogramError::Format(format!(
                "{} values where {} were announced",
                counts.len(),
                stored.count
            )));
        }
        stored.check()?;
        Ok(Self {
            min: if stored.count == 0 {
                u64::MAX
            } else {
                stored.min_ns
            },
            max: stored.max_ns,
            sum: stored.sum_seconds,
            sum_of_squares: stored.sum_squares_seconds,
            counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        milliseconds
            .into_iter()
            .for_each(|ms| histogram.record(Duration::from_millis(ms)));
        histogram
    }

    #[test]
    fn empty_histogram_has_no_statistic() {
        assert_eq!(Histogram::new().statistic(Statistic::Mean), None);
        assert_eq!(Histogram::new().statistic(Statistic::Percentile(50.0)), None);
        assert_eq!(Histogram::new().value_at_rank(1), None);
    }

    #[test]
    fn statistics_are_right_within_three_digits() {
        let histogram = of(1..=1000);
        let near = |statistic, expected: f64| {
            let value = histogram.statistic(statistic).expect("values");
            assert!(
                (value / expected - 1.0).abs() < 1e-3,
                "{statistic}: {value} is not {expected}"
            );
        };
        near(Statistic::Percentile(95.0), 950.0);
        near(Statistic::Mean, 500.5);
        near(Statistic::Stddev, 288.675);
        near(Statistic::Min, 1.0);
        near(Statistic::Max, 1000.0);
        assert_eq!(histogram.count_above(900.0), 100);
        assert_eq!(histogram.count_above(1000.0), 0);
        assert_eq!(histogram.count_above(0.0), 1000);
    }

    #[test]
    fn percentiles_in_one_pass_are_those_found_one_by_one() {
        let histogram = of((1..=1000).chain([5, 5, 7000]));
        let wanted = [0.1, 50.0, 95.0, 99.9, 100.0];
        let one_by_one: Vec<f64> = wanted
            .iter()
            .filter_map(|p| histogram.statistic(Statistic::Percentile(*p)))
            .collect();
        assert_eq!(histogram.percentiles(&wanted), one_by_one);
        assert!(Histogram::new().percentiles(&wanted).is_empty());
    }

    #[test]
    fn merging_is_the_same_as_recording_together() {
        let mut merged = of([1, 5, 9]);
        merged.merge(&of([2, 400_000]));
        assert_eq!(merged, of([1, 2, 5, 9, 400_000]));
    }

    #[test]
    fn json_keeps_every_bucket() {
        let histogram = of([1, 2, 3, 70, 8000]);
        let json = serde_json::to_string(&histogram).expect("json");
        let back: Histogram = serde_json::from_str(&json).expect("back");
        assert_eq!(back, histogram);
        assert_eq!(
            back.statistic(Statistic::Mean),
            histogram.statistic(Statistic::Mean)
        );
    }

    #[test]
    fn a_histogram_that_would_take_gigabytes_is_refused_unread() {
        let stored = Stored::from(of([1, 2]));
        let of_head = |payload: u32, digits: u32, low: u64, high: u64| {
            let mut head = vec![0x1c, 0x84, 0x93, 0x13];
            head.extend(payload.to_be_bytes());
            head.extend([0; 4]);
            head.extend(digits.to_be_bytes());
            head.extend(low.to_be_bytes());
            head.extend(high.to_be_bytes());
            head.extend(1.0_f64.to_be_bytes());
            let mut deflated = Vec::new();
            flate2::read::ZlibEncoder::new(head.as_slice(), flate2::Compression::fast())
                .read_to_end(&mut deflated)
                .expect("in memory");
            let mut bytes = COMPRESSED.to_vec();
            bytes.extend(u32::try_from(deflated.len()).expect("short").to_be_bytes());
            bytes.extend(deflated);
            STANDARD.encode(bytes)
        };
        let refusal = |hdr: String| {
            let stored = Stored {
                hdr,
                ..stored.clone()
            };
            Histogram::try_from(stored).expect_err("refused").to_string()
        };
        for hdr in [
            of_head(u32::MAX, 3, 1, 1000),
            of_head(0, 5, 1, 1000),
            of_head(0, 3, 1, u64::MAX),
            of_head(0, 3, 0, 1000),
        ] {
            assert!(refusal(hdr).contains("its range"));
        }
        let uncompressed = b"\x1c\x84\x93\x13\x00\x00\x00\x00";
        for bytes in [&b""[..], uncompressed, b"\x1c\x84\x93\x14\x00\x00\x00\x00xx"] {
            refusal(STANDARD.encode(bytes));
        }
        let mut hours = Histogram::new();
        hours.record(Duration::from_hours(2));
        let json = serde_json::to_string(&hours).expect("json");
        assert_eq!(serde_json::from_str::<Histogram>(&json).expect("back"), hours);
    }

    #[test]
    fn a_minimum_above_the_maximum_is_refused() {
        let json = serde_json::to_string(&of([1, 2])).expect("json");
        let tampered = json.replace("\"minNs\":1000000", "\"minNs\":9000000");
        assert_ne!(json, tampered);
        assert!(serde_json::from_str::<Histogram>(&tampered).is_err());
    }

    #[test]
    fn a_tampered_count_is_refused() {
        let json = serde_json::to_string(&of([1, 2]))
            .expect("json")
            .replace("\"count\":2", "\"count\":3");
        assert!(serde_json::from_str::<Histogram>(&json).is_err());
    }
}
