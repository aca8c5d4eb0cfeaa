//! Lists and maps.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::format::text_of;
use super::super::super::value::{LONGEST, Value};
use super::super::lists::entries;
use super::super::{Context, Function, MANY, argument, function, int, items, text};
use super::kinds::same;

pub(super) const LISTS: &[Function] = &[
    function("slice", 1, 3, |_, values| {
        let list = items(values, 0)?;
        let bound = |index: usize, default: usize| match values.get(index) {
            None => Ok(default),
            Some(_) => usize::try_from(int(values, index)?)
                .ok()
                .filter(|at| *at <= list.len())
                .ok_or_else(|| format!("there are {} elements", list.len())),
        };
        let (start, end) = (bound(1, 0)?, bound(2, list.len())?);
        let part = list
            .get(start..end)
            .ok_or_else(|| format!("{start} to {end} is no part of it"))?;
        Value::list(part.to_vec())
    }),
    function("push", 2, 2, |_, values| {
        let mut list = items(values, 0)?.to_vec();
        list.push(argument(values, 1).clone());
        Value::list(list)
    }),
    function("sortAlpha", 1, 1, |_, values| {
        let mut texts: Vec<String> = match argument(values, 0) {
            Value::List(_) => items(values, 0)?.iter().map(text_of).collect(),
            other => vec![text_of(other)],
        };
        texts.sort();
        Value::list(texts.into_iter().map(Value::from).collect())
    }),
    function("toStrings", 1, 1, |_, values| {
        Value::list(
            items(values, 0)?
                .iter()
                .map(|item| text_of(item).into())
                .collect(),
        )
    }),
    function("uniq", 1, 1, |context, values| {
        let mut seen: Vec<Value> = Vec::new();
        for item in items(values, 0)? {
            context.in_time()?;
            if seen.len() > 1_000 {
                return Err("a list of more than 1000 different elements".to_owned());
            }
            if !seen.iter().any(|known| same(known, item)) {
                seen.push(item.clone());
            }
        }
        Value::list(seen)
    }),
    function("without", 1, MANY, |context, values| {
        let mut left = items(values, 0)?.to_vec();
        for unwanted in &values[1..] {
            context.in_time()?;
            left.retain(|item| !same(unwanted, item));
        }
        Value::list(left)
    }),
    function("compact", 1, 1, |_, values| {
        Value::list(
            items(values, 0)?
                .iter()
                .filter(|item| item.is_true())
                .cloned()
                .collect(),
        )
    }),
    function("has", 2, 2, |_, values| {
        let found = match argument(values, 1) {
            Value::Nil => false,
            _ => items(values, 1)?
                .iter()
                .any(|item| same(argument(values, 0), item)),
        };
        Ok(Value::Bool(found))
    }),
    function("keys", 0, MANY, |_, values| {
        let mut keys = Vec::new();
        for index in 0..values.len() {
            keys.extend(
                entries(values, index)?
                    .keys()
                    .map(|key| Value::from(key.as_str())),
            );
            if keys.len() > LONGEST {
                break; // which is refused
            }
        }
        Value::list(keys)
    }),
    function("pick", 1, MANY, |_, values| chosen(values, true)),
    function("omit", 1, MANY, |_, values| chosen(values, false)),
    function("pluck", 1, MANY, |_, values| {
        let key = text(values, 0)?;
        let mut found = Vec::new();
        for index in 1..values.len() {
            found.extend(entries(values, index)?.get(key).cloned());
        }
        Value::list(found)
    }),
    function("set", 3, 3, |_, values| {
        let mut map = entries(values, 0)?.clone();
        map.insert(text(values, 1)?.to_owned(), argument(values, 2).clone());
        Value::map(map)
    }),
    function("unset", 2, 2, |_, values| {
        let mut map = entries(values, 0)?.clone();
        map.remove(text(values, 1)?);
        Value::map(map)
    }),
    function("merge", 1, MANY, |context, values| merged(context, values, false)),
    function("mergeOverwrite", 1, MANY, |context, values| {
        merged(context, values, true)
    }),
];

fn chosen(values: &[Value], picks: bool) -> Result<Value, String> {
    let mut kept = BTreeMap::new();
    let names: BTreeSet<&str> = (1..values.len())
        .map(|index| text(values, index))
        .collect::<Result<_, _>>()?;
    for (key, value) in entries(values, 0)? {
        if names.contains(key.as_str()) == picks {
            kept.insert(key.clone(), value.clone());
        }
    }
    Value::map(kept)
}

fn merged(context: &Context<'_>, values: &[Value], overwrites: bool) -> Result<Value, String> {
    let mut all = argument(values, 0).clone();
    for index in 1..values.len() {
        context.in_time()?;
        entries(values, index)?;
        all = if overwrites {
            Value::merged(&all, argument(values, index))?
        } else {
            Value::merged(argument(values, index), &all)?
        };
    }
    Ok(all)
}
