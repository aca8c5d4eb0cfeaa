//! Whether what is judged is measured: every metric of an objective or a reward, by a task before it, and in its unit.

use std::collections::BTreeSet;

use super::pipeline::{Pipeline, Step};
use super::{Placed, Planned};
use crate::diagnostic::did_you_mean;
use crate::metrics::{Measure, MetricName, Protocol, Stream};
use crate::slo::{Limit, Objective, ill_suited};
use crate::spec::{At, Decoder};

impl Pipeline {
    /// Every metric of an objective must be measured by a task before it.
    pub(super) fn check_metrics(&self, provided_known: bool, decoder: &mut Decoder<'_>) {
        let guessed = |metric: &MetricName| !provided_known && matches!(metric, MetricName::Custom { .. });
        for (position, step) in self.steps.iter().enumerate() {
            for objective in step.task.objectives() {
                let metric = &objective.value.metric;
                if guessed(metric) {
                    continue;
                }
                let measured = self.check_metric(position, metric, &objective.at, decoder);
                if measured {
                    check_unit(&self.steps[..position], objective, decoder);
                }
                if measured
                    && matches!(objective.value.limit, Limit::TimesBaseline(_))
                    && let Err(hint) = comparable(&self.steps[..position], metric)
                {
                    let message = "there is no baseline to compare with";
                    decoder.error(&objective.at, message, Some(hint));
                }
            }
            for reward in step.task.rewards() {
                let metric = &reward.value.metric;
                if !guessed(metric) && self.check_metric(position, metric, &reward.at, decoder) {
                    check_contenders(&self.steps[..position], metric, &reward.at, decoder);
                    check_given(&self.steps[..position], metric, &reward.at, decoder);
                }
            }
        }
    }

    /// Every version is judged by every objective: one that nothing measures it for is sure to have no data. Found once
    /// for each `assess` task.
    pub(super) fn check_versions(&self, provided_known: bool, decoder: &mut Decoder<'_>) {
        for (position, step) in self.steps.iter().enumerate() {
            let before = &self.steps[..position];
            let mut objectives = step.task.objectives().iter();
            let found = objectives.find_map(|objective| {
                let metric = &objective.value.metric;
                let guessed = !provided_known && matches!(metric, MetricName::Custom { .. });
                let names = unmeasured(before, metric).filter(|_| !guessed && !objective.value.warn)?;
                Some((names, metric, &objective.at))
            });
            if let Some((names, metric, at)) = found {
                let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "every version is judged, and no task measures {metric} of {}",
                    names.join(", ")
                );
                let hint = "give a version the same name in every task: `versions: [{name: …}]`, or `name:` in each of `versionValues`";
                decoder.stray(at, message, Some(hint.to_owned()));
            }
        }
    }

    /// Whether a task before a position measures a metric; if not, that has been reported.
    fn check_metric(&self, position: usize, metric: &MetricName, at: &At, decoder: &mut Decoder<'_>) -> bool {
        let measured = |steps: &[Step]| steps.iter().any(|step| step.task.measures(metric));
        if measured(&self.steps[..position]) {
            return true;
        }
        let (message, hint) = if measured(&self.steps[position..]) {
            (
                format!("{metric} is measured only after this task"),
                Some("put the `assess` task behind it".to_owned()),
            )
        } else {
            (format!("no task measures {metric}"), self.suggest(metric))
        };
        decoder.stray(at, message, hint);
        false
    }

    fn suggest(&self, metric: &MetricName) -> Option<String> {
        let streams: Vec<Stream> = self.steps.iter().flat_map(|step| step.task.produces()).collect();
        match metric {
            MetricName::Load(stream, measure) => {
                let names: Vec<String> = streams.iter().map(Stream::to_string).collect();
                let near = did_you_mean(&stream.to_string(), names.iter().map(String::as_str));
                let meant = |stream: Stream| MetricName::Load(stream, *measure);
                match (near.and_then(|name| name.parse().ok()), streams.first()) {
                    (Some(near), _) => Some(format!("did you mean `{}`?", meant(near))),
                    (None, Some(first)) => Some(format!("measured is `{}`", meant(first.clone()))),
                    (None, None) => Some(match stream.protocol {
                        Protocol::Http => "add an `http` task before it".to_owned(),
                        Protocol::Grpc => "add a `grpc` task before it".to_owned(),
                    }),
                }
            }
            MetricName::Custom { provider, name } => {
                let provided: Vec<String> = self.steps.iter().flat_map(|step| step.task.provides()).collect();
                let near = did_you_mean(&metric.to_string(), provided.iter().map(String::as_str))
                    .map(|meant| format!("did you mean `{meant}`?"));
                let near = near.or_else(|| {
                    did_you_mean(provider, ["http", "grpc"])
                        .map(|protocol| format!("did you mean `{protocol}/{name}`?"))
                });
                near.or_else(|| {
                    if !provided.is_empty() {
                        let some: Vec<String> = provided.into_iter().take(8).collect();
                        return Some(format!("read from providers are {}", some.join(", ")));
                    }
                    Some("measured are metrics of the load tasks, such as http/latency-p95".to_owned())
                })
            }
        }
    }
}

