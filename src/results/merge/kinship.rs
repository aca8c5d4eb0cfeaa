//! [`check`]: whether two results are of one experiment. What a shard may have for itself is how much it sent, and when.

use std::collections::BTreeSet;

use crate::metrics::{Insights, Load, Stream, VersionInsights};
use crate::results::ExperimentResult;
use crate::spec::{Node, SourceFile, Value};

/// Keys by which independent loads of one experiment may differ.
const OWN: &[&str] = &[
    "numrequests",
    "duration",
    "qps",
    "connections",
    "maxconnections",
    "streams",
    "n",
    "total",
    "rps",
    "concurrency",
    "c",
];

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
    let told = |of: &ExperimentResult| -> Vec<(String, Option<String>)> {
        let about = |task: &crate::results::TaskRecord| divided.then(|| task.about.clone());
        let tasks = of.tasks.iter();
        tasks.map(|task| (task.name.clone(), about(task))).collect()
    };
    let commits = first
        .environment
        .commit
        .as_ref()
        .zip(other.environment.commit.as_ref());
    let differs = [
        (told(first) != told(other), "their tasks differ"),
        (first.terms != other.terms, "their objectives differ"),
        (
            first.validate_slos != other.validate_slos,
            "broken objectives fail only one of them",
        ),
        (first.revision != other.revision, "their revisions differ"),
        (
            !same_text(first, other, divided),
            "the text of their experiments differs",
        ),
    ];
    if let Some((_, why)) = differs.into_iter().find(|(differs, _)| *differs) {
        return Err(why.to_owned());
    }
    match commits {
        Some((mine, theirs)) if mine != theirs => {
            Err(format!("one is of commit {mine}, the other of {theirs}"))
        }
        Some(_) | None => Ok(()),
    }
}

fn same_text(first: &ExperimentResult, other: &ExperimentResult, divided: bool) -> bool {
    let (mine, theirs) = (&first.experiment, &other.experiment);
    if mine.text == theirs.text {
        return true;
    }
    let read = |text: &str| Node::parse(&SourceFile::new("experiment", text)).ok();
    match (read(&mine.text), read(&theirs.text)) {
        (Some(mine), Some(theirs)) if !divided => alike(&mine, &theirs),
        _ => false,
    }
}

/// Whether two trees differ in nothing but how much is sent.
fn alike(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Map(mine), Value::Map(theirs)) => {
            let own = |name: &str| OWN.contains(&name.to_ascii_lowercase().as_str());
            let [mine, theirs] =
                [mine, theirs].map(|map| map.iter().filter(|(key, _)| !own(&key.name)).collect::<Vec<_>>());
            mine.len() == theirs.len()
                && mine
                    .iter()
                    .zip(&theirs)
                    .all(|((key, mine), (other, theirs))| key.name == other.name && alike(mine, theirs))
        }
        (Value::List(mine), Value::List(theirs)) => {
            mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(mine, theirs)| alike(mine, theirs))
        }
        (mine, theirs) => mine == theirs,
    }
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
