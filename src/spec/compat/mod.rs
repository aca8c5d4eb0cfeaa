//! [`modern`]: an experiment file of any era of Iter8, as a tree of today's form. Nothing behind it knows an era.
//!
//! # How
//! Each era has a file that turns its tasks into those of the next one, and what is read passes through all that are newer
//! than it. Nodes keep their places, so that whatever is wrong is shown where the user wrote it.

mod border;
mod fetched;
mod tree;
mod v0_10;
mod v0_11;
mod v0_8;
mod v0_9;
mod y2021;

#[cfg(test)]
mod tests;

use border::{Border, Tasks, name};
use tree::{key_at, node_at};

use super::node::{Node, Value};
use super::source::SourceFile;
use crate::diagnostic::Diagnostic;

/// Who wrote files like this one; older ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Era {
    /// The form of late 2021, before the first release of the command line.
    Y2021,
    /// Iter8 0.8.
    V0_8,
    /// Iter8 0.9.
    V0_9,
    /// Iter8 0.10.
    V0_10,
    /// Iter8 0.11 to 0.15.
    V0_11,
    /// Iter8 0.16 to 1.1.
    V0_16,
    /// Today.
    Current,
}

impl Era {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Y2021 => "the unreleased format of 2021",
            Self::V0_8 => "Iter8 0.8",
            Self::V0_9 => "Iter8 0.8.29 to 0.9",
            Self::V0_10 => "Iter8 0.9 to 0.10",
            Self::V0_11 => "Iter8 0.11 to 0.15",
            Self::V0_16 => "Iter8 0.16 to 1.1",
            Self::Current => "the current format",
        }
    }

    /// Whether a release of Iter8 read files of this form, and what nobody reads in them was not meant as a mistake.
    pub fn is_past(self) -> bool {
        self != Self::Current
    }
}

/// What Iter8 0.9 and everyone since calls a metric of 0.8 or 2021.
pub fn renamed_metric(old: &str) -> Option<String> {
    v0_8::metric(y2021::metric(old).as_deref().unwrap_or(old))
}

/// Names of tasks that only the past knew, and what they became, oldest first.
pub fn former_tasks() -> impl Iterator<Item = (&'static str, &'static str)> {
    let tables = [y2021::TASKS, v0_8::TASKS, v0_10::TASKS];
    tables.into_iter().flatten().copied()
}

/// Today's name of a task of any release.
pub fn renamed_task(name: &str) -> &str {
    former_tasks().fold(name, |name, (old, new)| if old == name { new } else { name })
}

/// A file in today's form.
#[derive(Debug)]
pub struct Modern {
    /// Its content.
    pub root: Node,
    /// The form that it had.
    pub era: Era,
    /// What was found on the way.
    pub found: Vec<Diagnostic>,
}

