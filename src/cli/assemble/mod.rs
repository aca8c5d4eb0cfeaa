//! From flags or inputs to an experiment: [`Given`]. What it makes is read like a file, so that it is checked like one.

mod edit;
mod guard;
mod kinds;
mod overlay;

use super::load_flags::field_node;
use crate::diagnostic::{Diagnostic, Place};
use crate::spec::{At, Key, Node, SourceFile, Value};
use crate::tasks::{ReadyKind, TaskKind as _, is_of_object};
pub(super) use guard::Guard;
use kinds::{GRPC, HTTP, Kind};
use overlay::Overlay;

/// A field of a load: key, values, and how the source is named in diagnostics.
type Field = (String, Vec<String>, String);

/// What a user gave outside of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// Fields of the load task.
    pub load: Vec<Field>,
    /// Objectives as text, and their source.
    pub objectives: Vec<(String, String)>,
    /// Fields of the `assess` task: key, value, source.
    pub judge: Vec<(String, String, String)>,
    /// How long to wait until a URL is ready, and its source.
    pub ready_timeout: Option<(String, String)>,
    /// How long the probe of the URL waits otherwise.
    pub patience: &'static str,
    /// Secrets that let requests through the target's protection.
    pub guards: Vec<Guard>,
}

fn key(name: &str, source: &str) -> Key {
    Key {
        name: name.to_owned(),
        at: At::Named(source.to_owned()),
    }
}

fn map(source: &str, entries: Vec<(&str, Node)>) -> Node {
    Node::map(
        source,
        entries
            .into_iter()
            .map(|(name, node)| (key(name, source), node))
            .collect(),
    )
}

fn string(source: &str, text: &str) -> Node {
    Node {
        value: Value::String(text.to_owned()),
        at: At::Named(source.to_owned()),
    }
}

/// Whether a field of `http` says how a server is reached: `ready` has it too. `timeout` is another thing there, and so is
/// the `name` of an object.
fn is_reach(name: &str) -> bool {
    let mut fields = ReadyKind.fields().into_iter();
    let is_other = name.eq_ignore_ascii_case("timeout") || is_of_object(name);
    !is_other && fields.any(|field| field.key.eq_ignore_ascii_case(name))
}

