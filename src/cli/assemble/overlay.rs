//! [`Overlay`]: a file's experiment with flags or inputs put over it. One that would change nothing is a mistake.

use url::Url;

use super::kinds::{GRPC, HTTP, KINDS, Kind, put_in_probe};
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

/// Whether a task waits for a target of a kind; one that waits for something else says nothing of it.
fn is_awaited(tasks: &[Node], kind: &str) -> bool {
    let ready = tasks.iter().filter(|task| edit::is_task(task, "ready"));
    let mut awaited = ready.filter_map(|task| edit::get(task, "with"));
    awaited.any(|with| edit::get(with, kind).is_some())
}

/// Takes out of an endpoint or a version what stands in the way of a field that was given for all.
fn inherit(part: &mut Node, (field, given): &(Key, Node), kind: &Kind) {
    if !edit::is_pairs(field) {
        kind.clear(part, &field.name);
    } else if let Some(own) = edit::get_mut(part, &field.name).and_then(edit::entries_mut) {
        let given = edit::entries(given);
        own.retain(|(old, _)| !given.iter().any(|(new, _)| edit::is(old, &new.name)));
    }
}

/// Which of two versions is meant.
#[derive(Clone, Copy)]
enum Side {
    Tested,
    Baseline,
}

/// The place of the version to compare with.
fn baseline_of(versions: &[Node]) -> usize {
    let marked =
        |version: &Node| edit::get(version, "baseline").is_some_and(|says| says.value == Value::Bool(true));
    versions.iter().position(marked).unwrap_or(0)
}

/// The version to which a target was given.
fn version_of(with: &Node, side: Side) -> Option<&Node> {
    let Value::List(versions) = &edit::get(with, "versions")?.value else {
        return None;
    };
    let baseline = baseline_of(versions);
    versions.get(match side {
        Side::Baseline => baseline,
        Side::Tested => usize::from(baseline == 0),
    })
}

