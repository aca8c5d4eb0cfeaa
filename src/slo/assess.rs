//! [`assess`]: objectives × insights → verdicts. Pure.
//!
//! # How a verdict is reached
//! The 95 % interval decides where it lies wholly on one side of the limit; where it straddles the limit, the policy does.
//! A percentile is judged by the share of requests beyond the limit, which needs no interpolation and works where the
//! percentile's own interval is open.

use super::assessment::{Assessment, Certainty, Judgement, OnInconclusive, Verdict};
use super::estimate::{Estimate, estimate};
use super::interval::{Interval, ratio_interval};
use super::objective::{Bound, Limit, Objective};
use crate::metrics::{
    Insights, LoadMeasurement, Measure, MetricName, Statistic, Stream, Timing, VersionInsights,
};

/// What decides where the data do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Where an interval straddles its limit.
    pub on_inconclusive: OnInconclusive,
    /// Fewest requests that a verdict may rest on.
    pub min_requests: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            on_inconclusive: OnInconclusive::Observed,
            min_requests: 1,
        }
    }
}

/// Judges every objective on every version but the declared baseline.
pub fn assess(objectives: &[Objective], insights: &Insights, policy: Policy) -> Assessment {
    let baseline = insights.versions.iter().find(|version| version.baseline);
    let nothing = VersionInsights::default();
    let judged: Vec<&VersionInsights> = match insights
        .versions
        .iter()
        .filter(|version| !version.baseline)
        .collect::<Vec<_>>()
    {
        versions if versions.is_empty() => vec![&nothing],
        versions => versions,
    };
    let judgements = objectives
        .iter()
        .flat_map(|objective| {
            judged
                .iter()
                .map(move |version| judge(objective, version, baseline, policy))
        })
        .collect();
    Assessment { judgements }
}

fn judge(
    objective: &Objective,
    version: &VersionInsights,
    baseline: Option<&VersionInsights>,
    policy: Policy,
) -> Judgement {
    let enough = |finding: Finding| match finding
        .estimate
        .requests
        .filter(|requests| *requests < policy.min_requests)
    {
        Some(few) => Err(format!(
            "it rests on {few} requests, fewer than minRequests ({})",
            policy.min_requests
        )),
        None => Ok(finding),
    };
    let found = match objective.limit {
        Limit::Value(limit) => absolute(objective, limit, version),
        Limit::TimesBaseline(factor) => relative(objective, factor, version, baseline),
    };
    let blank = Judgement {
        task: 0,
        objective: objective.clone(),
        version: version.name.clone(),
        verdict: Verdict::NoData,
        value: None,
        interval: None,
        certainty: Certainty::Sure,
        requests: None,
        note: None,
    };
    match found.and_then(enough) {
        Err(why) => Judgement {
            note: Some(why),
            ..blank
        },
        Ok(Finding {
            estimate,
            inside,
            outside,
            holds,
        }) => {
            let (verdict, certainty) = decide(&estimate, inside, outside, holds, policy.on_inconclusive);
            Judgement {
                verdict,
                certainty,
                value: Some(estimate.value),
                interval: estimate.interval,
                requests: estimate.requests,
                // Bursts matter only where they leave a doubt.
                note: estimate.note.filter(|_| certainty != Certainty::Sure),
                ..blank
            }
        }
    }
}

/// An estimate held against its limit.
struct Finding {
    estimate: Estimate,
    /// The whole interval keeps the promise.
    inside: bool,
    /// The whole interval breaks it.
    outside: bool,
    /// The observed value keeps it.
    holds: bool,
}

fn decide(
    estimate: &Estimate,
    inside: bool,
    outside: bool,
    holds: bool,
    policy: OnInconclusive,
) -> (Verdict, Certainty) {
    let observed = if holds { Verdict::Met } else { Verdict::NotMet };
    if inside {
        return (Verdict::Met, Certainty::Sure);
    }
    if outside {
        return (Verdict::NotMet, Certainty::Sure);
    }
    let unsure = Certainty::Unsure {
        more_requests: estimate.more_requests,
    };
    match policy {
        OnInconclusive::Observed => (observed, unsure),
        OnInconclusive::Pass => (Verdict::Met, unsure),
        OnInconclusive::Fail => (Verdict::Undecided, unsure),
    }
}

