//! [`Merger`]: one result from the results of several shards, as if one generator had measured all of it.
//!
//! Results are added one after the other, in any order, and each may be forgotten then. Counts add up and histograms merge
//! exactly; nothing that a shard judged counts: the objectives are judged once, on what all measured. What is missing,
//! doubtful or different makes the result invalid, never a pass.

mod different;
mod kinship;
mod readings;
mod tasks;
mod verdict;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Environment, ExperimentResult, MOST_SHARDS, MergedShard, OutcomeReason, Shard, Shards};
use crate::metrics::{Insights, Load, LoadMeasurement, Stream, VersionInsights};
use readings::Readings;
use tasks::Became;

/// Why results cannot be merged. Nothing is written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// No result at all.
    #[error("there is no result to merge")]
    Nothing,
    /// Iter8's own results hold numbers only.
    #[error("{0} is a result of Iter8, which kept no histograms: they cannot be merged")]
    Iter8(String),
    /// What was merged once is one result.
    #[error("{0} was merged already: merge the results of the shards")]
    Merged(String),
    /// Of a version that kept too little.
    #[error(
        "{0} does not say when its load began and what is to be judged: it was written by an earlier iter8"
    )]
    Old(String),
    /// Only scripts or metrics of providers.
    #[error("{0} has no load: there is nothing to merge")]
    NoLoad(String),
    /// Numbers of an earlier run, of which nobody knows whether all shards have them.
    #[error(
        "{0} goes on with an earlier result: only runs that measured everything themselves can be merged"
    )]
    Loop(String),
    /// They are not of what is tested where they are merged.
    #[error("{file} is of commit {commit}, and what merges it of {here}")]
    Commit {
        /// The result.
        file: String,
        /// What it is of.
        commit: String,
        /// What the merging job is of.
        here: String,
    },
    /// They are not of one experiment.
    #[error("{file} and {first} are of different experiments: {why}")]
    Different {
        /// The later one.
        file: String,
        /// The first.
        first: String,
        /// In what they differ.
        why: String,
    },
    /// Its requests would count twice.
    #[error("{file} and {other} are the same shard{}", number.map(|number| format!(", {number}")).unwrap_or_default())]
    Twice {
        /// The later one.
        file: String,
        /// The one before.
        other: String,
        /// Its number.
        number: Option<u32>,
    },
    /// They say how many there are, and it is not what was asked for.
    #[error("the results are of {of} shards, not of {asked}")]
    Count {
        /// As the results say.
        of: u32,
        /// As was asked for.
        asked: u32,
    },
    /// More than there can be.
    #[error("there are more than {0} results")]
    TooMany(u32),
}

/// Puts results together.
#[derive(Debug)]
pub struct Merger {
    /// How many shards there are, if somebody says so.
    asked: Option<u32>,
    /// Places where a result should have been.
    missing: u32,
    /// What all have in common: the first result that is complete, or else the first, without its measurements.
    common: Option<Common>,
    /// The first commit that a result names, and its file.
    commit: Option<(String, String)>,
    insights: Insights,
    readings: Readings,
    tasks: Vec<Became>,
    /// By number.
    shards: BTreeMap<u32, MergedShard>,
    /// Why numbers of a shard cannot be trusted, and of which shards.
    doubts: BTreeMap<String, Vec<u32>>,
    /// Shards that were cut short, and how.
    cut: BTreeMap<String, Vec<u32>>,
    starts: BTreeMap<(String, Stream), Starts>,
    /// Plans of independent loads, and how many had them.
    plans: BTreeMap<(String, Stream), BTreeMap<String, u32>>,
    ended: Timestamp,
}

#[derive(Debug)]
struct Common {
    file: String,
    result: ExperimentResult,
    /// Whether every task came to its end.
    whole: bool,
}

/// When one load began, by the clocks of all shards.
#[derive(Debug, Clone, Copy)]
struct Starts {
    first: Timestamp,
    last: Timestamp,
    /// Of the longest part, in seconds.
    lasted: f64,
}

