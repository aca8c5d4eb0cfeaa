//! [`result`]: what was stored, as a result of today.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::lookup::Lookup;
use super::names;
use super::stored::{Gate, Stored, StoredInsights, StoredObjective, StoredReward};
use crate::metrics::{Buckets, Insights, Provided, ProvidedKind, VersionInsights};
use crate::results::{Environment, ExperimentResult, Imported, SourceInfo, TaskRecord, TaskStatus};
use crate::slo::{
    Assessment, Award, Bound, Certainty, Confidence, Contender, Judgement, Limit, Objective, Reward, Verdict,
};

/// The result of an experiment with these tasks; `name` is that of the file.
pub(super) fn result(stored: Stored, tasks: Vec<String>, name: &str) -> ExperimentResult {
    let total = tasks.len() as u64;
    let slos = stored.insights.as_ref().is_some_and(holds);
    let imported = Imported {
        version: stored.version.clone(),
        started: stored.started,
        completed_tasks: stored.completed_tasks,
        completed: stored.completed_tasks == total,
        failure: stored.failure,
        slos,
    };
    let experiment = SourceInfo {
        name: name.to_owned(),
        ..SourceInfo::default()
    };
    let environment = Environment {
        iter8_version: stored.version.unwrap_or_else(|| "v0.8".to_owned()),
        ..Environment::default()
    };
    let started = stored.started.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut result = ExperimentResult::new(experiment, environment, started);
    result.loops = stored.loops;
    result.tasks = records(tasks, stored.completed_tasks, stored.failure);
    if let Some(insights) = &stored.insights {
        let lookup = Lookup::new(insights);
        result.insights = measured(insights, &lookup);
        result.assessment = assessment(insights, &lookup);
    }
    // More than all were completed where earlier runs were counted along.
    result.ended = stored.failure || stored.completed_tasks >= total;
    result.imported = Some(imported);
    result.conclude();
    result
}

/// `SLOs()` of the time.
fn holds(insights: &StoredInsights) -> bool {
    let versions = insights.names.len();
    if let Gate::Listed(satisfied) = insights.gate {
        return satisfied > 0 && satisfied >= versions;
    }
    let met = |objective: &StoredObjective| {
        (0..versions).all(|version| objective.met.get(version).copied().unwrap_or_default())
    };
    insights.objectives.iter().all(met)
}

fn records(tasks: Vec<String>, completed: u64, failure: bool) -> Vec<TaskRecord> {
    let total = tasks.len() as u64;
    let status = |index: u64| {
        if index <= completed.min(total) {
            TaskStatus::Completed
        } else if failure && index == completed + 1 {
            let error = "why was not stored: Iter8 said it in its log alone";
            TaskStatus::Failed {
                error: error.to_owned(),
            }
        } else {
            TaskStatus::NotRun
        }
    };
    tasks
        .into_iter()
        .zip(1..)
        .map(|(name, index)| TaskRecord {
            index,
            name,
            about: String::new(),
            status: status(index as u64),
            started: None,
            seconds: None,
            notes: Vec::new(),
        })
        .collect()
}

fn measured(insights: &StoredInsights, lookup: &Lookup<'_>) -> Insights {
    let shown = lookup.shown();
    let versions = insights.names.iter().enumerate().map(|(index, name)| {
        let mut version = VersionInsights {
            name: name.clone(),
            ..VersionInsights::default()
        };
        for (metric, known) in &shown {
            let metric_name = names::metric(metric).to_string();
            let Some(value) = lookup.value(index, metric) else {
                version.absent.insert(metric_name);
                continue;
            };
            let provided = Provided {
                value,
                kind: if known.counter {
                    ProvidedKind::Counter
                } else {
                    ProvidedKind::Gauge
                },
                unit: known.unit.clone(),
                description: known.description.clone(),
            };
            version.values.insert(metric_name, provided);
        }
        version.buckets = buckets(insights, index);
        version
    });
    Insights {
        versions: versions.collect(),
    }
}

