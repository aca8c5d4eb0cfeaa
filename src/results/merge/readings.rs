//! [`Readings`]: what shards read from providers. All of them read about the same system, at different moments.
//!
//! # Which one counts
//! The reading of the shard that ended last: it saw most of the load. Where readings differ, that is said; and where
//! those of another shard would have led to another verdict, the result is invalid, so that none is picked unseen. What
//! one shard asked for in vain has no value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::verdict;
use crate::metrics::{Insights, Provided};
use crate::results::{ExperimentResult, TaskRecord};
use crate::slo::{Assessment, Verdict};

/// Version and metric.
type Key = (String, String);

/// What was read, of all shards.
#[derive(Debug, Default)]
pub(super) struct Readings {
    values: BTreeMap<Key, Reading>,
    absent: BTreeSet<Key>,
}

#[derive(Debug)]
struct Reading {
    /// By shard.
    all: BTreeMap<u32, f64>,
    last: (Timestamp, Provided),
}

impl Reading {
    /// The least and the greatest, where they differ.
    fn range(&self) -> Option<(f64, f64)> {
        let least = self.all.values().copied().reduce(f64::min)?;
        let greatest = self.all.values().copied().reduce(f64::max)?;
        (least < greatest).then_some((least, greatest))
    }
}

impl Readings {
    /// Adds what a shard read that ended at an instant.
    pub(super) fn add(&mut self, shard: u32, insights: &Insights, ended: Timestamp) {
        for version in &insights.versions {
            let key = |metric: &String| (version.name.clone(), metric.clone());
            for (metric, read) in &version.values {
                let known = self.values.entry(key(metric)).or_insert_with(|| Reading {
                    all: BTreeMap::new(),
                    last: (ended, read.clone()),
                });
                known.all.insert(shard, read.value);
                if ended > known.last.0 {
                    known.last = (ended, read.clone());
                }
            }
            self.absent.extend(version.absent.iter().map(key));
        }
    }

    /// Takes the last readings over, and says where they differed.
    pub(super) fn settle(&self, result: &mut ExperimentResult) {
        let mut notes = Vec::new();
        for version in &mut result.insights.versions {
            let own = |key: &&Key| key.0 == version.name;
            version.absent = self.absent.iter().filter(own).map(|key| key.1.clone()).collect();
            for (key, reading) in self.values.iter().filter(|(key, _)| own(key)) {
                if version.absent.contains(&key.1) {
                    notes.push(format!(
                        "{}: not every shard found a value, so there is none",
                        key.1
                    ));
                    continue;
                }
                if let Some((least, greatest)) = reading.range() {
                    notes.push(format!(
                        "{}: shards read {least} to {greatest}; the last reading, {}, counts",
                        key.1, reading.last.1.value
                    ));
                }
                version.values.insert(key.1.clone(), reading.last.1.clone());
            }
        }
        let reads = |name: &str| name == "custommetrics";
        if let Some(task) = result.tasks.iter_mut().find(|task| reads(&task.name)) {
            task.notes.extend(notes);
        }
    }

    /// Judges everything once, by the readings that count; and doubts what those of another shard would have made
    /// different, unless nothing follows from it: that is only noted.
    pub(super) fn judge(&self, result: &mut ExperimentResult) {
        let unjudged = result.tasks.clone();
        verdict::judge(result);
        let sets = self.sets();
        if sets.is_empty() {
            return;
        }
        let judged = (
            std::mem::take(&mut result.assessment),
            std::mem::replace(&mut result.tasks, unjudged.clone()),
        );
        let values: Vec<_> = result
            .insights
            .versions
            .iter()
            .map(|one| one.values.clone())
            .collect();
        let mut depends = BTreeSet::new();
        for set in sets {
            for version in &mut result.insights.versions {
                for (metric, value) in &mut version.values {
                    if let Some(read) = set.get(&(version.name.clone(), metric.clone())) {
                        value.value = *read;
                    }
                }
            }
            verdict::judge(result);
            let other = (
                std::mem::take(&mut result.assessment),
                std::mem::replace(&mut result.tasks, unjudged.clone()),
            );
            differences(&judged, &other, &mut depends);
        }
        for (version, values) in result.insights.versions.iter_mut().zip(values) {
            version.values = values;
        }
        (result.assessment, result.tasks) = judged;
        for Dependent { task, counts, what } in depends {
            let told =
                format!("shards read different values, and {what} depends on which shard's readings count");
            let own = result.tasks.iter_mut().find(|record| record.index == task);
            match own {
                Some(record) if !counts || !result.validate_slos => record.notes.push(told),
                Some(_) | None => result.distrust.push(told),
            }
        }
    }

    /// What each shard read, where not all read the same; each set once.
    fn sets(&self) -> Vec<BTreeMap<Key, f64>> {
        let open: Vec<(&Key, &Reading)> = self
            .values
            .iter()
            .filter(|(key, reading)| !self.absent.contains(key) && reading.range().is_some())
            .collect();
        let shards: BTreeSet<u32> = open
            .iter()
            .flat_map(|(_, reading)| reading.all.keys().copied())
            .collect();
        let of = |shard: u32| -> Vec<f64> {
            let read = |reading: &Reading| reading.all.get(&shard).copied().unwrap_or(reading.last.1.value);
            open.iter().map(|(_, reading)| read(reading)).collect()
        };
        let mut seen = BTreeSet::new();
        let different: Vec<Vec<f64>> = shards
            .into_iter()
            .map(of)
            .filter(|set| seen.insert(set.iter().map(|value| value.to_bits()).collect::<Vec<_>>()))
            .collect();
        let named = |set: Vec<f64>| open.iter().map(|(key, _)| (*key).clone()).zip(set).collect();
        different.into_iter().map(named).collect()
    }
}

/// What another reading would have changed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dependent {
    task: usize,
    /// Whether the outcome may follow from it.
    counts: bool,
    what: String,
}

/// Verdicts, winners and tasks that are not the same in both.
fn differences(
    (judged, tasks): &(Assessment, Vec<TaskRecord>),
    (other, others): &(Assessment, Vec<TaskRecord>),
    depends: &mut BTreeSet<Dependent>,
) {
    for (mine, theirs) in tasks.iter().zip(others) {
        if mine.status != theirs.status {
            depends.insert(Dependent {
                task: mine.index,
                counts: true,
                what: format!("whether task {} ({}) is due", mine.index, mine.name),
            });
        }
    }
    for mine in judged
        .judgements
        .iter()
        .filter(|one| one.verdict != Verdict::NotAssessed)
    {
        let same = |theirs: &&crate::slo::Judgement| {
            theirs.task == mine.task && theirs.objective == mine.objective && theirs.version == mine.version
        };
        let theirs = other.judgements.iter().find(same);
        if theirs.is_some_and(|theirs| theirs.verdict != mine.verdict) {
            depends.insert(Dependent {
                task: mine.task,
                counts: !mine.objective.warn,
                what: format!("the verdict on {}", mine.objective.metric),
            });
        }
    }
    for mine in &judged.awards {
        let same = |theirs: &&crate::slo::Award| theirs.task == mine.task && theirs.reward == mine.reward;
        let theirs = other.awards.iter().find(same);
        if theirs.is_some_and(|theirs| theirs.winner != mine.winner) {
            depends.insert(Dependent {
                task: mine.task,
                counts: true,
                what: format!("the winner by {}", mine.reward.metric),
            });
        }
    }
}
