//! [`Values`]: what a text that is published may say of a result.

use std::collections::BTreeMap;

use crate::metrics::MetricName;
use crate::results::ExperimentResult;
use crate::slo::Weight;
use crate::template::{Record, Value};

const FIELDS: &[&str] = &["outcome", "winner", "weights", "metrics", "sha"];

/// What a template may say: `.outcome`, `.winner`, `.weights` (percent by version), `.metrics` (by name) and `.sha`.
#[derive(Debug, Clone)]
pub(super) struct Values {
    outcome: Value,
    winner: Value,
    weights: Value,
    metrics: Value,
    sha: Value,
}

impl Values {
    /// Those of a result.
    pub(super) fn of(result: &ExperimentResult) -> Self {
        let text = |text: Option<&str>| text.map_or(Value::Nil, Value::from);
        Self {
            outcome: result.outcome.name().into(),
            winner: text(result.winner()),
            weights: percents(&result.assessment.weights),
            metrics: numbers(MetricName::under_all_names(result.metrics())),
            sha: text(result.environment.commit.as_deref()),
        }
    }
}

/// A map; a few hundred numbers are no more than a map may hold.
fn numbers(metrics: BTreeMap<String, f64>) -> Value {
    let metrics = metrics
        .into_iter()
        .map(|(name, value)| (name, Value::Float(value)));
    Value::map(metrics.collect()).unwrap_or_default()
}

/// Shares of traffic by version.
fn percents(weights: &[Weight]) -> Value {
    let percents = weights
        .iter()
        .map(|weight| (weight.version.clone(), Value::Int(weight.percent.into())));
    Value::map(percents.collect()).unwrap_or_default()
}

/// Values to try a template with before there are any: every text in quotes may be the name of a metric.
pub(super) fn sample(template: &str) -> Values {
    let quoted = template.split(['"', '`']).skip(1).step_by(2);
    Values {
        outcome: "pass".into(),
        winner: "candidate".into(),
        weights: Value::map(
            quoted
                .clone()
                .map(|name| (name.to_owned(), Value::Int(50)))
                .collect(),
        )
        .unwrap_or_default(),
        metrics: numbers(quoted.map(|name| (name.to_owned(), 1.5)).collect()),
        sha: "0123456789abcdef0123456789abcdef01234567".into(),
    }
}

impl Record for Values {
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "outcome" => self.outcome.clone(),
            "winner" => self.winner.clone(),
            "weights" => self.weights.clone(),
            "metrics" => self.metrics.clone(),
            "sha" => self.sha.clone(),
            _ => return None,
        })
    }

    fn names(&self) -> &'static [&'static str] {
        FIELDS
    }
}
