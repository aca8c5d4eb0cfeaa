//! [`splice`]: one value of a YAML file in place of another.

use std::ops::Range;

use super::path::Step;
use super::scalar::{double_quoted, is_plain_string, single_quoted};
use super::{EditError, Path};
use crate::diagnostic::did_you_mean;
use crate::spec::{At, Node, SourceFile, Value};

/// The text with `value` at `path`, every other byte as it was.
pub(super) fn splice(text: &str, path: &Path, value: &str) -> Result<String, EditError> {
    let mut found = Vec::new();
    let mut missing = None;
    for range in documents(text) {
        let root = parse(&text[range.clone()])?;
        match find(&root, path) {
            Ok(_) => found.push((range, root)),
            Err(error @ EditError::NoPath { .. }) => missing = missing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some((range, root)), None) => {
            let changed = replaced(&text[range.clone()], &root, path, value)?;
            Ok(format!("{}{changed}{}", &text[..range.start], &text[range.end..]))
        }
        (Some(_), Some(_)) => Err(EditError::Ambiguous {
            path: path.to_string(),
        }),
        (None, _) => Err(missing.unwrap_or_else(|| EditError::NoPath {
            path: path.to_string(),
            near: None,
        })),
    }
}

/// The documents of a file. A line with `---` at its start always begins one; what stands before the first without any
/// content (comments, directives) belongs to it.
fn documents(text: &str) -> Vec<Range<usize>> {
    let mut starts = vec![text.len() - text.trim_start_matches('\u{feff}').len()];
    let mut offset = 0;
    let mut has_content = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches('\u{feff}').trim_end();
        let marks = bare == "---" || bare.starts_with("--- ") || bare.starts_with("---\t");
        if marks && has_content {
            starts.push(offset);
        }
        has_content |= marks || !(bare.is_empty() || bare.starts_with(['#', '%']));
        offset += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(start, end)| start..end)
        .collect()
}

fn parse(text: &str) -> Result<Node, EditError> {
    Node::parse(&SourceFile::new("", text)).map_err(|diagnostic| {
        let span = diagnostic.place.and_then(|place| place.span);
        let line = span
            .map(|span| format!(" (line {})", span.line))
            .unwrap_or_default();
        EditError::Unreadable {
            reason: format!("{}{line}", diagnostic.message),
        }
    })
}

/// The value at a path.
fn find<'a>(root: &'a Node, path: &Path) -> Result<&'a Node, EditError> {
    let mut node = root;
    for (at, step) in path.steps.iter().enumerate() {
        let nowhere = |near: Option<&str>| EditError::NoPath {
            path: path.steps[..=at]
                .iter()
                .map(Step::to_string)
                .collect::<Vec<_>>()
                .join("."),
            near: near.map(str::to_owned),
        };
        node = match (step, &node.value) {
            (Step::Key(key), Value::Map(entries)) => {
                let names = || entries.iter().map(|(key, _)| key.name.as_str());
                node.get(key).ok_or_else(|| nowhere(did_you_mean(key, names())))?
            }
            (Step::Key(key), Value::List(items)) => {
                let index: Option<usize> = key.parse().ok();
                index
                    .and_then(|index| items.get(index))
                    .ok_or_else(|| nowhere(None))?
            }
            (Step::Index(index), Value::List(items)) => items.get(*index).ok_or_else(|| nowhere(None))?,
            (Step::Having(key, value), Value::List(items)) => {
                let fits = |item: &&Node| {
                    let found = item.get(key).map(|node| &node.value);
                    matches!(found, Some(Value::String(text)) if text == value)
                };
                let mut fitting = items.iter().filter(fits);
                let first = fitting.next().ok_or_else(|| nowhere(None))?;
                if fitting.next().is_some() {
                    return Err(EditError::Ambiguous {
                        path: path.to_string(),
                    });
                }
                first
            }
            _ => return Err(nowhere(None)),
        };
    }
    Ok(node)
}

