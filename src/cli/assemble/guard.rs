//! [`Guard`]: headers that let requests through a platform's protection. They are secrets of one origin: no version and
//! no probe elsewhere gets them.

use url::Url;

use super::kinds::HTTP;
use super::{Given, edit, key, map, string};
use crate::cli::load_flags::field_node;
use crate::cli::origin::absolute;
use crate::diagnostic::{Diagnostic, Place};
use crate::spec::{Key, Node, Value};

/// A header that only the target's origin gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Guard {
    /// Its name.
    pub header: &'static str,
    /// Its value, a secret.
    pub value: String,
    /// How its source is named in diagnostics.
    pub source: String,
}

/// As the load task names the version that is not the baseline.
const TESTED: &str = "default";
const BASELINE: &str = "baseline";

impl Given {
    /// Puts the headers wherever an experiment asks the origin that was given, and says where there is none.
    pub(super) fn guarded(&self, root: &mut Node) -> Option<Diagnostic> {
        let first = self.guards.first()?;
        let Some(origin) = self.url().and_then(|(_, values, _)| absolute(values.last()?)) else {
            let message = format!(
                "`{}` is sent to the origin of `url` only, and there is none",
                first.header
            );
            let hint = format!(
                "give `url`; or leave it out and write in the experiment: headers: {{{}: '${{NAME}}'}}",
                first.header
            );
            return Some(
                Diagnostic::error(message)
                    .at(Place::named(&first.source))
                    .hint(hint),
            );
        };
        for task in edit::tasks(root).into_iter().flatten() {
            let ready = edit::is_task(task, "ready");
            if !ready && !edit::is_task(task, HTTP.name) {
                continue;
            }
            let Some(with) = edit::with(task) else { continue };
            if ready {
                self.guard(with, &origin, None);
            } else {
                self.guard_load(with, &origin);
            }
        }
        None
    }

    fn headers(&self) -> Vec<(Key, Node)> {
        let source = self.guards.first().map_or("", |guard| guard.source.as_str());
        let lines: Vec<String> = self
            .guards
            .iter()
            .map(|guard| format!("{}: {}", guard.header, guard.value))
            .collect();
        vec![(key("headers", source), field_node("headers", &lines, source))]
    }

    /// Puts the headers on a map whose URL, or that which it inherits, is of the origin.
    fn guard(&self, map: &mut Node, origin: &Url, inherited: Option<&Url>) {
        let own = edit::get(map, HTTP.target).map(url_of);
        let goes_there = match own {
            Some(own) => is_same(own.as_ref(), origin),
            None => is_same(inherited, origin),
        };
        if goes_there {
            edit::put(map, &self.headers());
        }
    }

    fn guard_load(&self, with: &mut Node, origin: &Url) {
        self.name_versions(with, origin);
        let whole = edit::get(with, HTTP.target).and_then(url_of);
        match edit::get_mut(with, "versions").map(|node| &mut node.value) {
            Some(Value::List(versions)) => {
                for version in versions {
                    self.guard(version, origin, whole.as_ref());
                }
            }
            Some(_) | None => self.guard(with, origin, None),
        }
    }

    /// The short form of a comparison as the long one, where the baseline is elsewhere: it must not inherit the headers.
    fn name_versions(&self, with: &mut Node, origin: &Url) {
        let Some(baseline) = edit::get(with, HTTP.baseline).cloned() else {
            return;
        };
        if is_same(url_of(&baseline).as_ref(), origin) || edit::get(with, "versions").is_some() {
            return;
        }
        let source = self.guards.first().map_or("", |guard| guard.source.as_str());
        let name = edit::get(with, "version").cloned();
        let name = name.unwrap_or_else(|| string(source, TESTED));
        let yes = Node {
            value: Value::Bool(true),
            at: baseline.at.clone(),
        };
        let other = vec![
            ("name", string(source, BASELINE)),
            (HTTP.target, baseline),
            ("baseline", yes),
        ];
        let url = edit::get(with, HTTP.target).cloned();
        let tested = [Some(("name", name)), url.map(|url| (HTTP.target, url))];
        let versions = [other, tested.into_iter().flatten().collect()];
        let list = Node {
            value: Value::List(versions.into_iter().map(|version| map(source, version)).collect()),
            at: with.at.clone(),
        };
        edit::clear(with, HTTP.baseline);
        edit::clear(with, "version");
        edit::put(with, &[(key("versions", source), list)]);
    }
}

/// The URL that a node holds, if that can be told before the environment is asked.
fn url_of(node: &Node) -> Option<Url> {
    match &node.value {
        Value::String(text) if text.contains("${") => None,
        Value::String(text) | Value::Text(text) => absolute(text),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => {
            None
        }
    }
}

fn is_same(url: Option<&Url>, origin: &Url) -> bool {
    url.is_some_and(|url| url.origin() == origin.origin())
}
