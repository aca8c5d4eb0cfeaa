//! [`Experiment`]: the tasks of a file, told apart and located, their inputs not read yet.

use super::decode::Decoder;
use super::node::{At, Node, Value};

/// What an entry of the list does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// `task: NAME`.
    Task {
        /// The name.
        name: String,
        /// Where it stands.
        at: At,
    },
    /// `run: SCRIPT`.
    Run(Node),
}

/// One entry of the list of tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it does.
    pub work: Work,
    /// Its `if:`.
    pub condition: Option<Node>,
    /// Its `with:`; nothing if absent.
    pub with: Node,
    /// The entry itself.
    pub at: At,
}

/// The tasks, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// The tasks that could be told apart.
    pub entries: Vec<Entry>,
    /// Its `loop:`, if it has one.
    pub repeat: Option<Node>,
    /// Whether these are all; if not, what is wrong with the others has been reported.
    pub whole: bool,
}

/// Most tasks of one experiment.
const MOST: usize = 1000;
const SHAPE: &str = "an experiment is a map with `spec:`, a list of tasks";

impl Experiment {
    /// Reads the form `spec: [tasks]`; what is wrong goes to the decoder.
    pub fn read(root: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Map(_) = &root.value else {
            let list = matches!(root.value, Value::List(_));
            let found = if list {
                "a list of tasks without `spec:`"
            } else {
                root.value.describe()
            };
            decoder.error(
                &root.at,
                format!("{SHAPE}; found {found}"),
                Some("start with `spec:` and `- task: http`".into()),
            );
            return None;
        };
        if let Some(chart) = chart_of(root) {
            let message = format!("these are values of the chart `{chart}`");
            let file = decoder.source_of(&root.at);
            let hint = format!("name the chart: iter8 launch -c {chart} -f {file}");
            decoder.misshapen(&root.at, message, Some(hint));
            return None;
        }
        let mut fields = decoder.fields(root, SHAPE)?;
        let spec = fields.take(&["spec"], decoder);
        let repeat = fields.take(&["loop"], decoder).map(|(_, node)| node);
        // Iter8 of 0.11 and later keeps its result in the same file; it is no input.
        fields.take(&["result"], decoder);
        fields.finish("an experiment", decoder);
        let Some((key, spec)) = spec else {
            decoder.error(
                &root.at,
                "the experiment has no `spec`",
                Some("add `spec:` with a list of tasks".into()),
            );
            return None;
        };
        match &spec.value {
            Value::List(tasks) if tasks.len() > MOST => {
                let message = format!("{} tasks; an experiment has at most {MOST}", tasks.len());
                decoder.error(&key.at, message, None);
                None
            }
            Value::List(tasks) if !tasks.is_empty() => {
                // The others are read even when one is wrong, so that every mistake is found.
                let read: Vec<_> = tasks.iter().map(|task| entry(task, decoder)).collect();
                let whole = read.iter().all(Option::is_some);
                Some(Self {
                    entries: read.into_iter().flatten().collect(),
                    repeat,
                    whole,
                })
            }
            Value::List(_) | Value::Null => {
                decoder.error(
                    &key.at,
                    "the experiment has no tasks",
                    Some("add at least one, such as `- task: http`".into()),
                );
                None
            }
            Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::Map(_) => {
                decoder.mismatch(&spec, "a list of tasks");
                None
            }
        }
    }
}

/// The chart of one load whose values a file holds instead of an experiment, or of values of the chart `iter8`.
pub fn chart_of(root: &Node) -> Option<&'static str> {
    let has = |name: &str| root.field(name).is_some();
    if has("spec") || has("tasks") || has("result") {
        None
    } else if has("url") {
        Some("load-test-http")
    } else if has("host") && has("call") {
        Some("load-test-grpc")
    } else {
        None
    }
}

fn entry(node: &Node, decoder: &mut Decoder<'_>) -> Option<Entry> {
    let mut fields = decoder.fields(node, "a task: a map with `task` or `run`")?;
    let task = fields.take(&["task"], decoder);
    let run = fields.take(&["run"], decoder);
    let condition = fields.take(&["if"], decoder).map(|(_, node)| node);
    let with = fields.take(&["with"], decoder);
    fields.finish("a task", decoder);
    let work = match (task, run) {
        (Some((_, name)), None) => {
            let Value::String(text) = &name.value else {
                decoder.mismatch(&name, "the name of a task");
                return None;
            };
            Work::Task {
                name: text.clone(),
                at: name.at.clone(),
            }
        }
        (None, Some((_, script))) => Work::Run(script),
        (Some((key, _)), Some(_)) => {
            decoder.error(
                &key.at,
                "a task has either `task` or `run`, not both",
                Some("make two tasks of it".into()),
            );
            return None;
        }
        (None, None) => {
            decoder.error(&node.at, "a task needs `task: NAME` or `run: SCRIPT`", None);
            return None;
        }
    };
    let with = with.map_or_else(
        || Node {
            value: Value::Null,
            at: node.at.clone(),
        },
        |(_, node)| node,
    );
    Some(Entry {
        work,
        condition,
        with,
        at: node.at.clone(),
    })
}
