//! Values of a load → its tasks: an optional warm-up and the load itself.

use super::shape::{Shape, shapes, with_properties};
use super::values::{is_map, key, list, map, task, with_types};
use crate::spec::{At, Key, Node, Value};
use crate::tasks::{GrpcKind, HttpKind, TaskKind};
use serde_json::{Value as Json, json};

/// A kind of load, and what charts call its fields.
pub(super) struct Load {
    /// Its kind of task.
    pub(super) kind: &'static dyn TaskKind,
    /// Values with another name than the field: value, field.
    renamed: &'static [(&'static str, &'static str)],
    /// Values of the warm-up: value, field.
    warm_up: &'static [(&'static str, &'static str)],
    /// Fields that are no part of the task's schema but messages: texts of flags in them have Helm's types.
    free: &'static [&'static str],
}

/// By HTTP.
pub(super) static HTTP: Load = Load {
    kind: &HttpKind,
    renamed: &[("numQueries", "numRequests")],
    warm_up: &[
        ("warmupNumRequests", "numRequests"),
        ("warmupDuration", "duration"),
    ],
    free: &[],
};

/// By gRPC. Iter8 fetched what a URL named; the fields take URLs.
pub(super) static GRPC: Load = Load {
    kind: &GrpcKind,
    renamed: &[
        ("protoURL", "proto"),
        ("protoFile", "proto"),
        ("protosetURL", "protoset"),
        ("protosetFile", "protoset"),
        ("dataURL", "data-file"),
        ("binaryDataURL", "binary-file"),
        ("binaryDataFile", "binary-file"),
        ("metadataURL", "metadata-file"),
    ],
    warm_up: &[("warmupNumRequests", "total"), ("warmupDuration", "duration")],
    free: &["data"],
};

/// `errorsAbove` of 0.8 and 0.9, which meant this status and those above it.
const ERRORS_ABOVE: &str = "errorsAbove";

impl Load {
    /// Names of values that are no field of the task.
    pub(super) fn own(&self) -> Vec<&'static str> {
        let names = self.renamed.iter().chain(self.warm_up).map(|(name, _)| *name);
        let above = (self.kind.name() == "http").then_some(ERRORS_ABOVE);
        names.chain(above).collect()
    }

    /// Every name that a value may have.
    pub(super) fn known(&self) -> Vec<&'static str> {
        let fields = self.kind.fields().into_iter();
        let names = fields.flat_map(|field| std::iter::once(field.key).chain(field.aliases.iter().copied()));
        names.chain(self.own()).collect()
    }

    /// Whether a value has this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.known().iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The tasks: warm-up, if values ask for one, and load. Values that nobody knows stay in it, where they are refused.
    pub(super) fn tasks(&self, values: &Node) -> Vec<Node> {
        let warms = |name: &str| {
            let found = self
                .warm_up
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, field)| *field)
        };
        let Value::Map(all) = &values.value else {
            return vec![task(self.kind.name(), values)];
        };
        let (warm_up, rest): (Vec<_>, Vec<_>) = all
            .iter()
            .cloned()
            .partition(|(key, _)| warms(&key.name).is_some());
        let fields = self.fields(&map(rest, values));
        let given: Vec<(Key, Node)> = warm_up
            .into_iter()
            .filter(|(_, node)| node.value != Value::Null)
            .filter_map(|(key, node)| Some((rename(&key, warms(&key.name)?), node)))
            .collect();
        let load = task(self.kind.name(), &fields);
        if given.is_empty() {
            return vec![load];
        }
        let mut with: Vec<(Key, Node)> = fields.pairs().to_vec();
        with.retain(|(key, _)| !given.iter().any(|(own, _)| own.name == key.name));
        with.extend(given);
        let yes = Node {
            value: Value::Bool(true),
            at: values.at.clone(),
        };
        with.push((key("warmup", values), yes));
        vec![task(self.kind.name(), &map(with, values)), load]
    }

    /// Values in the words of the task.
    fn fields(&self, values: &Node) -> Node {
        let fields = values
            .pairs()
            .iter()
            .filter(|(_, node)| node.value != Value::Null)
            .map(|(key, node)| self.field(key, node))
            .collect();
        map(fields, values)
    }

    fn field(&self, key: &Key, node: &Node) -> (Key, Node) {
        let renamed = self.renamed.iter().find(|(name, _)| *name == key.name);
        if let Some((_, field)) = renamed {
            return (rename(key, field), node.clone());
        }
        if self.kind.name() == "http" && key.name == ERRORS_ABOVE {
            let lower = vec![(
                Key {
                    name: "lower".to_owned(),
                    at: key.at.clone(),
                },
                node.clone(),
            )];
            return (rename(key, "errorRanges"), list(vec![map(lower, node)], node));
        }
        if key.name == "endpoints" && is_map(node) {
            let endpoint = |(name, values): &(Key, Node)| {
                let values = if is_map(values) {
                    self.fields(values)
                } else {
                    values.clone()
                };
                (name.clone(), values)
            };
            return (
                key.clone(),
                map(node.pairs().iter().map(endpoint).collect(), node),
            );
        }
        let fields = self.kind.fields();
        let alias = fields
            .iter()
            .find(|field| field.aliases.contains(&key.name.as_str()));
        let key = alias.map_or_else(|| key.clone(), |field| rename(key, field.key));
        let node = if self.free.contains(&key.name.as_str()) {
            with_types(node)
        } else {
            node.clone()
        };
        (key, node)
    }

    /// The schema of its values.
    pub(super) fn schema(&self) -> Json {
        let mut more = serde_json::Map::new();
        let fields = self.kind.schema();
        for (name, field) in self.renamed.iter().chain(self.warm_up) {
            more.insert((*name).to_owned(), fields["properties"][*field].clone());
        }
        if self.kind.name() == "http" {
            let about = "Statuses from here on count as errors; `errorRanges: [{lower: N}]` today.";
            more.insert(
                ERRORS_ABOVE.to_owned(),
                json!({ "type": ["number", "string"], "description": about }),
            );
        }
        let mut schema = with_properties(fields, &json!({ "properties": more }));
        // What a task needs may come from a flag.
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("required");
        }
        schema
    }
}

/// A key by another name, where it stands.
pub(super) fn rename(key: &Key, name: &str) -> Key {
    Key {
        name: name.to_owned(),
        at: At::clone(&key.at),
    }
}

shapes! {
    /// Values of an HTTP load.
    HttpValues: "fields of `http`" = HTTP.schema();
    /// Values of a gRPC load.
    GrpcValues: "fields of `grpc`" = GRPC.schema();
}
