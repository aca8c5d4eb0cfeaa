//! Between trees of values and JSON, which knows no places.

use serde_json::Value as Json;

use crate::spec::{At, Key, Node, Value};

/// A tree of a value; it stands nowhere.
pub fn of_json(value: &Json) -> Node {
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number
            .as_i128()
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(of_json).collect()),
        Json::Object(entries) => {
            let key = |name: &String| Key {
                name: name.clone(),
                at: nowhere(),
            };
            Value::Map(
                entries
                    .iter()
                    .map(|(name, value)| (key(name), of_json(value)))
                    .collect(),
            )
        }
    };
    Node { value, at: nowhere() }
}

fn nowhere() -> At {
    At::Named("what is written".into())
}

/// A tree without its places.
pub(super) fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => i64::try_from(*value).map_or_else(|_| value.to_string().into(), Json::from),
        Value::Float(value) => Json::from(*value),
        Value::String(text) | Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, node)| (key.name.clone(), json(node)))
            .collect(),
    }
}
