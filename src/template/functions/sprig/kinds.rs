//! What values are, and whether they are the same.

use super::super::super::value::Value;
use super::super::{Function, argument, function, text};

pub(super) const KINDS: &[Function] = &[
    function(
        "typeOf",
        1,
        1,
        |_, values| Ok(type_of(argument(values, 0)).into()),
    ),
    function("typeIs", 2, 2, |_, values| {
        Ok(Value::Bool(text(values, 0)? == type_of(argument(values, 1))))
    }),
    function("typeIsLike", 2, 2, |_, values| {
        Ok(Value::Bool(text(values, 0)? == type_of(argument(values, 1))))
    }),
    function("kindIs", 2, 2, |_, values| {
        Ok(Value::Bool(text(values, 0)? == kind_of(argument(values, 1))))
    }),
    function(
        "kindOf",
        1,
        1,
        |_, values| Ok(kind_of(argument(values, 0)).into()),
    ),
    function("deepEqual", 2, 2, |_, values| {
        Ok(Value::Bool(same(argument(values, 0), argument(values, 1))))
    }),
];

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        other => other.kind(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
        Value::Time(_) => "struct",
        other => other.kind(),
    }
}

/// Whether two values are of the same kind and all that is in them is the same.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        #[expect(clippy::float_cmp, reason = "the same number, bit by bit")]
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.items.len() == right.items.len()
                && left
                    .items
                    .iter()
                    .zip(&right.items)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.entries.len() == right.entries.len()
                && left
                    .entries
                    .iter()
                    .zip(&right.entries)
                    .all(|((key, left), (other, right))| key == other && same(left, right))
        }
        _ => false,
    }
}
