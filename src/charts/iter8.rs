//! The chart `iter8`: a list of tasks, and values of each.

use serde_json::{Value as Json, json};

use super::load::{GRPC, GrpcValues, HTTP, HttpValues};
use super::objectives::{AssessValues, assess};
use super::ready::{ReadyValues, ResourceTypes, tasks as ready_tasks};
use super::runner;
use super::shape::{AnyMap, Anything, Raw, Shape, shapes, with_properties};
use super::values::{is_map, key, list, map, task, with_types};
use super::webhook::{GitHubValues, SlackValues, github, slack};
use super::{Chart, MetricNames, Release, Rendered};
use crate::diagnostic::did_you_mean;
use crate::spec::{Decode, Decoder, Key, Node, Value, chart_of};
use crate::tasks::{TASKS, kind_of};

/// The chart of Iter8 0.11 and later.
pub(super) struct Iter8;

shapes! {
    /// Names of tasks.
    Tasks: "list of tasks" = json!({ "type": "array", "minItems": 1, "items": { "enum": names() } });
    /// Values of a custom metric.
    MetricValues: "fields of `custommetrics`" = json!({ "type": "object" });
}

crate::fields! {
    /// The values.
    struct Values in "the values of the chart `iter8`" {
        /// Names of tasks, in the order in which they run.
        tasks: Raw<Tasks> = ["tasks"],
        /// Fields of the `http` task; also `warmupNumRequests` and `warmupDuration`.
        http: Raw<HttpValues> = ["http"],
        /// Fields of the `grpc` task; also `protoURL`, `dataURL`, `binaryDataURL`, `metadataURL` and the warm-up's.
        grpc: Raw<GrpcValues> = ["grpc"],
        /// Limits: `SLOs: {upper: {METRIC: LIMIT}, lower: …}`, and `rewards`.
        assess: Raw<AssessValues> = ["assess"],
        /// What is waited for: a URL, or objects such as `deploy: NAME`.
        ready: Raw<ReadyValues> = ["ready"],
        /// Metrics of databases: `templates`, `values`, `versionValues`.
        custommetrics: Raw<MetricValues> = ["custommetrics"],
        /// A message to Slack.
        slack: Raw<SlackValues> = ["slack"],
        /// An event for a repository's workflows.
        github: Raw<GitHubValues> = ["github"],
        /// More kinds of objects for `ready`.
        resource_types: Raw<ResourceTypes> = ["resourceTypes"],
        /// 0.11 to 0.14: values of a service that is gone.
        abnmetrics: Raw<AnyMap> = ["abnmetrics"],
        /// Values of charts around this one.
        global: Raw<Anything> = ["global"],
    }
}

/// What they are called in messages.
const OF: &str = "the values of the chart `iter8`";

/// 0.11 to 0.18, and 1.1.
const RELEASES: [Release; 9] = [
    Release::zero(11),
    Release::zero(12),
    Release::zero(13),
    Release::zero(14),
    Release::zero(15),
    Release::zero(16),
    Release::zero(17),
    Release::zero(18),
    Release { major: 1, minor: 1 },
];

/// Tasks that may be listed.
fn names() -> Vec<&'static str> {
    let names = TASKS.iter().map(|kind| kind.name());
    names.filter(|name| *name != "run").collect()
}

/// Whether a value is that of a task that only today's experiments have.
fn is_of_today(name: &str) -> bool {
    kind_of(name).is_ok() && !Values::FIELDS.iter().any(|field| field.key == name)
}

