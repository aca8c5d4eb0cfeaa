//! [`Readings`]: what shards read from providers. All of them read about the same system, at different moments.
//!
//! # Which one counts
//! The reading of the shard that ended last: it saw most of the load. Where readings differ, that is said; and where
//! another of them would have led to another verdict, the result is invalid, so that none is picked unseen. What one
//! shard asked for in vain has no value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::metrics::{Buckets, Insights, Provided, VersionInsights};
use crate::results::ExperimentResult;
use crate::slo::{Assessment, Verdict};

/// Version and metric.
type Key = (String, String);

/// What was read, of all shards.
#[derive(Debug, Default)]
pub(super) struct Readings {
    values: BTreeMap<Key, Reading>,
    buckets: BTreeMap<Key, (Timestamp, Buckets)>,
    absent: BTreeSet<Key>,
}

#[derive(Debug)]
struct Reading {
    least: f64,
    greatest: f64,
    last: (Timestamp, Provided),
}

impl Readings {
    /// Adds what a shard read that ended at an instant.
    pub(super) fn add(&mut self, insights: &Insights, ended: Timestamp) {
        for version in &insights.versions {
            let key = |metric: &String| (version.name.clone(), metric.clone());
            for (metric, read) in &version.values {
                let value = read.value;
                let known = self.values.entry(key(metric)).or_insert_with(|| Reading {
                    least: value,
                    greatest: value,
                    last: (ended, read.clone()),
                });
                known.least = known.least.min(value);
                known.greatest = known.greatest.max(value);
                if ended > known.last.0 {
                    known.last = (ended, read.clone());
                }
            }
            for (metric, read) in &version.buckets {
                let known = self.buckets.entry(key(metric));
                let known = known.or_insert_with(|| (ended, read.clone()));
                if ended > known.0 {
                    *known = (ended, read.clone());
                }
            }
            self.absent.extend(version.absent.iter().map(key));
        }
    }

    /// Whether shards read different values of it.
    fn differs(&self, version: &str, metric: &str) -> bool {
        let key = (version.to_owned(), metric.to_owned());
        self.values
            .get(&key)
            .is_some_and(|reading| reading.least < reading.greatest)
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
                if reading.least < reading.greatest {
                    notes.push(format!(
                        "{}: shards read {} to {}; the last reading, {}, counts",
                        key.1, reading.least, reading.greatest, reading.last.1.value
                    ));
                }
                version.values.insert(key.1.clone(), reading.last.1.clone());
            }
            for (key, (_, buckets)) in self.buckets.iter().filter(|(key, _)| own(key)) {
                version.buckets.insert(key.1.clone(), buckets.clone());
            }
        }
        let reads = |name: &str| name == "custommetrics";
        if let Some(task) = result.tasks.iter_mut().find(|task| reads(&task.name)) {
            task.notes.extend(notes);
        }
    }

    /// Doubts verdicts that another reading would have made different.
    pub(super) fn doubt(&self, result: &mut ExperimentResult) {
        let open = self
            .values
            .values()
            .any(|reading| reading.least < reading.greatest);
        if !open {
            return;
        }
        let extremes: [fn(&Reading) -> f64; 2] = [|reading| reading.least, |reading| reading.greatest];
        let mut doubted = BTreeSet::new();
        for extreme in extremes {
            let insights = self.with(&result.insights, extreme);
            for terms in &result.terms {
                let other = terms.judge(&insights, &Assessment::default());
                for judgement in &other.judgements {
                    let metric = judgement.objective.metric.to_string();
                    let same = |known: &&crate::slo::Judgement| {
                        known.task == terms.task
                            && known.objective == judgement.objective
                            && known.version == judgement.version
                    };
                    let mine = result.assessment.judgements.iter().find(same);
                    let verdict = mine.map(|mine| mine.verdict);
                    let judged = verdict.is_some_and(|verdict| verdict != Verdict::NotAssessed);
                    if judged && verdict != Some(judgement.verdict) {
                        doubted.insert(metric);
                    }
                }
                for award in &other.awards {
                    let same =
                        |known: &&crate::slo::Award| known.task == terms.task && known.reward == award.reward;
                    let mine = result.assessment.awards.iter().find(same);
                    if mine.is_some_and(|mine| mine.winner != award.winner) {
                        doubted.insert(award.reward.metric.to_string());
                    }
                }
            }
        }
        result.distrust.extend(doubted.into_iter().map(|metric| {
            format!(
                "shards read different values of {metric}, and the verdict depends on which of them counts"
            )
        }));
    }

    /// The same with the extremes of what was read.
    fn with(&self, insights: &Insights, extreme: fn(&Reading) -> f64) -> Insights {
        let mut other = insights.clone();
        for version in &mut other.versions {
            let VersionInsights { name, values, .. } = version;
            for (metric, value) in values.iter_mut() {
                if self.differs(name, metric)
                    && let Some(reading) = self.values.get(&(name.clone(), metric.clone()))
                {
                    value.value = extreme(reading);
                }
            }
        }
        other
    }
}
