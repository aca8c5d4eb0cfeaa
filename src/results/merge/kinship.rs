//! [`check`]: whether two results are of one experiment. What a shard may have for itself is how much it sent, and when.

use std::collections::BTreeSet;

use super::different;
use crate::metrics::{Insights, Load, Stream, VersionInsights};
use crate::results::ExperimentResult;

/// In what they differ, if in anything. `measured` is what the others measured, where both came to their end.
pub(super) fn check(
    first: &ExperimentResult,
    measured: Option<&Insights>,
    other: &ExperimentResult,
) -> Result<(), String> {
    let divided = first.shard.is_some();
    match (&first.shard, &other.shard) {
        (Some(mine), Some(theirs)) if mine.number.of != theirs.number.of => {
            return Err(format!(
                "one is of {} shards, the other of {}",
                mine.number.of, theirs.number.of
            ));
        }
        (Some(mine), Some(theirs)) if mine.start_at != theirs.start_at => {
            return Err("their shards were to start at different instants".to_owned());
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err("one is a shard, the other a run of its own".to_owned());
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    same_experiment(first, other, divided)?;
    if let Some(measured) = measured {
        same_versions(measured, &other.insights, divided)?;
    }
    Ok(())
}

fn same_experiment(first: &ExperimentResult, other: &ExperimentResult, divided: bool) -> Result<(), String> {
    different::tasks(first, other, divided)
        .or_else(|| different::terms(&first.terms, &other.terms))
        .or_else(|| {
            let differ = first.validate_slos != other.validate_slos;
            differ.then(|| "broken objectives fail only one of them (validateSLOs)".to_owned())
        })
        .or_else(|| {
            let (one, other) = (first.revision, other.revision);
            (one != other).then(|| format!("their revisions differ, {one} and {other}"))
        })
        .or_else(|| different::text(first, other, divided))
        .or_else(|| different::commands(first, other))
        .map_or(Ok(()), Err)
}

fn same_versions(first: &Insights, other: &Insights, divided: bool) -> Result<(), String> {
    let names = |of: &Insights| -> BTreeSet<(String, bool)> {
        let versions = of.versions.iter();
        versions
            .map(|version| (version.name.clone(), version.baseline))
            .collect()
    };
    if names(first) != names(other) {
        let list = |of: &Insights| {
            let names = of.versions.iter().map(|version| version.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        return Err(format!(
            "the versions of one are {}, of the other {}",
            list(first),
            list(other)
        ));
    }
    for version in &other.versions {
        let Some(known) = first.versions.iter().find(|known| known.name == version.name) else {
            continue;
        };
        same_loads(known, version, divided)?;
    }
    Ok(())
}

fn same_loads(first: &VersionInsights, other: &VersionInsights, divided: bool) -> Result<(), String> {
    let streams = |of: &VersionInsights| -> BTreeSet<Stream> {
        of.loads.iter().map(|load| load.stream.clone()).collect()
    };
    if streams(first) != streams(other) {
        return Err(format!("they measured different endpoints of {}", first.name));
    }
    for load in &other.loads {
        let Some(known) = first.loads.iter().find(|known| known.stream == load.stream) else {
            continue;
        };
        if known.target != load.target {
            return Err(format!("one tested {}, the other {}", known.target, load.target));
        }
        let plan = |load: &Load| divided.then(|| load.plan.clone());
        if known.together != load.together
            || known.percentiles != load.percentiles
            || plan(known) != plan(load)
        {
            return Err(format!("their loads differ: {}; {}", known.plan, load.plan));
        }
    }
    Ok(())
}
