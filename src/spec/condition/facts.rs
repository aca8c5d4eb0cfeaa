//! [`Facts`]: what a condition may ask, as plain data that a runner fills in before it evaluates one.
//!
//! The names in expressions (`Result.NumLoops`) are those of Iter8; the module [`schema`](super::schema) maps them.

use std::collections::BTreeMap;

/// Everything a condition can see.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// `Completed()`: every task of the experiment has run or was skipped.
    pub completed: bool,
    /// `NoFailure()`: no task has failed so far.
    pub no_failure: bool,
    /// `SLOs()`: every version meets every objective.
    pub slos: bool,
    /// `Result`: what is known about the run.
    pub result: ResultFacts,
    /// `Spec`: the tasks of the experiment, in order.
    pub spec: Vec<TaskFacts>,
}

/// `Result`: the state of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultFacts {
    /// `Failure`: a task has failed.
    pub failure: bool,
    /// `NumLoops`: how many times the experiment has run, this run included; 1 or more.
    pub num_loops: i64,
    /// `NumCompletedTasks`: tasks of this run that are done, skipped ones included.
    pub num_completed_tasks: i64,
    /// `Revision`: revision of the experiment in its group, 0 if it has none.
    pub revision: i64,
    /// `Iter8Version`: version that made the result, for example `v0.15`.
    pub iter8_version: String,
    /// `StartTime`: start of the first run, RFC 3339.
    pub start_time: String,
    /// `Insights`: metrics and verdicts; none before a task has measured something.
    pub insights: Option<InsightsFacts>,
}

/// `Result.Insights`: metrics and verdicts. An empty list equals `nil`, as in a stored result that omits it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InsightsFacts {
    /// `NumVersions`: number of versions of the app.
    pub num_versions: i64,
    /// `VersionNames`: names per version, empty if unknown.
    pub version_names: Vec<VersionFacts>,
    /// `MetricsInfo`: description of each metric by name.
    pub metrics_info: BTreeMap<String, MetricFacts>,
    /// `NonHistMetricValues`: per version, observations of each metric by name, oldest first.
    pub non_hist_metric_values: Vec<BTreeMap<String, Vec<f64>>>,
    /// `HistMetricValues`: per version, buckets of each histogram by name.
    pub hist_metric_values: Vec<BTreeMap<String, Vec<BucketFacts>>>,
    /// `SummaryMetricValues`: per version, count, sum, minimum, maximum and sum of squares by name.
    pub summary_metric_values: Vec<BTreeMap<String, [f64; 5]>>,
    /// `SLOs`: the objectives, if any were assessed.
    pub slos: Option<SloFacts>,
    /// `SLOsSatisfied`: the verdicts, if any objective was assessed.
    pub slos_satisfied: Option<VerdictFacts>,
    /// `Rewards`: metrics that versions compete for, if any.
    pub rewards: Option<RewardFacts>,
    /// `RewardsWinners`: who won them, if any.
    pub rewards_winners: Option<WinnerFacts>,
}

/// Names of one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionFacts {
    /// `Version`: name of the version, may be empty.
    pub version: String,
    /// `Track`: track it is deployed on, may be empty.
    pub track: String,
}

/// What a metric means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricFacts {
    /// `Description`: one sentence.
    pub description: String,
    /// `Units`: for example `msec`; none for plain numbers.
    pub units: Option<String>,
    /// `Type`: `Counter`, `Gauge`, `Histogram`, `Sample` or `Summary`.
    pub kind: String,
}

/// One bucket of a histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BucketFacts {
    /// `Lower`: lower bound, in the unit of the metric.
    pub lower: f64,
    /// `Upper`: upper bound, in the unit of the metric.
    pub upper: f64,
    /// `Count`: observations inside.
    pub count: u64,
}

/// Objectives by the side on which they bound a metric.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SloFacts {
    /// `Upper`: at most these limits.
    pub upper: Vec<LimitFacts>,
    /// `Lower`: at least these limits.
    pub lower: Vec<LimitFacts>,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LimitFacts {
    /// `Metric`: name of the metric.
    pub metric: String,
    /// `Limit`: the limit, in the unit of the metric.
    pub limit: f64,
}

/// Verdicts: a row per objective in the order of [`SloFacts`], a column per version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerdictFacts {
    /// `Upper`: verdicts of the upper limits.
    pub upper: Vec<Vec<bool>>,
    /// `Lower`: verdicts of the lower limits.
    pub lower: Vec<Vec<bool>>,
}

