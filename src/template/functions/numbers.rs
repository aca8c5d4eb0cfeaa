//! Numbers and chance, from sprig and ghz.

use super::super::format::text_of;
use super::super::random::uuid_text;
use super::super::value::{LONGEST, Value, WIDEST};
use super::{Context, Function, MANY, argument, count, function, int};

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LETTERS_AND_DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

pub(super) const NUMBERS: &[Function] = &[
    function("newUUID", 0, 0, |context, _| {
        Ok(uuid_text(context.random.uuid()).into())
    }),
    function("uuidv4", 0, 0, |context, _| {
        Ok(uuid_text(context.random.uuid()).into())
    }),
    function("randomString", 1, 1, |context, values| {
        let length = match count(values, 0)? {
            0 => 2 + usize::try_from(context.random.below(15)).unwrap_or(0),
            length => length,
        };
        random_text(context, length, LETTERS_AND_DIGITS)
    }),
    function("randomInt", 2, 2, |context, values| {
        let (least, end) = (int(values, 0)?.max(0), int(values, 1)?);
        between(context, least, if end <= 0 { 1 } else { end })
    }),
    function("randInt", 2, 2, |context, values| {
        let (least, end) = (to_int(argument(values, 0)), to_int(argument(values, 1)));
        between(context, least, end)
    }),
    function("randAlphaNum", 1, 1, |context, values| {
        random_text(context, count(values, 0)?, LETTERS_AND_DIGITS)
    }),
    function("randAlpha", 1, 1, |context, values| {
        random_text(context, count(values, 0)?, LETTERS)
    }),
    function("randNumeric", 1, 1, |context, values| {
        random_text(context, count(values, 0)?, b"0123456789")
    }),
    function("randAscii", 1, 1, |context, values| {
        let printable: Vec<u8> = (b' '..=b'~').collect();
        random_text(context, count(values, 0)?, &printable)
    }),
    function("add", 0, MANY, |_, values| Ok(fold(values, 0, i64::wrapping_add))),
    function("add1", 1, 1, |_, values| {
        Ok(Value::Int(to_int(argument(values, 0)).wrapping_add(1)))
    }),
    function("sub", 2, 2, |_, values| {
        two(values, |a, b| Some(a.wrapping_sub(b)))
    }),
    function("mul", 1, MANY, |_, values| Ok(fold(values, 1, i64::wrapping_mul))),
    function("div", 2, 2, |_, values| {
        two(values, |a, b| (b != 0).then(|| a.wrapping_div(b)))
    }),
    function("mod", 2, 2, |_, values| {
        two(values, |a, b| (b != 0).then(|| a.wrapping_rem(b)))
    }),
    function("max", 1, MANY, |_, values| {
        Ok(fold(&values[1..], to_int(&values[0]), i64::max))
    }),
    function("min", 1, MANY, |_, values| {
        Ok(fold(&values[1..], to_int(&values[0]), i64::min))
    }),
    function("floor", 1, 1, |_, values| {
        Ok(Value::Float(to_float(argument(values, 0)).floor()))
    }),
    function("ceil", 1, 1, |_, values| {
        Ok(Value::Float(to_float(argument(values, 0)).ceil()))
    }),
    function("round", 2, 3, |_, values| {
        let power = 10_f64.powi(i32::try_from(int(values, 1)?.clamp(-300, 300)).unwrap_or(0));
        Ok(Value::Float(
            (to_float(argument(values, 0)) * power).round() / power,
        ))
    }),
    function("int", 1, 1, |_, values| {
        Ok(Value::Int(to_int(argument(values, 0))))
    }),
    function("int64", 1, 1, |_, values| {
        Ok(Value::Int(to_int(argument(values, 0))))
    }),
    function("float64", 1, 1, |_, values| {
        Ok(Value::Float(to_float(argument(values, 0))))
    }),
    function("atoi", 1, 1, |_, values| {
        Ok(Value::Int(text_of(argument(values, 0)).parse().unwrap_or(0)))
    }),
    function("until", 1, 1, |_, values| {
        let end = int(values, 0)?;
        steps(0, end, if end < 0 { -1 } else { 1 })
    }),
    function("untilStep", 3, 3, |_, values| {
        steps(int(values, 0)?, int(values, 1)?, int(values, 2)?)
    }),
];

fn random_text(context: &mut Context<'_>, length: usize, alphabet: &[u8]) -> Result<Value, String> {
    if length > WIDEST {
        return Err(format!("a text of more than {WIDEST} bytes"));
    }
    Value::text(context.random.text(length, alphabet))
}

fn between(context: &mut Context<'_>, least: i64, end: i64) -> Result<Value, String> {
    if end <= least {
        return Err(format!("the range from {least} to below {end} is empty"));
    }
    let offset = context.random.below(end.abs_diff(least));
    Ok(Value::Int(least.wrapping_add_unsigned(offset)))
}

/// As sprig's `toInt64`: what is no number is 0.
fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(value) => *value,
        Value::Bool(value) => i64::from(*value),
        #[expect(clippy::cast_possible_truncation, reason = "Go cuts floats in the same way")]
        Value::Float(value) => *value as i64,
        Value::Text(text) => text.parse().unwrap_or(0),
        Value::Nil | Value::Time(_) | Value::List(_) | Value::Map(_) | Value::Record(_) => 0,
    }
}

fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(value) => *value,
        Value::Text(text) => text.parse().unwrap_or(0.0),
        other => to_int(other) as f64,
    }
}

fn fold(values: &[Value], first: i64, with: fn(i64, i64) -> i64) -> Value {
    Value::Int(values.iter().map(to_int).fold(first, with))
}

fn two(values: &[Value], with: fn(i64, i64) -> Option<i64>) -> Result<Value, String> {
    let result = with(to_int(argument(values, 0)), to_int(argument(values, 1)));
    result.map(Value::Int).ok_or_else(|| "division by 0".to_owned())
}

fn steps(start: i64, end: i64, step: i64) -> Result<Value, String> {
    let mut items = Vec::new();
    let mut next = start;
    while (step > 0 && next < end) || (step < 0 && next > end) {
        if items.len() == LONGEST {
            return Err(format!("a list of more than {LONGEST} elements"));
        }
        items.push(Value::Int(next));
        next = next.saturating_add(step);
    }
    Value::list(items)
}
