//! Files that charts are rendered into: known again by their first line, so that nothing else is ever replaced.

use super::values::{is_map, map, untyped};
use crate::spec::{Key, Node, Value};

const MARK: &str = "# Made by iter8 from the chart ";

const FILE_MARK: &str = "# Made by iter8 from an experiment file";

/// The first line of a file that is made from a chart.
pub fn heading(chart: &str) -> String {
    format!("{MARK}{chart}; the next `iter8 launch --dry` or `iter8 gen` here replaces it.\n")
}

/// The first line of a file with objects for Kubernetes that are made from a chart.
pub fn manifest_heading(chart: &str) -> String {
    format!("{MARK}{chart} for Kubernetes; the next `iter8 k launch --dry` here replaces it.\n")
}

/// The first line of a file with objects for Kubernetes that are made for an experiment file.
pub fn file_manifest_heading() -> String {
    format!("{FILE_MARK} for Kubernetes; the next `iter8 k launch --dry` here replaces it.\n")
}

/// The first line of an experiment in a cluster that is made from a chart.
pub fn stored_heading(chart: &str) -> String {
    format!("{MARK}{chart}.\n")
}

/// Whether a file was made from a chart, and is read like its values.
pub fn is_generated(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').starts_with(MARK)
}

/// Whether a file was made here, and may be replaced by the next.
pub fn is_replaceable(text: &str) -> bool {
    is_generated(text) || text.starts_with(FILE_MARK)
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
        value @ (Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)) => value.clone(),
    };
    Node {
        value,
        at: node.at.clone(),
    }
}

fn entry((name, node): &(Key, Node)) -> (Key, Node) {
    // Names of tasks and scripts are no fields, and messages have no types but their own.
    let node = if ["task", "run", "data"].contains(&name.name.as_str()) {
        node.clone()
    } else if STRINGS.contains(&name.name.as_str()) && is_map(node) {
        let texts = node.pairs().iter().map(|(name, node)| (name.clone(), text(node)));
        map(texts.collect(), node)
    } else {
        read_leniently(node)
    };
    (name.clone(), node)
}

/// A scalar as text.
fn text(node: &Node) -> Node {
    if let Value::Int(number) = &node.value {
        untyped(number.to_string(), node)
    } else if let Value::Bool(flag) = &node.value {
        untyped(flag.to_string(), node)
    } else {
        node.clone()
    }
}
