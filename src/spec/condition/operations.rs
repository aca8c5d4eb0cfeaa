//! Arithmetic, comparison and conversion of [`Value`]s.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an operation takes few kinds of values and refuses all others"
)]

use std::borrow::Cow;

use super::ast::{Binary, Constant};
use super::operators::{fraction, whole};
use super::value::Value;

impl Value<'_> {
    /// A number of any width.
    pub(super) fn number(&self) -> Option<f64> {
        match *self {
            Self::Int(value) | Self::Long(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Nil
            | Self::Bool(_)
            | Self::FloatPointer(_)
            | Self::Text(_)
            | Self::MetricKind(_)
            | Self::Time(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Object(_) => None,
        }
    }

    fn whole(&self) -> Option<i64> {
        if let Self::Int(value) | Self::Long(value) = *self {
            Some(value)
        } else {
            None
        }
    }
}

/// A number, or text that spells one, as a whole number.
pub(super) fn integer(value: &Value<'_>) -> Option<i64> {
    if let Value::Text(text) = value {
        return text.parse().ok();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the language cuts fractions off")]
    value
        .whole()
        .or_else(|| value.number().map(|number| number as i64))
}

/// A number, or text that spells one.
pub(super) fn real(value: &Value<'_>) -> Option<f64> {
    if let Value::Text(text) = value {
        return text.parse().ok();
    }
    value.number()
}

/// Both operands, if both are whole numbers.
pub(super) fn whole_operands(l: &Value<'_>, r: &Value<'_>) -> Option<(i64, i64)> {
    Some((l.whole()?, r.whole()?))
}

/// Arithmetic or an ordering; none if the operands do not fit.
pub(super) fn arithmetic<'a>(operator: Binary, l: &Value<'a>, r: &Value<'a>) -> Option<Value<'a>> {
    if let (Value::Text(l), Value::Text(r)) = (l, r) {
        return texts(operator, l, r);
    }
    let whole_numbers = whole_operands(l, r);
    let (left, right) = (l.number()?, r.number()?);
    let ordered = match operator {
        Binary::Less => Some(whole_numbers.map_or(left < right, |(l, r)| l < r)),
        Binary::Greater => Some(whole_numbers.map_or(left > right, |(l, r)| l > r)),
        Binary::AtMost => Some(whole_numbers.map_or(left <= right, |(l, r)| l <= r)),
        Binary::AtLeast => Some(whole_numbers.map_or(left >= right, |(l, r)| l >= r)),
        _ => None,
    };
    if let Some(ordered) = ordered {
        return Some(Value::Bool(ordered));
    }
    let result = match whole_numbers {
        Some((l, r)) => whole(operator, l, r),
        None => None,
    };
    match result.or_else(|| fraction(operator, left, right))? {
        Constant::Int(value) => Some(Value::Int(value)),
        Constant::Float(value) => Some(Value::Float(value)),
        Constant::Bool(_) | Constant::Text(_) => None,
    }
}

fn texts<'a>(operator: Binary, l: &str, r: &str) -> Option<Value<'a>> {
    Some(match operator {
        Binary::Add => Value::Text(Cow::Owned(format!("{l}{r}"))),
        Binary::Less => Value::Bool(l < r),
        Binary::Greater => Value::Bool(l > r),
        Binary::AtMost => Value::Bool(l <= r),
        Binary::AtLeast => Value::Bool(l >= r),
        _ => return None,
    })
}
