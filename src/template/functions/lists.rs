//! Lists, maps and choices, from sprig.

use std::collections::BTreeMap;

use super::super::format::text_of;
use super::super::value::{LONGEST, Value};
use super::built_in::equal;
use super::{Function, MANY, argument, function, items, text};

pub(super) const LISTS: &[Function] = &[
    function("default", 1, 2, |_, values| {
        let given = argument(values, 1);
        Ok(if given.is_true() {
            given
        } else {
            argument(values, 0)
        }
        .clone())
    }),
    function("empty", 1, 1, |_, values| {
        Ok(Value::Bool(!argument(values, 0).is_true()))
    }),
    function("coalesce", 0, MANY, |_, values| {
        Ok(values
            .iter()
            .find(|value| value.is_true())
            .cloned()
            .unwrap_or_default())
    }),
    function("ternary", 3, 3, |_, values| match argument(values, 2) {
        Value::Bool(condition) => Ok(values[usize::from(!condition)].clone()),
        other => Err(format!("argument 3 should be a bool, not {}", other.kind())),
    }),
    function("list", 0, MANY, |_, values| Value::list(values.to_vec())),
    function("tuple", 0, MANY, |_, values| Value::list(values.to_vec())),
    function("first", 1, 1, |_, values| {
        Ok(items(values, 0)?.first().cloned().unwrap_or_default())
    }),
    function("last", 1, 1, |_, values| {
        Ok(items(values, 0)?.last().cloned().unwrap_or_default())
    }),
    function("rest", 1, 1, |_, values| {
        Value::list(items(values, 0)?.iter().skip(1).cloned().collect())
    }),
    function("initial", 1, 1, |_, values| {
        let list = items(values, 0)?;
        Value::list(list[..list.len().saturating_sub(1)].to_vec())
    }),
    function("reverse", 1, 1, |_, values| {
        Value::list(items(values, 0)?.iter().rev().cloned().collect())
    }),
    function("append", 2, 2, |_, values| {
        let mut list = items(values, 0)?.to_vec();
        list.push(argument(values, 1).clone());
        Value::list(list)
    }),
    function("prepend", 2, 2, |_, values| {
        let mut list = vec![argument(values, 1).clone()];
        list.extend_from_slice(items(values, 0)?);
        Value::list(list)
    }),
    function("concat", 0, MANY, |_, values| {
        let mut list = Vec::new();
        for index in 0..values.len() {
            list.extend_from_slice(items(values, index)?);
            if list.len() > LONGEST {
                break; // which is refused
            }
        }
        Value::list(list)
    }),
    function("has", 2, 2, |_, values| {
        let found = items(values, 1)?
            .iter()
            .any(|item| equal(argument(values, 0), item).unwrap_or(false));
        Ok(Value::Bool(found))
    }),
    function("dict", 0, MANY, |_, values| {
        let mut entries = BTreeMap::new();
        for pair in values.chunks(2) {
            entries.insert(
                text_of(&pair[0]),
                pair.get(1).cloned().unwrap_or_else(|| "".into()),
            );
        }
        Value::map(entries)
    }),
    function("get", 2, 2, |_, values| {
        let found = entries(values, 0)?.get(text(values, 1)?).cloned();
        Ok(found.unwrap_or_else(|| "".into()))
    }),
    function("hasKey", 2, 2, |_, values| {
        Ok(Value::Bool(entries(values, 0)?.contains_key(text(values, 1)?)))
    }),
    function("keys", 1, 1, |_, values| {
        Value::list(
            entries(values, 0)?
                .keys()
                .map(|key| key.as_str().into())
                .collect(),
        )
    }),
    function("values", 1, 1, |_, values| {
        Value::list(entries(values, 0)?.values().cloned().collect())
    }),
    function("kindOf", 1, 1, |_, values| {
        Ok(match argument(values, 0) {
            Value::Nil => "invalid",
            Value::List(_) => "slice",
            Value::Map(_) => "map",
            Value::Time(_) => "struct",
            other => other.kind(),
        }
        .into())
    }),
];

pub(super) fn entries(values: &[Value], index: usize) -> Result<&BTreeMap<String, Value>, String> {
    match argument(values, index) {
        Value::Map(map) => Ok(&map.entries),
        other => Err(format!(
            "argument {} should be a dict, not {}",
            index + 1,
            other.kind()
        )),
    }
}
