//! JSON to bytes. What fails is looked for only after it failed: member by member, down to the one to blame.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::error::MessageError;
use super::required;
use crate::diagnostic::did_you_mean;

/// Levels of nesting; readers of Protobuf refuse more than 100.
const DEPTH: usize = 100;
/// More fields than these are not listed in an error.
const LISTED: usize = 12;
/// Characters of a value that is shown.
const LONGEST: usize = 40;

/// The messages of `text`: those of an array in turn, or the only one.
pub fn encode_all(text: &str, message: &MessageDescriptor) -> Result<Vec<Bytes>, MessageError> {
    let value = serde_json::from_str(text).map_err(|error| MessageError::NotJson {
        what: error.to_string(),
    })?;
    match value {
        // A `ListValue` is an array itself, so is a `Value`.
        Value::Array(items) if !is_own_array(message) => items
            .iter()
            .enumerate()
            .map(|(index, item)| encode_at(item, message, &format!("$[{index}]")))
            .collect(),
        Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_) => Ok(vec![encode(&value, message)?]),
    }
}

/// The message that `value` describes.
pub fn encode(value: &Value, message: &MessageDescriptor) -> Result<Bytes, MessageError> {
    encode_at(value, message, "$")
}

fn encode_at(value: &Value, message: &MessageDescriptor, path: &str) -> Result<Bytes, MessageError> {
    if !is_shallow(value, DEPTH) {
        return Err(MessageError::TooDeep { limit: DEPTH });
    }
    let parsed = match DynamicMessage::deserialize(message.clone(), value) {
        Ok(parsed) => parsed,
        Err(error) => return Err(blame(value, message, path, &error.to_string())),
    };
    required::check(&parsed, path)?;
    Ok(parsed.encode_to_vec().into())
}

fn is_own_array(message: &MessageDescriptor) -> bool {
    matches!(
        message.full_name(),
        "google.protobuf.ListValue" | "google.protobuf.Value"
    )
}

fn is_shallow(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| is_shallow(item, left - 1)),
        Value::Object(members) => left > 0 && members.values().all(|member| is_shallow(member, left - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Why `value` as `message` does not work, as `Some` of the library's words.
fn trouble(value: &Value, message: &MessageDescriptor) -> Option<String> {
    DynamicMessage::deserialize(message.clone(), value)
        .err()
        .map(|error| error.to_string())
}

/// The innermost place that alone makes `value` fail.
fn blame(value: &Value, message: &MessageDescriptor, path: &str, what: &str) -> MessageError {
    let here = || MessageError::Value {
        path: path.to_owned(),
        what: what.to_owned(),
        hint: None,
    };
    if let Some(expected) = own_form(message) {
        return value_error(path.to_owned(), unlike(expected, value));
    }
    if has_own_form(message) {
        return here();
    }
    let Value::Object(members) = value else {
        let expected = format!("an object with the fields of `{}`", message.full_name());
        return value_error(path.to_owned(), unlike(&expected, value));
    };
    let wrong = members.iter().filter_map(|(key, member)| {
        let alone = |member: &Value| trouble(&object(key, member), message);
        let what = alone(member)?;
        Some(match field(message, key) {
            Some(field) => blame_member(member, &field, &join(path, key), what, &alone),
            None if key.starts_with('[') => value_error(join(path, key), what),
            None => unknown(message, path, key),
        })
    });
    // Where each member alone is fine it is about two of them, as with a `oneof`.
    MessageError::of(wrong.collect()).unwrap_or_else(here)
}

fn blame_member(
    member: &Value,
    field: &FieldDescriptor,
    path: &str,
    what: String,
    alone: &dyn Fn(&Value) -> Option<String>,
) -> MessageError {
    match member {
        Value::Array(items) if field.is_list() => {
            let culprit = items
                .iter()
                .enumerate()
                .find_map(|(index, item)| Some((index, item, alone(&json!([item]))?)));
            if let Some((index, item, what)) = culprit {
                return blame_value(item, &field.kind(), &format!("{path}[{index}]"), &what);
            }
        }
        Value::Object(entries) if field.is_map() => {
            let culprit = entries
                .iter()
                .find_map(|(key, item)| Some((key, item, alone(&object(key, item))?)));
            if let (Some((key, item, what)), Kind::Message(entry)) = (culprit, field.kind()) {
                let path = join(path, key);
                let keys = entry.map_entry_key_field().kind();
                return if fits_key(key, &keys) {
                    blame_value(item, &entry.map_entry_value_field().kind(), &path, &what)
                } else {
                    value_error(path, format!("the key should be {}", wanted(&keys)))
                };
            }
        }
        _ if field.is_list() => {
            return value_error(path.to_owned(), unlike("an array", member));
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => return blame_value(member, &field.kind(), path, &what),
    }
    value_error(path.to_owned(), what)
}

fn blame_value(value: &Value, expected: &Kind, path: &str, what: &str) -> MessageError {
    match expected {
        Kind::Message(message) => blame(value, message, path, what),
        Kind::Enum(values) => {
            let names: Vec<String> = values.values().map(|value| value.name().to_owned()).collect();
            MessageError::Value {
                path: path.to_owned(),
                what: unlike(&format!("a name of the enum `{}`", values.full_name()), value),
                hint: value.as_str().and_then(|given| suggest(given, &names)),
            }
        }
        Kind::Double
        | Kind::Float
        | Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64
        | Kind::Bool
        | Kind::String
        | Kind::Bytes => value_error(path.to_owned(), unlike(wanted(expected), value)),
    }
}

/// What a field of a kind takes.
fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Double | Kind::Float => "a number",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number of 32 bits",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a whole number of 64 bits",
        Kind::Uint32 | Kind::Fixed32 => "a whole number from 0 of 32 bits",
        Kind::Uint64 | Kind::Fixed64 => "a whole number from 0 of 64 bits",
        Kind::Bool => "true or false",
        Kind::String => "text",
        Kind::Bytes => "text in base64",
        Kind::Message(_) | Kind::Enum(_) => "something else",
    }
}

/// What one of the well-known types takes that are written as a single value.
fn own_form(message: &MessageDescriptor) -> Option<&'static str> {
    match message.full_name().strip_prefix("google.protobuf.")? {
        "Timestamp" => Some("a time such as \"2026-11-22T10:00:00Z\""),
        "Duration" => Some("seconds such as \"1.5s\""),
        "DoubleValue" | "FloatValue" => Some(wanted(&Kind::Double)),
        "Int32Value" => Some(wanted(&Kind::Int32)),
        "Int64Value" => Some(wanted(&Kind::Int64)),
        "UInt32Value" => Some(wanted(&Kind::Uint32)),
        "UInt64Value" => Some(wanted(&Kind::Uint64)),
        "BoolValue" => Some(wanted(&Kind::Bool)),
        "StringValue" => Some(wanted(&Kind::String)),
        "BytesValue" => Some(wanted(&Kind::Bytes)),
        _ => None,
    }
}