fn absolute(objective: &Objective, limit: f64, version: &VersionInsights) -> Result<Finding, String> {
    let holds = |value: f64| match objective.bound {
        Bound::AtMost => value <= limit,
        Bound::AtLeast => value >= limit,
    };
    let MetricName::Load(stream, measure) = &objective.metric else {
        let value = version
            .value(&objective.metric)
            .ok_or_else(|| "no provider gave this metric a value".to_owned())?;
        return Ok(certain(Estimate::plain(value, None), holds(value)));
    };
    let load = measurement(version, stream)?;
    let estimate =
        estimate(&load, *measure, objective.bound, limit).ok_or_else(|| no_value(&load, *measure))?;
    let Some(side) = estimate.side else {
        let holds = holds(estimate.value);
        return Ok(certain(estimate, holds));
    };
    Ok(Finding {
        inside: side.inside,
        outside: side.outside,
        holds: holds(estimate.value),
        estimate,
    })
}

fn certain(estimate: Estimate, holds: bool) -> Finding {
    Finding {
        estimate,
        inside: holds,
        outside: !holds,
        holds,
    }
}

fn measurement<'a>(
    version: &'a VersionInsights,
    stream: &Stream,
) -> Result<std::borrow::Cow<'a, LoadMeasurement>, String> {
    let load = version
        .measurement(stream)
        .ok_or_else(|| format!("nothing measured `{stream}`"))?;
    if load.requests == 0 {
        return Err("no request was sent".to_owned());
    }
    Ok(load)
}

fn no_value(load: &LoadMeasurement, measure: Measure) -> String {
    match measure {
        Measure::Time(Timing::Latency | Timing::ServiceTime | Timing::Ttfb | Timing::Body, _)
        | Measure::ColdStart => {
            format!("none of {} requests was answered", load.requests)
        }
        Measure::Time(timing, _) => format!("no connection had a {} time", timing.name()),
        Measure::RequestCount
        | Measure::ErrorCount
        | Measure::ErrorRate
        | Measure::Throughput
        | Measure::Timeouts
        | Measure::Unsent
        | Measure::BytesReceived
        | Measure::StatusClass(_) => "there is nothing to compute it from".to_owned(),
    }
}

/// Blocks for a ratio of two versions: more blocks are narrower but cover less than 95 %.
const RATIO_BLOCKS: usize = 5;

fn relative(
    objective: &Objective,
    factor: f64,
    version: &VersionInsights,
    baseline: Option<&VersionInsights>,
) -> Result<Finding, String> {
    let baseline = baseline.ok_or_else(|| "there is no baseline to compare with".to_owned())?;
    let of = |version: &VersionInsights, who: &str| {
        version
            .value(&objective.metric)
            .ok_or_else(|| format!("the {who} has no value"))
    };
    let (mine, theirs) = (of(version, "version")?, of(baseline, "baseline")?);
    if theirs <= 0.0 {
        return Err("the baseline's value is 0: no multiple of it can be a limit".to_owned());
    }
    let ratio = mine / theirs;
    let interval = ratio_of(objective, version, baseline, mine, theirs);
    let requests = match &objective.metric {
        MetricName::Load(stream, _) => version.measurement(stream).map(|load| load.requests),
        MetricName::Custom { .. } => None,
    };
    let (inside, outside, holds) = match (objective.bound, interval) {
        (Bound::AtMost, Some(interval)) => (
            interval.wholly_at_most(factor),
            interval.wholly_above(factor),
            ratio <= factor,
        ),
        (Bound::AtLeast, Some(interval)) => (
            interval.wholly_at_least(factor),
            interval.wholly_below(factor),
            ratio >= factor,
        ),
        (Bound::AtMost, None) => (ratio <= factor, false, ratio <= factor),
        (Bound::AtLeast, None) => (ratio >= factor, false, ratio >= factor),
    };
    let mut estimate = Estimate::plain(ratio, requests);
    estimate.interval = interval;
    // Against a baseline only an interval wholly beyond the limit fails: two equal versions differ by chance.
    Ok(Finding {
        estimate,
        inside,
        outside,
        holds: holds || !outside,
    })
}

fn ratio_of(
    objective: &Objective,
    version: &VersionInsights,
    baseline: &VersionInsights,
    mine: f64,
    theirs: f64,
) -> Option<Interval> {
    let MetricName::Load(stream, Measure::Time(Timing::Latency, statistic)) = &objective.metric else {
        return None;
    };
    let quantile = match statistic {
        Statistic::Percentile(p) => Some(p / 100.0),
        Statistic::Mean => None,
        Statistic::Stddev | Statistic::Min | Statistic::Max => return None,
    };
    let (mine_load, their_load) = (version.measurement(stream)?, baseline.measurement(stream)?);
    let values = |load: &LoadMeasurement| -> Vec<f64> {
        load.slices
            .blocks(RATIO_BLOCKS)
            .map(|block| super::estimate::block_value(block, quantile).unwrap_or(f64::NAN))
            .collect()
    };
    let pairs: Vec<(f64, f64)> = values(&mine_load).into_iter().zip(values(&their_load)).collect();
    ratio_interval(mine, theirs, &pairs)
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