impl Starts {
    fn apart(&self) -> f64 {
        self.last.duration_since(self.first).as_secs_f64()
    }
}

impl Merger {
    /// Of so many shards, where that is known; else of as many as the results say, or as there are.
    pub fn new(asked: Option<u32>) -> Self {
        Self {
            asked,
            missing: 0,
            common: None,
            commit: None,
            insights: Insights::default(),
            readings: Readings::default(),
            tasks: Vec::new(),
            shards: BTreeMap::new(),
            doubts: BTreeMap::new(),
            cut: BTreeMap::new(),
            starts: BTreeMap::new(),
            plans: BTreeMap::new(),
            ended: Timestamp::MIN,
        }
    }

    /// So many places have no result. That counts where shards have no numbers of their own.
    pub fn expect(&mut self, missing: usize) {
        self.missing = u32::try_from(missing).unwrap_or(u32::MAX);
    }

    /// Adds the result of a file.
    pub fn add(&mut self, file: &str, mut result: ExperimentResult) -> Result<(), MergeError> {
        check(file, &result)?;
        let whole = result.ended && result.interrupted.is_none() && result.no_failure();
        self.check_kin(file, &result, whole)?;
        self.check_commit(file, &result)?;
        let index = self.number(file, &result)?;
        let first_of_all = self.shards.keys().next().is_none_or(|lowest| index < *lowest);
        self.ended = self.ended.max(ended(&result));
        self.shards.insert(index, shard(index, file, &result));
        self.judge_shard(index, &result);
        tasks::add(&mut self.tasks, index, &result.tasks);
        let insights = std::mem::take(&mut result.insights);
        self.readings.add(index, &insights, ended(&result));
        for version in insights.versions {
            self.add_version(version, first_of_all);
        }
        let better = self.common.as_ref().is_none_or(|common| whole && !common.whole);
        if better {
            let file = file.to_owned();
            self.common = Some(Common { file, result, whole });
        }
        Ok(())
    }

    fn check_kin(&self, file: &str, result: &ExperimentResult, whole: bool) -> Result<(), MergeError> {
        let Some(common) = &self.common else {
            return Ok(());
        };
        let measured = (whole && common.whole).then_some(&self.insights);
        kinship::check(&common.result, measured, result).map_err(|why| MergeError::Different {
            file: file.to_owned(),
            first: common.file.clone(),
            why,
        })
    }

    fn check_commit(&mut self, file: &str, result: &ExperimentResult) -> Result<(), MergeError> {
        let Some(theirs) = &result.environment.commit else {
            return Ok(());
        };
        let (commit, first) = self
            .commit
            .get_or_insert_with(|| (theirs.clone(), file.to_owned()));
        if commit == theirs {
            return Ok(());
        }
        Err(MergeError::Different {
            file: file.to_owned(),
            first: first.clone(),
            why: format!("one is of commit {commit}, the other of {theirs}"),
        })
    }

    /// The number of a result that was not there before.
    fn number(&self, file: &str, result: &ExperimentResult) -> Result<u32, MergeError> {
        let twice = |other: &MergedShard, number| MergeError::Twice {
            file: file.to_owned(),
            other: other.file.clone(),
            number,
        };
        if let Some(Shard { number, .. }) = &result.shard {
            if let Some(asked) = self.asked.filter(|asked| *asked != number.of.get()) {
                let of = number.of.get();
                return Err(MergeError::Count { of, asked });
            }
            return match self.shards.get(&number.index) {
                Some(other) => Err(twice(other, Some(number.index))),
                None => Ok(number.index),
            };
        }
        let same = |other: &&MergedShard| {
            other.started == result.started
                && other.began == began(result)
                && requests(result).0 == other.requests
        };
        if let Some(other) = self.shards.values().find(same) {
            return Err(twice(other, None));
        }
        let index = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        if index >= self.asked.unwrap_or(MOST_SHARDS) {
            return Err(MergeError::TooMany(index));
        }
        Ok(index)
    }

