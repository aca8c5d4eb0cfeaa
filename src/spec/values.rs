//! [`Decode`] for the plain types that fields are made of.

use std::str::FromStr;

use serde_json::json;

use super::decode::{Decode, Decoder};
use super::duration::Period;
use super::node::{Node, Value};

impl Decode for String {
    const TYPE: &'static str = "string";

    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if !Decoder::is_text(node) {
            decoder.mismatch(node, "a string");
            return None;
        }
        decoder.text(node).map(|scalar| scalar.text)
    }
}

impl Decode for bool {
    const TYPE: &'static str = "boolean";

    fn schema() -> serde_json::Value {
        json!({ "type": ["boolean", "string"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        if Decoder::is_text(node) {
            let scalar = decoder.text(node)?;
            match (scalar.untyped, scalar.text.trim()) {
                (true, "true" | "True" | "TRUE") => return Some(true),
                (true, "false" | "False" | "FALSE") => return Some(false),
                _ => {}
            }
        }
        decoder.mismatch(node, "true or false");
        None
    }
}

impl Decode for f64 {
    const TYPE: &'static str = "number";

    fn schema() -> serde_json::Value {
        json!({ "type": ["number", "string"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        number(node, decoder, "a number", |value: f64| value.is_finite())
    }
}

impl Decode for u64 {
    const TYPE: &'static str = "whole number";

    fn schema() -> serde_json::Value {
        json!({ "type": ["integer", "string"], "minimum": 0 })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Int(value) if u64::try_from(*value).is_ok() => u64::try_from(*value).ok(),
            Value::Int(value) => {
                decoder.error(
                    &node.at,
                    format!("expected a whole number that is not negative, found {value}"),
                    None,
                );
                None
            }
            Value::Null
            | Value::Bool(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => untyped(node, decoder, "a whole number that is not negative", |text| {
                text.parse().ok()
            }),
        }
    }
}

fn number(
    node: &Node,
    decoder: &mut Decoder<'_>,
    expected: &str,
    valid: impl Fn(f64) -> bool,
) -> Option<f64> {
    match &node.value {
        #[expect(clippy::cast_precision_loss, reason = "limits and rates are far below 2^52")]
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) if valid(*value) => Some(*value),
        Value::Null
        | Value::Bool(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_) => untyped(node, decoder, expected, |text| {
            text.parse().ok().filter(|value| valid(*value))
        }),
    }
}

/// Reads text that came from a flag, an input or the environment; text of the file itself has the wrong type.
pub(super) fn untyped<T>(
    node: &Node,
    decoder: &mut Decoder<'_>,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    if Decoder::is_text(node) {
        let scalar = decoder.text(node)?;
        if scalar.untyped
            && let Some(value) = read(scalar.text.trim())
        {
            return Some(value);
        }
        if scalar.untyped {
            let shown = Node {
                value: Value::Text(scalar.text),
                at: node.at.clone(),
            };
            decoder.mismatch(&shown, expected);
            return None;
        }
    }
    decoder.mismatch(node, expected);
    None
}

impl Decode for Period {
    const TYPE: &'static str = "duration";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "examples": ["500ms", "30s", "1m30s"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Int(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::String(_) | Value::Text(_) => decoder.text(node)?.text,
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                decoder.mismatch(node, "a duration such as 30s");
                return None;
            }
        };
        match Period::from_str(&text) {
            Ok(period) => Some(period),
            Err(cause) => {
                decoder.error(
                    &node.at,
                    format!("expected a duration: {cause}"),
                    Some(cause.hint()),
                );
                None
            }
        }
    }
}

impl<T: Decode> Decode for Vec<T> {
    const TYPE: &'static str = "list";

    fn schema() -> serde_json::Value {
        json!({ "type": "array", "items": T::schema() })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            decoder.mismatch(node, "a list");
            return None;
        };
        // Every item is read, so that every mistake is found.
        let read: Vec<Option<T>> = items.iter().map(|item| decoder.read(item)).collect();
        read.into_iter().collect()
    }
}

/// A map from names to values, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<T>(pub Vec<(String, T)>);

impl<T: Decode> Decode for Map<T> {
    const TYPE: &'static str = "map";

    fn schema() -> serde_json::Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            decoder.mismatch(node, "a map");
            return None;
        };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|(key, node)| Some((key.name.clone(), decoder.read(node)?)))
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(Map)
    }
}
