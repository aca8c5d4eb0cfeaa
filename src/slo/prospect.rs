//! [`prospect`]: whether an objective can still be kept while its load goes on. Pure.
//!
//! # Why
//! Looking again and again at data that grow, and stopping when they look bad, finds something bad sooner or later. So
//! what is only likely takes far stricter evidence than a verdict at the end: 99.9 % instead of 95 %, and who stops a
//! load asks for it twice, at moments that are further and further apart. By simulation a percentile that equals its limit
//! is then given up in less than one run of twenty, slow moments included.

use super::estimate::{above, errors};
use super::interval::{design_effect, share_is_above};
use super::objective::{Bound, Limit, Objective};
use crate::metrics::{LoadMeasurement, Measure, MetricName, Statistic, Timing};

/// The probability of a share that is at most its limit to look as if it were above.
const TAIL: f64 = 0.001;

/// What is to be expected of an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prospect {
    /// It may be kept.
    Open,
    /// It is broken as far as can be seen: 99.9 %.
    Unlikely,
    /// No request to come can mend it.
    Broken,
}

/// What is to be expected of an objective on a load of which this has been measured so far. An objective against a
/// baseline is open to the end, and so is one on a value that may go up and down.
pub fn prospect(objective: &Objective, load: &LoadMeasurement) -> Prospect {
    let (MetricName::Load(_, measure), Limit::Value(limit)) = (&objective.metric, objective.limit) else {
        return Prospect::Open;
    };
    let Some(value) = load.value(*measure) else {
        return Prospect::Open;
    };
    let beyond = match objective.bound {
        Bound::AtMost => value > limit,
        Bound::AtLeast => value < limit,
    };
    match (*measure, objective.bound) {
        _ if !beyond => Prospect::Open,
        (measure, bound) if is_lasting(measure, bound, limit) => Prospect::Broken,
        (Measure::ErrorRate, Bound::AtMost) => {
            let effect = design_effect(&errors(load));
            likely(share_is_above(limit, load.errors, load.requests, &effect, TAIL))
        }
        (Measure::Time(Timing::Latency, Statistic::Percentile(p)), Bound::AtMost) => {
            let Some(latencies) = load.timings.get(&Timing::Latency) else {
                return Prospect::Open;
            };
            let (hits, n) = (latencies.count_above(limit), latencies.count());
            let effect = design_effect(&above(load, limit));
            likely(share_is_above(1.0 - p / 100.0, hits, n, &effect, TAIL))
        }
        _ => Prospect::Open,
    }
}

/// Whether a value beyond its limit stays there: counts only grow, a largest value is never undone.
fn is_lasting(measure: Measure, bound: Bound, limit: f64) -> bool {
    match measure {
        Measure::RequestCount
        | Measure::ErrorCount
        | Measure::Timeouts
        | Measure::Unsent
        | Measure::BytesReceived
        | Measure::StatusClass(_)
        | Measure::StatusCode(_)
        | Measure::MessagesSent
        | Measure::MessagesReceived
        | Measure::Time(_, Statistic::Max) => bound == Bound::AtMost,
        Measure::Time(_, Statistic::Percentile(p)) => bound == Bound::AtMost && p >= 100.0,
        Measure::Time(_, Statistic::Min) => bound == Bound::AtLeast,
        Measure::ErrorRate => bound == Bound::AtMost && limit <= 0.0,
        Measure::ColdStart => true,
        Measure::Throughput | Measure::Time(_, Statistic::Mean | Statistic::Stddev) => false,
    }
}

fn likely(unlikely: bool) -> Prospect {
    if unlikely {
        Prospect::Unlikely
    } else {
        Prospect::Open
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Histogram, SliceRecorder, nanos};

    /// 10 s of 100 requests per second; the latency in milliseconds of each, and whether it failed.
    fn load(each: impl Fn(u64) -> (u64, bool)) -> LoadMeasurement {
        let mut load = LoadMeasurement::default();
        let mut latencies = Histogram::new();
        let mut slices = SliceRecorder::default();
        for n in 0..1000 {
            let (latency, failed) = each(n);
            let (due, latency) = (Duration::from_millis(10 * n), Duration::from_millis(latency));
            load.requests += 1;
            load.answered += 1;
            load.errors += u64::from(failed);
            slices.request(nanos(due), failed);
            slices.latency(nanos(due), nanos(latency));
            latencies.record(latency);
        }
        load.slices = slices.finish();
        load.timings.insert(Timing::Latency, latencies);
        load
    }

    #[track_caller]
    fn assert_prospect(load: &LoadMeasurement, objective: &str, expected: Prospect) {
        let parsed = objective.parse().expect(objective);
        assert_eq!(prospect(&parsed, load), expected, "{objective}");
    }

    #[test]
    fn a_count_beyond_its_limit_is_broken_for_good() {
        let load = load(|n| (if n == 7 { 900 } else { 5 }, n % 100 == 0));
        for (objective, expected) in [
            ("http/error-count <= 9", Prospect::Broken),
            ("http/error-count <= 10", Prospect::Open),
            ("http/error-rate <= 0", Prospect::Broken),
            ("http/latency-max <= 100ms", Prospect::Broken),
            ("http/latency-p100 <= 100ms", Prospect::Broken),
            ("http/latency-min >= 6ms", Prospect::Broken),
            // More requests may come.
            ("http/request-count >= 5000", Prospect::Open),
            ("http/latency-min <= 1ms", Prospect::Open),
            ("http/latency-mean <= 1ms", Prospect::Open),
            ("http/latency-p95 <= 0.1x base", Prospect::Open),
            ("http/throughput >= 1000", Prospect::Open),
        ] {
            assert_prospect(&load, objective, expected);
        }
    }

    #[test]
    fn a_share_must_be_far_beyond_its_limit() {
        let load = load(|n| (if n % 10 == 0 { 50 } else { 5 }, n % 50 == 0));
        for (objective, expected) in [
            ("http/error-rate <= 1.5%", Prospect::Open),
            ("http/error-rate <= 0.5%", Prospect::Unlikely),
            ("http/latency-p95 <= 40ms", Prospect::Unlikely),
            ("http/latency-p95 <= 60ms", Prospect::Open),
            ("http/latency-p91 <= 40ms", Prospect::Open),
            ("http/latency-p89 <= 40ms", Prospect::Open),
        ] {
            assert_prospect(&load, objective, expected);
        }
    }

    #[test]
    fn one_burst_is_no_evidence() {
        let burst = load(|n| (if (400..500).contains(&n) { 500 } else { 5 }, false));
        assert_prospect(&burst, "http/latency-p95 <= 40ms", Prospect::Open);
        let nothing = LoadMeasurement::default();
        assert_prospect(&nothing, "http/latency-p95 <= 40ms", Prospect::Open);
        assert_prospect(&nothing, "http/error-rate <= 0", Prospect::Open);
    }
}