    /// What there is to doubt about a shard.
    fn judge_shard(&mut self, index: u32, result: &ExperimentResult) {
        for why in &result.distrust {
            self.doubts.entry(why.clone()).or_default().push(index);
        }
        let how = match &result.interrupted {
            Some(signal) => format!("stopped by {signal}"),
            None if !result.ended => "killed, or still running".to_owned(),
            None => return,
        };
        self.cut.entry(how).or_default().push(index);
    }

    fn add_version(&mut self, version: VersionInsights, first_of_all: bool) {
        let versions = &mut self.insights.versions;
        let known = versions.iter().position(|known| known.name == version.name);
        let position = known.unwrap_or_else(|| {
            versions.push(VersionInsights {
                name: version.name.clone(),
                baseline: version.baseline,
                ..VersionInsights::default()
            });
            versions.len() - 1
        });
        let known = &mut versions[position];
        for load in version.loads {
            let load = Load { part: None, ..load };
            let key = (version.name.clone(), load.stream.clone());
            note_start(&mut self.starts, &key, &load);
            let plans = self.plans.entry(key).or_default();
            *plans.entry(load.plan.clone()).or_default() += 1;
            add_load(&mut known.loads, load, first_of_all);
        }
    }

    /// The merged result; `environment` is where it is merged.
    pub fn finish(mut self, environment: Environment) -> Result<ExperimentResult, MergeError> {
        let Some(Common { result: common, .. }) = self.common.take() else {
            return Err(MergeError::Nothing);
        };
        let commit = match (self.commit.take(), &environment.commit) {
            (Some((commit, file)), Some(here)) if commit != *here => {
                let here = here.clone();
                return Err(MergeError::Commit { file, commit, here });
            }
            (known, here) => known.map(|(commit, _)| commit).or_else(|| here.clone()),
        };
        let started = self.shards.values().map(|shard| shard.started).min();
        let started = started.unwrap_or(common.started);
        let shards = self.summary(&common);
        let environment = Environment {
            commit,
            reproduce: None,
            ..verdict::environment(&common.environment, environment)
        };
        let mut result = ExperimentResult::new(common.experiment, environment, started);
        result.seconds = self.ended.duration_since(started).as_secs_f64().max(0.0);
        result.validate_slos = common.validate_slos;
        result.revision = common.revision;
        result.terms = common.terms;
        result.distrust = verdict::doubts(&self, &shards);
        let merged = tasks::finish(&self.tasks, &common.tasks, &mut result.distrust);
        result.tasks = merged;
        result.insights = std::mem::take(&mut self.insights);
        result.distrust.extend(verdict::uncounted(&result.insights));
        if !shards.divided {
            tell_plans(&mut result.insights, &self.plans);
        }
        self.readings.settle(&mut result);
        result.shards = Some(shards);
        self.readings.judge(&mut result);
        result.ended = true;
        result.conclude();
        Ok(result)
    }

    fn summary(&self, common: &ExperimentResult) -> Shards {
        let there = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        let divided = common.shard.as_ref();
        let alone = self.asked.unwrap_or(there.saturating_add(self.missing));
        let count = divided.map_or(alone, |shard| shard.number.of.get());
        Shards {
            count,
            divided: divided.is_some(),
            counted: divided.is_some() || self.asked.is_some(),
            start_at: divided.and_then(|shard| shard.start_at),
            merged: self.shards.values().cloned().collect(),
            lost: (0..count)
                .filter(|index| !self.shards.contains_key(index))
                .collect(),
            skew_seconds: self.starts.values().map(Starts::apart).fold(0.0, f64::max),
        }
    }
}

