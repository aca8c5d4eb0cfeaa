//! [`foresee`]: what a number of requests will be able to tell about an objective, before one of them is sent. Pure.
//!
//! It supposes requests that do not hang together; those of one run do, more or less, and then tell less. Where a spread is
//! needed, it is that of times whose standard deviation is their mean (an exponential distribution).

use super::interval::{DesignEffect, requests_to_decide, share_interval};
use super::objective::{Bound, Limit, Objective};
use crate::metrics::{Measure, MetricName, Statistic};

/// The 0.975 quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;
const INDEPENDENT: DesignEffect = DesignEffect {
    value: 1.0,
    seen: false,
    blocks: 0,
};

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Foresight {
    /// All of it: it is counted, not estimated.
    Counted,
    /// How many requests may be bad: failed, or slower than the limit.
    Share(ShareForesight),
    /// The value, give or take this share of it (a mean).
    Within(f64),
    /// A change against the baseline by this share of its value.
    Change(f64),
    /// Nothing beforehand: it depends on what comes.
    Nothing,
}

/// How many requests may be bad for a verdict that is sure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareForesight {
    /// The share of bad requests that is allowed.
    pub limit: f64,
    /// The smallest share that can be shown to be kept: with not one bad request.
    pub smallest: f64,
    /// Most bad requests with which it is met for sure; `None` if not even with none.
    pub met: Option<u64>,
    /// Fewest bad requests with which it is not met for sure; `None` if not even with all.
    pub broken: Option<u64>,
    /// Requests that could show it without a bad one; `None` if no number could.
    pub needed: Option<u64>,
}

/// What `requests` requests, to each version, will be able to tell about an objective.
pub fn foresee(objective: &Objective, requests: u64) -> Foresight {
    let MetricName::Load(_, measure) = &objective.metric else {
        return Foresight::Nothing;
    };
    if requests == 0 {
        return Foresight::Nothing;
    }
    match (*measure, objective.bound, objective.limit) {
        (Measure::ErrorRate, Bound::AtMost, Limit::Value(limit)) => {
            // Without an error is a promise about these requests alone.
            let estimated = limit > 0.0;
            if estimated {
                Foresight::Share(share(limit, requests))
            } else {
                Foresight::Counted
            }
        }
        (Measure::Time(_, Statistic::Percentile(p)), Bound::AtMost, Limit::Value(_)) if p < 100.0 => {
            Foresight::Share(share(1.0 - p / 100.0, requests))
        }
        (Measure::Time(_, Statistic::Mean), _, Limit::Value(_)) => {
            Foresight::Within(Z / (requests as f64).sqrt())
        }
        (Measure::Time(_, Statistic::Mean), _, Limit::TimesBaseline(_)) => {
            Foresight::Change(Z * (2.0 / requests as f64).sqrt())
        }
        (Measure::Time(_, Statistic::Percentile(p)), _, Limit::TimesBaseline(_)) if p < 100.0 => {
            let beyond = 1.0 - p / 100.0;
            // Of a quantile of an exponential distribution: its density there is `beyond` ÷ mean.
            let deviation = (p / 100.0 / beyond / requests as f64).sqrt() / -beyond.ln();
            Foresight::Change(Z * deviation * std::f64::consts::SQRT_2)
        }
        (
            Measure::Time(_, Statistic::Stddev | Statistic::Min | Statistic::Max | Statistic::Percentile(_))
            | Measure::ErrorRate
            | Measure::Throughput
            | Measure::ColdStart,
            ..,
        ) => Foresight::Nothing,
        (
            Measure::RequestCount
            | Measure::ErrorCount
            | Measure::Timeouts
            | Measure::Unsent
            | Measure::BytesReceived
            | Measure::StatusClass(_)
            | Measure::StatusCode(_)
            | Measure::MessagesSent
            | Measure::MessagesReceived,
            ..,
        ) => Foresight::Counted,
    }
}

fn share(limit: f64, requests: u64) -> ShareForesight {
    let interval = |bad| share_interval(bad, requests, &INDEPENDENT);
    let smallest = interval(0).high.unwrap_or(1.0);
    let kept = |bad: u64| interval(bad).wholly_at_most(limit);
    let clear = |bad: u64| interval(bad).wholly_above(limit);
    ShareForesight {
        limit,
        smallest,
        met: kept(0).then(|| first(requests, |bad| !kept(bad)).map_or(requests, |bad| bad - 1)),
        broken: first(requests, clear),
        needed: requests_to_decide(0.0, limit, &INDEPENDENT),
    }
}

/// The first of 0…`most` from which on something holds.
fn first(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(most) {
        return None;
    }
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objective: &str, requests: u64) -> Foresight {
        foresee(&objective.parse().expect(objective), requests)
    }

    fn share_of(objective: &str, requests: u64) -> ShareForesight {
        let Foresight::Share(share) = of(objective, requests) else {
            panic!("no share: {objective}")
        };
        share
    }

    #[test]
    fn two_hundred_requests_cannot_show_one_percent_of_errors() {
        let share = share_of("http/error-rate <= 1%", 200);
        assert_eq!((share.met, share.needed), (None, Some(368)));
        assert!((share.smallest - 0.018_275).abs() < 1e-5, "{share:?}");
        let enough = share_of("http/error-rate <= 1%", 368);
        assert_eq!(enough.met, Some(0));
    }

    #[test]
    fn the_bad_requests_between_met_and_broken_leave_it_undecided() {
        let share = share_of("http/latency-p95 <= 200ms", 1000);
        let (met, broken) = (share.met.expect("enough"), share.broken.expect("enough"));
        let decided = |bad: u64| {
            let interval = share_interval(bad, 1000, &INDEPENDENT);
            (
                interval.wholly_at_most(share.limit),
                interval.wholly_above(share.limit),
            )
        };
        assert_eq!((decided(met).0, decided(met + 1).0), (true, false));
        assert_eq!((decided(broken).1, decided(broken - 1).1), (true, false));
    }

    #[test]
    fn a_limit_of_zero_is_a_promise_about_these_requests_alone() {
        assert_eq!(of("http/error-rate <= 0", 100), Foresight::Counted);
        assert_eq!(of("http/latency-p100 <= 1s", 100), Foresight::Nothing);
    }

    #[test]
    fn four_times_the_requests_tell_half_the_change() {
        for objective in ["http/latency-mean <= 1.1x base", "http/latency-p95 <= 1.1x base"] {
            let change = |requests| {
                let Foresight::Change(change) = of(objective, requests) else {
                    panic!("no change: {objective}")
                };
                change
            };
            assert!((change(100) / change(400) - 2.0).abs() < 1e-9);
        }
        assert_eq!(of("http/error-count <= 3", 10), Foresight::Counted);
        assert_eq!(of("istio/error-rate <= 3", 10), Foresight::Nothing);
        assert_eq!(of("http/error-rate <= 1%", 0), Foresight::Nothing);
    }
}
