//! The names a condition may use and their [`Type`]s: one table per kind of object.

use std::fmt;

/// Static type of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Nil,
    /// Known at run time only.
    Any,
    Bool,
    Int,
    /// A whole number of another width: a bucket's count, a time as a number.
    Long,
    Float,
    /// The value of a metric, or nil.
    FloatPointer,
    Text,
    /// The type of a metric: text, but of its own kind.
    MetricKind,
    Time,
    List(Box<Type>),
    Map(Box<Type>),
    Object(Shape),
}

/// Kinds of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Result,
    Insights,
    Metric,
    Version,
    Slos,
    Limit,
    Verdicts,
    Rewards,
    Winners,
    Bucket,
    Task,
}

/// What types must have in common to be compared with `==`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Nil,
    Any,
    Bool,
    Number,
    Text,
    List,
    Map,
    Pointer,
    Struct,
}

impl Type {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    pub(super) fn map(of: Self) -> Self {
        Self::Map(Box::new(of))
    }

    pub(super) fn family(&self) -> Family {
        match self {
            Self::Nil => Family::Nil,
            Self::Any | Self::Object(Shape::Task) => Family::Any,
            Self::Bool => Family::Bool,
            Self::Int | Self::Long | Self::Float => Family::Number,
            Self::Text | Self::MetricKind => Family::Text,
            Self::List(_) => Family::List,
            Self::Map(_) => Family::Map,
            Self::FloatPointer
            | Self::Object(
                Shape::Result
                | Shape::Insights
                | Shape::Slos
                | Shape::Verdicts
                | Shape::Rewards
                | Shape::Winners,
            ) => Family::Pointer,
            Self::Time | Self::Object(Shape::Metric | Shape::Version | Shape::Limit | Shape::Bucket) => {
                Family::Struct
            }
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.family() == Family::Any
    }

    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Int | Self::Long)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Any => f.write_str("a value of any type"),
            Self::Bool => f.write_str("true or false"),
            Self::Int | Self::Long => f.write_str("a whole number"),
            Self::Float => f.write_str("a number"),
            Self::FloatPointer => f.write_str("a metric's value or nil"),
            Self::Text => f.write_str("text"),
            Self::MetricKind => f.write_str("a metric's type"),
            Self::Time => f.write_str("a time"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a map"),
            Self::Object(shape) => write!(f, "{shape}"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Result => "the `Result`",
            Self::Insights => "the `Insights`",
            Self::Metric => "a metric's description",
            Self::Version => "a version",
            Self::Slos => "the `SLOs`",
            Self::Limit => "an objective",
            Self::Verdicts => "the `SLOsSatisfied`",
            Self::Rewards => "the `Rewards`",
            Self::Winners => "the `RewardsWinners`",
            Self::Bucket => "a bucket",
            Self::Task => "a task",
        })
    }
}

/// A name, what it means and what it gives.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) gives: fn() -> Type,
}

/// A function or method with the types of its arguments.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) takes: &'static [Type],
    pub(super) gives: Type,
    /// How a call is written.
    pub(super) call: &'static str,
}

const fn field(name: &'static str, about: &'static str, gives: fn() -> Type) -> Field {
    Field { name, about, gives }
}

const fn fact(name: &'static str, call: &'static str, about: &'static str) -> Function {
    Function {
        name,
        about,
        takes: &[],
        gives: Type::Bool,
        call,
    }
}

/// Functions without arguments about the experiment.
pub(super) static FACTS: &[Function] = &[
    fact("Completed", "Completed()", "every task has run or was skipped"),
    fact("NoFailure", "NoFailure()", "no task has failed"),
    fact("SLOs", "SLOs()", "every version meets every objective"),
];

/// Top-level objects.
pub(super) static ROOTS: &[Field] = &[
    field("Result", "state of the run", || Type::Object(Shape::Result)),
    field("Spec", "tasks of the experiment", || {
        Type::list(Type::Object(Shape::Task))
    }),
];

/// Functions and loops of the language, with how each is written.
pub(super) static LANGUAGE: &[(&str, &str, &str)] = &[
    ("len", "len(x)", "length of a list, map or text"),
    ("abs", "abs(x)", "absolute value of a number"),
    ("int", "int(x)", "whole number from a number or text"),
    ("float", "float(x)", "number from a number or text"),
    (
        "all",
        "all(list, {condition})",
        "the condition holds for every element, which is `#`",
    ),
    (
        "any",
        "any(list, {condition})",
        "the condition holds for an element",
    ),
    (
        "none",
        "none(list, {condition})",
        "the condition holds for no element",
    ),
    (
        "one",
        "one(list, {condition})",
        "the condition holds for exactly one element",
    ),
    (
        "count",
        "count(list, {condition})",
        "number of elements for which the condition holds",
    ),
    (
        "filter",
        "filter(list, {condition})",
        "elements for which the condition holds",
    ),
    (
        "map",
        "map(list, {expression})",
        "value of the expression for every element",
    ),
];

static RESULT: &[Field] = &[
    field("Failure", "a task has failed", || Type::Bool),
    field(
        "NumLoops",
        "how many times the experiment has run, this run included",
        || Type::Int,
    ),
    field(
        "NumCompletedTasks",
        "tasks of this run that are done, skipped ones included",
        || Type::Int,
    ),
    field("Revision", "revision of the experiment in its group", || {
        Type::Int
    }),
    field(
        "Iter8Version",
        "version that made the result, such as v0.15",
        || Type::Text,
    ),
    field("StartTime", "start of the first run", || Type::Time),
    field(
        "Insights",
        "metrics and verdicts, nil before anything was measured",
        || Type::Object(Shape::Insights),
    ),
];