/// That a value is not what was expected.
fn unlike(expected: &str, value: &Value) -> String {
    let written = value.to_string();
    let scalar = !matches!(value, Value::Array(_) | Value::Object(_));
    if scalar && written.chars().count() <= LONGEST {
        format!("expected {expected}, not {written}")
    } else {
        format!("expected {expected}, not {}", kind(value))
    }
}

fn value_error(path: String, what: String) -> MessageError {
    MessageError::Value {
        path,
        what,
        hint: None,
    }
}

fn unknown(message: &MessageDescriptor, path: &str, key: &str) -> MessageError {
    let names: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
    MessageError::UnknownField {
        path: join(path, key),
        message: message.full_name().to_owned(),
        field: key.to_owned(),
        hint: suggest(key, &names),
    }
}

/// The near one, or all when they are few.
fn suggest(given: &str, names: &[String]) -> Option<String> {
    if let Some(meant) = did_you_mean(given, names.iter().map(String::as_str)) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (1..=LISTED)
        .contains(&listed.len())
        .then(|| format!("there is {}", listed.join(", ")))
}

fn field(message: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    message
        .get_field_by_json_name(key)
        .or_else(|| message.get_field_by_name(key))
}

/// Whether a message's JSON is not an object of its fields.
fn has_own_form(message: &MessageDescriptor) -> bool {
    message
        .full_name()
        .strip_prefix("google.protobuf.")
        .is_some_and(|name| {
            name.ends_with("Value")
                || matches!(
                    name,
                    "Any" | "Timestamp" | "Duration" | "FieldMask" | "Struct" | "Empty"
                )
        })
}

fn fits_key(key: &str, kind: &Kind) -> bool {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => key.parse::<i32>().is_ok(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => key.parse::<i64>().is_ok(),
        Kind::Uint32 | Kind::Fixed32 => key.parse::<u32>().is_ok(),
        Kind::Uint64 | Kind::Fixed64 => key.parse::<u64>().is_ok(),
        Kind::Bool => key.parse::<bool>().is_ok(),
        Kind::String | Kind::Double | Kind::Float | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => true,
    }
}

fn object(key: &str, value: &Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value.clone())]))
}

fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain {
        format!("{path}.{key}")
    } else {
        format!("{path}[{}]", Value::from(key))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
