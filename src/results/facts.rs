//! What `if:` may ask of a result: [`ExperimentResult::facts`].

use std::collections::BTreeMap;

use super::ExperimentResult;
use crate::metrics::{Measure, MetricName, Provided, ProvidedKind, Statistic, Timing, VersionInsights};
use crate::slo::{Assessment, Award, Bound, Confidence, Goal, Judgement, Limit, Verdict};
use crate::spec::condition::{
    Facts, InsightsFacts, LimitFacts, MetricFacts, ResultFacts, RewardFacts, SloFacts, TaskFacts,
    VerdictFacts, VersionFacts, WinnerFacts,
};

/// Measures that Iter8 stored, in its names.
const STORED: &[Measure] = &[
    Measure::RequestCount,
    Measure::ErrorCount,
    Measure::ErrorRate,
    Measure::Time(Timing::Latency, Statistic::Mean),
    Measure::Time(Timing::Latency, Statistic::Stddev),
    Measure::Time(Timing::Latency, Statistic::Min),
    Measure::Time(Timing::Latency, Statistic::Max),
    Measure::Time(Timing::Latency, Statistic::Percentile(50.0)),
    Measure::Time(Timing::Latency, Statistic::Percentile(75.0)),
    Measure::Time(Timing::Latency, Statistic::Percentile(90.0)),
    Measure::Time(Timing::Latency, Statistic::Percentile(95.0)),
    Measure::Time(Timing::Latency, Statistic::Percentile(99.0)),
    Measure::Time(Timing::Latency, Statistic::Percentile(99.9)),
];

impl ExperimentResult {
    /// What a condition may ask, as it is now.
    pub fn facts(&self) -> Facts {
        let completed = self.tasks.iter().filter(|task| task.status.is_done()).count();
        Facts {
            completed: self.completed(),
            no_failure: !self.known_failure(),
            slos: self.slos_hold(),
            result: ResultFacts {
                failure: self.known_failure(),
                num_loops: i64::try_from(self.loops).unwrap_or(i64::MAX),
                num_completed_tasks: i64::try_from(completed).unwrap_or(i64::MAX),
                revision: i64::try_from(self.revision).unwrap_or(i64::MAX),
                iter8_version: format!("v{}", self.environment.iter8_version),
                start_time: self.since().to_string(),
                insights: (!self.insights.is_empty()).then(|| self.insights_facts()),
            },
            spec: self
                .tasks
                .iter()
                .map(|task| {
                    let script = task.name == "run";
                    TaskFacts {
                        task: (!script).then(|| task.name.clone()),
                        // What the script says stays here: payloads are made of this.
                        run: script.then(|| "***".to_owned()),
                        ..TaskFacts::default()
                    }
                })
                .collect(),
        }
    }

    /// `SLOs()`: there are metrics that can be trusted, and no objective that was judged is broken.
    pub fn slos_hold(&self) -> bool {
        if let Some(imported) = &self.imported {
            return imported.slos;
        }
        let open = |judgement: &&Judgement| judgement.verdict != Verdict::NotAssessed;
        let judged = Assessment {
            judgements: self
                .known_assessment()
                .judgements
                .iter()
                .filter(open)
                .cloned()
                .collect(),
            ..Assessment::default()
        };
        let awards = &self.known_assessment().awards;
        let rewarded = awards.iter().all(|award| award.confidence != Confidence::NoData);
        let trusted = self.distrust.is_empty() && self.unproven().is_none();
        !self.insights.is_empty() && trusted && rewarded && judged.all_met()
    }

