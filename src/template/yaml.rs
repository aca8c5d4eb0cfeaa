//! Values as YAML, the way Go's `sigs.k8s.io/yaml` writes them: sorted keys, lists not indented, no last newline.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "lists and maps have several lines, all others are scalars"
)]

use super::json;
use super::value::Value;

/// As a document.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out.trim_end_matches('\n').trim_start_matches('\n').to_owned()
}

/// Values that share parts can be far larger written than held: nobody reads what is longer than a text may be.
fn is_full(out: &str) -> bool {
    out.len() > super::value::WIDEST << 1
}

/// A value behind `key:` or `-`; those of several lines begin on the next.
fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        _ if is_full(out) => {}
        Value::List(list) if !list.items.is_empty() => {
            for item in &list.items {
                start(depth, out);
                out.push_str("- ");
                nested(item, depth + 1, out);
            }
        }
        Value::Map(_) | Value::Record(_) => {
            let members = members(value);
            if members.is_empty() {
                out.push_str("{}\n");
            }
            for (key, item) in members {
                start(depth, out);
                member(&key, &item, depth, out);
            }
        }
        other => {
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

fn start(depth: usize, out: &mut String) {
    if is_full(out) {
        return;
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&"  ".repeat(depth));
}

fn member(key: &str, item: &Value, depth: usize, out: &mut String) {
    out.push_str(&text(key));
    out.push(':');
    match item {
        // A list stands below its key, not to the right of it.
        Value::List(list) if !list.items.is_empty() => block(item, depth, out),
        Value::Map(_) | Value::Record(_) if !members(item).is_empty() => block(item, depth + 1, out),
        other => {
            out.push(' ');
            block(other, depth + 1, out);
        }
    }
}

/// What stands behind a dash, on the same line.
fn nested(item: &Value, depth: usize, out: &mut String) {
    match item {
        _ if is_full(out) => {}
        Value::List(list) if !list.items.is_empty() => {
            for (index, inner) in list.items.iter().enumerate() {
                if index > 0 {
                    start(depth, out);
                }
                out.push_str("- ");
                nested(inner, depth + 1, out);
            }
        }
        Value::Map(_) | Value::Record(_) if !members(item).is_empty() => {
            for (index, (key, inner)) in members(item).into_iter().enumerate() {
                if index > 0 {
                    start(depth, out);
                }
                member(&key, &inner, depth, out);
            }
        }
        other => block(other, depth, out),
    }
}

fn members(value: &Value) -> Vec<(String, Value)> {
    let mut members: Vec<(String, Value)> = match value {
        Value::Map(map) => map
            .entries
            .iter()
            .map(|(key, item)| (key.clone(), item.clone()))
            .collect(),
        Value::Record(record) => record
            .names()
            .iter()
            .filter_map(|name| Some((record.in_json(name)?.to_owned(), record.field(name)?)))
            .collect(),
        Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Time(_)
        | Value::List(_) => Vec::new(),
    };
    members.sort_by(|(left, _), (right, _)| left.cmp(right));
    members
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Nil => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => json::number(*value),
        Value::Text(content) => text(content),
        Value::Time(time) => format!("{:?}", super::layout::rfc3339(time)),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) | Value::Record(_) => "{}".to_owned(),
    }
}

/// A text, in quotes where it would be read as something else.
fn text(content: &str) -> String {
    if content
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{85}' | '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}'))
    {
        return super::format::quote(content);
    }
    let reads_otherwise = content.is_empty()
        || content.parse::<f64>().is_ok()
        || matches!(
            content.to_ascii_lowercase().as_str(),
            "null"
                | "~"
                | "true"
                | "false"
                | "yes"
                | "no"
                | "on"
                | "off"
                | "y"
                | "n"
                | ".inf"
                | "-.inf"
                | ".nan"
        )
        || looks_like_number_or_date(content);
    if reads_otherwise {
        return format!("{content:?}");
    }
    let first = content.chars().next().unwrap_or(' ');
    let second = content.chars().nth(1);
    let special = "!&*|>'\"%@`#,[]{}".contains(first)
        || ("-?:".contains(first) && second.is_none_or(|second| second == ' '))
        || content.contains(": ")
        || content.contains(" #")
        || content.ends_with(':')
        || content.starts_with(' ')
        || content.ends_with(' ')
        || content.starts_with("---")
        || content.starts_with("...");
    if special {
        format!("'{}'", content.replace('\'', "''"))
    } else {
        content.to_owned()
    }
}

fn looks_like_number_or_date(content: &str) -> bool {
    let digits = content.trim_start_matches(['+', '-']);
    let starts = digits.starts_with(|c: char| c.is_ascii_digit());
    starts
        && (digits.starts_with("0x")
            || digits.starts_with("0o")
            || digits
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '_' | ':' | '-' | '.'))
            || (digits.get(4..5) == Some("-") && digits.get(7..8) == Some("-") && digits.contains('T')))
}
