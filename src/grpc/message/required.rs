//! The `required` fields of proto2, which the JSON reader does not ask for.

use prost_reflect::{Cardinality, DynamicMessage, ReflectMessage, Value};

use super::error::MessageError;

/// Fails at the first message that lacks one.
pub(super) fn check(message: &DynamicMessage, path: &str) -> Result<(), MessageError> {
    let descriptor = message.descriptor();
    let missing = descriptor
        .fields()
        .find(|field| field.cardinality() == Cardinality::Required && !message.has_field(field));
    if let Some(field) = missing {
        return Err(MessageError::Missing {
            path: path.to_owned(),
            message: descriptor.full_name().to_owned(),
            field: field.name().to_owned(),
        });
    }
    message
        .fields()
        .try_for_each(|(field, value)| check_value(value, &format!("{path}.{}", field.name())))
}

fn check_value(value: &Value, path: &str) -> Result<(), MessageError> {
    match value {
        Value::Message(message) => check(message, path),
        Value::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_value(item, &format!("{path}[{index}]"))),
        Value::Map(entries) => entries
            .values()
            .try_for_each(|item| check_value(item, &format!("{path}[…]"))),
        Value::Bool(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U32(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::EnumNumber(_) => Ok(()),
    }
}
