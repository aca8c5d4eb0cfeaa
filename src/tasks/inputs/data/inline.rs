//! Rows that are written out in the experiment.

use crate::load::http::Rows;
use crate::spec::{Decoder, Key, Node, Value};

/// Reads a list of maps; the first names the columns. All rows are looked at, so that every mistake is listed.
pub(super) fn rows(list: &Node, items: &[Node], decoder: &mut Decoder<'_>) -> Option<Rows> {
    let Some(first) = items.first() else {
        decoder.error(&list.at, "there are no rows", None);
        return None;
    };
    let names = entries(first, decoder)?.iter().map(|(key, _)| key.name.clone());
    let mut rows = match Rows::new(names.collect()) {
        Ok(rows) => rows,
        Err(error) => {
            decoder.error(&first.at, error.to_string(), None);
            return None;
        }
    };
    let mut complete = true;
    for item in items {
        complete &= push(&mut rows, item, decoder).is_some();
    }
    complete.then_some(rows)
}

fn entries<'a>(row: &'a Node, decoder: &mut Decoder<'_>) -> Option<&'a [(Key, Node)]> {
    if let Value::Map(entries) = &row.value {
        return Some(entries);
    }
    decoder.mismatch(row, "a row: a map from columns to values");
    None
}

fn push(rows: &mut Rows, row: &Node, decoder: &mut Decoder<'_>) -> Option<()> {
    let entries = entries(row, decoder)?;
    let mut known = Some(());
    for (key, _) in entries {
        if !rows.columns().contains(&key.name) {
            let message = format!("`{}` is no column of the first row", key.name);
            decoder.error(&key.at, message, None);
            known = None;
        }
    }
    // All are read before any is missed.
    let values: Vec<Option<String>> = rows
        .columns()
        .iter()
        .map(|column| {
            if let Some(node) = row.get(column) {
                return text(node, decoder);
            }
            decoder.error(&row.at, format!("`{column}` is missing in this row"), None);
            None
        })
        .collect();
    known?;
    let values = values.into_iter().collect::<Option<Vec<_>>>()?;
    let pushed = rows.push(values.iter().map(String::as_str));
    pushed
        .map_err(|error| decoder.error(&row.at, error.to_string(), None))
        .ok()
}

/// A value as it is sent: text as it reads, numbers as they are written, lists and maps as JSON.
fn text(node: &Node, decoder: &mut Decoder<'_>) -> Option<String> {
    match &node.value {
        Value::Null => {
            let hint = "write '' for an empty value, 'null' for the word";
            decoder.error(&node.at, "a value is missing", Some(hint.to_owned()));
            None
        }
        Value::Int(_) | Value::Float(_) => match decoder.as_written(node) {
            Some(written) => Some(written.to_owned()),
            None => json(node, decoder).map(|value| value.to_string()),
        },
        Value::String(_) | Value::Text(_) => decoder.text(node).map(|scalar| scalar.text),
        Value::Bool(_) | Value::List(_) | Value::Map(_) => json(node, decoder).map(|value| value.to_string()),
    }
}

fn json(node: &Node, decoder: &mut Decoder<'_>) -> Option<serde_json::Value> {
    use serde_json::{Number, Value as Json};

    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => {
            let Some(number) = Number::from_i128(*value) else {
                decoder.error(&node.at, "a number that JSON cannot have here", None);
                return None;
            };
            Json::Number(number)
        }
        Value::Float(value) => {
            let Some(number) = Number::from_f64(*value) else {
                decoder.error(&node.at, "a number that JSON cannot have", None);
                return None;
            };
            Json::Number(number)
        }
        Value::String(_) | Value::Text(_) => Json::String(decoder.text(node)?.text),
        Value::List(items) => {
            let items: Vec<Option<Json>> = items.iter().map(|item| json(item, decoder)).collect();
            Json::Array(items.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let entries: Vec<Option<(String, Json)>> = entries
                .iter()
                .map(|(key, node)| Some((key.name.clone(), json(node, decoder)?)))
                .collect();
            Json::Object(entries.into_iter().collect::<Option<_>>()?)
        }
    })
}
