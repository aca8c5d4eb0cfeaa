//! [`assess`]: objectives × insights → verdicts. Pure.
//!
//! # How a verdict is reached
//! The 95 % interval decides where it lies wholly on one side of the limit; where it straddles the limit, the policy does.
//! A percentile is judged by the share of requests beyond the limit, which needs no interpolation and works where the
//! percentile's own interval is open.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assessment::{Assessment, Certainty, Judgement, OnInconclusive, Verdict};
use super::estimate::{Estimate, block_value, estimate, rests_on, side};
use super::interval::{Interval, ratio_interval};
use super::objective::{Bound, Limit, Objective};
use super::proof::{mostly_failed, vain};
use super::provided;
use crate::metrics::{
    Insights, LoadMeasurement, Measure, MetricName, Slices, Statistic, Stream, Timing, VersionInsights,
};

/// What decides where the data do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
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
    let mut judgements: Vec<_> = judged
        .into_iter()
        .map(|version| of_version(objectives.iter(), version, baseline, policy).into_iter())
        .collect();
    let absolute = || {
        objectives
            .iter()
            .filter(|one| matches!(one.limit, Limit::Value(_)))
    };
    let of_baseline = baseline.map(|version| of_version(absolute(), version, None, policy));
    // By objective, then by version.
    let judgements = objectives
        .iter()
        .flat_map(|_| {
            judgements
                .iter_mut()
                .filter_map(Iterator::next)
                .collect::<Vec<_>>()
        })
        .collect();
    Assessment {
        judgements,
        of_baseline: of_baseline.unwrap_or_default(),
        ..Assessment::default()
    }
}

/// Judges objectives on one version.
fn of_version<'a>(
    objectives: impl Iterator<Item = &'a Objective>,
    version: &VersionInsights,
    baseline: Option<&VersionInsights>,
    policy: Policy,
) -> Vec<Judgement> {
    let own: Vec<Judgement> = objectives
        .map(|objective| judge(objective, version, baseline, policy))
        .collect();
    let vain: Vec<_> = own.iter().map(|one| vain(one, version, &own)).collect();
    let judged = own.into_iter().zip(vain).map(|(judgement, vain)| match vain {
        Some(why) => Judgement {
            verdict: Verdict::NoData,
            certainty: Certainty::Sure,
            note: Some(why),
            ..judgement
        },
        None => judgement,
    });
    judged.collect()
}

/// Judges one objective on one version.
pub(super) fn judge(
    objective: &Objective,
    version: &VersionInsights,
    baseline: Option<&VersionInsights>,
    policy: Policy,
) -> Judgement {
    let found = match objective.limit {
        Limit::Value(limit) => absolute(objective, limit, version),
        Limit::TimesBaseline(factor) => relative(objective, factor, version, baseline, policy),
    };
    let found = found.and_then(|finding| {
        enough(finding.estimate.requests, policy, "it")?;
        Ok(finding)
    });
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
    match found {
        Err(why) => Judgement {
            note: Some(why),
            ..blank
        },
        Ok(finding) => {
            let (verdict, certainty) = decide(&finding, policy.on_inconclusive);
            let estimate = finding.estimate;
            Judgement {
                verdict,
                certainty,
                value: Some(estimate.value).filter(|value| value.is_finite()),
                interval: estimate.interval,
                requests: estimate.requests,
                // Bursts matter only where they leave a doubt.
                note: estimate.note.filter(|_| certainty != Certainty::Sure),
                ..blank
            }
        }
    }
}

fn enough(requests: Option<u64>, policy: Policy, what: &str) -> Result<(), String> {
    match requests.filter(|requests| *requests < policy.min_requests) {
        Some(few) => Err(format!(
            "{what} rests on {few} requests, fewer than minRequests ({})",
            policy.min_requests
        )),
        None => Ok(()),
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
    /// What decides where neither is so.
    rule: Rule,
}

/// What decides where no interval does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// An interval belongs to the value, so the policy.
    Interval,
    /// There is none for such a value: what was observed, whatever the policy.
    Observed,
}

