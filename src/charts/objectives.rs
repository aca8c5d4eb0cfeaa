//! Limits by metric → an `assess` task.

use serde_json::Value as Json;

use super::MetricNames;
use super::load::rename;
use super::shape::{Limits, Metrics, Raw, Shape, shapes, with_properties};
use super::values::{is_map, key, list, map, number, string, task, with_types};
use crate::diagnostic::did_you_mean;
use crate::spec::{At, Decode, Decoder, Key, Node, Value};
use crate::tasks::{AssessKind, TaskKind as _};

crate::fields! {
    /// Limits of both kinds.
    struct BothLimits in "`SLOs`" {
        /// Upper limits by metric.
        upper: Raw<Limits> = ["upper"],
        /// Lower limits by metric.
        lower: Raw<Limits> = ["lower"],
    }
}

crate::fields! {
    /// What is to be as large or as small as it can be.
    struct Rewards in "`rewards`" {
        /// Metrics of which more is better.
        max: Raw<Metrics> = ["max"],
        /// Metrics of which less is better.
        min: Raw<Metrics> = ["min"],
    }
}

crate::fields! {
    /// What of `assess` looks different in values.
    struct AssessParts in "`assess`" {
        /// Limits by metric; or objectives as text.
        slos: BothLimits = ["SLOs"],
        /// Metrics that decide between versions that keep their limits.
        rewards: Rewards = ["rewards"],
    }
}

shapes! {
    /// Values of `assess`.
    AssessValues: "fields of `assess`" = with_properties(AssessKind.schema(), &AssessParts::schema());
}

/// The `assess` task of the chart `iter8`: `{SLOs: {upper, lower}, rewards}`, and what `assess` has today.
pub(super) fn assess(values: &Node, decoder: &mut Decoder<'_>) -> Node {
    let Value::Map(fields) = &values.value else {
        return task("assess", values);
    };
    let read = |(name, node): &(Key, Node)| {
        let is_limits = name.name.eq_ignore_ascii_case("SLOs") && is_map(node);
        if !is_limits {
            return (name.clone(), with_types(node));
        }
        let sides = node.pairs().iter().map(|(side, limits)| {
            (
                side.clone(),
                if is_map(limits) {
                    listed(limits, None, decoder)
                } else {
                    limits.clone()
                },
            )
        });
        (name.clone(), map(sides.collect(), node))
    };
    let fields = fields.iter().filter(|(_, node)| node.value != Value::Null);
    task("assess", &map(fields.map(read).collect(), values))
}

/// The `assess` task of charts with upper limits only; `None` without any.
pub(super) fn upper_limits(limits: &Node, names: ShortNames, decoder: &mut Decoder<'_>) -> Option<Node> {
    if !matches!(limits.value, Value::Map(_)) {
        decoder.mismatch(limits, "a map from metrics to upper limits");
        return None;
    }
    let upper = listed(limits, Some(names), decoder);
    if upper.value == Value::List(Vec::new()) {
        return None;
    }
    let slos = map(vec![(key("upper", limits), upper)], limits);
    let with = map(vec![(key("SLOs", limits), slos)], limits);
    Some(task("assess", &with))
}

/// `{metric: limit}` as a list of `{metric, limit}`, in the order of the names.
fn listed(limits: &Node, names: Option<ShortNames>, decoder: &mut Decoder<'_>) -> Node {
    let mut found: Vec<(String, Node)> = Vec::new();
    for (name, limit) in limits.pairs() {
        if limit.value == Value::Null {
            // A flag takes a limit away; in a file the number was forgotten.
            if !matches!(limit.at, At::Named(_)) {
                let hint = format!("write a number, or take it away by --set …{}=null", name.name);
                decoder.error(
                    &name.at,
                    format!("the limit of `{}` has no value", name.name),
                    Some(hint),
                );
            }
            continue;
        }
        if let Value::Map(below) = &limit.value {
            let rest = below.first().map_or("…", |(rest, _)| rest.name.as_str());
            let hint = format!(
                "a dot in a key is written with a backslash: {}\\.{rest}",
                name.name
            );
            decoder.error(
                &name.at,
                format!("the limit of `{}` is a map", name.name),
                Some(hint),
            );
            continue;
        }
        let metric = match names {
            Some(names) => names.full(name, decoder),
            None => name.name.clone(),
        };
        let metric_node = Node {
            value: Value::String(metric.clone()),
            at: name.at.clone(),
        };
        let fields = vec![
            (rename(name, "metric"), metric_node),
            (rename(name, "limit"), number(limit)),
        ];
        found.push((metric, map(fields, limit)));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    list(found.into_iter().map(|(_, limit)| limit).collect(), limits)
}

/// What a metric without the name of what measures it means.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShortNames {
    /// What measures: `http` or `grpc`.
    pub(super) protocol: &'static str,
    /// Whether such a name is allowed.
    pub(super) allowed: MetricNames,
}

impl ShortNames {
    fn full(self, key: &Key, decoder: &mut Decoder<'_>) -> String {
        let name = &key.name;
        let Some(full) = self.meant(name) else {
            return name.clone();
        };
        if self.allowed == MetricNames::Full {
            let message = format!("`{name}` is no metric: since Iter8 0.9 its name says what measures it");
            decoder.error(&key.at, message, Some(format!("write `{full}`")));
        }
        full
    }

    /// The full name of a short one: `latency-mean`, `latency/p95`, or as in the first charts `mean-latency`, `p95`.
    fn meant(self, name: &str) -> Option<String> {
        let Self { protocol, .. } = self;
        let is_percentile = |name: &str| {
            let digits = name.strip_prefix('p').filter(|rest| !rest.is_empty());
            digits.is_some_and(|rest| {
                rest.chars()
                    .all(|letter| letter.is_ascii_digit() || letter == '.')
            })
        };
        if let Some(statistic) = name.strip_suffix("-latency") {
            return Some(format!("{protocol}/latency-{statistic}"));
        }
        if is_percentile(name) {
            let short = name.strip_suffix(".0").unwrap_or(name);
            return Some(format!("{protocol}/latency-{short}"));
        }
        let counts = ["request-count", "error-count", "error-rate"];
        let known = counts.contains(&name) || name.starts_with("latency-") || name.starts_with("latency/");
        let near = || !name.contains('/') && did_you_mean(name, counts).is_some();
        (known || near()).then(|| format!("{protocol}/{name}"))
    }
}

/// A condition of a task, if values give one.
pub(super) fn with_condition(mut task: Node, condition: Option<&Node>) -> Node {
    if let (Value::Map(entries), Some(condition)) = (&mut task.value, condition) {
        // An expression has no other type.
        let text = condition
            .as_text()
            .map_or_else(|| condition.clone(), |text| string(text, condition));
        entries.insert(1, (key("if", condition), text));
    }
    task
}
