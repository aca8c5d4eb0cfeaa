//! Which versions the tasks of an experiment measure, and what can be compared: known before anything is sent.

use std::collections::BTreeSet;

use super::Step;
use crate::metrics::{MetricName, Protocol};
use crate::spec::{At, Decoder};

/// The versions that are sure to be there, and that nothing measures a metric of; `None` where there are none.
pub(super) fn unmeasured<'a>(steps: &'a [Step], metric: &MetricName) -> Option<BTreeSet<&'a str>> {
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

/// One version alone has nothing to win against.
pub(super) fn check_contenders(steps: &[Step], metric: &MetricName, at: &At, decoder: &mut Decoder<'_>) {
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

/// Whether every version that would be judged has been measured beside the baseline: the last load of both is one task's.
///
/// # Errors
/// What to do about it.
pub(super) fn comparable(steps: &[Step], metric: &MetricName) -> Result<(), String> {
    let MetricName::Load(stream, _) = metric else {
        let mut read = steps.iter().filter(|step| step.task.measures(metric));
        let any = read.any(|step| step.task.tests().iter().any(|version| version.baseline));
        let hint = "give the task that reads it `versions`, one of them with `baseline: true`, or a number as the limit";
        return any.then_some(()).ok_or_else(|| hint.to_owned());
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
