//! [`estimate`]: a metric's value, its 95 % interval, and on which side of a limit that interval lies.

use super::interval::{
    Block, DesignEffect, Interval, design_effect, mean_interval, quantile_ranks, requests_to_decide,
    share_interval,
};
use super::objective::Bound;
use crate::metrics::{Histogram, LoadMeasurement, Measure, Slice, Statistic, Timing};

/// Blocks that the design effect is estimated from.
const BLOCKS: usize = 10;
/// A design effect from which a reader should know that requests hang together.
const BURSTY: f64 = 4.0;

/// On which side of the limit the whole interval lies; neither when it straddles the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) inside: bool,
    pub(super) outside: bool,
}

/// A value and how sure it is.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
    /// `None` for plain counts, which are what they are.
    pub(super) side: Option<Side>,
    pub(super) requests: Option<u64>,
    pub(super) more_requests: Option<u64>,
    pub(super) note: Option<String>,
}

impl Estimate {
    /// A number that is exactly what was asked for.
    pub(super) fn plain(value: f64, requests: Option<u64>) -> Self {
        Self {
            value,
            interval: None,
            side: None,
            requests,
            more_requests: None,
            note: None,
        }
    }
}

/// Estimates a measure of a load; `None` when there is nothing to compute it from.
pub(super) fn estimate(
    load: &LoadMeasurement,
    measure: Measure,
    bound: Bound,
    limit: f64,
) -> Option<Estimate> {
    let value = load.value(measure)?;
    let plain = Estimate::plain(value, Some(rests_on(load, measure)));
    match measure {
        Measure::ErrorRate => Some(error_rate(load, &plain, bound, limit)),
        Measure::Time(timing, Statistic::Percentile(p)) if p < 100.0 => {
            Some(percentile(load, timing, p / 100.0, plain, bound, limit))
        }
        Measure::Time(Timing::Latency, Statistic::Mean) => Some(mean(load, plain, bound, limit)),
        Measure::RequestCount
        | Measure::ErrorCount
        | Measure::Throughput
        | Measure::Timeouts
        | Measure::Unsent
        | Measure::BytesReceived
        | Measure::StatusClass(_)
        | Measure::StatusCode(_)
        | Measure::MessagesSent
        | Measure::MessagesReceived
        | Measure::ColdStart
        | Measure::Time(..) => Some(plain),
    }
}

/// How many requests a value rests on: a latency on those that have one, not on those that failed.
pub(super) fn rests_on(load: &LoadMeasurement, measure: Measure) -> u64 {
    match measure {
        Measure::Time(timing, _) => load.timings.get(&timing).map_or(0, Histogram::count),
        Measure::RequestCount
        | Measure::ErrorCount
        | Measure::ErrorRate
        | Measure::Throughput
        | Measure::Timeouts
        | Measure::Unsent
        | Measure::BytesReceived
        | Measure::StatusClass(_)
        | Measure::StatusCode(_)
        | Measure::MessagesSent
        | Measure::MessagesReceived
        | Measure::ColdStart => load.requests,
    }
}

fn error_rate(load: &LoadMeasurement, plain: &Estimate, bound: Bound, limit: f64) -> Estimate {
    let effect = design_effect(&errors(load));
    let interval = share_interval(load.errors, load.requests, &effect);
    // "No errors at all" is a promise about these requests: no number of clean requests shows a rate of exactly 0.
    let exact = bound == Bound::AtMost && limit <= 0.0;
    Estimate {
        interval: Some(interval),
        side: (!exact).then(|| side(interval, bound, limit)),
        more_requests: more(load.errors, load.requests, limit, &effect),
        note: note(&effect, load.requests),
        ..*plain
    }
}

fn percentile(
    load: &LoadMeasurement,
    timing: Timing,
    q: f64,
    plain: Estimate,
    bound: Bound,
    limit: f64,
) -> Estimate {
    let Some(histogram) = load.timings.get(&timing) else {
        return plain;
    };
    let n = histogram.count();
    // Only latencies are kept over time; their bursts stand in for those of the other times.
    let effect_at = |milliseconds: f64| design_effect(&above(load, milliseconds));
    let latency = |value: f64| match timing {
        Timing::Latency => value,
        Timing::ServiceTime
        | Timing::Ttfb
        | Timing::Body
        | Timing::Dns
        | Timing::Connect
        | Timing::Tls
        | Timing::FirstMessage
        | Timing::BetweenMessages => {
            let same = load
                .timings
                .get(&Timing::Latency)
                .and_then(|all| all.statistic(Statistic::Percentile(q * 100.0)));
            same.unwrap_or(value)
        }
    };
    let effect = effect_at(latency(plain.value));
    let (low, high) = quantile_ranks(n, q, &effect);
    let at = |rank: Option<u64>| rank.and_then(|rank| histogram.value_at_rank(rank));
    let beyond = histogram.count_above(limit);
    let effect_of = |value: f64| {
        if timing == Timing::Latency {
            effect_at(value)
        } else {
            effect
        }
    };
    let ends = Ends {
        histogram,
        q,
        effect_of: &effect_of,
    };
    // "pQ at most L" is "at most 1 − Q of the requests take longer than L".
    let interval = Interval {
        low: at(low).or_else(|| ends.low()),
        high: at(high).or_else(|| ends.high()),
    };
    let effect_of_limit = effect_of(limit);
    let share = share_interval(beyond, n, &effect_of_limit);
    Estimate {
        interval: Some(interval),
        side: Some(agreed(side(share, bound, 1.0 - q), interval, bound, limit)),
        more_requests: more(beyond, n, 1.0 - q, &effect_of_limit),
        note: note(&effect, n),
        ..plain
    }
}

