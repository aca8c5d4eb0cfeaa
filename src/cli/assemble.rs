//! From flags or inputs to an experiment: [`Given`]. What it makes is read like a file, so that it is checked like one.

use super::load_flags::field_node;
use crate::spec::{At, Key, Node, Value};

/// What a user gave outside of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    /// Fields of the `http` task: key, values, and how the source is named in diagnostics.
    pub load: Vec<(String, Vec<String>, String)>,
    /// Objectives as text, and their source.
    pub objectives: Vec<(String, String)>,
    /// Fields of the `assess` task: key, value, source.
    pub judge: Vec<(String, String, String)>,
    /// How long to wait for the URL, and its source.
    pub ready_timeout: (String, String),
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

impl Given {
    fn url(&self) -> Option<&(String, Vec<String>, String)> {
        self.load.iter().find(|(key, ..)| key == "url")
    }

    fn source(&self) -> &str {
        self.url()
            .or_else(|| self.load.first())
            .map_or("the command line", |(.., source)| source)
    }

    fn fields(&self) -> Vec<(Key, Node)> {
        self.load
            .iter()
            .map(|(name, values, source)| (key(name, source), field_node(name, values, source)))
            .collect()
    }

    /// A probe of the URL: anything that the application itself may answer will do.
    fn probe(&self) -> Node {
        let source = self.source();
        let reach = [
            "url",
            "headers",
            "basicAuth",
            "bearerToken",
            "caCert",
            "clientCert",
            "clientKey",
            "insecureSkipVerify",
            "proxy",
            "resolve",
        ];
        let mut with: Vec<(Key, Node)> = self
            .fields()
            .into_iter()
            .filter(|(key, _)| reach.contains(&key.name.as_str()))
            .collect();
        with.push((key("status", source), string(source, "any")));
        let (timeout, at) = &self.ready_timeout;
        with.push((key("timeout", at), Node::text(at, timeout)));
        map(
            source,
            vec![
                ("task", string(source, "ready")),
                ("with", Node::map(source, with)),
            ],
        )
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
        with.extend(
            self.judge
                .iter()
                .map(|(name, value, source)| (key(name, source), Node::text(source, value))),
        );
        Some(map(
            source,
            vec![
                ("task", string(source, "assess")),
                ("with", Node::map(source, with)),
            ],
        ))
    }

    /// An experiment of its own: probe, load, objectives.
    pub(super) fn assemble(&self) -> Node {
        let source = self.source();
        let http = map(
            source,
            vec![
                ("task", string(source, "http")),
                ("with", Node::map(source, self.fields())),
            ],
        );
        let tasks = [Some(self.probe()), Some(http), self.assess()]
            .into_iter()
            .flatten()
            .collect();
        map(
            source,
            vec![(
                "spec",
                Node {
                    value: Value::List(tasks),
                    at: At::Named(source.to_owned()),
                },
            )],
        )
    }

    /// The experiment of a file with what was given here put over it.
    pub(super) fn overlay(&self, mut root: Node) -> Node {
        let Some(tasks) = tasks(&mut root) else {
            return root;
        };
        let named = |task: &Node, name: &str| {
            task.get("task")
                .is_some_and(|node| node.value == Value::String(name.to_owned()))
        };
        for task in tasks.iter_mut() {
            if named(task, "http") {
                put(task, &self.fields());
            } else if named(task, "ready") && task.get("with").is_some_and(|with| with.get("url").is_some()) {
                let url = self.fields().into_iter().filter(|(key, _)| key.name == "url");
                put(task, &url.collect::<Vec<_>>());
            } else if named(task, "assess") {
                let fields = self
                    .judge
                    .iter()
                    .map(|(name, value, source)| (key(name, source), Node::text(source, value)));
                put(task, &fields.collect::<Vec<_>>());
            }
        }
        if self.url().is_some() && !tasks.iter().any(|task| named(task, "ready")) {
            tasks.insert(0, self.probe());
        }
        tasks.extend(self.assess());
        root
    }
}

fn tasks(root: &mut Node) -> Option<&mut Vec<Node>> {
    let Value::Map(entries) = &mut root.value else {
        return None;
    };
    let (_, spec) = entries.iter_mut().find(|(key, _)| key.name == "spec")?;
    if let Value::List(tasks) = &mut spec.value {
        Some(tasks)
    } else {
        None
    }
}

/// Puts fields over those of a task's `with:`.
fn put(task: &mut Node, fields: &[(Key, Node)]) {
    let Value::Map(entries) = &mut task.value else {
        return;
    };
    if !entries.iter().any(|(key, _)| key.name == "with") {
        let at = task.at.clone();
        entries.push((
            Key {
                name: "with".to_owned(),
                at: at.clone(),
            },
            Node {
                value: Value::Map(Vec::new()),
                at,
            },
        ));
    }
    for (key, with) in entries.iter_mut().filter(|(key, _)| key.name == "with") {
        if with.value == Value::Null {
            with.value = Value::Map(Vec::new());
        }
        debug_assert_eq!(key.name, "with");
        let Value::Map(known) = &mut with.value else {
            continue;
        };
        for (name, node) in fields.iter().cloned() {
            known.retain(|(old, _)| !old.name.eq_ignore_ascii_case(&name.name));
            known.push((name, node));
        }
    }
}
