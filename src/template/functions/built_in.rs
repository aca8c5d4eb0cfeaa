//! The functions of the language itself (<https://pkg.go.dev/text/template#hdr-Functions>).

use std::cmp::Ordering;

use super::super::format::{show, sprint};
use super::super::{format, value::Value};
use super::{Context, Function, MANY, Run, argument, function, text};

pub(super) const BUILT_IN: &[Function] = &[
    Function {
        name: "and",
        least: 1,
        most: MANY,
        run: Run::Lazy(false),
    },
    Function {
        name: "or",
        least: 1,
        most: MANY,
        run: Run::Lazy(true),
    },
    function("not", 1, 1, |_, values| {
        Ok(Value::Bool(!argument(values, 0).is_true()))
    }),
    function("eq", 2, MANY, |_, values| {
        for other in &values[1..] {
            if equal(&values[0], other)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
    function("ne", 2, 2, |_, values| {
        Ok(Value::Bool(!equal(&values[0], &values[1])?))
    }),
    function("lt", 2, 2, |_, values| compared(values, Ordering::is_lt)),
    function("le", 2, 2, |_, values| compared(values, Ordering::is_le)),
    function("gt", 2, 2, |_, values| compared(values, Ordering::is_gt)),
    function("ge", 2, 2, |_, values| compared(values, Ordering::is_ge)),
    function("len", 1, 1, |_, values| length(argument(values, 0))),
    function("index", 1, MANY, index),
    function("slice", 1, 3, slice),
    function("print", 0, MANY, |_, values| Value::text(sprint(values))),
    function("println", 0, MANY, |_, values| {
        let mut out = String::new();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            show(value, &mut out);
        }
        out.push('\n');
        Value::text(out)
    }),
    function("printf", 1, MANY, |_, values| {
        Value::text(format::printf(text(values, 0)?, &values[1..])?)
    }),
    function("html", 1, MANY, |_, values| Value::text(html(&sprint(values)))),
    function("js", 1, MANY, |_, values| Value::text(js(&sprint(values)))),
    function("urlquery", 1, MANY, |_, values| {
        Value::text(url::form_urlencoded::byte_serialize(sprint(values).as_bytes()).collect())
    }),
];

pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    Ok(match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Nil, _) | (_, Value::Nil) => false,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left == right,
        _ => order(left, right)?.is_some_and(Ordering::is_eq),
    })
}

/// Numbers of the same kind and texts have an order; it is `None` for NaN.
fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Some(left.cmp(right))),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right)),
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        _ => Err(format!(
            "a {} and a {} cannot be compared",
            left.kind(),
            right.kind()
        )),
    }
}

fn compared(values: &[Value], holds: fn(Ordering) -> bool) -> Result<Value, String> {
    Ok(Value::Bool(order(&values[0], &values[1])?.is_some_and(holds)))
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        other => return Err(format!("a {} has no length", other.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(_: &mut Context<'_>, values: &[Value]) -> Result<Value, String> {
    let mut value = argument(values, 0).clone();
    for key in values.iter().skip(1) {
        value = match (&value, key) {
            (Value::List(list), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| list.items.get(at));
                found.cloned().ok_or_else(|| {
                    format!(
                        "the index {at} is out of range: there are {} elements",
                        list.items.len()
                    )
                })?
            }
            (Value::Text(text), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
                let byte = found.ok_or_else(|| {
                    format!("the index {at} is out of range: there are {} bytes", text.len())
                })?;
                Value::Int(i64::from(*byte))
            }
            (Value::Map(map), Value::Text(key)) => map.entries.get(key.as_ref()).cloned().unwrap_or_default(),
            (value, key) => return Err(format!("a {} cannot index a {}", key.kind(), value.kind())),
        };
    }
    Ok(value)
}

fn slice(_: &mut Context<'_>, values: &[Value]) -> Result<Value, String> {
    let value = argument(values, 0);
    let length = match length(value)? {
        Value::Int(length) => length,
        _ => 0,
    };
    let bound = |index: usize, default: i64| match values.get(index) {
        None => Ok(default),
        Some(Value::Int(at)) if (0..=length).contains(at) => Ok(*at),
        Some(other) => Err(format!(
            "{} is no index up to {length}",
            sprint(std::slice::from_ref(other))
        )),
    };
    let (start, end) = (bound(1, 0)?, bound(2, length)?);
    let range = usize::try_from(start).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
    let found = match value {
        Value::Text(text) => text.get(range).map(|part| Ok(part.into())),
        Value::List(list) => list.items.get(range).map(|part| Value::list(part.to_vec())),
        other => return Err(format!("a {} cannot be sliced", other.kind())),
    };
    found.unwrap_or_else(|| Err(format!("{start} to {end} is no part of it")))
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