/// How a version is reached: by its own fields, those of an endpoint, and those of the task.
fn reach(with: &Node, kind: &Kind, side: Side) -> Node {
    let mut reach = with.clone();
    let endpoints = edit::get(with, "endpoints").map_or(&[][..], edit::entries);
    let endpoint = endpoints.first().map(|(_, endpoint)| endpoint);
    for part in endpoint.into_iter().chain(version_of(with, side)) {
        let fields = edit::entries(part)
            .iter()
            .filter(|(key, _)| !kind.is_target(&key.name));
        kind.put(&mut reach, &fields.cloned().collect::<Vec<_>>());
    }
    reach
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
            if let Some(kind) = KINDS.into_iter().find(|kind| edit::is_task(task, kind.name)) {
                self.load(task, kind);
            } else if edit::is_task(task, "ready") {
                self.ready(task);
            } else if edit::is_task(task, "assess")
                && let Some(with) = edit::with(task)
            {
                edit::put(with, &self.given.verdict_fields());
            }
        }
        self.refuse_unused(tasks);
        if !is_awaited(tasks, "url") {
            self.probe(tasks, &HTTP, Side::Tested, Given::probe_of_url);
        }
        if !is_awaited(tasks, "grpc") {
            self.probe(tasks, &GRPC, Side::Tested, Given::probe_of_host);
        }
        self.probe(tasks, &HTTP, Side::Baseline, Given::probe_of_baseline);
        self.probe(tasks, &GRPC, Side::Baseline, Given::probe_of_baseline_host);
        tasks.extend(self.given.assess());
        (root, self.found)
    }

    /// Probes a URL before the first load, after what a script may have to prepare.
    fn probe(
        &self,
        tasks: &mut Vec<Node>,
        kind: &Kind,
        side: Side,
        probe: impl Fn(&Given, &Node) -> Option<Node>,
    ) {
        let first = tasks.iter().position(|task| edit::is_task(task, kind.name));
        let Some(at) = first else { return };
        let with = edit::get(&tasks[at], "with");
        if let Some(probe) = with.and_then(|with| probe(self.given, &reach(with, kind, side))) {
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
        if self.given.host().is_some() && edit::get(with, "grpc").is_some() {
            put_in_probe(with, &self.fields);
        }
        edit::put(with, &self.given.timeout().into_iter().collect::<Vec<_>>());
    }

    /// What was given that a kind of load has.
    fn fields_of(&self, kind: &Kind) -> Vec<(Key, Node)> {
        let fields = self.fields.iter().filter(|(key, _)| kind.has(&key.name));
        fields.cloned().collect()
    }

    /// The URL that was given.
    fn origin(&self) -> Option<Url> {
        self.given
            .url()
            .and_then(|(_, values, _)| absolute(values.last()?))
    }

    /// A pace or an end that was given for a load whose stages have both.
    fn refuse_stages(&mut self, part: &Node) {
        if edit::get(part, "stages").is_none() {
            return;
        }
        for field in ["qps", "duration"] {
            let given = self.given.load.iter().find(|(key, ..)| key == field);
            let Some((.., source)) = given else { continue };
            let place = Place::named(source);
            if self
                .found
                .iter()
                .any(|found| found.place.as_ref() == Some(&place))
            {
                continue;
            }
            let name = source.strip_prefix("flag ").unwrap_or(field);
            let message = format!("`{name}` cannot change a load with `stages`");
            let hint = "edit the file: each stage has its own `qps` and `duration`";
            self.found.push(Diagnostic::error(message).at(place).hint(hint));
        }
    }

    fn load(&mut self, task: &mut Node, kind: &Kind) {
        let Some(with) = edit::with(task) else { return };
        self.refuse_stages(with);
        for (_, endpoint) in edit::get(with, "endpoints").map_or(&[][..], edit::entries) {
            self.refuse_stages(endpoint);
        }
        if let Some(Value::List(versions)) = edit::get(with, "versions").map(|node| &node.value) {
            versions.iter().for_each(|version| self.refuse_stages(version));
        }
        if let Some(endpoints) = edit::get_mut(with, "endpoints").and_then(edit::entries_mut) {
            for (name, endpoint) in endpoints {
                self.endpoint(&name.name, endpoint, kind);
            }
        }
        let mut fields = self.fields_of(kind);
        if edit::get(with, "versions").is_some() {
            fields = self.over_versions(with, fields, kind);
        }
        kind.put(with, &fields);
    }

    /// Versions inherit what was given; URLs go to the versions they are of. What is left is put over the task.
    fn over_versions(
        &mut self,
        with: &mut Node,
        mut fields: Vec<(Key, Node)>,
        kind: &Kind,
    ) -> Vec<(Key, Node)> {
        let Some(Value::List(versions)) = edit::get_mut(with, "versions").map(|node| &mut node.value) else {
            return fields;
        };
        let baseline = baseline_of(versions);
        for version in versions.iter_mut() {
            for field in fields.iter().filter(|(key, _)| !kind.is_target(&key.name)) {
                inherit(version, field, kind);
            }
        }
        let target = kind.target;
        let with_url = versions
            .iter()
            .any(|version| edit::get(version, target).is_some());
        let judged: Vec<usize> = (0..versions.len()).filter(|index| *index != baseline).collect();
        fields.retain(|(key, value)| {
            let version = match (key.name.as_str(), judged.as_slice()) {
                (field, _) if field == kind.baseline => Some(baseline),
                (field, [only]) if field == target && with_url => Some(*only),
                (field, _) if field == target && with_url => {
                    let message =
                        format!("`{target}` is that of the version to judge, and the file has several");
                    let found = Diagnostic::error(message).at(value.at.place(self.source));
                    let hint = format!("write each `{target}` as ${{NAME}} and set the variables");
                    self.found.push(found.hint(hint));
                    None
                }
                _ => None,
            };
            let version = version.and_then(|index| versions.get_mut(index));
            if let Some(version) = version {
                let own = Key {
                    name: target.to_owned(),
                    at: key.at.clone(),
                };
                edit::put(version, &[(own, value.clone())]);
                return false;
            }
            true
        });
        fields
    }

    /// An endpoint inherits what was given, unless it says otherwise: that it must not.
    fn endpoint(&mut self, name: &str, endpoint: &mut Node, kind: &Kind) {
        let fields = self.fields_of(kind);
        for field in fields.iter().filter(|(key, _)| !kind.is_target(&key.name)) {
            inherit(endpoint, field, kind);
        }
        // A host has no path to keep: that of the task takes its place.
        if kind.name == GRPC.name && self.given.host().is_some() {
            edit::clear(endpoint, kind.target);
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
            let kinds = || KINDS.into_iter().filter(|kind| kind.has(key));
            let used = kinds().any(|kind| has(tasks, kind.name)) || (ready && is_reach(key));
            let kind = kinds().next().unwrap_or(&HTTP);
            if !used {
                refuse(key, source, kind.name, "add one, or leave this out");
            }
        }
        if let Some((_, source)) = &self.given.ready_timeout
            && !self.given.has_target()
            && !has(tasks, "ready")
        {
            refuse(
                "readyTimeout",
                source,
                "ready",
                "add one, or give a URL or a host",
            );
        }
        if !has(tasks, "assess") {
            self.found.extend(self.given.verdict_without_objectives());
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
