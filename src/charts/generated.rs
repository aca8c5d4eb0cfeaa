//! Files that charts are rendered into: known again by their first line, so that nothing else is ever replaced.

use super::values::{entries, key, map};
use crate::spec::{Key, Node, Value};

const MARK: &str = "# Made by iter8 from the chart ";

/// The first line of a file that is made from a chart.
pub fn heading(chart: &str) -> String {
    format!("{MARK}{chart}; the next `iter8 launch --dry` or `iter8 gen` here replaces it.\n")
}

/// Whether a file was made from a chart, and may be replaced by the next.
pub fn is_generated(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').starts_with(MARK)
}

/// Fields whose values are strings whatever they look like.
const STRINGS: [&str; 4] = ["headers", "metadata", "params", "reflect-metadata"];

/// The tree of such a file, read as the flags were that it was made from: Helm makes strings of fractions and numbers of
/// headers, so the type of each field decides.
pub fn read_leniently(node: &Node) -> Node {
    let value = match &node.value {
        // One that refers to the environment is read by its type anyway.
        Value::String(text) if !text.contains("${") => Value::Text(text.clone()),
        Value::List(items) => Value::List(items.iter().map(read_leniently).collect()),
        Value::Map(fields) => Value::Map(fields.iter().map(entry).collect()),
        value => value.clone(),
    };
    Node {
        value,
        at: node.at.clone(),
    }
}

fn entry((name, node): &(Key, Node)) -> (Key, Node) {
    // Names of tasks and scripts are no fields, and messages have no types but their own.
    if ["task", "run", "data"].contains(&name.name.as_str()) {
        return (name.clone(), node.clone());
    }
    let node = if STRINGS.contains(&name.name.as_str()) {
        let texts = entries(node).iter().map(|(name, node)| {
            let text = match &node.value {
                Value::Int(number) => Node {
                    value: Value::Text(number.to_string()),
                    at: node.at.clone(),
                },
                Value::Bool(flag) => Node {
                    value: Value::Text(flag.to_string()),
                    at: node.at.clone(),
                },
                _ => node.clone(),
            };
            (key(&name.name, node), text)
        });
        match node.value {
            Value::Map(_) => map(texts.collect(), node),
            _ => node.clone(),
        }
    } else {
        read_leniently(node)
    };
    (name.clone(), node)
}
