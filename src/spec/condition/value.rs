//! [`Value`]s at run time: views into [`Facts`](super::Facts), and what expressions make.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::facts::{
    BucketFacts, InsightsFacts, LimitFacts, MetricFacts, ResultFacts, RewardFacts, SloFacts, TaskFacts,
    VerdictFacts, VersionFacts, WinnerFacts,
};

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// A whole number of another width.
    Long(i64),
    Float(f64),
    /// The value of a metric.
    FloatPointer(f64),
    Text(Cow<'a, str>),
    /// The type of a metric.
    MetricKind(&'a str),
    /// A time, RFC 3339.
    Time(&'a str),
    List(List<'a>),
    Map(Map<'a>),
    Object(Object<'a>),
}

/// A list; lists of different variants are never equal.
#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Made(Rc<[Value<'a>]>),
    Range { first: i64, length: usize },
    Floats(&'a [f64]),
    Flags(&'a [bool]),
    FlagRows(&'a [Vec<bool>]),
    Texts(&'a [String]),
    Ints(&'a [i64]),
    Samples(&'a [BTreeMap<String, Vec<f64>>]),
    Histograms(&'a [BTreeMap<String, Vec<BucketFacts>>]),
    Summaries(&'a [BTreeMap<String, [f64; 5]>]),
    Buckets(&'a [BucketFacts]),
    Versions(&'a [VersionFacts]),
    Limits(&'a [LimitFacts]),
    Tasks(&'a [TaskFacts]),
}

/// A map from texts.
#[derive(Debug, Clone)]
pub(super) enum Map<'a> {
    Made(Rc<BTreeMap<Cow<'a, str>, Value<'a>>>),
    Metrics(&'a BTreeMap<String, MetricFacts>),
    Samples(&'a BTreeMap<String, Vec<f64>>),
    Histograms(&'a BTreeMap<String, Vec<BucketFacts>>),
    Summaries(&'a BTreeMap<String, [f64; 5]>),
}

/// An object with fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Object<'a> {
    Result(&'a ResultFacts),
    Insights(&'a InsightsFacts),
    Metric(&'a MetricFacts),
    Version(&'a VersionFacts),
    Slos(&'a SloFacts),
    Limit(&'a LimitFacts),
    Verdicts(&'a VerdictFacts),
    Rewards(&'a RewardFacts),
    Winners(&'a WinnerFacts),
    Bucket(&'a BucketFacts),
    Task(&'a TaskFacts),
}

/// What a map gives for the name of an unknown metric.
static NO_METRIC: MetricFacts = MetricFacts {
    description: String::new(),
    units: None,
    kind: String::new(),
};

impl Value<'_> {
    /// What it is, for messages.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Long(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::FloatPointer(_) => "a metric's value",
            Self::Text(_) => "text",
            Self::MetricKind(_) => "a metric's type",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
        }
    }

    /// Nil, or a list or map of the facts that a stored result omits when it is empty.
    pub(super) fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::List(list) => list.len() == 0 && !matches!(list, List::Made(_) | List::Range { .. }),
            Self::Map(map) => matches!(map, Map::Metrics(metrics) if metrics.is_empty()),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Long(_)
            | Self::Float(_)
            | Self::FloatPointer(_)
            | Self::Text(_)
            | Self::MetricKind(_)
            | Self::Time(_)
            | Self::Object(_) => false,
        }
    }

    /// The value behind a pointer to a number; others as they are.
    pub(super) fn dereferenced(self) -> Self {
        if let Self::FloatPointer(value) = self {
            Self::Float(value)
        } else {
            self
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Made(items) => items.len(),
            Self::Range { length, .. } => *length,
            Self::Floats(items) => items.len(),
            Self::Flags(items) => items.len(),
            Self::FlagRows(items) => items.len(),
            Self::Texts(items) => items.len(),
            Self::Ints(items) => items.len(),
            Self::Samples(items) => items.len(),
            Self::Histograms(items) => items.len(),
            Self::Summaries(items) => items.len(),
            Self::Buckets(items) => items.len(),
            Self::Versions(items) => items.len(),
            Self::Limits(items) => items.len(),
            Self::Tasks(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'a>> {
        Some(match self {
            Self::Made(items) => items.get(index)?.clone(),
            Self::Range { first, length } => {
                let offset = i64::try_from(index).ok().filter(|_| index < *length)?;
                Value::Int(first.wrapping_add(offset))
            }
            Self::Floats(items) => Value::Float(*items.get(index)?),
            Self::Flags(items) => Value::Bool(*items.get(index)?),
            Self::FlagRows(items) => Value::List(List::Flags(items.get(index)?)),
            Self::Texts(items) => text(items.get(index)?),
            Self::Ints(items) => Value::Int(*items.get(index)?),
            Self::Samples(items) => Value::Map(Map::Samples(items.get(index)?)),
            Self::Histograms(items) => Value::Map(Map::Histograms(items.get(index)?)),
            Self::Summaries(items) => Value::Map(Map::Summaries(items.get(index)?)),
            Self::Buckets(items) => Value::Object(Object::Bucket(items.get(index)?)),
            Self::Versions(items) => Value::Object(Object::Version(items.get(index)?)),
            Self::Limits(items) => Value::Object(Object::Limit(items.get(index)?)),
            Self::Tasks(items) => Value::Object(Object::Task(items.get(index)?)),
        })
    }

    /// The elements from `from` up to but without `to`; none if there are no such places.
    pub(super) fn slice(&self, from: usize, to: usize) -> Option<Self> {
        Some(match self {
            Self::Made(items) => Self::Made(items.get(from..to)?.into()),
            Self::Range { first, length } => {
                let offset = i64::try_from(from).ok().filter(|_| to <= *length)?;
                let length = to.checked_sub(from)?;
                Self::Range {
                    first: first.wrapping_add(offset),
                    length,
                }
            }
            Self::Floats(items) => Self::Floats(items.get(from..to)?),
            Self::Flags(items) => Self::Flags(items.get(from..to)?),
            Self::FlagRows(items) => Self::FlagRows(items.get(from..to)?),
            Self::Texts(items) => Self::Texts(items.get(from..to)?),
            Self::Ints(items) => Self::Ints(items.get(from..to)?),
            Self::Samples(items) => Self::Samples(items.get(from..to)?),
            Self::Histograms(items) => Self::Histograms(items.get(from..to)?),
            Self::Summaries(items) => Self::Summaries(items.get(from..to)?),
            Self::Buckets(items) => Self::Buckets(items.get(from..to)?),
            Self::Versions(items) => Self::Versions(items.get(from..to)?),
            Self::Limits(items) => Self::Limits(items.get(from..to)?),
            Self::Tasks(items) => Self::Tasks(items.get(from..to)?),
        })
    }

    /// Whether two lists hold the same type of elements, without which they are not equal. Ranges and stored whole
    /// numbers are of one type.
    pub(super) fn comparable(&self, other: &Self) -> bool {
        let whole = |list: &Self| matches!(list, Self::Range { .. } | Self::Ints(_));
        std::mem::discriminant(self) == std::mem::discriminant(other) || (whole(self) && whole(other))
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Made(map) => map.len(),
            Self::Metrics(map) => map.len(),
            Self::Samples(map) => map.len(),
            Self::Histograms(map) => map.len(),
            Self::Summaries(map) => map.len(),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        match self {
            Self::Made(map) => map.contains_key(key),
            Self::Metrics(map) => map.contains_key(key),
            Self::Samples(map) => map.contains_key(key),
            Self::Histograms(map) => map.contains_key(key),
            Self::Summaries(map) => map.contains_key(key),
        }
    }

    /// The value of a key; what is empty for an unknown one.
    pub(super) fn get(&self, key: &str) -> Value<'a> {
        match self {
            Self::Made(map) => map.get(key).cloned().unwrap_or(Value::Nil),
            Self::Metrics(map) => Value::Object(Object::Metric(map.get(key).unwrap_or(&NO_METRIC))),
            Self::Samples(map) => Value::List(List::Floats(map.get(key).map_or(&[], Vec::as_slice))),
            Self::Histograms(map) => Value::List(List::Buckets(map.get(key).map_or(&[], Vec::as_slice))),
            Self::Summaries(map) => Value::List(List::Floats(map.get(key).unwrap_or(&[0.0; 5]))),
        }
    }

    /// Its keys, if they are of the expression's own making; otherwise none.
    pub(super) fn made(&self) -> Option<&BTreeMap<Cow<'a, str>, Value<'a>>> {
        if let Self::Made(map) = self {
            Some(map)
        } else {
            None
        }
    }

    /// Whether two maps of the facts are equal.
    pub(super) fn same_facts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Metrics(a), Self::Metrics(b)) => a == b,
            (Self::Samples(a), Self::Samples(b)) => a == b,
            (Self::Histograms(a), Self::Histograms(b)) => a == b,
            (Self::Summaries(a), Self::Summaries(b)) => a == b,
            (
                Self::Made(_)
                | Self::Metrics(_)
                | Self::Samples(_)
                | Self::Histograms(_)
                | Self::Summaries(_),
                _,
            ) => false,
        }
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn optional(value: Option<&String>) -> Value<'_> {
    value.map_or(Value::Nil, |value| text(value))
}

fn object<'a, T>(value: Option<&'a T>, wrap: fn(&'a T) -> Object<'a>) -> Value<'a> {
    value.map_or(Value::Nil, |value| Value::Object(wrap(value)))
}

impl<'a> Object<'a> {
    /// The value of a field; none if there is no such field.
    pub(super) fn field(self, name: &str) -> Option<Value<'a>> {
        Some(match (self, name) {
            (Self::Result(result), _) => return result_field(result, name),
            (Self::Insights(insights), _) => return insights_field(insights, name),
            (Self::Metric(metric), "Description") => text(&metric.description),
            (Self::Metric(metric), "Units") => optional(metric.units.as_ref()),
            (Self::Metric(metric), "Type") => Value::MetricKind(&metric.kind),
            (Self::Version(version), "Version") => text(&version.version),
            (Self::Version(version), "Track") => text(&version.track),
            (Self::Slos(slos), "Upper") => Value::List(List::Limits(&slos.upper)),
            (Self::Slos(slos), "Lower") => Value::List(List::Limits(&slos.lower)),
            (Self::Limit(limit), "Metric") => text(&limit.metric),
            (Self::Limit(limit), "Limit") => Value::Float(limit.limit),
            (Self::Verdicts(verdicts), "Upper") => Value::List(List::FlagRows(&verdicts.upper)),
            (Self::Verdicts(verdicts), "Lower") => Value::List(List::FlagRows(&verdicts.lower)),
            (Self::Rewards(rewards), "Max") => Value::List(List::Texts(&rewards.max)),
            (Self::Rewards(rewards), "Min") => Value::List(List::Texts(&rewards.min)),
            (Self::Winners(winners), "Max") => Value::List(List::Ints(&winners.max)),
            (Self::Winners(winners), "Min") => Value::List(List::Ints(&winners.min)),
            (Self::Bucket(bucket), "Lower") => Value::Float(bucket.lower),
            (Self::Bucket(bucket), "Upper") => Value::Float(bucket.upper),
            (Self::Bucket(bucket), "Count") => Value::Long(i64::try_from(bucket.count).unwrap_or(i64::MAX)),
            (Self::Task(task), "Task") => optional(task.task.as_ref()),
            (Self::Task(task), "Run") => optional(task.run.as_ref()),
            (Self::Task(task), "If") => optional(task.if_.as_ref()),
            _ => return None,
        })
    }
}

fn result_field<'a>(result: &'a ResultFacts, name: &str) -> Option<Value<'a>> {
    Some(match name {
        "Failure" => Value::Bool(result.failure),
        "NumLoops" => Value::Int(result.num_loops),
        "NumCompletedTasks" => Value::Int(result.num_completed_tasks),
        "Revision" => Value::Int(result.revision),
        "Iter8Version" => text(&result.iter8_version),
        "StartTime" => Value::Time(&result.start_time),
        "Insights" => object(result.insights.as_ref(), Object::Insights),
        _ => return None,
    })
}

fn insights_field<'a>(insights: &'a InsightsFacts, name: &str) -> Option<Value<'a>> {
    Some(match name {
        "NumVersions" => Value::Int(insights.num_versions),
        "VersionNames" => Value::List(List::Versions(&insights.version_names)),
        "MetricsInfo" => Value::Map(Map::Metrics(&insights.metrics_info)),
        "NonHistMetricValues" => Value::List(List::Samples(&insights.non_hist_metric_values)),
        "HistMetricValues" => Value::List(List::Histograms(&insights.hist_metric_values)),
        "SummaryMetricValues" => Value::List(List::Summaries(&insights.summary_metric_values)),
        "SLOs" => object(insights.slos.as_ref(), Object::Slos),
        "SLOsSatisfied" => object(insights.slos_satisfied.as_ref(), Object::Verdicts),
        "Rewards" => object(insights.rewards.as_ref(), Object::Rewards),
        "RewardsWinners" => object(insights.rewards_winners.as_ref(), Object::Winners),
        _ => return None,
    })
}
