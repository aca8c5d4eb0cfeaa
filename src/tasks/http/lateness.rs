//! When iter8 itself released requests late, a part of their latency is not the target's. [`distrust`] says when that
//! part makes the numbers.
//!
//! # Why
//! A process that was stopped or starved of CPU finds requests that have long been due. Their latency counts from the
//! due instant, so the delay looks like the target's. Two facts must come together before a measurement is refused:
//! the delay is longer than a scheduler's ordinary hiccups, for more than a few requests; and at the percentile that
//! objectives are about it is at least half of the latency. A slow target has long latencies without such delays.

use crate::metrics::{LoadMeasurement, Measure, Statistic, Stream, Timing};

/// Delays up to this, in milliseconds, are the ordinary jitter of a machine that has other work, too: measured with
/// two busy loops per processor.
const JITTER: f64 = 50.0;
/// Fewer late requests than this tell nothing.
const FEW: u64 = 5;
/// In a load of less than this, in seconds, one hiccup of the scheduler looks like a bottleneck: it is noted only.
const SHORTEST: f64 = 1.0;
/// Percentiles at which delay and latency are compared.
const PERCENTILES: [f64; 2] = [95.0, 99.0];

/// Why a paced load cannot be trusted: its tail was made by iter8's own delay.
pub(super) fn distrust(stream: &Stream, measurement: &LoadMeasurement) -> Option<String> {
    let late = measurement.send_delay.count_above(JITTER);
    if late < FEW || measurement.elapsed < SHORTEST {
        return None;
    }
    PERCENTILES.iter().find_map(|percent| {
        let statistic = Statistic::Percentile(*percent);
        let delay = measurement.send_delay.statistic(statistic)?;
        let latency = measurement.value(Measure::Time(Timing::Latency, statistic))?;
        (delay > JITTER && delay * 2.0 >= latency).then(|| {
            format!(
                "iter8 itself sent {late} of {} requests to `{stream}` late (p{percent} of the delay {delay:.0} ms, \
                 of the latency {latency:.0} ms): the generator was the bottleneck; lower `qps`, or give it more CPU",
                measurement.send_delay.count()
            )
        })
    })
}

/// What there is to say about late requests, trusted or not.
pub(super) fn note(measurement: &LoadMeasurement) -> Option<String> {
    let (late, all) = (
        measurement.send_delay.count_above(JITTER),
        measurement.send_delay.count(),
    );
    (late >= FEW && late * 100 > all).then(|| {
        format!("iter8 itself sent {late} of {all} requests more than {JITTER} ms late; that delay is part of the latency")
    })
}

/// How many requests waited because so many `connections` were busy: of all that were due, sent or not.
pub(super) fn waited(measurement: &LoadMeasurement, connections: u32) -> Option<String> {
    let (waited, due) = (measurement.waited, measurement.requests + measurement.unsent);
    let all = if connections == 1 {
        "the only connection was".to_owned()
    } else {
        format!("all {connections} connections were")
    };
    (waited > 0).then(|| {
        format!("{waited} of {due} requests waited because {all} busy; their wait is part of the latency")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A load of 800 requests, with the delay and the service time of each in milliseconds.
    fn load(each: impl Fn(u64) -> (u64, u64)) -> LoadMeasurement {
        let mut load = LoadMeasurement {
            elapsed: 4.0,
            ..LoadMeasurement::default()
        };
        for n in 0..800 {
            let (delay, service) = each(n);
            load.requests += 1;
            load.send_delay.record(Duration::from_millis(delay));
            let latency = load.timings.entry(Timing::Latency).or_default();
            latency.record(Duration::from_millis(delay + service));
        }
        load
    }

    fn reason(each: impl Fn(u64) -> (u64, u64)) -> Option<String> {
        distrust(&super::super::stream(None), &load(each))
    }

    /// The delays of a stall of `long` ms at 200 requests per second.
    fn stall(n: u64, long: u64) -> u64 {
        long.saturating_sub(5 * n)
    }

    #[test]
    fn a_stall_of_our_own_spoils_the_measurement_of_a_healthy_target() {
        let why = reason(|n| (stall(n, 1500), 1)).expect("distrust");
        assert!(why.starts_with("iter8 itself sent 290 of 800 requests"), "{why}");
        assert!(why.contains("lower `qps`") && why.contains("more CPU"), "{why}");
        // Enough for p99 alone.
        assert!(reason(|n| (stall(n, 150), 1)).is_some());
        assert!(note(&load(|n| (stall(n, 1500), 1))).is_some());
    }

    #[test]
    fn a_slow_target_is_not_excused_by_our_delay() {
        assert_eq!(reason(|n| (0, 100 + n % 3000)), None);
        assert_eq!(reason(|n| (n % 25, 300)), None);
        assert_eq!(
            reason(|n| (stall(n, 150), 1 + 600 * u64::from(n % 10 == 0))),
            None
        );
    }

    #[test]
    fn jitter_and_single_hiccups_spoil_nothing() {
        assert_eq!(reason(|n| (n % 50, 0)), None);
        assert_eq!(reason(|n| (90 * u64::from(n % 150 == 0), 0)), None);
        assert_eq!(reason(|n| (900 * u64::from(n < 4), 0)), None);
        assert_eq!(note(&load(|n| (n % 50, 0))), None);
    }

    #[test]
    fn requests_that_waited_are_a_part_of_those_that_were_due() {
        let load = LoadMeasurement {
            requests: 40,
            unsent: 80,
            waited: 98,
            ..LoadMeasurement::default()
        };
        let told = waited(&load, 4).expect("some waited");
        assert!(
            told.starts_with("98 of 120 requests waited because all 4 connections"),
            "{told}"
        );
        assert_eq!(waited(&LoadMeasurement::default(), 4), None);
    }

    #[test]
    fn a_load_of_a_moment_is_not_refused_for_one_hiccup() {
        let mut short = load(|n| (if n % 2 == 0 { 100 } else { 0 }, 1));
        let stream = crate::tasks::http::stream(None);
        assert!(distrust(&stream, &short).is_some());
        short.elapsed = 0.1;
        assert_eq!(distrust(&stream, &short), None);
        assert!(note(&short).is_some());
    }

    #[test]
    fn nothing_is_said_of_a_load_without_due_instants() {
        let mut free = load(|_| (0, 900));
        free.send_delay = crate::metrics::Histogram::new();
        assert_eq!(distrust(&super::super::stream(None), &free), None);
        assert_eq!(note(&free), None);
    }
}
