//! [`Overlay`]: a file's experiment with flags or inputs put over it. One that would change nothing is a mistake.

use url::Url;

use super::{Given, edit, is_reach};
use crate::cli::origin::{absolute, moved};
use crate::diagnostic::{Diagnostic, Place};
use crate::spec::{Key, Node, SourceFile, Value};

/// What was given on its way into the tasks of a file.
pub(super) struct Overlay<'a> {
    given: &'a Given,
    source: &'a SourceFile,
    fields: Vec<(Key, Node)>,
    found: Vec<Diagnostic>,
}

fn has(tasks: &[Node], kind: &str) -> bool {
    tasks.iter().any(|task| edit::is_task(task, kind))
}

impl<'a> Overlay<'a> {
    /// Nothing is put anywhere yet.
    pub(super) fn new(given: &'a Given, source: &'a SourceFile) -> Self {
        Self {
            given,
            source,
            fields: given.fields(),
            found: Vec::new(),
        }
    }

    /// The experiment with what was given put over it, and what is wrong with that.
    pub(super) fn put_over(mut self, mut root: Node) -> (Node, Vec<Diagnostic>) {
        // A file of another shape is refused when it is read.
        let Some(tasks) = edit::tasks(&mut root) else {
            return (root, Vec::new());
        };
        for task in tasks.iter_mut() {
            if edit::is_task(task, "http") {
                self.load(task);
            } else if edit::is_task(task, "ready") {
                self.ready(task);
            } else if edit::is_task(task, "assess")
                && let Some(with) = edit::with(task)
            {
                edit::put(with, &self.given.verdict_fields());
            }
        }
        self.refuse_unused(tasks);
        if self.given.url().is_some() && !has(tasks, "ready") {
            self.probe(tasks);
        }
        tasks.extend(self.given.assess());
        (root, self.found)
    }

    /// Probes the URL before the first load, after what a script may have to prepare.
    fn probe(&self, tasks: &mut Vec<Node>) {
        let first = tasks.iter().position(|task| edit::is_task(task, "http"));
        let probe = first.and_then(|at| Some((at, self.given.probe(edit::get(&tasks[at], "with")?))));
        if let Some((at, probe)) = probe {
            tasks.insert(at, probe);
        }
    }

    fn ready(&self, task: &mut Node) {
        let Some(with) = edit::with(task) else { return };
        if self.given.url().is_some() && edit::get(with, "url").is_some() {
            // A health page keeps its path; one whose host comes from the environment gives way as a whole.
            let kept = edit::get(with, "url").and_then(|url| match &url.value {
                Value::String(text) => moved(text, &self.origin()?).ok().flatten(),
                Value::Null
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Float(_)
                | Value::Text(_)
                | Value::List(_)
                | Value::Map(_) => None,
            });
            let reach = self.fields.iter().filter(|(key, _)| is_reach(&key.name));
            edit::put(with, &reach.cloned().collect::<Vec<_>>());
            if let (Some(kept), Some(url)) = (kept, edit::get_mut(with, "url")) {
                url.value = Value::String(kept);
            }
        }
        edit::put(with, &self.given.timeout().into_iter().collect::<Vec<_>>());
    }

    /// The URL that was given.
    fn origin(&self) -> Option<Url> {
        self.given
            .url()
            .and_then(|(_, values, _)| absolute(values.last()?))
    }

    fn load(&mut self, task: &mut Node) {
        let Some(with) = edit::with(task) else { return };
        if let Some(endpoints) = edit::get_mut(with, "endpoints").and_then(edit::entries_mut) {
            for (name, endpoint) in endpoints {
                self.endpoint(&name.name, endpoint);
            }
        }
        edit::put(with, &self.fields);
    }

    /// An endpoint inherits what was given, unless it says otherwise: that it must not.
    fn endpoint(&mut self, name: &str, endpoint: &mut Node) {
        for (key, value) in &self.fields {
            match key.name.as_str() {
                "url" => {}
                "headers" => {
                    let given = edit::entries(value);
                    if let Some(own) = edit::get_mut(endpoint, "headers").and_then(edit::entries_mut) {
                        own.retain(|(old, _)| !given.iter().any(|(new, _)| edit::is(old, &new.name)));
                    }
                }
                other => edit::clear(endpoint, other),
            }
        }
        // A URL that is none is refused when it is read.
        let (Some(origin), Some(url)) = (self.origin(), edit::get_mut(endpoint, "url")) else {
            return;
        };
        let Value::String(text) = &url.value else { return };
        match moved(text, &origin) {
            Ok(Some(moved)) => url.value = Value::String(moved),
            Ok(None) => {}
            Err(_) => self.found.push(
                Diagnostic::error(format!(
                    "`url` cannot be put over that of the endpoint `{name}`: its host comes from the environment"
                ))
                .at(url.at.place(self.source))
                .hint("set the variable instead, or write the host into the file"),
            ),
        }
    }

    /// What was given for a task that is not there.
    fn refuse_unused(&mut self, tasks: &[Node]) {
        let mut refuse = |key: &str, source: &str, kind: &str, hint: &str| {
            let message = format!("`{key}` would change nothing: the experiment has no `{kind}` task");
            self.found
                .push(Diagnostic::error(message).at(Place::named(source)).hint(hint));
        };
        let url = self.given.url().is_some();
        let follows = |task: &Node| {
            edit::is_task(task, "ready")
                && edit::get(task, "with").is_some_and(|with| edit::get(with, "url").is_some())
        };
        let ready = url && tasks.iter().any(follows);
        for (key, _, source) in &self.given.load {
            let used = has(tasks, "http") || (ready && is_reach(key));
            if !used {
                refuse(key, source, "http", "add one, or leave this out");
            }
        }
        if let Some((_, source)) = &self.given.ready_timeout
            && !url
            && !has(tasks, "ready")
        {
            refuse("readyTimeout", source, "ready", "add one, or give a URL");
        }
        if !has(tasks, "assess") {
            self.found.extend(self.given.verdict_without_objectives());
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
