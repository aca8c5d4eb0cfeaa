//! The tasks of a stored experiment, by name: how many there are decides whether all are done.

use super::reader::{Reader, field};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::spec::compat::{former_tasks, renamed_task};
use crate::spec::{Node, Value};

/// Every name that 0.11 to 0.15 knew.
const NAMES: &[&str] = &[
    "http",
    "grpc",
    "custommetrics",
    "abnmetrics",
    "assess",
    "ready",
    "notify",
];

/// Inputs of loads that are numbers.
const NUMBERS: &[&str] = &["numRequests", "qps", "connections", "total", "concurrency"];

/// The names of all tasks.
pub(super) fn of(root: &Node, reader: Reader<'_>) -> Result<Vec<String>, Diagnostic> {
    let tasks = match &root.value {
        Value::List(_) => Some(root),
        Value::Null => None,
        Value::Map(_) => field(root, "spec"),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Text(_) => {
            return Err(reader.error(root, "an experiment is a list of tasks or a map with `spec`"));
        }
    };
    tasks.map_or(Ok(Vec::new()), |tasks| reader.list(tasks, task))
}

fn task(reader: Reader<'_>, node: &Node) -> Result<String, Diagnostic> {
    reader.is_map(node)?;
    let text = |name| {
        Ok::<_, Diagnostic>(
            reader
                .optional(node, name, Reader::text)?
                .filter(|text| !text.is_empty()),
        )
    };
    text("if")?;
    if let Some(with) = field(node, "with") {
        reader.is_map(with)?;
        for name in NUMBERS {
            reader.optional(with, name, Reader::number)?;
        }
    }
    if text("run")?.is_some() {
        return Ok("run".to_owned());
    }
    let Some(name) = text("task")? else {
        return Err(reader.error(node, "a task has neither a name nor a script"));
    };
    let today = renamed_task(&name);
    if NAMES.contains(&today) {
        return Ok(today.to_owned());
    }
    let place = field(node, "task").unwrap_or(node);
    let error = reader.error(place, format!("unknown task `{name}`"));
    let known = NAMES.iter().copied().chain(former_tasks().map(|(old, _)| old));
    Err(match did_you_mean(&name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    })
}
