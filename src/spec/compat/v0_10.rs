//! Iter8 0.10: a list of tasks with long names. They become those of 0.11, which are today's.

use jiff::civil::DateTime;
use jiff::fmt::strtime;

use super::border::{Border, Tasks, name, rename_task, with};
use super::tree::{key_at, node_at};
use super::v0_9::VERSIONS;
use crate::spec::node::{At, Key, Node, Value};

/// The load of HTTP requests.
pub(super) const HTTP: &str = "gen-load-and-collect-metrics-http";
/// The load of gRPC calls.
pub(super) const GRPC: &str = "gen-load-and-collect-metrics-grpc";
/// Metrics from databases.
pub(super) const DATABASE: &str = "collect-metrics-database";
const ASSESS: &str = "assess-app-versions";

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
            Some(DATABASE) => database(inputs, border),
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

/// `providers` named files beside the experiment, `versionInfo` gave each version's values.
fn database(with: &mut Node, border: &mut Border<'_>) {
    if let Some((key, providers)) = with.take("providers") {
        let template = |provider: &Node| {
            let name = provider.as_text()?;
            let file = Value::String(format!("{name}.metrics.yaml"));
            Some((key_at(name, &provider.at), node_at(file, &provider.at)))
        };
        let templates = providers.items().iter().filter_map(template).collect();
        with.put(
            key_at("templates", &key.at),
            node_at(Value::Map(templates), &providers.at),
        );
    }
    let Some((key, mut versions)) = with.take(VERSIONS) else {
        return;
    };
    if let Value::List(listed) = &mut versions.value {
        for time in listed
            .iter_mut()
            .filter_map(|version| version.find_mut("startingTime"))
        {
            starting_time(time, border);
        }
    }
    match versions.items() {
        [only] => with.put(key_at("values", &key.at), only.clone()),
        _ => with.put(key_at("versionValues", &key.at), versions),
    }
}

/// `Jan 2, 2006 at 3:04pm (MST)` becomes RFC 3339.
fn starting_time(time: &mut Node, border: &mut Border<'_>) {
    let Some(text) = time.as_text().map(str::to_owned) else {
        return;
    };
    let Some((local, zone)) = text.trim_end_matches(')').rsplit_once(" (") else {
        return;
    };
    match strtime::parse("%b %d, %Y at %I:%M%p", local).and_then(|parsed| parsed.to_datetime()) {
        Ok(read) => {
            if !matches!(zone, "UTC" | "GMT") {
                doubt_zone(&time.at, zone, border);
            }
            time.value = Value::String(utc(read));
        }
        Err(cause) => border.error(
            &time.at,
            format!("`startingTime` is not like `Jan 2, 2006 at 3:04pm (UTC)`: {cause}"),
            "today it is written 2006-01-02T15:04:00Z",
        ),
    }
}

fn doubt_zone(at: &At, zone: &str, border: &mut Border<'_>) {
    let message = format!("the zone {zone} is taken for UTC, as Iter8 took zones that it did not know");
    border.warning(at, message, "write the time as 2006-01-02T15:04:00+01:00");
}

fn utc(time: DateTime) -> String {
    format!("{}Z", time.strftime("%Y-%m-%dT%H:%M:%S"))
}