/// The ends of the interval of a percentile by the shares that decide: where bursts make its ranks leave an end open, it
/// lies where the share of requests beyond it begins to tell. Too few requests leave it open all the same.
struct Ends<'a> {
    histogram: &'a Histogram,
    q: f64,
    effect_of: &'a dyn Fn(f64) -> DesignEffect,
}

impl Ends<'_> {
    fn high(&self) -> Option<f64> {
        let n = self.histogram.count();
        let shown = |rank: u64| {
            let value = self.histogram.value_at_rank(rank)?;
            let beyond = self.histogram.count_above(value);
            let share = share_interval(beyond, n, &(self.effect_of)(value));
            share.wholly_at_most(1.0 - self.q).then_some(value)
        };
        let mut end = shown(n)?;
        let (mut open, mut closed) = (self.middle(), n);
        while closed.saturating_sub(open) > 1 {
            let rank = open.midpoint(closed);
            match shown(rank) {
                Some(value) => (closed, end) = (rank, value),
                None => open = rank,
            }
        }
        Some(end)
    }

    fn low(&self) -> Option<f64> {
        let n = self.histogram.count();
        let shown = |rank: u64| {
            let value = self.histogram.value_at_rank(rank)?;
            let share = share_interval(n - rank + 1, n, &(self.effect_of)(value));
            share.wholly_above(1.0 - self.q).then_some(value)
        };
        let mut end = shown(1)?;
        let (mut closed, mut open) = (1, self.middle());
        while open.saturating_sub(closed) > 1 {
            let rank = closed.midpoint(open);
            match shown(rank) {
                Some(value) => (closed, end) = (rank, value),
                None => open = rank,
            }
        }
        Some(end)
    }

    /// The rank of the percentile itself, from 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    fn middle(&self) -> u64 {
        ((self.histogram.count() as f64 * self.q).ceil() as u64).max(1)
    }
}

/// A side is sure only if the interval that is shown says the same: share and percentile see different bursts.
fn agreed(share: Side, shown: Interval, bound: Bound, limit: f64) -> Side {
    let (worst, best) = match bound {
        Bound::AtMost => (
            shown.high.is_some_and(|high| high <= limit),
            shown.low.is_some_and(|low| low > limit),
        ),
        Bound::AtLeast => (
            shown.low.is_some_and(|low| low >= limit),
            shown.high.is_some_and(|high| high < limit),
        ),
    };
    Side {
        inside: share.inside && worst,
        outside: share.outside && best,
    }
}

fn mean(load: &LoadMeasurement, plain: Estimate, bound: Bound, limit: f64) -> Estimate {
    let sums: Vec<(u64, f64)> = load
        .slices
        .blocks(BLOCKS)
        .map(|block| {
            (
                block.iter().map(Slice::latencies).sum(),
                block.iter().map(Slice::latency_sum).sum(),
            )
        })
        .collect();
    let variance = load
        .timings
        .get(&Timing::Latency)
        .and_then(|all| all.statistic(Statistic::Stddev))
        .map(|sd| sd * sd);
    match mean_interval(&sums, variance) {
        Some(interval) => Estimate {
            interval: Some(interval),
            side: Some(side(interval, bound, limit)),
            ..plain
        },
        // Too short for an interval: neither inside nor outside.
        None => Estimate {
            side: Some(Side {
                inside: false,
                outside: false,
            }),
            ..plain
        },
    }
}

/// Requests and errors in stretches of equal time.
pub(super) fn errors(load: &LoadMeasurement) -> Vec<Block> {
    load.slices
        .blocks(BLOCKS)
        .map(|block| Block {
            requests: block.iter().map(|slice| slice.requests).sum(),
            above: block.iter().map(|slice| slice.errors).sum(),
        })
        .collect()
}

/// Latencies, and those above a limit, in stretches of equal time.
pub(super) fn above(load: &LoadMeasurement, milliseconds: f64) -> Vec<Block> {
    load.slices
        .blocks(BLOCKS)
        .map(|block| Block {
            requests: block.iter().map(Slice::latencies).sum(),
            above: block
                .iter()
                .map(|slice| slice.latencies_above(milliseconds))
                .sum(),
        })
        .collect()
}

/// The value of one block: a quantile (0 to 1) of its latencies, or their mean.
pub(super) fn block_value(block: &[Slice], quantile: Option<f64>) -> Option<f64> {
    if let Some(quantile) = quantile {
        let mut all = Histogram::new();
        for slice in block {
            slice.add_to(&mut all);
        }
        return all.statistic(Statistic::Percentile(quantile * 100.0));
    }
    let n: u64 = block.iter().map(Slice::latencies).sum();
    (n > 0).then(|| block.iter().map(Slice::latency_sum).sum::<f64>() / n as f64)
}

/// On which side of a limit an interval lies.
pub(super) fn side(interval: Interval, bound: Bound, limit: f64) -> Side {
    match bound {
        Bound::AtMost => Side {
            inside: interval.wholly_at_most(limit),
            outside: interval.wholly_above(limit),
        },
        Bound::AtLeast => Side {
            inside: interval.wholly_at_least(limit),
            outside: interval.wholly_below(limit),
        },
    }
}

fn more(hits: u64, n: u64, limit: f64, effect: &DesignEffect) -> Option<u64> {
    if n == 0 {
        return None;
    }
    let total = requests_to_decide(hits as f64 / n as f64, limit, effect)?;
    total.checked_sub(n).filter(|more| *more > 0)
}

fn note(effect: &DesignEffect, n: u64) -> Option<String> {
    (effect.seen && effect.value >= BURSTY).then(|| {
        let worth = (n as f64 / effect.value).round();
        format!("slow or failing requests came in bursts: {n} requests are worth {worth} independent ones")
    })
}