static INSIGHTS: &[Field] = &[
    field("NumVersions", "number of versions", || Type::Int),
    field("VersionNames", "names of the versions", || {
        Type::list(Type::Object(Shape::Version))
    }),
    field("MetricsInfo", "description of each metric", || {
        Type::map(Type::Object(Shape::Metric))
    }),
    field(
        "NonHistMetricValues",
        "per version, observations of each metric",
        || Type::list(Type::map(Type::list(Type::Float))),
    ),
    field(
        "HistMetricValues",
        "per version, buckets of each histogram",
        || Type::list(Type::map(Type::list(Type::Object(Shape::Bucket)))),
    ),
    field(
        "SummaryMetricValues",
        "per version, [count, sum, min, max, sum of squares] of each summary",
        || Type::list(Type::map(Type::list(Type::Float))),
    ),
    field("SLOs", "the objectives, nil if none were assessed", || {
        Type::Object(Shape::Slos)
    }),
    field("SLOsSatisfied", "the verdicts, nil if none were assessed", || {
        Type::Object(Shape::Verdicts)
    }),
    field("Rewards", "metrics that versions compete for", || {
        Type::Object(Shape::Rewards)
    }),
    field("RewardsWinners", "who won them", || Type::Object(Shape::Winners)),
];

static METRIC: &[Field] = &[
    field("Description", "what the metric is", || Type::Text),
    field("Units", "its unit, nil for plain numbers", || Type::Text),
    field(
        "Type",
        "its type, comparable with another metric's type only",
        || Type::MetricKind,
    ),
];

static VERSION: &[Field] = &[
    field("Version", "name of the version", || Type::Text),
    field("Track", "track it is deployed on", || Type::Text),
];

static SLOS: &[Field] = &[
    field("Upper", "upper limits", || Type::list(Type::Object(Shape::Limit))),
    field("Lower", "lower limits", || Type::list(Type::Object(Shape::Limit))),
];

static LIMIT: &[Field] = &[
    field("Metric", "name of the metric", || Type::Text),
    field("Limit", "the limit", || Type::Float),
];

static VERDICTS: &[Field] = &[
    field("Upper", "per upper limit, whether each version meets it", || {
        Type::list(Type::list(Type::Bool))
    }),
    field("Lower", "per lower limit, whether each version meets it", || {
        Type::list(Type::list(Type::Bool))
    }),
];

static REWARDS: &[Field] = &[
    field("Max", "metrics of which the largest value wins", || {
        Type::list(Type::Text)
    }),
    field("Min", "metrics of which the smallest value wins", || {
        Type::list(Type::Text)
    }),
];

static WINNERS: &[Field] = &[
    field("Max", "index of the winning version per metric", || {
        Type::list(Type::Int)
    }),
    field("Min", "index of the winning version per metric", || {
        Type::list(Type::Int)
    }),
];

static BUCKET: &[Field] = &[
    field("Lower", "lower bound", || Type::Float),
    field("Upper", "upper bound", || Type::Float),
    field("Count", "observations inside", || Type::Long),
];

static TASK: &[Field] = &[
    field("Task", "name of the task, nil for a script", || Type::Any),
    field("Run", "the script, nil for another task", || Type::Any),
    field("If", "its condition, nil if it has none", || Type::Any),
];

static INSIGHTS_METHODS: &[Function] = &[
    Function {
        name: "ScalarMetricValue",
        about: "value of a metric for a version; comparable with nil only",
        takes: &[Type::Int, Type::Text],
        gives: Type::FloatPointer,
        call: "ScalarMetricValue(i, \"name\")",
    },
    Function {
        name: "TrackVersionStr",
        about: "text that names a version",
        takes: &[Type::Int],
        gives: Type::Text,
        call: "TrackVersionStr(i)",
    },
];

const fn of_time(name: &'static str, call: &'static str, about: &'static str, gives: Type) -> Function {
    Function {
        name,
        about,
        takes: &[],
        gives,
        call,
    }
}

static TIME_METHODS: &[Function] = &[
    of_time("Year", "Year()", "year", Type::Int),
    of_time("Day", "Day()", "day of the month", Type::Int),
    of_time("YearDay", "YearDay()", "day of the year", Type::Int),
    of_time("Hour", "Hour()", "hour", Type::Int),
    of_time("Minute", "Minute()", "minute", Type::Int),
    of_time("Second", "Second()", "second", Type::Int),
    of_time(
        "Nanosecond",
        "Nanosecond()",
        "nanosecond of the second",
        Type::Int,
    ),
    of_time("Unix", "Unix()", "seconds since 1970", Type::Long),
    of_time("UnixMilli", "UnixMilli()", "milliseconds since 1970", Type::Long),
    of_time("UnixMicro", "UnixMicro()", "microseconds since 1970", Type::Long),
    of_time("UnixNano", "UnixNano()", "nanoseconds since 1970", Type::Long),
    of_time("IsZero", "IsZero()", "no start is known", Type::Bool),
];

impl Shape {
    /// The fields of an object.
    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            Self::Result => RESULT,
            Self::Insights => INSIGHTS,
            Self::Metric => METRIC,
            Self::Version => VERSION,
            Self::Slos => SLOS,
            Self::Limit => LIMIT,
            Self::Verdicts => VERDICTS,
            Self::Rewards => REWARDS,
            Self::Winners => WINNERS,
            Self::Bucket => BUCKET,
            Self::Task => TASK,
        }
    }
}

/// The methods of a type.
pub(super) fn methods(of: &Type) -> &'static [Function] {
    if *of == Type::Object(Shape::Insights) {
        INSIGHTS_METHODS
    } else if *of == Type::Time {
        TIME_METHODS
    } else {
        &[]
    }
}