/// A document with the new value, read again and compared.
fn replaced(text: &str, root: &Node, path: &Path, value: &str) -> Result<String, EditError> {
    let target = find(root, path)?;
    if matches!(target.value, Value::List(_) | Value::Map(_)) {
        return Err(EditError::NotScalar {
            path: path.to_string(),
            found: target.value.describe(),
        });
    }
    let form = |form| EditError::Form {
        path: path.to_string(),
        form,
    };
    let At::Bytes(range) = &target.at else {
        return Err(form("nowhere"));
    };
    let old = text.get(range.clone()).ok_or_else(|| form("nowhere"))?;
    let style = style(old).map_err(form)?;
    let new = written(style, &target.value, value, path)?;
    if new == old {
        return Ok(text.to_owned());
    }
    let changed = format!("{}{new}{}", &text[..range.start], &text[range.end..]);
    let odd = || form("a block of lines, or has a tag or an anchor");
    let again = parse(&changed).map_err(|_unreadable| odd())?;
    let now = find(&again, path).map_err(|_gone| odd())?;
    if let Some(other) = difference(root, &again, target, String::new()) {
        return Err(EditError::Others {
            path: path.to_string(),
            other,
        });
    }
    let meant = match (&target.value, &now.value) {
        (Value::String(_), Value::String(text)) => text == value,
        // The text is what it should be, and it is read as a value of the same kind.
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, _) => true,
        _ => false,
    };
    if meant { Ok(changed) } else { Err(odd()) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

/// How a value is written; an error says what cannot be changed.
fn style(old: &str) -> Result<Style, &'static str> {
    let quoted = |quote: char| old.len() >= 2 && old.starts_with(quote) && old.ends_with(quote);
    match old.chars().next() {
        None => Err("empty"),
        Some('\'') if quoted('\'') => Ok(Style::Single),
        Some('"') if quoted('"') => Ok(Style::Double),
        Some('\'' | '"') => Err("quoted in an odd way"),
        Some('|' | '>') => Err("a block of lines"),
        Some('!') => Err("a value with a tag"),
        Some('&') => Err("a value with an anchor"),
        // A comment would be lost with it.
        Some(_) if old.contains(['\n', '\t']) || old.contains(" #") || old != old.trim() => {
            Err("on several lines")
        }
        Some(_) => Ok(Style::Plain),
    }
}

/// The new value as it is written, of the type that the old one has.
fn written(style: Style, old: &Value, value: &str, path: &Path) -> Result<String, EditError> {
    let wrong = || EditError::Type {
        path: path.to_string(),
        found: old.describe(),
        value: value.chars().take(80).collect(),
    };
    let plain = |kind: &dyn Fn(&Value) -> bool| {
        let bare = value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        let reads = parse(value).ok().filter(|node| bare && kind(&node.value));
        reads.map(|_| value.to_owned()).ok_or_else(wrong)
    };
    match old {
        Value::String(_) | Value::Null => Ok(match style {
            Style::Double => double_quoted(value),
            Style::Plain if is_plain_string(value) => value.to_owned(),
            Style::Plain | Style::Single => single_quoted(value),
        }),
        Value::Int(_) | Value::Float(_) => plain(&|value| matches!(value, Value::Int(_) | Value::Float(_))),
        Value::Bool(_) => plain(&|value| matches!(value, Value::Bool(_))),
        Value::Text(_) | Value::List(_) | Value::Map(_) => Err(wrong()),
    }
}

/// The place of the first difference between two trees, `except` left out.
fn difference(old: &Node, new: &Node, except: &Node, at: String) -> Option<String> {
    if std::ptr::eq(old, except) {
        return None;
    }
    let below = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        }
    };
    match (&old.value, &new.value) {
        (Value::Map(one), Value::Map(other)) if one.len() == other.len() => {
            one.iter().zip(other).find_map(|((key, old), (now, new))| {
                let at = below(&key.name);
                if key.name == now.name {
                    difference(old, new, except, at)
                } else {
                    Some(at)
                }
            })
        }
        (Value::List(one), Value::List(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (old, new))| difference(old, new, except, below(&index.to_string())))
        }
        (one, other) if one == other => None,
        _ => Some(at),
    }
}