impl Given {
    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.load.is_empty()
            && self.objectives.is_empty()
            && self.judge.is_empty()
            && self.ready_timeout.is_none()
            && self.guards.is_empty()
    }

    /// Whether it says what is tested, so that no file is needed.
    pub(super) fn has_target(&self) -> bool {
        self.url().is_some() || self.host().is_some()
    }

    fn url(&self) -> Option<&Field> {
        self.load.iter().find(|(key, ..)| key == "url")
    }

    fn host(&self) -> Option<&Field> {
        self.load.iter().find(|(key, ..)| key == "host")
    }

    /// The kind of load that is meant where no file says it.
    fn kind(&self) -> &'static Kind {
        let grpc = |key: &str| GRPC.has(key) && !HTTP.has(key);
        let called = self.url().is_none() && self.load.iter().any(|(key, ..)| grpc(key));
        if self.host().is_some() || called {
            &GRPC
        } else {
            &HTTP
        }
    }

    /// The URL to compare with, and its source.
    fn baseline(&self) -> Option<(&str, &str)> {
        let given = self.load.iter().find(|(key, ..)| key == "baselineURL");
        given.and_then(|(_, values, source)| Some((values.last()?.as_str(), source.as_str())))
    }

    fn source(&self) -> &str {
        self.url()
            .or_else(|| self.host())
            .or_else(|| self.load.first())
            .map_or("the command line", |(.., source)| source)
    }

    fn fields(&self) -> Vec<(Key, Node)> {
        self.load
            .iter()
            .map(|(name, values, source)| (key(name, source), field_node(name, values, source)))
            .collect()
    }

    fn verdict_fields(&self) -> Vec<(Key, Node)> {
        let field =
            |(name, value, source): &(String, String, String)| (key(name, source), Node::text(source, value));
        self.judge.iter().map(field).collect()
    }

    /// What is wrong with fields of an `assess` task where there is none.
    fn verdict_without_objectives(&self) -> Vec<Diagnostic> {
        if !self.objectives.is_empty() {
            return Vec::new();
        }
        let refuse = |(name, _, source): &(String, String, String)| {
            Diagnostic::error(format!(
                "`{name}` would change nothing: the experiment has no `assess` task"
            ))
            .at(Place::named(source))
            .hint("give an objective, or leave this out")
        };
        self.judge.iter().map(refuse).collect()
    }

    /// A probe of the URL: anything that the application itself may answer will do. `reach` are the fields of an
    /// `http` task, of which it takes those that say how a server is reached. `None` where the load says better whether the
    /// target is there: a probe speaks no HTTP/2 without TLS, and knows no rows of data for the URL.
    fn probe(&self, reach: &Node) -> Option<Node> {
        let text = |name| match &edit::get(reach, name)?.value {
            Value::String(text) | Value::Text(text) => Some(text.as_str()),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_) => None,
        };
        let filled = edit::get(reach, "data").is_some() && text("url").is_some_and(|url| url.contains('{'));
        if filled || text("httpVersion") == Some("h2c") {
            return None;
        }
        let source = self.source();
        let fields = edit::entries(reach).iter();
        let mut with: Vec<_> = fields.filter(|(key, _)| is_reach(&key.name)).cloned().collect();
        with.push((key("status", source), string(source, "any")));
        let timeout = self.timeout();
        with.push(timeout.unwrap_or_else(|| (key("timeout", source), Node::text(source, self.patience))));
        let with = Node {
            value: Value::Map(with),
            at: reach.at.clone(),
        };
        Some(map(
            source,
            vec![("task", string(source, "ready")), ("with", with)],
        ))
    }

    /// The same of the URL that was given, whichever version of the task it went to.
    fn probe_of_url(&self, reach: &Node) -> Option<Node> {
        let (_, values, source) = self.url()?;
        self.probe_at(values.last()?, source, reach)
    }

    /// The same of the URL to compare with, if one was given.
    fn probe_of_baseline(&self, reach: &Node) -> Option<Node> {
        let (url, source) = self.baseline()?;
        self.probe_at(url, source, reach)
    }

    fn probe_at(&self, url: &str, source: &str, reach: &Node) -> Option<Node> {
        let mut reach = reach.clone();
        edit::put(&mut reach, &[(key("url", source), Node::text(source, url))]);
        self.probe(&reach)
    }

    fn timeout(&self) -> Option<(Key, Node)> {
        let (text, source) = self.ready_timeout.as_ref()?;
        Some((key("timeout", source), Node::text(source, text)))
    }

    fn assess(&self) -> Option<Node> {
        let (_, source) = self.objectives.first()?;
        let texts = self
            .objectives
            .iter()
            .map(|(text, source)| Node::text(source, text))
            .collect();
        let mut with = vec![(
            key("objectives", source),
            Node {
                value: Value::List(texts),
                at: At::Named(source.clone()),
            },
        )];
        with.extend(self.verdict_fields());
        Some(map(
            source,
            vec![
                ("task", string(source, "assess")),
                ("with", Node::map(source, with)),
            ],
        ))
    }

    /// A probe of the gRPC server that was given, whichever version of the task it went to: one without health checks is
    /// ready when it takes calls. `reach` are the fields of a `grpc` task.
    fn probe_of_host(&self, reach: &Node) -> Option<Node> {
        self.probe_of_server(self.host()?, reach)
    }

    /// The same of the server of the version to compare with: errors of one that still starts would excuse the other's.
    fn probe_of_baseline_host(&self, reach: &Node) -> Option<Node> {
        let given = self.load.iter().find(|(name, ..)| name == GRPC.baseline);
        self.probe_of_server(given?, reach)
    }

    fn probe_of_server(&self, given: &Field, reach: &Node) -> Option<Node> {
        let (_, values, source) = given;
        let host = (key(GRPC.target, source), Node::text(source, values.last()?));
        let mut reach = reach.clone();
        edit::put(&mut reach, &[host]);
        let source = self.source();
        let mut with = kinds::in_probe(edit::entries(&reach));
        with.push((key("status", source), string(source, "any")));
        let timeout = self.timeout();
        with.push(timeout.unwrap_or_else(|| (key("timeout", source), Node::text(source, self.patience))));
        let with = Node {
            value: Value::Map(with),
            at: reach.at.clone(),
        };
        Some(map(
            source,
            vec![("task", string(source, "ready")), ("with", with)],
        ))
    }

    /// Fields of HTTP's load in gRPC's words, for a load of flags or inputs alone; and those that are said in both.
    fn translated(&self) -> (Vec<(Key, Node)>, Vec<Diagnostic>) {
        let mut known: Vec<(&str, &str)> = Vec::new();
        let (mut fields, mut twice) = (Vec::new(), Vec::new());
        for (name, values, source) in self.load.iter().filter(|(name, ..)| name != "url") {
            let name = kinds::in_grpc(name);
            if let Some((_, other)) = known.iter().find(|(known, _)| *known == name) {
                let message = format!("{other} and {source} say the same of a gRPC load");
                let wrong = Diagnostic::error(message).at(Place::named(source));
                twice.push(wrong.hint("give one of them"));
                continue;
            }
            known.push((name, source));
            fields.push((key(name, source), field_node(name, values, source)));
        }
        (fields, twice)
    }

    /// Fields of a load by HTTP, of flags or inputs alone; and those that only gRPC has.
    fn of_http(&self) -> (Vec<(Key, Node)>, Vec<Diagnostic>) {
        let strange = |name: &str| !HTTP.has(name) && GRPC.has(name) && name != GRPC.target;
        let found = self.load.iter().filter(|(name, ..)| strange(name));
        let found = found.map(|(name, _, source)| {
            let message = format!("{source} is of loads by gRPC, and this is one by HTTP");
            let hint = match kinds::in_http(name) {
                Some(own) => format!("write `{own}`"),
                None => "leave it out".to_owned(),
            };
            Diagnostic::error(message).at(Place::named(source)).hint(hint)
        });
        let own = self.fields().into_iter().filter(|(key, _)| !strange(&key.name));
        (own.collect(), found.collect())
    }

    /// What cannot be tested by one load.
    fn two_targets(&self) -> Option<Diagnostic> {
        let ((.., url), (.., host)) = (self.url()?, self.host()?);
        let message = format!("{host} and {url} are both given");
        Some(
            Diagnostic::error(message)
                .at(Place::named(url))
                .hint("give one of them: a load is sent by HTTP or by gRPC"),
        )
    }

    /// An experiment of its own: probe, load, objectives; and what was given for nothing.
    pub(super) fn alone(&self) -> (Node, Vec<Diagnostic>) {
        let source = self.source();
        let kind = self.kind();
        let (fields, mut found) = if kind.name == GRPC.name {
            self.translated()
        } else {
            self.of_http()
        };
        let with = Node::map(source, fields);
        let (probe, baseline) = if kind.name == GRPC.name {
            let of_baseline = |(name, ..): &&Field| kinds::in_grpc(name) == GRPC.baseline;
            let baseline = self.load.iter().find(of_baseline);
            let baseline = baseline.and_then(|given| self.probe_of_server(given, &with));
            (self.probe_of_host(&with), baseline)
        } else {
            (self.probe(&with), self.probe_of_baseline(&with))
        };
        let load = map(source, vec![("task", string(source, kind.name)), ("with", with)]);
        let tasks = [probe, baseline, Some(load), self.assess()]
            .into_iter()
            .flatten()
            .collect();
        let spec = Node {
            value: Value::List(tasks),
            at: At::Named(source.to_owned()),
        };
        found.extend(self.verdict_without_objectives());
        found.extend(self.two_targets());
        let mut root = map(source, vec![("spec", spec)]);
        found.extend(self.guarded(&mut root));
        (root, found)
    }

    /// The experiment of a file with what was given here put over it, and what is wrong with that.
    pub(super) fn over(&self, root: Node, source: &SourceFile) -> (Node, Vec<Diagnostic>) {
        let (mut root, mut found) = Overlay::new(self, source).put_over(root);
        found.extend(self.guarded(&mut root));
        (root, found)
    }
}