fn decide(finding: &Finding, policy: OnInconclusive) -> (Verdict, Certainty) {
    let observed = if finding.holds {
        Verdict::Met
    } else {
        Verdict::NotMet
    };
    if finding.inside {
        return (Verdict::Met, Certainty::Sure);
    }
    if finding.outside {
        return (Verdict::NotMet, Certainty::Sure);
    }
    let unsure = Certainty::Unsure {
        more_requests: finding.estimate.more_requests,
    };
    match (finding.rule, policy) {
        (Rule::Observed, _) | (Rule::Interval, OnInconclusive::Observed) => (observed, unsure),
        (Rule::Interval, OnInconclusive::Pass) => (Verdict::Met, unsure),
        (Rule::Interval, OnInconclusive::Fail) => (Verdict::Undecided, unsure),
    }
}

fn absolute(objective: &Objective, limit: f64, version: &VersionInsights) -> Result<Finding, String> {
    let holds = |value: f64| match objective.bound {
        Bound::AtMost => value <= limit,
        Bound::AtLeast => value >= limit,
    };
    let MetricName::Load(stream, measure) = &objective.metric else {
        let value = provided::value(objective, version)?;
        return Ok(certain(Estimate::plain(value, None), holds(value)));
    };
    if version.measurement(stream).is_none()
        && let Some(value) = version.value(&objective.metric)
    {
        return Ok(certain(Estimate::plain(value, None), holds(value)));
    }
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
        rule: Rule::Interval,
        estimate,
    })
}

fn certain(estimate: Estimate, holds: bool) -> Finding {
    Finding {
        estimate,
        inside: holds,
        outside: !holds,
        holds,
        rule: Rule::Interval,
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
        return Err(match load.ignored {
            0 => "no request was sent".to_owned(),
            n => format!("no request was counted: {n} were ignored"),
        });
    }
    Ok(load)
}

fn no_value(load: &LoadMeasurement, measure: Measure) -> String {
    match measure {
        Measure::Time(Timing::Latency | Timing::ServiceTime | Timing::Ttfb | Timing::Body, _)
        | Measure::ColdStart => {
            format!("none of {} requests was answered", load.requests)
        }
        Measure::Time(Timing::FirstMessage | Timing::BetweenMessages, _) => {
            "there were no messages of streams".to_owned()
        }
        Measure::Time(timing, _) => format!("no connection had a {} time", timing.name()),
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
        | Measure::MessagesReceived => "there is nothing to compute it from".to_owned(),
    }
}

/// Blocks for a ratio of two versions: more blocks are narrower but cover less than 95 %.
const RATIO_BLOCKS: usize = 5;

/// One side of a comparison.
struct Observed<'a> {
    value: f64,
    requests: Option<u64>,
    load: Option<std::borrow::Cow<'a, LoadMeasurement>>,
}

impl<'a> Observed<'a> {
    /// Fails where an absolute objective would have no data, and says `whose` they are.
    fn of(metric: &MetricName, version: &'a VersionInsights, whose: &str) -> Result<Self, String> {
        let lacking = |why: String| format!("the {whose} has no value: {why}");
        let MetricName::Load(stream, measure) = metric else {
            let value = version
                .value(metric)
                .ok_or_else(|| lacking(provided::NOT_PROVIDED.to_owned()))?;
            return Ok(Self {
                value,
                requests: None,
                load: None,
            });
        };
        let load = measurement(version, stream).map_err(lacking)?;
        let value = load
            .value(*measure)
            .filter(|value| value.is_finite())
            .ok_or_else(|| lacking(no_value(&load, *measure)))?;
        Ok(Self {
            value,
            requests: Some(rests_on(&load, *measure)),
            load: Some(load),
        })
    }
}

