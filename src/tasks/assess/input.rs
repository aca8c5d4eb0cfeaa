//! The `with:` of `assess`: objectives as limits per metric, as in Iter8, or as text.

use serde_json::json;

use crate::metrics::MetricName;
use crate::slo::{Bound, Goal, Limit, Objective, ObjectiveError, OnInconclusive, Reward};
use crate::spec::{Decode, Decoder, Node, Value};
use crate::tasks::Placed;
use crate::tasks::inputs::Count;

crate::fields! {
    /// What is judged, and how.
    pub(super) struct AssessInput in "an `assess` task" {
        /// `upper` and `lower`: lists of `{metric, limit}`; or a list of objectives as text.
        slos: Slos = ["SLOs"],
        /// Objectives as text, such as `http/latency-p95 <= 200ms`; or `{objective, warn: true}` to report without failing.
        texts: Vec<Text> = ["objectives"],
        /// `max` and `min`: lists of metrics that versions are compared by; only who meets all objectives can win.
        rewards: Rewards = ["rewards"],
        /// What counts where an interval straddles its limit: `observed` (default), `pass` or `fail`.
        on_inconclusive: OnInconclusive = ["onInconclusive"],
        /// Fewest requests a verdict may rest on; default 1.
        min_requests: Count = ["minRequests"],
    }
}

impl AssessInput {
    /// All objectives, upper limits first as in Iter8.
    pub(super) fn objectives(&self) -> Vec<Placed<Objective>> {
        let listed = self.slos.iter().flat_map(|slos| &slos.0);
        listed
            .chain(self.texts.iter().flatten().map(|text| &text.0))
            .cloned()
            .collect()
    }

    /// Whether objectives were given that could not be read; that has been reported.
    pub(super) fn is_unreadable(&self, with: &Node) -> bool {
        let lost = |read: bool, key: &str| !read && with.field(key).is_some();
        lost(self.slos.is_some(), "SLOs")
            || lost(self.texts.is_some(), "objectives")
            || lost(self.rewards.is_some(), "rewards")
    }

    /// All rewards, largest values first as in Iter8.
    pub(super) fn rewards(&self) -> Vec<Placed<Reward>> {
        let Some(rewards) = &self.rewards else {
            return Vec::new();
        };
        let of = |metrics: &Option<Vec<Metric>>, goal| -> Vec<Placed<Reward>> {
            let placed = |Metric(metric): &Metric| Placed {
                value: Reward {
                    metric: metric.value.clone(),
                    goal,
                },
                at: metric.at.clone(),
            };
            metrics.iter().flatten().map(placed).collect()
        };
        [of(&rewards.max, Goal::Max), of(&rewards.min, Goal::Min)].concat()
    }
}

crate::fields! {
    /// Metrics that versions are compared by.
    pub(super) struct Rewards in "`rewards`" {
        /// Metrics of which the largest value wins.
        max: Vec<Metric> = ["max"],
        /// Metrics of which the smallest value wins.
        min: Vec<Metric> = ["min"],
    }
}

impl Decode for OnInconclusive {
    const TYPE: &'static str = "observed, pass or fail";