/// Metrics that versions compete for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RewardFacts {
    /// `Max`: metrics of which the largest value wins.
    pub max: Vec<String>,
    /// `Min`: metrics of which the smallest value wins.
    pub min: Vec<String>,
}

/// Winners: an index of a version per metric in the order of [`RewardFacts`], -1 if nobody won.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WinnerFacts {
    /// `Max`: winners of the largest values.
    pub max: Vec<i64>,
    /// `Min`: winners of the smallest values.
    pub min: Vec<i64>,
}

/// One task of the experiment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFacts {
    /// `Task`: name of the task; none for a script.
    pub task: Option<String>,
    /// `Run`: the script, if it is one.
    pub run: Option<String>,
    /// `If`: its condition.
    pub if_: Option<String>,
}

impl InsightsFacts {
    /// Value of a metric (`a/b`: the last observation of a counter or gauge) or of an aggregate (`a/b/mean`) for a
    /// version; none if there is no such version, metric or aggregate.
    pub fn scalar_metric_value(&self, version: usize, name: &str) -> Option<f64> {
        let parts: Vec<&str> = name.split('/').collect();
        match parts[..] {
            [_, _] => self.last_observation(version, name),
            [backend, metric, aggregate] => {
                let base = format!("{backend}/{metric}");
                match self.metrics_info.get(&base)?.kind.as_str() {
                    "Sample" => {
                        let sample = self.non_hist_metric_values.get(version)?.get(&base)?;
                        aggregate_sample(sample, aggregate)
                    }
                    "Summary" => {
                        let summary = self.summary_metric_values.get(version)?.get(&base)?;
                        aggregate_summary(summary, aggregate)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn last_observation(&self, version: usize, name: &str) -> Option<f64> {
        let name = normalized(name)?;
        let info = self.metrics_info.get(&name)?;
        if !matches!(info.kind.as_str(), "Counter" | "Gauge") {
            return None;
        }
        self.non_hist_metric_values
            .get(version)?
            .get(&name)?
            .last()
            .copied()
    }

    /// Text that names a version: `track (version)`, one of them, or `version I`.
    pub fn track_version(&self, version: usize) -> Option<String> {
        if self.version_names.is_empty() {
            return Some(format!("version {version}"));
        }
        let VersionFacts { version: name, track } = self.version_names.get(version)?;
        Some(match (track.is_empty(), name.is_empty()) {
            (true, true) => format!("version {version}"),
            (true, false) => name.clone(),
            (false, true) => track.clone(),
            (false, false) => format!("{track} ({name})"),
        })
    }
}

/// `http/latency-p50.0` → `http/latency-p50`; none if what follows the `p` is not a number.
fn normalized(name: &str) -> Option<String> {
    for prefix in ["http/latency-p", "grpc/latency/p"] {
        if let Some(percent) = name.strip_prefix(prefix) {
            let percent: f64 = percent.parse().ok()?;
            return Some(format!("{prefix}{percent}"));
        }
    }
    Some(name.to_owned())
}

fn aggregate_sample(sample: &[f64], aggregate: &str) -> Option<f64> {
    if let [only] = sample {
        return Some(*only);
    }
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    match aggregate {
        _ if sample.is_empty() => None,
        "mean" => Some(mean),
        "stddev" => {
            let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
            Some((squares / count).sqrt())
        }
        "min" => sample.iter().copied().reduce(f64::min),
        "max" => sample.iter().copied().reduce(f64::max),
        _ => percentile(sample, aggregate.strip_prefix('p')?),
    }
}

/// The percentile that Iter8 reports: the observation at `p` % of the sorted sample, or the mean of its neighbours.
fn percentile(sample: &[f64], percent: &str) -> Option<f64> {
    if !percent.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let percent: f64 = percent.parse().ok()?;
    if percent <= 0.0 || percent > 100.0 {
        return None;
    }
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = percent / 100.0 * sorted.len() as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 < place <= the length of the sample"
    )]
    let index = place.floor() as usize;
    let below = *sorted.get(index.checked_sub(1)?)?;
    if place.fract() == 0.0 {
        return Some(below);
    }
    sorted.get(index).map(|above| f64::midpoint(below, *above))
}

fn aggregate_summary(&[count, sum, min, max, squares]: &[f64; 5], aggregate: &str) -> Option<f64> {
    let mean = sum / count;
    match aggregate {
        "count" => Some(count.round()),
        "mean" => Some(mean),
        "stddev" => Some(((squares - mean * mean * count) / (count - 1.0)).sqrt()),
        "min" => Some(min),
        "max" => Some(max),
        _ => None,
    }
}