/// What no result that can be merged is.
fn check(file: &str, result: &ExperimentResult) -> Result<(), MergeError> {
    let file = || file.to_owned();
    if result.imported.is_some() {
        return Err(MergeError::Iter8(file()));
    }
    if result.shards.is_some() {
        return Err(MergeError::Merged(file()));
    }
    let versions = &result.insights.versions;
    let mut loads = versions.iter().flat_map(|version| &version.loads);
    let judged = &result.assessment;
    let judged = !judged.judgements.is_empty() || !judged.awards.is_empty();
    if loads.any(|load| load.measurement.began.is_none()) || judged && result.terms.is_empty() {
        return Err(MergeError::Old(file()));
    }
    if result.loops > 1 || versions.iter().any(|version| !version.former.is_empty()) {
        return Err(MergeError::Loop(file()));
    }
    let empty = versions.iter().all(|version| version.loads.is_empty());
    // A shard that was stopped before its load is one all the same.
    let whole = result.ended && result.interrupted.is_none() && result.no_failure();
    if empty && whole {
        return Err(MergeError::NoLoad(file()));
    }
    Ok(())
}

fn ended(result: &ExperimentResult) -> Timestamp {
    let took = SignedDuration::try_from_secs_f64(result.seconds).unwrap_or_default();
    result.started.checked_add(took).unwrap_or(result.started)
}

/// The start of its first load.
fn began(result: &ExperimentResult) -> Option<Timestamp> {
    first_load(result).and_then(|load| load.began)
}

/// The load that began first.
fn first_load(result: &ExperimentResult) -> Option<&LoadMeasurement> {
    let loads = result.insights.versions.iter().flat_map(|version| &version.loads);
    let begun = loads
        .map(|load| &load.measurement)
        .filter(|load| load.began.is_some());
    begun.min_by_key(|load| load.began)
}

/// How many requests it sent, and how many of them are errors.
fn requests(result: &ExperimentResult) -> (u64, u64) {
    let loads = result.insights.versions.iter().flat_map(|version| &version.loads);
    loads.fold((0, 0), |(requests, errors), load| {
        let measured = &load.measurement;
        (
            measured.requests.saturating_add(requests),
            measured.errors.saturating_add(errors),
        )
    })
}

fn shard(index: u32, file: &str, result: &ExperimentResult) -> MergedShard {
    let first = first_load(result);
    let (requests, errors) = requests(result);
    MergedShard {
        index,
        file: file.to_owned(),
        // What was stored of one that was killed is not its end.
        outcome: OutcomeReason::of(result).outcome,
        started: result.started,
        began: first.and_then(|load| load.began),
        late_seconds: first.and_then(|load| load.late),
        requests,
        errors,
        environment: result.environment.clone(),
    }
}

fn note_start(starts: &mut BTreeMap<(String, Stream), Starts>, key: &(String, Stream), load: &Load) {
    let Some(began) = load.measurement.began else {
        return;
    };
    let seen = starts.entry(key.clone()).or_insert(Starts {
        first: began,
        last: began,
        lasted: 0.0,
    });
    seen.first = seen.first.min(began);
    seen.last = seen.last.max(began);
    seen.lasted = seen.lasted.max(load.measurement.elapsed);
}

/// Adds a load to that of the other shards; the first request of all is that of the shard with the lowest number.
fn add_load(loads: &mut Vec<Load>, load: Load, first_of_all: bool) {
    let Some(known) = loads.iter_mut().find(|known| known.stream == load.stream) else {
        loads.push(load);
        return;
    };
    let mine = &mut known.measurement;
    if first_of_all {
        mine.cold_start = load.measurement.cold_start.or(mine.cold_start);
    }
    mine.beside(&load.measurement);
}

/// Loads that were no parts of one plan are told by what each of them was.
fn tell_plans(insights: &mut Insights, plans: &BTreeMap<(String, Stream), BTreeMap<String, u32>>) {
    const TOLD: usize = 4;
    for version in &mut insights.versions {
        for load in &mut version.loads {
            let Some(plans) = plans.get(&(version.name.clone(), load.stream.clone())) else {
                continue;
            };
            let mut told: Vec<String> = plans
                .iter()
                .take(TOLD)
                .map(|(plan, n)| format!("{n} × {plan}"))
                .collect();
            if plans.len() > TOLD {
                told.push(format!("{} other plans", plans.len() - TOLD));
            }
            load.plan = told.join("; ");
        }
    }
}

#[cfg(test)]
mod tests;