    fn schema() -> serde_json::Value {
        json!({ "enum": ["observed", "pass", "fail"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match String::decode(node, decoder)?.trim() {
            "observed" => Some(Self::Observed),
            "pass" => Some(Self::Pass),
            "fail" => Some(Self::Fail),
            other => {
                let hint = crate::diagnostic::did_you_mean(other, ["observed", "pass", "fail"])
                    .map(|name| format!("did you mean `{name}`?"));
                decoder.error(
                    &node.at,
                    format!("expected observed, pass or fail, found `{other}`"),
                    hint,
                );
                None
            }
        }
    }
}

/// An objective as text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text(Placed<Objective>);

crate::fields! {
    /// An objective with more to say about it.
    struct Detailed in "an objective" {
        /// The objective, such as `http/latency-p95 <= 200ms`.
        objective: Text = ["objective"],
        /// Report a broken objective without failing; default false.
        warn: bool = ["warn"],
    }
}

impl Decode for Text {
    const TYPE: &'static str = "objective";

    fn schema() -> serde_json::Value {
        // Written out: the schema of `Detailed` would hold this one for ever.
        let text =
            json!({ "type": "string", "examples": ["http/latency-p95 <= 200ms", "http/error-rate <= 1%"] });
        let properties = json!({ "objective": text, "warn": bool::schema() });
        json!({ "anyOf": [text, {
            "type": "object", "properties": properties, "required": ["objective"], "additionalProperties": false
        }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Map(_) = node.value {
            let detailed = Detailed::decode(node, decoder)?;
            let Some(Self(mut objective)) = detailed.objective else {
                if node.field("objective").is_none() {
                    decoder.error(&node.at, "an objective needs `objective`", None);
                }
                return None;
            };
            objective.value.warn = detailed.warn == Some(true);
            return Some(Self(objective));
        }
        let text = String::decode(node, decoder)?;
        match text.parse::<Objective>() {
            Ok(value) => Some(Self(Placed {
                value,
                at: node.at.clone(),
            })),
            Err(cause) => {
                let hint = of_provider(&text, &cause).or_else(|| cause.hint());
                decoder.error(&node.at, cause.to_string(), hint);
                None
            }
        }
    }
}

/// Shares and times are converted; what else a provider measures in is its own.
fn of_provider(text: &str, cause: &ObjectiveError) -> Option<String> {
    let metric = text.split_whitespace().next()?.parse().ok()?;
    let is_theirs = matches!(metric, MetricName::Custom { .. }) && matches!(cause, ObjectiveError::Limit(_));
    is_theirs
        .then(|| "limits of metrics of providers are plain numbers in the unit of the provider, or have one of %, us, ms, s".to_owned())
}

/// `SLOs`: limits per metric, or texts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slos(Vec<Placed<Objective>>);

crate::fields! {
    /// Limits, as in Iter8.
    struct Limits in "`SLOs`" {
        /// Upper limits: `{metric, limit}`.
        upper: Vec<Entry> = ["upper"],
        /// Lower limits: `{metric, limit}`.
        lower: Vec<Entry> = ["lower"],
    }
}

impl Decode for Slos {
    const TYPE: &'static str = "{upper, lower} or list";

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [Limits::schema(), Vec::<Text>::schema()] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Value::List(_) = node.value {
            let texts = Vec::<Text>::decode(node, decoder)?;
            return Some(Self(texts.into_iter().map(|text| text.0).collect()));
        }
        let limits = Limits::decode(node, decoder)?;
        let lost = |read: bool, key: &str| !read && node.field(key).is_some();
        if lost(limits.upper.is_some(), "upper") || lost(limits.lower.is_some(), "lower") {
            return None; // reported where they stand
        }
        let mut objectives = Vec::new();
        for (entries, bound) in [(limits.upper, Bound::AtMost), (limits.lower, Bound::AtLeast)] {
            for entry in entries.into_iter().flatten() {
                objectives.push(entry.objective(bound, decoder));
            }
        }
        objectives.into_iter().collect::<Option<_>>().map(Self)
    }
}

/// `{metric, limit}`.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    metric: Placed<MetricName>,
    limit: Placed<f64>,
    warn: bool,
}

impl Entry {
    fn objective(self, bound: Bound, decoder: &mut Decoder<'_>) -> Option<Placed<Objective>> {
        let objective = Objective::new(self.metric.value, bound, Limit::Value(self.limit.value));
        match objective.and_then(Objective::unless_everything) {
            Ok(objective) => Some(Placed {
                value: Objective {
                    warn: self.warn,
                    ..objective
                },
                at: self.metric.at,
            }),
            Err(cause) => {
                decoder.error(&self.limit.at, cause.to_string(), cause.hint());
                None
            }
        }
    }
}

crate::fields! {
    /// One limit, as in Iter8.
    struct EntryInput in "a limit" {
        /// The metric, such as `http/latency-p95`.
        metric: Metric = ["metric"],
        /// The limit in the metric's unit (msec, fraction).
        limit: f64 = ["limit"],
        /// Report a broken limit without failing; default false.
        warn: bool = ["warn"],
    }
}

impl Decode for Entry {
    const TYPE: &'static str = "{metric, limit}";

    fn schema() -> serde_json::Value {
        let mut schema = EntryInput::schema();
        schema["required"] = json!(["metric", "limit"]);
        schema
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let input = EntryInput::decode(node, decoder)?;
        match (input.metric, input.limit) {
            (Some(Metric(metric)), Some(value)) => {
                let at = node
                    .field("limit")
                    .map_or(&node.at, |(_, limit)| &limit.at)
                    .clone();
                Some(Self {
                    metric,
                    limit: Placed { value, at },
                    warn: input.warn == Some(true),
                })
            }
            (metric, limit) => {
                // A field that was there but wrong has been reported.
                if metric.is_none() && node.field("metric").is_none() {
                    decoder.error(&node.at, "a limit needs `metric`", None);
                }
                if limit.is_none() && node.field("limit").is_none() {
                    decoder.error(&node.at, "a limit needs `limit`, a number", None);
                }
                None
            }
        }
    }
}

/// A metric's name and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric(Placed<MetricName>);

impl Decode for Metric {
    const TYPE: &'static str = "metric";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "examples": ["http/latency-p95", "http/error-rate"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match String::decode(node, decoder)?.parse() {
            Ok(value) => Some(Self(Placed {
                value,
                at: node.at.clone(),
            })),
            Err(cause) => {
                let cause: crate::metrics::MetricNameError = cause;
                decoder.error(&node.at, cause.to_string(), cause.hint());
                None
            }
        }
    }
}
