//! What a payload template sees: `.Report` with the names that Iter8 gave it, `.Summary` as it was called later, and the
//! words of our own: `.outcome`, `.reason`, `.winner`, `.metrics`, `.sha`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::summary::Summary;
use crate::metrics::MetricName;
use crate::results::ExperimentResult;
use crate::spec::condition::{Facts, InsightsFacts, LimitFacts, MetricFacts, ResultFacts};
use crate::template::{Record, Value, layout};

/// How Go prints a time.
const GO: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// The fields of a struct in Go: name, name in JSON, and whether JSON has it.
#[derive(Debug)]
struct Shape {
    names: &'static [&'static str],
    json: &'static [&'static str],
    /// Left out of JSON when there is nothing in them.
    optional: &'static [&'static str],
}

/// No field of JSON.
const HIDDEN: &str = "-";

/// A struct with its values, in the order of its shape.
#[derive(Debug)]
struct Struct {
    shape: &'static Shape,
    values: Vec<Value>,
}

impl Struct {
    fn value(shape: &'static Shape, values: Vec<Value>) -> Value {
        Value::Record(Arc::new(Self { shape, values }))
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.shape.names.iter().position(|known| *known == name)
    }
}

impl Record for Struct {
    fn field(&self, name: &str) -> Option<Value> {
        self.values.get(self.index(name)?).cloned()
    }

    fn names(&self) -> &'static [&'static str] {
        self.shape.names
    }

    fn in_json(&self, name: &'static str) -> Option<&'static str> {
        let index = self.index(name)?;
        let empty = !self.values.get(index)?.is_true();
        let left_out = empty && self.shape.optional.contains(&name);
        let json = self.shape.json.get(index)?;
        (*json != HIDDEN && !left_out).then_some(*json)
    }
}

const REPORT: Shape = Shape {
    names: &[
        "TimeStamp",
        "Completed",
        "NoTaskFailures",
        "NumTasks",
        "NumCompletedTasks",
        "NumLoops",
        "Experiment",
    ],
    json: &[
        "timeStamp",
        "completed",
        "noTaskFailures",
        "numTasks",
        "numCompletedTasks",
        "numLoops",
        "experiment",
    ],
    optional: &[],
};
const EXPERIMENT: Shape = Shape {
    names: &["Spec", "Result", "Completed", "NoFailure", "SLOs"],
    json: &["spec", "result", HIDDEN, HIDDEN, HIDDEN],
    optional: &[],
};
const TASK: Shape = Shape {
    names: &["Task", "Run", "If"],
    json: &["task", "run", "if"],
    optional: &["Task", "Run", "If"],
};
const RESULT: Shape = Shape {
    names: &[
        "Revision",
        "StartTime",
        "NumLoops",
        "NumCompletedTasks",
        "Failure",
        "Insights",
        "Iter8Version",
    ],
    json: &[
        "revision",
        "startTime",
        "numLoops",
        "numCompletedTasks",
        "failure",
        "insights",
        "iter8Version",
    ],
    optional: &["Revision", "Insights"],
};
const INSIGHTS: Shape = Shape {
    names: &[
        "NumVersions",
        "VersionNames",
        "MetricsInfo",
        "NonHistMetricValues",
        "HistMetricValues",
        "SummaryMetricValues",
        "Rewards",
        "SLOs",
        "RewardsWinners",
        "SLOsSatisfied",
    ],
    json: &[
        "numVersions",
        "versionNames",
        "metricsInfo",
        "nonHistMetricValues",
        "histMetricValues",
        "SummaryMetricValues",
        "rewards",
        "SLOs",
        "rewardsWinners",
        "SLOsSatisfied",
    ],
    optional: &[
        "Rewards",
        "SLOs",
        "RewardsWinners",
        "SLOsSatisfied",
        "HistMetricValues",
        "SummaryMetricValues",
    ],
};
const VERSION: Shape = Shape {
    names: &["Version", "Track"],
    json: &["version", "track"],
    optional: &[],
};
const METRIC: Shape = Shape {
    names: &["Description", "Units", "Type"],
    json: &["description", "units", "type"],
    optional: &["Units"],
};
const BUCKET: Shape = Shape {
    names: &["Lower", "Upper", "Count"],
    json: &["lower", "upper", "count"],
    optional: &[],
};
const LIMIT: Shape = Shape {
    names: &["Metric", "Limit"],
    json: &["metric", "limit"],
    optional: &[],
};
/// Objectives, verdicts.
const SIDES: Shape = Shape {
    names: &["Upper", "Lower"],
    json: &["upper", "lower"],
    optional: &["Upper", "Lower"],
};
/// Rewards, their winners.
const ENDS: Shape = Shape {
    names: &["Max", "Min"],
    json: &["max", "min"],
    optional: &["Max", "Min"],
};

