//! The loops of an experiment that runs again and again: how each ended, and what it measured of what is judged.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::known::{Known, metric_name};
use crate::metrics::MetricName;
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::results::Outcome;

/// Loops that are shown, the last ones.
const SHOWN: usize = 20;
/// Metrics that fit into a cell.
const MOST_METRICS: usize = 4;

/// The loops, the last one first; nothing where there is only one.
pub(super) fn section(known: &Known<'_>) -> Section {
    let result = known.result;
    let judged = judged(known);
    let mut table = Table::new(&[
        ("Loop", Align::Right),
        ("Started", Align::Left),
        ("Outcome", Align::Left),
        ("Measured", Align::Left),
    ]);
    let mut push = |number: u64, started: Timestamp, outcome: Outcome, metrics: &BTreeMap<String, f64>| {
        let name = Prose::from(outcome.name());
        table.rows.push(vec![
            number.to_string().into(),
            format!("{started:.0}").into(),
            if outcome == Outcome::Pass {
                name
            } else {
                name.strong()
            },
            measured(&judged, metrics),
        ]);
    };
    if !result.past.is_empty() {
        push(result.loops, result.started, result.outcome, &result.metrics());
        for past in result.past.iter().rev().take(SHOWN - 1) {
            push(past.number, past.started, past.outcome, &past.metrics);
        }
    }
    super::sections::section(Topic::Loops, "Loops", table)
}

/// The metrics that objectives are about, each once.
fn judged<'a>(known: &Known<'a>) -> Vec<&'a MetricName> {
    let mut all: Vec<&MetricName> = Vec::new();
    for judgement in &known.result.assessment.judgements {
        let metric = &judgement.objective.metric;
        if !all.contains(&metric) {
            all.push(metric);
        }
    }
    all.truncate(MOST_METRICS);
    all
}

/// What is known of these metrics.
fn measured(names: &[&MetricName], metrics: &BTreeMap<String, f64>) -> Prose {
    let mut told = Prose::new();
    for name in names {
        let Some(value) = metrics.get(&name.to_string()) else {
            continue;
        };
        if !told.is_empty() {
            told = told.text(", ");
        }
        let value = number::measured(*value, name.unit());
        told = told.then(metric_name(name)).text(format!(" {value}"));
    }
    told
}