/// Turns the content of a file into today's form.
pub fn modern(mut root: Node, source: &SourceFile) -> Modern {
    let mut border = Border::new(source);
    refuse_objects(&root, &mut border);
    let Some((tasks, era)) = tasks(&mut root, &mut border) else {
        return Modern {
            root,
            era: Era::Current,
            found: border.found,
        };
    };
    let at = tasks.at.clone();
    warn_of_variables(&tasks, &mut border);
    let Value::List(mut list) = tasks.value else {
        return Modern {
            root,
            era,
            found: border.found,
        };
    };
    upgrade(&mut list, era, &mut border);
    let spec = node_at(Value::List(list), &at);
    root = match root.value {
        Value::Map(_) => {
            root.put(key_at("spec", &at), spec);
            root
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::List(_) => node_at(Value::Map(vec![(key_at("spec", &at), spec)]), &root.at),
    };
    Modern {
        root,
        era,
        found: border.found,
    }
}

/// Iter8 up to 0.7 was a controller in a cluster, and its experiments were objects there.
fn refuse_objects(root: &Node, border: &mut Border<'_>) {
    let version = root.find("apiVersion").and_then(Node::as_text);
    if version.is_some_and(|version| version.starts_with("iter8.tools/")) {
        let message = "this is an experiment of Iter8 up to 0.7, which a controller ran in a cluster: its form is not read";
        let hint =
            "write it anew: `task: ready` waits, `task: http` or `grpc` measures, `task: assess` judges";
        border.error(&root.at, message, hint);
    }
}

/// Iter8 knew no variables: what looks like one was sent as it stood.
fn warn_of_variables(node: &Node, border: &mut Border<'_>) {
    match &node.value {
        Value::String(text) if text.replace("$${", "").contains("${") => border.warning(
            &node.at,
            "`${NAME}` is replaced by a variable of the environment; Iter8 took it as text",
            "to send the text, write `$${NAME}`",
        ),
        Value::Map(entries) => entries.iter().for_each(|(key, node)| {
            // A script has variables of its own, and a shell that replaces them.
            if key.name != "run" {
                warn_of_variables(node, border);
            }
        }),
        Value::List(items) => items.iter().for_each(|item| warn_of_variables(item, border)),
        Value::String(_)
        | Value::Text(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_) => {}
    }
}

/// Turns the tasks of an era into those of the next one.
type Step = fn(&mut Tasks, &mut Border<'_>);

/// The steps from an era to today.
fn upgrade(tasks: &mut Tasks, era: Era, border: &mut Border<'_>) {
    let steps: [(Era, Step); 5] = [
        (Era::Y2021, y2021::upgrade),
        (Era::V0_8, v0_8::upgrade),
        (Era::V0_9, v0_9::upgrade),
        (Era::V0_10, v0_10::upgrade),
        (Era::V0_11, |tasks, border| {
            fetched::fold(tasks);
            v0_11::upgrade(tasks, border);
        }),
    ];
    for (_, step) in steps.iter().filter(|(of, _)| *of >= era.min(Era::V0_11)) {
        step(tasks, border);
    }
}

/// Takes the tasks out of a file of the past; `None` for one that is today's, or none at all.
fn tasks(root: &mut Node, border: &mut Border<'_>) -> Option<(Node, Era)> {
    if let Value::List(listed) = &root.value {
        let era = era_of(listed)?;
        return Some((root.clone(), era));
    }
    let spec = root.find("spec")?;
    if spec.find("tasks").is_some() {
        let (_, mut spec) = root.take("spec")?;
        let tasks = y2021::tasks_of_map(&mut spec, border)?;
        let _ = root.take(v0_11::RESULT);
        return Some((tasks, Era::Y2021));
    }
    let written = root.find(v0_11::RESULT).is_some();
    let named = root.find(v0_11::METADATA).is_some();
    let stated = v0_11::stated(root);
    let listed = spec.items();
    let era = if listed.iter().any(is_old) {
        era_of(listed)?
    } else if let Some(era) = stated {
        era
    } else if named {
        Era::V0_16
    } else if written {
        Era::V0_11
    } else {
        return None;
    };
    // Nothing to translate; without them the file is as empty as it was.
    let _ = (root.take(v0_11::RESULT), root.take(v0_11::METADATA));
    let (_, spec) = root.take("spec")?;
    if let Value::List(_) = spec.value {
        return Some((spec, era));
    }
    root.put(key_at("spec", &spec.at), spec);
    None
}

/// Whether a task has a name that only the past knew.
fn is_old(task: &Node) -> bool {
    name(task).is_some_and(|name| former_tasks().any(|(old, _)| old == name))
}

/// The oldest era that a list of tasks shows signs of; `None` if its tasks are called as they are today.
fn era_of(listed: &[Node]) -> Option<Era> {
    let named = |names: &[(&str, &str)]| {
        let mut tasks = listed.iter().filter_map(name);
        tasks.any(|task| names.iter().any(|(old, _)| *old == task))
    };
    let measured = |prefix: &str| listed.iter().any(|task| has_metric(task, prefix));
    if named(y2021::TASKS) || measured(y2021::METRICS) {
        return Some(Era::Y2021);
    }
    if named(v0_8::TASKS) || measured(v0_8::METRICS) {
        return Some(Era::V0_8);
    }
    let of_versions = |task: &Node| {
        let loads = matches!(name(task), Some(v0_10::HTTP | v0_10::GRPC));
        let with = task.find("with");
        let listed = with.is_some_and(|with| with.find(v0_9::VERSIONS).is_some());
        let unnamed =
            name(task) == Some(v0_10::DATABASE) && with.is_some_and(|with| with.find("providers").is_none());
        loads && listed || unnamed
    };
    if listed.iter().any(of_versions) {
        return Some(Era::V0_9);
    }
    let scripts = !listed.is_empty() && listed.iter().all(|task| task.find("run").is_some());
    (scripts || listed.iter().any(is_old)).then_some(Era::V0_10)
}

fn has_metric(task: &Node, prefix: &str) -> bool {
    let Some(with) = task.find("with") else {
        return false;
    };
    let criteria = with.find("criteria").unwrap_or(with);
    let lists = ["SLOs", "objectives"].into_iter();
    let mut slos = lists.filter_map(|key| criteria.find(key)).flat_map(Node::items);
    slos.any(|slo| {
        slo.find("metric")
            .and_then(Node::as_text)
            .is_some_and(|metric| metric.starts_with(prefix))
    })
}
