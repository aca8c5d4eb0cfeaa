//! Iter8 0.10: a list of tasks with long names. They become those of 0.11, which are today's.

use super::border::{Border, Tasks, name, rename_task, with};
use super::tree::{key_at, node_at};
use super::v0_9::VERSIONS;
use crate::diagnostic::did_you_mean;
use crate::spec::node::{Key, Node, Value};

/// The load of HTTP requests.
pub(super) const HTTP: &str = "gen-load-and-collect-metrics-http";
/// The load of gRPC calls.
pub(super) const GRPC: &str = "gen-load-and-collect-metrics-grpc";
/// Metrics from databases.
pub(super) const DATABASE: &str = "collect-metrics-database";
/// The judgement.
pub(super) const ASSESS: &str = "assess-app-versions";

/// Its tasks, and what 0.11 called them.
pub(super) const TASKS: &[(&str, &str)] = &[
    (HTTP, "http"),
    (GRPC, "grpc"),
    (ASSESS, "assess"),
    (DATABASE, "custommetrics"),
    ("k8s-object-ready", "ready"),
];

/// What its charts left in the loads: their own values.
const LEFTOVERS: &[&str] = &["iter8lib", "SLOs", "cronjobSchedule", "runner"];

/// Turns its tasks into those of 0.11.
pub(super) fn upgrade(tasks: &mut Tasks, border: &mut Border<'_>) {
    for task in tasks {
        let old = name(task).map(str::to_owned);
        let Some(inputs) = with(task) else { continue };
        match old.as_deref() {
            Some(HTTP | GRPC) => {
                border.drop_leftovers(inputs, LEFTOVERS, "a chart of Iter8 left it here");
            }
            Some(ASSESS) => {
                if let Some(slos) = inputs.find_mut("SLOs") {
                    split(slos, border);
                }
            }
            // Without `providers` it is the list of versions that asks for every file beside the experiment.
            Some(DATABASE) if inputs.find("providers").is_some() => inputs.rename(VERSIONS, "versionValues"),
            Some(_) | None => {
                // What was made to look into is taken away again.
                if inputs.value == Value::Null {
                    let _ = task.take("with");
                }
            }
        }
        rename_task(task, TASKS);
    }
}

/// Refuses what is no part of an objective: it may be a limit that is misspelt.
fn refuse_unknown(slo: &Node, border: &mut Border<'_>) {
    for (key, _) in slo.pairs() {
        if ["metric", "warn"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&key.name))
        {
            continue;
        }
        let near = did_you_mean(&key.name, ["metric", "upperLimit", "lowerLimit"]);
        let hint = near.map_or_else(
            || "known are metric, upperLimit, lowerLimit".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        border.error(
            &key.at,
            format!("unknown field `{}` in an objective", key.name),
            &hint,
        );
    }
}

/// `[{metric, upperLimit, lowerLimit}]` becomes `{upper, lower}`.
fn split(slos: &mut Node, border: &mut Border<'_>) {
    let at = slos.at.clone();
    let Value::List(listed) = &mut slos.value else {
        return;
    };
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for mut slo in std::mem::take(listed) {
        let limits = [slo.take("upperLimit"), slo.take("lowerLimit")];
        if !matches!(slo.value, Value::Map(_)) || limits.iter().all(Option::is_none) {
            let message = "an objective has a `metric`, and an `upperLimit`, a `lowerLimit` or both";
            border.error(&slo.at, message, "");
        }
        refuse_unknown(&slo, border);
        for (limit, side) in limits.into_iter().zip([&mut upper, &mut lower]) {
            let Some((key, limit)) = limit else { continue };
            let mut slo = slo.clone();
            slo.put(key_at("limit", &key.at), limit);
            side.push(slo);
        }
    }
    let side = |name: &str, slos: Vec<Node>| {
        let entry = (key_at(name, &at), node_at(Value::List(slos), &at));
        (!entry.1.items().is_empty()).then_some(entry)
    };
    let sides: Vec<(Key, Node)> = [side("upper", upper), side("lower", lower)]
        .into_iter()
        .flatten()
        .collect();
    // No objective at all is refused as such.
    slos.value = if sides.is_empty() {
        Value::Null
    } else {
        Value::Map(sides)
    };
}