/// What a template sees of a result.
pub fn of_result(result: &ExperimentResult) -> Value {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    let text = |text: Option<&str>| text.map_or(Value::Nil, Value::from);
    let report = report(&result.facts());
    values.insert("Report".to_owned(), report.clone());
    values.insert("Summary".to_owned(), report);
    values.insert("outcome".to_owned(), result.outcome.name().into());
    values.insert("reason".to_owned(), Summary::of(result).sentence().into());
    values.insert("winner".to_owned(), text(result.winner()));
    values.insert("sha".to_owned(), text(result.environment.commit.as_deref()));
    let metrics = MetricName::under_all_names(result.metrics()).into_iter();
    let metrics = metrics.map(|(name, value)| (name, Value::Float(value)));
    values.insert("metrics".to_owned(), map(metrics.collect()));
    map(values)
}

/// What a template of Iter8 sees of the facts of a run.
pub fn of_facts(facts: &Facts) -> Value {
    map(BTreeMap::from([("Report".to_owned(), report(facts))]))
}

/// `.Report` itself.
pub(super) fn report(facts: &Facts) -> Value {
    let spec = facts.spec.iter().map(|task| {
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        Struct::value(&TASK, vec![text(&task.task), text(&task.run), text(&task.if_)])
    });
    let tasks = i64::try_from(facts.spec.len()).unwrap_or(i64::MAX);
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let experiment = Struct::value(
        &EXPERIMENT,
        vec![
            list(spec),
            result(&facts.result),
            Value::Bool(facts.completed),
            Value::Bool(facts.no_failure),
            Value::Bool(facts.slos),
        ],
    );
    Struct::value(
        &REPORT,
        vec![
            layout::format(&now, GO).into(),
            Value::Bool(facts.completed),
            Value::Bool(facts.no_failure),
            Value::Int(tasks),
            Value::Int(facts.result.num_completed_tasks),
            Value::Int(facts.result.num_loops),
            experiment,
        ],
    )
}

fn result(result: &ResultFacts) -> Value {
    let started = result.start_time.parse::<Timestamp>();
    let started = started.map_or_else(
        |_| result.start_time.as_str().into(),
        |at| Value::Time(Arc::new(at.to_zoned(TimeZone::UTC))),
    );
    Struct::value(
        &RESULT,
        vec![
            Value::Int(result.revision),
            started,
            Value::Int(result.num_loops),
            Value::Int(result.num_completed_tasks),
            Value::Bool(result.failure),
            result.insights.as_ref().map(insights).unwrap_or_default(),
            result.iter8_version.as_str().into(),
        ],
    )
}

