//! [`to_yaml`]: a tree as YAML that reads as the same tree, written as people write it.

use super::node::{Node, Value};

/// Words that readers of older YAML take for something else than text.
const WORDS: &[&str] = &[
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf",
];

/// YAML text of a tree.
pub fn to_yaml(root: &Node) -> String {
    let mut text = String::new();
    match &root.value {
        Value::Map(entries) if !entries.is_empty() => write_map(entries, 0, &mut text),
        Value::List(items) if !items.is_empty() => write_list(items, 0, &mut text),
        value @ (Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_)) => {
            text.push_str(&scalar(value, 0));
            text.push('\n');
        }
    }
    text
}

fn write_map(entries: &[(super::node::Key, Node)], depth: usize, text: &mut String) {
    for (index, (key, node)) in entries.iter().enumerate() {
        // What begins after `- ` is indented already.
        if index > 0 || !text.ends_with("- ") {
            indent(depth, text);
        }
        text.push_str(&one_line(&key.name));
        text.push(':');
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                text.push('\n');
                write_map(entries, depth + 1, text);
            }
            Value::List(items) if !items.is_empty() => {
                text.push('\n');
                write_list(items, depth + 1, text);
            }
            value @ (Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_)) => {
                text.push(' ');
                text.push_str(&scalar(value, depth + 1));
                text.push('\n');
            }
        }
    }
}

fn write_list(items: &[Node], depth: usize, text: &mut String) {
    for item in items {
        if !text.ends_with("- ") {
            indent(depth, text);
        }
        text.push_str("- ");
        match &item.value {
            Value::Map(entries) if !entries.is_empty() => write_map(entries, depth + 1, text),
            Value::List(items) if !items.is_empty() => {
                text.pop();
                text.push('\n');
                write_list(items, depth + 1, text);
            }
            value @ (Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_)) => {
                text.push_str(&scalar(value, depth + 1));
                text.push('\n');
            }
        }
    }
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(value: &Value, depth: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if value.is_nan() => ".nan".to_owned(),
        Value::Float(value) if value.is_infinite() => if *value > 0.0 { ".inf" } else { "-.inf" }.to_owned(),
        Value::Float(value) => format!("{value:?}"),
        Value::String(text) | Value::Text(text) if is_block(text) => block(text, depth),
        Value::String(text) | Value::Text(text) => one_line(text),
        Value::List(_) => "[]".to_owned(),
        Value::Map(_) => "{}".to_owned(),
    }
}

/// Whether a text of several lines can be written line by line.
fn is_block(text: &str) -> bool {
    let printable = |c: char| {
        c == '\n' || (c >= ' ' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}'))
    };
    let first = text.lines().next().unwrap_or_default();
    text.contains('\n')
        && text.chars().all(printable)
        && !first.is_empty()
        && !first.starts_with(' ')
        && !text.ends_with("\n\n")
}

fn block(text: &str, depth: usize) -> String {
    let mut written = if text.ends_with('\n') { "|" } else { "|-" }.to_owned();
    for line in text.lines() {
        written.push('\n');
        if !line.is_empty() {
            indent(depth, &mut written);
            written.push_str(line);
        }
    }
    written
}

/// Text without quotes where nobody could read it as something else, or in JSON's quotes.
fn one_line(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-+%@~()<=>".contains(c);
    let inside = |c: char| plain(c) || c == ' ' || c == ':';
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    let apart = text.contains(": ") || text.ends_with([':', ' ']);
    if begins && !word && !apart && text.chars().all(inside) {
        text.to_owned()
    } else {
        // Every JSON string is one of YAML.
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SourceFile;
    use crate::spec::node::{At, Key};
    use proptest::prelude::*;

    fn parse(text: &str) -> Node {
        Node::parse(&SourceFile::new("e.yaml", text)).unwrap_or_else(|error| panic!("{error:?}:\n{text}"))
    }

    fn bare(node: &Node) -> Value {
        match &node.value {
            Value::List(items) => Value::List(items.iter().map(|item| at_nowhere(bare(item))).collect()),
            Value::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, node)| (key_of(&key.name), at_nowhere(bare(node))))
                    .collect(),
            ),
            value => value.clone(),
        }
    }

    fn at_nowhere(value: Value) -> Node {
        Node {
            value,
            at: At::Named(String::new()),
        }
    }

    fn key_of(name: &str) -> Key {
        Key {
            name: name.to_owned(),
            at: At::Named(String::new()),
        }
    }

    #[test]
    fn it_is_written_as_people_write_it() {
        let text = "spec:\n  - run: |\n      echo one\n\n      echo 'two: 2'\n  - task: http\n    with:\n      url: http://127.0.0.1:80/a?b=c\n      \
                    headers:\n        x-one: \"1\"\n      limits:\n        - 0.25\n        - 5\n      empty: {}\n      nothing: null\n";
        let written = to_yaml(&parse(text));
        let quoted = text.replace("http://127.0.0.1:80/a?b=c", "\"http://127.0.0.1:80/a?b=c\"");
        assert_eq!(written, quoted);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,12}",
            "([a-z :#'\"|>-]{0,8}\n){0,4}[a-z ]{0,4}",
            "\\PC{0,6}",
            Just("true".to_owned()),
            Just("~".to_owned()),
            Just("0x1F".to_owned()),
            Just("2026-01-01".to_owned()),
            Just("12e3".to_owned()),
        ]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|n| Value::Int(n.into())),
            any_text().prop_map(Value::String),
            (-1e9..1e9f64).prop_map(Value::Float),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| Value::List(items.into_iter().map(at_nowhere).collect())),
                prop::collection::btree_map(any_text(), inner, 0..4).prop_map(|entries| Value::Map(
                    entries
                        .into_iter()
                        .map(|(name, value)| (key_of(&name), at_nowhere(value)))
                        .collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same_tree(value in any_value()) {
            let node = at_nowhere(value.clone());
            prop_assert_eq!(bare(&parse(&to_yaml(&node))), value);
        }
    }
}