impl Chart for Iter8 {
    fn name(&self) -> &'static str {
        "iter8"
    }

    fn about(&self) -> &'static str {
        "Tasks by name, in order, and values of each."
    }

    fn releases(&self) -> &'static [Release] {
        &RELEASES
    }

    fn schema(&self) -> Json {
        let mut schema = with_properties(Values::schema(), &runner::schema());
        for kind in TASKS.iter().filter(|kind| is_of_today(kind.name())) {
            schema["properties"][kind.name()] = kind.schema();
        }
        schema["required"] = json!(["tasks"]);
        schema
    }

    fn render(&self, values: &Node, _: MetricNames, decoder: &mut Decoder<'_>) -> Rendered {
        // Values of another chart are named as such by who reads experiments.
        if chart_of(values).is_some() {
            return Rendered {
                experiment: values.clone(),
                files: Vec::new(),
            };
        }
        let (today, rest): (Vec<_>, Vec<_>) = values
            .pairs()
            .iter()
            .cloned()
            .partition(|(key, _)| is_of_today(&key.name));
        let rest = if is_map(values) {
            map(rest, values)
        } else {
            values.clone()
        };
        let mut spec = Vec::new();
        if let Some(mut fields) = decoder.fields(&rest, &format!("a map with the fields of {OF}")) {
            let read = Values::read(&mut fields, decoder);
            runner::pass_over(&mut fields, decoder);
            fields.finish(OF, decoder);
            let named = named(&read, values, decoder);
            for name in &named {
                let made = tasks(name, &read, &today, values, decoder);
                spec.extend(made.into_iter().map(|task| named_at(task, &name.1)));
            }
            tell_of_unused(&named, values, decoder);
        }
        warn_of_cluster(values, &runner::names().collect::<Vec<_>>(), decoder);
        Rendered {
            experiment: map(vec![(key("spec", values), list(spec, values))], values),
            files: Vec::new(),
        }
    }
}

/// The names in `tasks`, each with its place; what is wrong with them has been reported.
fn named(read: &Values, values: &Node, decoder: &mut Decoder<'_>) -> Vec<(String, Node)> {
    let hint = || Some("name tasks in the order in which they run: --set \"tasks={http,assess}\"".to_owned());
    let Some(Raw(tasks, ..)) = &read.tasks else {
        decoder.error(&values.at, "the values have no `tasks`", hint());
        return Vec::new();
    };
    let Value::List(items) = &tasks.value else {
        decoder.error(
            &tasks.at,
            format!("`tasks` is {}, and no list", tasks.value.describe()),
            hint(),
        );
        return Vec::new();
    };
    let blank = |item: &Node| item.as_text().is_some_and(|name| name.trim().is_empty());
    if items.iter().all(blank) {
        decoder.error(&tasks.at, "`tasks` is empty", hint());
        return Vec::new();
    }
    let mut named = Vec::new();
    for item in items {
        match item.as_text() {
            Some(name) => named.push((name.trim().to_owned(), item.clone())),
            None => decoder.mismatch(item, "the name of a task"),
        }
    }
    named
}

/// A task whose name stands in `tasks`.
fn named_at(mut task: Node, item: &Node) -> Node {
    if let Value::Map(entries) = &mut task.value
        && let Some((_, name)) = entries.iter_mut().find(|(key, _)| key.name == "task")
    {
        name.at = item.at.clone();
    }
    task
}