    /// What was measured of the winner, or else of the first version that is no baseline, by name.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let mut versions = self.insights.versions.iter();
        let meant = |version: &&VersionInsights| match self.winner() {
            Some(winner) => version.name == winner,
            None => !version.baseline,
        };
        let values = versions.find(meant).map(|version| self.values(version));
        let values = values.into_iter().flatten();
        values
            .filter_map(|(name, values)| Some((name, *values.first()?)))
            .collect()
    }

    fn insights_facts(&self) -> InsightsFacts {
        let versions = &self.insights.versions;
        let names = versions
            .iter()
            .map(|version| VersionFacts {
                version: version.name.clone(),
                ..VersionFacts::default()
            })
            .collect();
        let values: Vec<BTreeMap<String, Vec<f64>>> =
            versions.iter().map(|version| self.values(version)).collect();
        let metrics_info = values
            .iter()
            .flat_map(BTreeMap::keys)
            .map(|name| {
                let provided = versions.iter().find_map(|version| version.values.get(name));
                (
                    name.clone(),
                    provided.map_or_else(|| metric_facts(name), provided_facts),
                )
            })
            .collect();
        let judged = !self.known_assessment().judgements.is_empty();
        let rewarded = !self.known_assessment().awards.is_empty();
        InsightsFacts {
            num_versions: i64::try_from(versions.len()).unwrap_or(i64::MAX),
            version_names: names,
            metrics_info,
            non_hist_metric_values: values,
            slos: judged.then(|| SloFacts {
                upper: self.limits(Bound::AtMost),
                lower: self.limits(Bound::AtLeast),
            }),
            slos_satisfied: judged.then(|| VerdictFacts {
                upper: self.verdicts(Bound::AtMost),
                lower: self.verdicts(Bound::AtLeast),
            }),
            rewards: rewarded.then(|| RewardFacts {
                max: self.rewards(Goal::Max),
                min: self.rewards(Goal::Min),
            }),
            rewards_winners: rewarded.then(|| WinnerFacts {
                max: self.winners(Goal::Max),
                min: self.winners(Goal::Min),
            }),
            ..InsightsFacts::default()
        }
    }

    fn awards(&self, goal: Goal) -> impl Iterator<Item = &Award> {
        let awards = self.known_assessment().awards.iter();
        awards.filter(move |award| award.reward.goal == goal)
    }

    fn rewards(&self, goal: Goal) -> Vec<String> {
        self.awards(goal)
            .map(|award| award.reward.metric.to_string())
            .collect()
    }

    /// Positions of the winners in the list of versions; -1 where nobody has won.
    fn winners(&self, goal: Goal) -> Vec<i64> {
        let position = |award: &Award| {
            let mut versions = self.insights.versions.iter();
            let found = versions.position(|version| award.winner.as_ref() == Some(&version.name));
            found.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1)
        };
        self.awards(goal).map(position).collect()
    }

    fn values(&self, version: &VersionInsights) -> BTreeMap<String, Vec<f64>> {
        let mut names: Vec<MetricName> = version
            .loads
            .iter()
            .flat_map(|load| {
                STORED
                    .iter()
                    .map(|measure| MetricName::Load(load.stream.clone(), *measure))
            })
            .collect();
        names.extend(
            self.known_assessment()
                .judgements
                .iter()
                .map(|judgement| judgement.objective.metric.clone()),
        );
        let mut values: BTreeMap<String, Vec<f64>> = version
            .values
            .iter()
            .map(|(name, known)| (name.clone(), vec![known.value]))
            .collect();
        for name in names {
            if let Some(value) = version.value(&name) {
                values.insert(name.to_string(), vec![value]);
            }
        }
        values
    }

    /// Each objective once, in order.
    fn objectives(&self, bound: Bound) -> Vec<&Judgement> {
        let mut seen: Vec<&Judgement> = Vec::new();
        for judgement in self
            .known_assessment()
            .judgements
            .iter()
            .filter(|judgement| judgement.objective.bound == bound)
        {
            if !seen
                .iter()
                .any(|known| known.objective == judgement.objective && known.task == judgement.task)
            {
                seen.push(judgement);
            }
        }
        seen
    }

    fn limits(&self, bound: Bound) -> Vec<LimitFacts> {
        let limit = |limit: Limit| match limit {
            Limit::Value(value) | Limit::TimesBaseline(value) => value,
        };
        self.objectives(bound)
            .into_iter()
            .map(|judgement| LimitFacts {
                metric: judgement.objective.metric.to_string(),
                limit: limit(judgement.objective.limit),
            })
            .collect()
    }

    fn verdicts(&self, bound: Bound) -> Vec<Vec<bool>> {
        self.objectives(bound)
            .into_iter()
            .map(|first| {
                let same = self.known_assessment().judgements.iter().filter(|judgement| {
                    judgement.objective == first.objective && judgement.task == first.task
                });
                same.map(|judgement| judgement.verdict == Verdict::Met).collect()
            })
            .collect()
    }
}

/// What a provider says of its metric.
fn provided_facts(provided: &Provided) -> MetricFacts {
    MetricFacts {
        description: provided.description.clone().unwrap_or_default(),
        units: provided.unit.clone(),
        kind: match provided.kind {
            ProvidedKind::Counter => "Counter".to_owned(),
            ProvidedKind::Gauge => "Gauge".to_owned(),
        },
    }
}

fn metric_facts(name: &str) -> MetricFacts {
    use crate::metrics::Unit;
    let unit = name
        .parse::<MetricName>()
        .map_or(Unit::Plain, |metric| metric.unit());
    MetricFacts {
        description: name.to_owned(),
        units: (unit == Unit::Milliseconds).then(|| "msec".to_owned()),
        kind: if unit == Unit::Count {
            "Counter".into()
        } else {
            "Gauge".into()
        },
    }
}