fn insights(known: &InsightsFacts) -> Value {
    let versions = known.version_names.iter().map(|name| {
        Struct::value(
            &VERSION,
            vec![name.version.as_str().into(), name.track.as_str().into()],
        )
    });
    let info = known
        .metrics_info
        .iter()
        .map(|(name, info)| (name.clone(), metric(info)));
    let values = known.non_hist_metric_values.iter().map(|version| {
        map(version
            .iter()
            .map(|(name, values)| (name.clone(), floats(values)))
            .collect())
    });
    let histograms = known.hist_metric_values.iter().map(|version| {
        let buckets = version.iter().map(|(name, buckets)| {
            let buckets = buckets.iter().map(|bucket| {
                let count = Value::Int(i64::try_from(bucket.count).unwrap_or(i64::MAX));
                Struct::value(
                    &BUCKET,
                    vec![Value::Float(bucket.lower), Value::Float(bucket.upper), count],
                )
            });
            (name.clone(), list(buckets))
        });
        map(buckets.collect())
    });
    let summaries = known.summary_metric_values.iter().map(|version| {
        map(version
            .iter()
            .map(|(name, summary)| (name.clone(), floats(summary)))
            .collect())
    });
    let limits = |limits: &[LimitFacts]| {
        list(limits.iter().map(|limit| {
            Struct::value(
                &LIMIT,
                vec![limit.metric.as_str().into(), Value::Float(limit.limit)],
            )
        }))
    };
    let verdicts = |rows: &[Vec<bool>]| {
        list(
            rows.iter()
                .map(|row| list(row.iter().map(|met| Value::Bool(*met)))),
        )
    };
    let texts = |names: &[String]| list(names.iter().map(|name| name.as_str().into()));
    let places = |places: &[i64]| list(places.iter().map(|place| Value::Int(*place)));
    let sides = |upper: Value, lower: Value| Struct::value(&SIDES, vec![upper, lower]);
    let ends = |max: Value, min: Value| Struct::value(&ENDS, vec![max, min]);
    Struct::value(
        &INSIGHTS,
        vec![
            Value::Int(known.num_versions),
            if known.version_names.is_empty() {
                Value::Nil
            } else {
                list(versions)
            },
            map(info.collect()),
            list(values),
            list(histograms),
            list(summaries),
            known
                .rewards
                .as_ref()
                .map(|known| ends(texts(&known.max), texts(&known.min)))
                .unwrap_or_default(),
            known
                .slos
                .as_ref()
                .map(|known| sides(limits(&known.upper), limits(&known.lower)))
                .unwrap_or_default(),
            known
                .rewards_winners
                .as_ref()
                .map(|known| ends(places(&known.max), places(&known.min)))
                .unwrap_or_default(),
            known
                .slos_satisfied
                .as_ref()
                .map(|known| sides(verdicts(&known.upper), verdicts(&known.lower)))
                .unwrap_or_default(),
        ],
    )
}

fn metric(info: &MetricFacts) -> Value {
    let units = info.units.as_deref().map_or(Value::Nil, Value::from);
    Struct::value(
        &METRIC,
        vec![info.description.as_str().into(), units, info.kind.as_str().into()],
    )
}

fn floats(values: &[f64]) -> Value {
    list(values.iter().map(|value| Value::Float(*value)))
}

/// A list; one that is larger than templates can take is as absent.
fn list(items: impl Iterator<Item = Value>) -> Value {
    Value::list(items.collect()).unwrap_or_default()
}

fn map(entries: BTreeMap<String, Value>) -> Value {
    Value::map(entries).unwrap_or_default()
}

/// The values with the outcome, reason and winner of a result.
pub(super) fn with_outcome(values: &Value, result: &ExperimentResult) -> Value {
    let winner = result.winner().map_or(Value::Nil, Value::from);
    let words = BTreeMap::from([
        ("outcome".to_owned(), result.outcome.name().into()),
        ("reason".to_owned(), Summary::of(result).sentence().into()),
        ("winner".to_owned(), winner),
    ]);
    Value::merged(values, &map(words)).unwrap_or_else(|_| values.clone())
}

/// What a template sees of a run that has measured nothing yet.
pub(super) fn sample() -> Value {
    let facts = Facts {
        result: ResultFacts {
            insights: Some(InsightsFacts::default()),
            ..ResultFacts::default()
        },
        ..Facts::default()
    };
    let report = report(&facts);
    let words = ["outcome", "reason", "winner", "sha"].map(|name| (name.to_owned(), "x".into()));
    let mut values = BTreeMap::from(words);
    values.insert("metrics".to_owned(), map(BTreeMap::new()));
    values.insert("Report".to_owned(), report.clone());
    values.insert("Summary".to_owned(), report);
    Value::Record(Arc::new(Words(values)))
}

/// All names that a template can use: another one is a mistake.
#[derive(Debug)]
struct Words(BTreeMap<String, Value>);

impl Record for Words {
    fn field(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "outcome", "reason", "winner", "sha", "metrics", "Report", "Summary",
        ]
    }
}

/// `.Report` as JSON, which is what Iter8's own payloads were made of.
pub(super) fn report_json(result: &ExperimentResult) -> serde_json::Value {
    report(&result.facts()).to_json()
}
