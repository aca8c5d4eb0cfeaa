//! The form of October and November 2021, which no release ever had: its tasks and metrics become those of 0.8.

use super::border::{Border, Tasks, name, rename_metrics, rename_task, with};
use super::v0_8;
use crate::spec::node::{Node, Value};

/// Its tasks, and what 0.8 called them.
pub(super) const TASKS: &[(&str, &str)] = &[
    ("collect-fortio-metrics", "gen-load-and-collect-metrics"),
    ("collect-builtin-metrics", "gen-load-and-collect-metrics"),
    ("assess-versions", "assess-app-versions"),
];

/// What the names of its metrics begin with.
pub(super) const METRICS: &str = "iter8-fortio/";

/// Of October: `spec: {versions, tasks}`, a map; later a list.
pub(super) fn tasks_of_map(spec: &mut Node, border: &mut Border<'_>) -> Option<Node> {
    let (_, tasks) = spec.take("tasks")?;
    border.drop_leftovers(spec, &["iter8Version", "versions"], "nothing reads it");
    for (key, _) in spec.pairs() {
        let message = format!("unknown field `{}` in `spec` beside `tasks`", key.name);
        let hint = "objectives stand in a task: `- task: assess` with `SLOs:`";
        border.error(&key.at, message, hint);
    }
    Some(tasks)
}

/// Turns its tasks into those of 0.8.
pub(super) fn upgrade(tasks: &mut Tasks, border: &mut Border<'_>) {
    for task in tasks {
        rename_task(task, TASKS);
        let assesses = name(task) == Some("assess-app-versions");
        if let Some(with) = with(task) {
            if assesses {
                unwrap_criteria(with, border);
            } else {
                with.rename("time", "duration");
                with.rename("numQueries", "numRequests");
            }
        }
        rename_metrics(task, metric);
    }
}

/// What 0.8 calls a metric.
pub(super) fn metric(old: &str) -> Option<String> {
    let name = old.strip_prefix(METRICS)?;
    Some(format!("{}{name}", v0_8::METRICS))
}

/// `criteria: {requestCount, objectives}`, later `criteria: {SLOs}`.
fn unwrap_criteria(with: &mut Node, border: &mut Border<'_>) {
    if let Some((_, mut criteria)) = with.take("criteria") {
        let unread = ["requestCount", "indicators", "rewards"];
        border.drop_leftovers(&mut criteria, &unread, "nothing ever read it");
        if let Value::Map(entries) = criteria.value {
            entries.into_iter().for_each(|(key, node)| with.put(key, node));
        }
    }
    with.rename("objectives", "SLOs");
}
