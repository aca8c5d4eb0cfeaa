//! [`overlay`]: a file's experiment with flags or inputs put over it. One that would change nothing is a mistake.

use super::{Given, edit};
use crate::diagnostic::{Diagnostic, Place};
use crate::spec::Node;

/// Which tasks the file has for the flags to apply to.
#[derive(Debug, Default)]
struct Seen {
    http: bool,
    /// A `ready` task with a URL.
    ready: bool,
    assess: bool,
}

/// The experiment with what was given put over it, and what was given for nothing.
pub(super) fn overlay(given: &Given, mut root: Node) -> (Node, Vec<Diagnostic>) {
    // A file of another shape is refused when it is read.
    let Some(tasks) = edit::tasks(&mut root) else {
        return (root, Vec::new());
    };
    let mut seen = Seen::default();
    for task in tasks.iter_mut() {
        put_over(given, task, &mut seen);
    }
    let ready = tasks.iter().any(|task| edit::is_task(task, "ready"));
    if given.url().is_some() && !ready {
        tasks.insert(0, given.probe());
    }
    tasks.extend(given.assess());
    let found = unused(given, &seen);
    (root, found)
}

fn put_over(given: &Given, task: &mut Node, seen: &mut Seen) {
    if edit::is_task(task, "http") {
        seen.http = true;
        if let Some(with) = edit::with(task) {
            edit::put(with, &given.fields());
        }
    } else if edit::is_task(task, "assess") {
        seen.assess = true;
        if let Some(with) = edit::with(task) {
            edit::put(with, &given.verdict_fields());
        }
    } else if edit::is_task(task, "ready") {
        let Some(with) = edit::with(task) else { return };
        if edit::get(with, "url").is_some() {
            seen.ready = true;
            let url = given.fields().into_iter().filter(|(key, _)| edit::is(key, "url"));
            edit::put(with, &url.collect::<Vec<_>>());
        }
    }
}

fn unused(given: &Given, seen: &Seen) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut refuse = |key: &str, source: &str, what: &str, hint: &str| {
        let message = format!("`{key}` would change nothing: the experiment has no {what}");
        found.push(Diagnostic::error(message).at(Place::named(source)).hint(hint));
    };
    let url = given.url().is_some();
    for (key, _, source) in &given.load {
        if !(seen.http || (url && seen.ready && key == "url")) {
            refuse(key, source, "`http` task", "add one, or leave this out");
        }
    }
    if let Some((_, source)) = &given.ready_timeout
        && !seen.ready
        && !url
    {
        refuse("readyTimeout", source, "`ready` task", "add one, or give a URL");
    }
    if !seen.assess {
        found.extend(given.verdict_without_objectives());
    }
    found
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