/// The tasks of one name.
fn tasks(
    (name, at): &(String, Node),
    read: &Values,
    today: &[(Key, Node)],
    values: &Node,
    decoder: &mut Decoder<'_>,
) -> Vec<Node> {
    // Keys are read in any case, as those of tasks are.
    let given = values
        .pairs()
        .iter()
        .find(|(key, node)| key.name.eq_ignore_ascii_case(name) && node.value != Value::Null);
    let given = given.map(|(_, node)| node);
    let needed = |decoder: &mut Decoder<'_>| {
        if given.is_none() {
            decoder.error(
                &at.at,
                format!("`{name}` is one of `tasks` and has no values"),
                Some(format!("give some, such as {name}.…")),
            );
        }
        given
    };
    match name.as_str() {
        "http" => needed(decoder).map(|node| HTTP.tasks(node)).unwrap_or_default(),
        "grpc" => needed(decoder).map(|node| GRPC.tasks(node)).unwrap_or_default(),
        // Without values it is refused where it would run: it judges nothing.
        "assess" => vec![match given {
            Some(node) => assess(node, decoder),
            None => task("assess", &map(Vec::new(), at)),
        }],
        "ready" => {
            let made = needed(decoder).map(|node| ready_tasks(node, read.resource_types.as_ref(), decoder));
            if made.as_ref().is_some_and(Vec::is_empty) {
                decoder.warning(
                    &at.at,
                    "`ready` is one of `tasks` and names nothing to wait for",
                    None,
                );
            }
            made.unwrap_or_default()
        }
        "custommetrics" => needed(decoder)
            .map(|node| task("custommetrics", &with_types(node)))
            .into_iter()
            .collect(),
        "slack" => needed(decoder)
            .and_then(|node| slack(node, decoder))
            .into_iter()
            .collect(),
        "github" => needed(decoder)
            .and_then(|node| github(node, decoder))
            .into_iter()
            .collect(),
        name if is_of_today(name) => {
            let found = today.iter().find(|(key, _)| key.name == name);
            let empty = map(Vec::new(), at);
            let with = found.map_or(empty, |(_, node)| with_types(node));
            vec![task(name, &with)]
        }
        other => {
            refuse(other, at, decoder);
            Vec::new()
        }
    }
}

fn refuse(name: &str, at: &Node, decoder: &mut Decoder<'_>) {
    let hint = match name {
        "run" => "a chart runs no script; write an experiment with `- run: SCRIPT`".to_owned(),
        "abnmetrics" => "its service is gone since Iter8 0.15; `custommetrics` asks databases".to_owned(),
        _ => match did_you_mean(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", names().join(", ")),
        },
    };
    decoder.error(&at.at, format!("unknown task `{name}`"), Some(hint));
}

/// Values of a task that is not listed would do nothing, unseen. Objectives that nobody judges would be a gate that is always
/// open.
fn tell_of_unused(named: &[(String, Node)], values: &Node, decoder: &mut Decoder<'_>) {
    if named.is_empty() {
        return;
    }
    for (key, node) in values.pairs() {
        let is = |name: &str| name.eq_ignore_ascii_case(&key.name);
        let is_task = names().into_iter().any(is);
        if is_task && node.value != Value::Null && !named.iter().any(|(name, _)| is(name)) {
            let message = format!("`{0}` is not one of `tasks`: its values change nothing", key.name);
            if is("assess") && says_something(node) {
                decoder.error(&key.at, message, Some(unjudged(named)));
            } else {
                decoder.warning(&key.at, message, None);
            }
        }
    }
}

/// Whether anything but empty maps and lists stands in values.
fn says_something(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Map(entries) => entries.iter().any(|(_, node)| says_something(node)),
        Value::List(items) => items.iter().any(says_something),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Text(_) => true,
    }
}

/// How objectives come to be judged.
fn unjudged(named: &[(String, Node)]) -> String {
    let tasks = named.iter().map(|(name, _)| name.as_str());
    let tasks: Vec<&str> = tasks.chain(["assess"]).collect();
    format!(
        "nobody would judge its objectives; add it behind what it judges: --set \"tasks={{{}}}\"; or leave its values out: --set assess=null",
        tasks.join(",")
    )
}

/// Says once that some values mean something elsewhere only.
pub(super) fn warn_of_cluster(values: &Node, known: &[&str], decoder: &mut Decoder<'_>) {
    let found: Vec<&(Key, Node)> = values
        .pairs()
        .iter()
        .filter(|(key, node)| known.contains(&key.name.as_str()) && node.value != Value::Null)
        .collect();
    if let Some((first, _)) = found.first() {
        let names: Vec<String> = found.iter().map(|(key, _)| format!("`{}`", key.name)).collect();
        let message = format!(
            "of a run in Kubernetes, and changes nothing here: {}",
            names.join(", ")
        );
        decoder.warning(&first.at, message, None);
    }
}