/// The versions that are sure to be there, and that nothing measures a metric of; `None` where there are none.
fn unmeasured<'a>(steps: &'a [Step], metric: &MetricName) -> Option<BTreeSet<&'a str>> {
    let names = |step: &'a Step| step.task.tests().iter().map(|version| version.name.as_str());
    let measured: BTreeSet<&str> = steps
        .iter()
        .filter(|step| step.task.measures(metric))
        .flat_map(names)
        .collect();
    let judged = steps
        .iter()
        // One with a condition may be skipped.
        .filter(|step| step.condition.is_none())
        .flat_map(|step| step.task.tests())
        .filter(|version| !version.baseline && !measured.contains(version.name.as_str()));
    let missing: BTreeSet<&str> = judged.map(|version| version.name.as_str()).collect();
    (!measured.is_empty() && !missing.is_empty()).then_some(missing)
}

/// A limit that was written with a unit is of the kind of the metric's own.
fn check_unit(steps: &[Step], objective: &Placed<Objective>, decoder: &mut Decoder<'_>) {
    let Placed { value, at } = objective;
    let mut units = steps
        .iter()
        .filter_map(|step| step.task.provided_unit(&value.metric));
    let found = units.find_map(|unit| ill_suited(value, Some(unit).filter(|unit| !unit.is_empty())));
    if let Some(why) = found {
        decoder.error(at, format!("{value}: {why}"), None);
    }
}

/// One version alone has nothing to win against.
fn check_contenders(steps: &[Step], metric: &MetricName, at: &At, decoder: &mut Decoder<'_>) {
    let steps = steps.iter().filter(|step| step.task.measures(metric));
    let names: BTreeSet<&str> = steps
        .flat_map(|step| step.task.tests())
        .map(|version| version.name.as_str())
        .collect();
    if names.len() < 2 {
        let message = "nothing to compare with: only one version is measured, and the run will be invalid";
        let hint = "give the task that measures it `versions`, or leave the reward out";
        decoder.warning(at, message, Some(hint.to_owned()));
    }
}

/// What the load itself decides is the same for all versions, whichever is the best.
fn check_given(steps: &[Step], metric: &MetricName, at: &At, decoder: &mut Decoder<'_>) {
    let MetricName::Load(_, measure) = metric else {
        return;
    };
    let last = steps.iter().rfind(|step| step.task.measures(metric));
    let planned = last.map_or_else(Vec::new, |step| step.task.planned());
    // A closed loop has one of them at most.
    let paced = |load: &Planned| load.extent.requests.is_some() && load.extent.time.is_some();
    let counted = |load: &Planned| load.extent.requests.is_some();
    let given = (*measure == Measure::Throughput && planned.iter().all(paced))
        || (*measure == Measure::RequestCount && planned.iter().all(counted));
    if given && !planned.is_empty() {
        let message = format!(
            "{metric} is what the load says, the same for every version that keeps up: as a reward it tells nothing"
        );
        let hint = "reward a latency or a metric of a provider, or send as fast as possible for a `duration`: `qps: max`";
        decoder.warning(at, message, Some(hint.to_owned()));
    }
}

/// Whether every version that would be judged has been measured beside the baseline: the last load of both is one task's.
///
/// # Errors
/// What to do about it.
fn comparable(steps: &[Step], metric: &MetricName) -> Result<(), String> {
    let MetricName::Load(stream, _) = metric else {
        let asked = steps.iter().filter(|step| step.task.measures(metric));
        let mut versions = asked.flat_map(|step| step.task.tests());
        return versions.any(|version| version.baseline).then_some(()).ok_or_else(|| {
            "give `versions`, one of them with `baseline: true`, to the `custommetrics` task, or a number as the limit".to_owned()
        });
    };
    let loads = |step: &&Step| {
        let mut produced = step.task.produces().into_iter();
        produced.any(|known| known.protocol == stream.protocol)
    };
    let versions = || steps.iter().filter(loads).flat_map(|step| step.task.tests());
    let measured_by = |name: &str| {
        let mut latest = steps.iter().filter(loads).rev();
        latest.find(|step| step.task.tests().iter().any(|version| version.name == name))
    };
    let Some((baseline, beside)) = versions()
        .find(|version| version.baseline)
        .and_then(|baseline| Some((baseline, measured_by(&baseline.name)?.index)))
    else {
        let (field, kind) = match stream.protocol {
            Protocol::Http => ("baselineURL", "http"),
            Protocol::Grpc => ("baselineHost", "grpc"),
        };
        return Err(format!(
            "give `{field}` or `versions` to the `{kind}` task, or a number as the limit"
        ));
    };
    for version in versions().filter(|version| !version.baseline) {
        if let Some(step) = measured_by(&version.name).filter(|step| step.index != beside) {
            return Err(format!(
                "`{}` is measured by task {}, the baseline `{}` by task {beside}: measure both in one task, side by side, or give a number as the limit",
                version.name, step.index, baseline.name
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "measured_tests.rs"]
mod tests;