fn buckets(insights: &StoredInsights, version: usize) -> BTreeMap<String, Buckets> {
    let stored = insights.histograms.get(version).into_iter().flatten();
    stored
        .filter(|(_, buckets)| !buckets.is_empty())
        .map(|(name, buckets)| {
            let meta = insights.metrics.get(name);
            let known = Buckets {
                unit: meta.and_then(|meta| meta.unit.clone()),
                description: meta.and_then(|meta| meta.description.clone()),
                buckets: buckets.clone(),
            };
            (names::spelled(name), known)
        })
        .collect()
}

fn assessment(insights: &StoredInsights, lookup: &Lookup<'_>) -> Assessment {
    let mut judgements = Vec::new();
    for objective in &insights.objectives {
        for (index, version) in insights.names.iter().enumerate() {
            judgements.push(judgement(objective, index, version, lookup));
        }
    }
    let awards = insights.rewards.iter().filter(|reward| reward.assessed);
    Assessment {
        of_baseline: Vec::new(),
        judgements,
        awards: awards.map(|reward| award(reward, insights, lookup)).collect(),
        weights: Vec::new(),
    }
}

/// Whether a value is beyond a limit.
fn breaks(value: Option<f64>, bound: Bound, limit: f64) -> bool {
    value.is_some_and(|value| match bound {
        Bound::AtMost => value > limit,
        Bound::AtLeast => value < limit,
    })
}

fn judgement(stored: &StoredObjective, index: usize, version: &str, lookup: &Lookup<'_>) -> Judgement {
    let spelled = names::spelled(&stored.metric);
    let value = lookup.value(index, &spelled);
    let keeps = value.map(|_| !breaks(value, stored.bound, stored.limit));
    let mut note = None;
    let mut certainty = Certainty::Sure;
    let verdict = match (stored.met.get(index).copied(), keeps) {
        (None, _) => Verdict::NotAssessed,
        (Some(false), None) => {
            note = Some("it has no value, which Iter8 counted as not satisfied".to_owned());
            Verdict::NoData
        }
        // Of an upper and a lower limit one may be kept where both together are not; where both are, the answer stands.
        (Some(false), Some(true))
            if stored
                .other
                .is_some_and(|(bound, limit)| breaks(value, bound, limit)) =>
        {
            Verdict::Met
        }
        (Some(met), keeps) => {
            if keeps != Some(met) {
                certainty = Certainty::Unsure { more_requests: None };
                let why = match keeps {
                    Some(_) => "Iter8 stored this verdict, and the value that it stored says otherwise",
                    None => "Iter8 stored this verdict, and no value",
                };
                note = Some(why.to_owned());
            }
            if met { Verdict::Met } else { Verdict::NotMet }
        }
    };
    Judgement {
        task: 0,
        objective: Objective {
            metric: names::metric(&spelled),
            bound: stored.bound,
            limit: Limit::Value(stored.limit),
            written: None,
            warn: false,
        },
        version: version.to_owned(),
        verdict,
        value,
        interval: None,
        certainty,
        requests: None,
        note,
    }
}

fn award(stored: &StoredReward, insights: &StoredInsights, lookup: &Lookup<'_>) -> Award {
    let spelled = names::spelled(&stored.metric);
    let kept = |index: usize| {
        let met = |objective: &StoredObjective| objective.met.get(index).copied().unwrap_or_default();
        insights.objectives.iter().all(met)
    };
    let contenders = insights
        .names
        .iter()
        .enumerate()
        .map(|(index, version)| Contender {
            version: version.clone(),
            value: lookup.value(index, &spelled),
            interval: None,
            eligible: kept(index),
            chance: None,
            note: None,
        });
    let winner = stored.winner.filter(|index| *index < insights.names.len());
    let note = match winner {
        None => Some("insufficient data".to_owned()),
        Some(index) if !kept(index) => Some("Iter8 let a version win that missed an objective".to_owned()),
        Some(_) => None,
    };
    Award {
        task: 0,
        reward: Reward {
            metric: names::metric(&spelled),
            goal: stored.goal,
        },
        winner: winner.map(|index| insights.names[index].clone()),
        confidence: if winner.is_some() {
            Confidence::Unknown
        } else {
            Confidence::NoWinner
        },
        contenders: contenders.collect(),
        note,
    }
}
