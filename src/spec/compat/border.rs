//! [`Border`]: what the eras know of the file that they translate, and where they say what they find.

use std::path::Path;

use super::tree::node_at;
use crate::diagnostic::{Diagnostic, Severity};
use crate::spec::node::{At, Node, Value};
use crate::spec::source::SourceFile;

/// A file on its way into today's form.
pub(super) struct Border<'a> {
    source: &'a SourceFile,
    /// Where files beside it are.
    pub(super) folder: &'a Path,
    /// What was found.
    pub(super) found: Vec<Diagnostic>,
}

impl<'a> Border<'a> {
    /// Nothing was found yet.
    pub(super) fn new(source: &'a SourceFile, folder: &'a Path) -> Self {
        Self {
            source,
            folder,
            found: Vec::new(),
        }
    }

    /// Something that cannot be meant.
    pub(super) fn error(&mut self, at: &At, message: impl Into<String>, hint: &str) {
        self.report(Severity::Error, at, message.into(), hint);
    }

    /// Something that may not be meant.
    pub(super) fn warning(&mut self, at: &At, message: impl Into<String>, hint: &str) {
        self.report(Severity::Warning, at, message.into(), hint);
    }

    fn report(&mut self, severity: Severity, at: &At, message: String, hint: &str) {
        self.found.push(Diagnostic {
            severity,
            message,
            place: Some(at.place(self.source)),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        });
    }

    /// Takes keys out of a map that nothing reads, and says so.
    pub(super) fn drop_leftovers(&mut self, map: &mut Node, keys: &[&str], why: &str) {
        for name in keys {
            while let Some((key, _)) = map.take(name) {
                self.warning(&key.at, format!("`{}` changes nothing: {why}", key.name), "");
            }
        }
    }
}

/// The tasks of an experiment, in order.
pub(super) type Tasks = Vec<Node>;

/// The name after `task:`, if the entry is a task.
pub(super) fn name(task: &Node) -> Option<&str> {
    task.find("task").and_then(Node::as_text)
}

/// Gives a task its name in the next era; whether it had one of the old ones.
pub(super) fn rename_task(task: &mut Node, names: &[(&str, &str)]) -> bool {
    let Some(node) = task.find_mut("task") else {
        return false;
    };
    let Some((_, new)) = names.iter().find(|(old, _)| node.as_text() == Some(old)) else {
        return false;
    };
    node.value = Value::String((*new).to_owned());
    true
}

/// The inputs of a task, made where there are none.
pub(super) fn with(task: &mut Node) -> Option<&mut Node> {
    if task.find("with").is_none() {
        let at = task.at.clone();
        task.put_at("with", Value::Null, &at);
    }
    let with = task.find_mut("with")?;
    matches!(with.value, Value::Map(_) | Value::Null).then_some(with)
}

/// Gives every metric of a task's objectives its name in the next era, and those that its condition quotes.
pub(super) fn rename_metrics(task: &mut Node, rename: impl Fn(&str) -> Option<String>) {
    if let Some(condition) = task.find_mut("if")
        && let Some(text) = condition.as_text()
    {
        condition.value = Value::String(requote(text, &rename));
    }
    let Some(slos) = task.find_mut("with").and_then(|with| with.find_mut("SLOs")) else {
        return;
    };
    let Value::List(slos) = &mut slos.value else {
        return;
    };
    for metric in slos.iter_mut().filter_map(|slo| slo.find_mut("metric")) {
        if let Some(new) = metric.as_text().and_then(&rename) {
            *metric = node_at(Value::String(new), &metric.at);
        }
    }
}

/// A condition whose quoted names are those of the next era.
fn requote(text: &str, rename: &impl Fn(&str) -> Option<String>) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(start);
        let quote = &quoted[..1];
        let Some(length) = quoted[1..].find(quote) else {
            break;
        };
        let inner = &quoted[1..=length];
        let new = rename(inner);
        written.push_str(before);
        written.push_str(quote);
        written.push_str(new.as_deref().unwrap_or(inner));
        written.push_str(quote);
        rest = &quoted[length + 2..];
    }
    written.push_str(rest);
    written
}
