//! [`History`]: an earlier result, as far as it is shown beside a later one.
//!
//! # Why it judges nothing
//! Runs one after the other differ by machine, neighbours and time of day: without any change in the code, the 95 %
//! intervals of one pair in six disagree. So what is shown here informs; only what is far beyond that,
//! on the same kind of machine under the same load, is worth a warning.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExperimentResult, Outcome};
use crate::metrics::{Measure, MetricName, Protocol, Statistic, Stream, Timing, Unit, VersionInsights};
use crate::slo::Limit;

/// From this ratio on a latency is worth a warning,
const FACTOR: f64 = 1.5;
/// if it grew by so many milliseconds;
const MILLISECONDS: f64 = 10.0;
/// and an error rate from this growth on.
const SHARE: f64 = 0.01;

/// A metric of both results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The metric.
    pub metric: MetricName,
    /// Its value in this result, in the metric's unit.
    pub now: f64,
    /// Its value in the earlier one.
    pub before: f64,
}

/// An earlier result beside this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The commit that the earlier result is of.
    pub commit: Option<String>,
    /// Link to it.
    pub commit_url: Option<String>,
    /// Start of the earlier run.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What can be compared.
    pub changes: Vec<Change>,
    /// In what the runs differ beside the code, in words: each of them can be why a number changed.
    pub differences: Vec<String>,
}

impl History {
    /// What an earlier result says beside this one.
    pub fn of(now: &ExperimentResult, before: &ExperimentResult) -> Self {
        let environment = &before.environment;
        Self {
            commit: environment.commit.clone(),
            commit_url: environment.commit_url.clone(),
            started: before.started,
            outcome: before.outcome,
            changes: changes(now, before),
            differences: differences(now, before),
        }
    }

    /// What became so much worse that a reader should know; nothing where something else may be why.
    pub fn worse(&self) -> impl Iterator<Item = &Change> {
        let comparable = self.differences.is_empty();
        self.changes
            .iter()
            .filter(move |change| comparable && change.is_much_worse())
    }
}

impl Change {
    /// This result's value over that of the earlier one, if that is a number.
    pub fn ratio(&self) -> Option<f64> {
        let ratio = self.now / self.before;
        ratio.is_finite().then_some(ratio)
    }

    fn is_much_worse(&self) -> bool {
        let grown = self.now - self.before;
        let least = match self.metric.unit() {
            Unit::Milliseconds => MILLISECONDS,
            Unit::Fraction => SHARE,
            Unit::Count | Unit::PerSecond | Unit::Bytes | Unit::Plain => return false,
        };
        grown >= least && self.now >= FACTOR * self.before
    }
}

fn tested(result: &ExperimentResult) -> Option<&VersionInsights> {
    result.insights.versions.iter().find(|version| !version.baseline)
}

/// The usual metrics, and those that were promised, where both results have them.
fn changes(now: &ExperimentResult, before: &ExperimentResult) -> Vec<Change> {
    let (Some(newer), Some(older)) = (tested(now), tested(before)) else {
        return Vec::new();
    };
    let usual = [50.0, 95.0, 99.0].map(|p| Measure::Time(Timing::Latency, Statistic::Percentile(p)));
    let mut names: Vec<MetricName> = Vec::new();
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let whole = |measure| {
            let endpoint = None;
            MetricName::Load(Stream { protocol, endpoint }, measure)
        };
        names.extend(usual.into_iter().chain([Measure::ErrorRate]).map(whole));
    }
    let promised = now
        .assessment
        .judgements
        .iter()
        .map(|judgement| &judgement.objective);
    names.extend(
        promised
            .filter(|objective| matches!(objective.limit, Limit::Value(_)))
            .map(|objective| objective.metric.clone()),
    );
    let mut changes: Vec<Change> = Vec::new();
    for metric in names {
        let known = changes.iter().any(|change| change.metric == metric);
        if let (false, Some(now), Some(before)) = (known, newer.value(&metric), older.value(&metric)) {
            changes.push(Change { metric, now, before });
        }
    }
    changes
}

/// In what the runs differ.
fn differences(now: &ExperimentResult, before: &ExperimentResult) -> Vec<String> {
    let (here, there) = (&now.environment, &before.environment);
    let unknown = || "unknown".to_owned();
    let plan = |result: &ExperimentResult| {
        let load = tested(result).and_then(|version| version.loads.first());
        load.map_or_else(unknown, |load| load.plan.clone())
    };
    let pairs = [
        ("platform", there.platform.clone(), here.platform.clone()),
        ("system", there.system.clone(), here.system.clone()),
        (
            "processors",
            there.processors.to_string(),
            here.processors.to_string(),
        ),
        (
            "processor",
            there.processor.clone().unwrap_or_else(unknown),
            here.processor.clone().unwrap_or_else(unknown),
        ),
        ("iter8", there.iter8_version.clone(), here.iter8_version.clone()),
        ("load", plan(before), plan(now)),
    ];
    let mut words: Vec<String> = pairs
        .into_iter()
        .filter(|(_, before, now)| before != now)
        .map(|(what, before, now)| format!("{what}: {before} then, {now} now"))
        .collect();
    if now.experiment.text != before.experiment.text {
        words.push("the experiment was another then".to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(metric: &str, before: f64, now: f64) -> Change {
        Change {
            metric: metric.parse().expect(metric),
            now,
            before,
        }
    }

    #[test]
    fn only_what_is_far_worse_is_worth_a_warning() {
        for (metric, before, now, worse) in [
            ("http/latency-p95", 100.0, 149.0, false),
            ("http/latency-p95", 100.0, 151.0, true),
            ("http/latency-p95", 2.0, 8.0, false),
            ("http/latency-p95", 151.0, 100.0, false),
            ("http/error-rate", 0.0, 0.005, false),
            ("http/error-rate", 0.0, 0.02, true),
            ("http/error-rate", 0.10, 0.12, false),
            ("http/request-count", 10.0, 1000.0, false),
        ] {
            let change = change(metric, before, now);
            assert_eq!(change.is_much_worse(), worse, "{change:?}");
        }
        assert_eq!(change("http/error-rate", 0.0, 0.5).ratio(), None);
    }

    #[test]
    fn nothing_is_worse_where_something_else_may_be_why() {
        let mut history = History {
            commit: None,
            commit_url: None,
            started: Timestamp::UNIX_EPOCH,
            outcome: Outcome::Pass,
            changes: vec![change("http/latency-p95", 100.0, 400.0)],
            differences: Vec::new(),
        };
        assert_eq!(history.worse().count(), 1);
        history.differences.push("processors: 2 then, 4 now".into());
        assert_eq!(history.worse().count(), 0);
    }
}