fn relative(
    objective: &Objective,
    factor: f64,
    version: &VersionInsights,
    baseline: Option<&VersionInsights>,
    policy: Policy,
) -> Result<Finding, String> {
    let baseline = baseline.ok_or_else(|| "there is no baseline to compare with".to_owned())?;
    let mut mine = Observed::of(&objective.metric, version, "version")?;
    let theirs = Observed::of(&objective.metric, baseline, "baseline")?;
    enough(theirs.requests, policy, "the baseline")?;
    if let Some(failed) = theirs.load.as_deref().and_then(mostly_failed) {
        return Err(format!(
            "there is nothing to compare with, of the baseline {failed}"
        ));
    }
    mine.value = provided::as_given_by(&objective.metric, mine.value, version, baseline)?;
    if mine.value == 0.0 && theirs.value == 0.0 {
        return Ok(both_zero(mine.requests));
    }
    if theirs.value <= 0.0 {
        return Err(format!(
            "the baseline's value is {} and this version's is not: no multiple of it can be a limit, give an absolute limit",
            theirs.value
        ));
    }
    let ratio = mine.value / theirs.value;
    let mut estimate = Estimate::plain(ratio, mine.requests);
    let holds = match objective.bound {
        Bound::AtMost => ratio <= factor,
        Bound::AtLeast => ratio >= factor,
    };
    let Some(quantile) = compared_in_blocks(&objective.metric) else {
        return Ok(Finding {
            estimate,
            inside: false,
            outside: false,
            holds,
            rule: Rule::Observed,
        });
    };
    estimate.interval = ratio_of(&mine, &theirs, quantile);
    if estimate.interval.is_none() {
        estimate.note = Some("the load was too short for an interval of the ratio".to_owned());
    }
    // Without an interval nothing is known of the ratio.
    let side = side(
        estimate.interval.unwrap_or(Interval::OPEN),
        objective.bound,
        factor,
    );
    // Only an interval wholly beyond the limit fails: two equal versions differ by chance.
    Ok(Finding {
        estimate,
        inside: side.inside,
        outside: side.outside,
        holds: !side.outside,
        rule: Rule::Interval,
    })
}

/// Of nothing every multiple is nothing: any limit is kept, and there is no ratio to show.
fn both_zero(requests: Option<u64>) -> Finding {
    let mut estimate = Estimate::plain(f64::NAN, requests);
    estimate.note = Some("0 here and 0 in the baseline".to_owned());
    Finding {
        estimate,
        inside: false,
        outside: false,
        holds: true,
        rule: Rule::Observed,
    }
}

/// Whether the ratio of a metric has an interval, and of which quantile (0 to 1); `None` inside is the mean.
#[expect(
    clippy::option_option,
    reason = "a metric without blocks differs from the mean"
)]
fn compared_in_blocks(metric: &MetricName) -> Option<Option<f64>> {
    let MetricName::Load(_, Measure::Time(Timing::Latency | Timing::Ttfb | Timing::ServiceTime, statistic)) =
        metric
    else {
        return None;
    };
    match statistic {
        Statistic::Percentile(p) if *p < 100.0 => Some(Some(p / 100.0)),
        Statistic::Mean => Some(None),
        Statistic::Percentile(_) | Statistic::Stddev | Statistic::Min | Statistic::Max => None,
    }
}

/// The interval of the ratio, from how much the ratio of the latencies differs between blocks of the same time. Only
/// latencies are kept over time; their spread stands in for that of the other times.
fn ratio_of(mine: &Observed<'_>, theirs: &Observed<'_>, quantile: Option<f64>) -> Option<Interval> {
    let scaled = |side: &Observed<'_>, slices: &Slices| -> Option<Vec<f64>> {
        let statistic = quantile.map_or(Statistic::Mean, |q| Statistic::Percentile(q * 100.0));
        let latencies = side.load.as_ref()?.timings.get(&Timing::Latency)?;
        let scale = side.value / latencies.statistic(statistic)?;
        let values = slices
            .equal_blocks(RATIO_BLOCKS)
            .map(|block| block_value(block, quantile).map_or(f64::NAN, |value| value * scale));
        Some(values.collect())
    };
    let (my_slices, their_slices) = mine.load.as_ref()?.slices.aligned(&theirs.load.as_ref()?.slices);
    let pairs = scaled(mine, &my_slices)?
        .into_iter()
        .zip(scaled(theirs, &their_slices)?);
    ratio_interval(mine.value, theirs.value, &pairs.collect::<Vec<_>>())
}

#[cfg(test)]
#[path = "assess_tests.rs"]
mod tests;
