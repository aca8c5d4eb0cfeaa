//! Values of `ready` → one task for each object that is waited for, and one for a URL or a server.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::shape::{Raw, Shape, is_field, refuse_unknown, shapes, with_properties};
use super::values::{key, list, map, string, task};
use crate::spec::{Decode, Decoder, Key, Node, Value};
use crate::tasks::{ReadyKind, SHORTCUTS, TaskKind as _};

/// Values that every task of these gets.
const SHARED: [&str; 2] = ["namespace", "timeout"];

crate::fields! {
    /// A kind of object, as in `resourceTypes` since 0.18.
    struct ResourceType in "a type of `resourceTypes`" {
        /// API group; empty for the core.
        group: String = ["Group", "group"],
        /// Version of the API.
        version: String = ["Version", "version"],
        /// Name of the resource, in the plural.
        resource: String = ["Resource", "resource"],
        /// Conditions that must be true.
        conditions: Vec<String> = ["conditions"],
    }
}

shapes! {
    /// Values of `ready`.
    ReadyValues: "fields of `ready`, or names of objects" = schema();
    /// More kinds of objects.
    ResourceTypes: "map" = json!({ "type": "object", "additionalProperties": ResourceType::schema() });
}

fn schema() -> Json {
    let names: serde_json::Map<String, Json> = SHORTCUTS
        .iter()
        .map(|object| {
            let about = format!("Name of the object ({}) that is waited for.", object.resource);
            (
                object.field.to_owned(),
                json!({ "type": "string", "description": about }),
            )
        })
        .chain([(
            "namespace".to_owned(),
            json!({ "type": "string", "description": "Namespace of the objects." }),
        )])
        .collect();
    let mut schema = with_properties(ReadyKind.schema(), &json!({ "properties": names }));
    schema["additionalProperties"] = json!({ "type": "string" });
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("oneOf");
    }
    schema
}

/// The tasks of these values. `types` are more kinds of objects, each waited for in the order of their names.
pub(super) fn tasks(
    values: &Node,
    types: Option<&Raw<ResourceTypes>>,
    decoder: &mut Decoder<'_>,
) -> Vec<Node> {
    if !matches!(values.value, Value::Map(_)) {
        decoder.mismatch(values, "a map with what is waited for");
        return Vec::new();
    }
    let types = types
        .map(|types| read_types(&types.0, decoder))
        .unwrap_or_default();
    let given = |name: &str| {
        let found = values.pairs().iter().find(|(key, _)| key.name == name);
        found.filter(|(_, node)| node.value != Value::Null)
    };
    let shared: Vec<(Key, Node)> = SHARED.into_iter().filter_map(given).cloned().collect();
    let mut made = Vec::new();
    for object in SHORTCUTS
        .iter()
        .filter(|object| !types.contains_key(object.field))
    {
        if let Some((_, name)) = given(object.field) {
            let condition = object
                .condition
                .map(|condition| ("condition", string(condition, name)));
            let parts = [object.group, object.version, object.resource];
            made.push(of_object(name, parts, condition, &shared));
        }
    }
    for (value, kind) in &types {
        if let Some((_, name)) = given(value) {
            made.push(of_type(name, kind, &shared));
        }
    }
    made.extend(of_target(values));
    refuse(values, &types, decoder);
    made
}

fn read_types(types: &Node, decoder: &mut Decoder<'_>) -> BTreeMap<String, ResourceType> {
    if !matches!(types.value, Value::Map(_)) {
        decoder.mismatch(types, "a map of types");
    }
    let read = types
        .pairs()
        .iter()
        .filter_map(|(key, node)| Some((key.name.clone(), decoder.read(node)?)));
    read.collect()
}

fn of_object(
    name: &Node,
    [group, version, resource]: [&str; 3],
    condition: Option<(&str, Node)>,
    shared: &[(Key, Node)],
) -> Node {
    let text = |field: &str, text: &str| {
        let given = (!text.is_empty()).then(|| string(text, name));
        given.map(|node| (key(field, name), node))
    };
    let fields = [
        Some((key("name", name), name.clone())),
        text("group", group),
        text("version", version),
        text("resource", resource),
        condition.map(|(field, node)| (key(field, name), node)),
    ];
    let fields = fields.into_iter().flatten().chain(shared.iter().cloned());
    task("ready", &map(fields.collect(), name))
}

fn of_type(name: &Node, kind: &ResourceType, shared: &[(Key, Node)]) -> Node {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let (group, version, resource) = (part(&kind.group), part(&kind.version), part(&kind.resource));
    let condition = match kind.conditions.as_deref() {
        None | Some([]) => None,
        Some([only]) => Some(("condition", string(only.clone(), name))),
        Some(several) => {
            let several = several.iter().map(|condition| string(condition.clone(), name));
            Some(("conditions", list(several.collect(), name)))
        }
    };
    of_object(name, [&group, &version, &resource], condition, shared)
}

/// The task of a URL, a gRPC server, or an object of any kind by the task's own fields, none of which Iter8's values had.
fn of_target(values: &Node) -> Option<Node> {
    let fields = ReadyKind.fields();
    // Shared by the others, and its own.
    let any = values.field("resource").is_some();
    let own: Vec<(Key, Node)> = values
        .pairs()
        .iter()
        .filter(|(key, node)| {
            node.value != Value::Null && fields.iter().any(|field| is_field(field, &key.name))
        })
        .filter(|(key, _)| !is_object(&key.name) && (any || key.name != "namespace"))
        .cloned()
        .collect();
    let says_more = own.iter().any(|(key, _)| key.name != "timeout");
    says_more.then(|| task("ready", &map(own, values)))
}

/// Whether a value names an object.
fn is_object(name: &str) -> bool {
    SHORTCUTS.iter().any(|object| object.field == name)
}

fn refuse(values: &Node, types: &BTreeMap<String, ResourceType>, decoder: &mut Decoder<'_>) {
    let fields = ReadyKind.fields();
    let unknown = values.pairs().iter().map(|(key, _)| key).filter(|key| {
        !SHARED.contains(&key.name.as_str())
            && !is_object(&key.name)
            && !types.contains_key(&key.name)
            && !fields.iter().any(|field| is_field(field, &key.name))
    });
    let known: Vec<&str> = SHORTCUTS
        .iter()
        .map(|object| object.field)
        .chain(SHARED)
        .chain(types.keys().map(String::as_str))
        .chain(["url", "grpc", "status", "body", "header"])
        .collect();
    refuse_unknown(unknown, &known, "`ready`", decoder);
}
