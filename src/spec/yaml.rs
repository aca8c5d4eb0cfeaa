//! [`to_yaml`]: a tree as YAML that reads as the same tree, written as people write it: blocks, lists indented, strings
//! quoted where they would be read as something else.

use super::node::{Key, Node, Value};

/// YAML text of a tree, with a line end.
pub fn to_yaml(root: &Node) -> String {
    let mut out = String::new();
    write(&mut out, root, 0);
    out
}

/// A value up to its line end: of a map or a list the first entry where it stands, the others below it.
fn write(out: &mut String, node: &Node, depth: usize) {
    if is_nested(node) {
        map(out, node.pairs(), depth);
        list(out, node.items(), depth);
    } else {
        scalar(out, &node.value, depth);
        out.push('\n');
    }
}

/// Whether it is a map or a list that has something in it.
fn is_nested(node: &Node) -> bool {
    !node.pairs().is_empty() || !node.items().is_empty()
}

fn map(out: &mut String, entries: &[(Key, Node)], depth: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            indent(out, depth);
        }
        out.push_str(&text(&key.name, None));
        out.push(':');
        if is_nested(value) {
            out.push('\n');
            indent(out, depth + 1);
        } else {
            out.push(' ');
        }
        write(out, value, depth + 1);
    }
}

fn list(out: &mut String, items: &[Node], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(out, depth);
        }
        out.push_str("- ");
        write(out, item, depth + 1);
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::String(value) | Value::Text(value) => out.push_str(&text(value, Some(depth))),
        Value::List(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        ".nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
    } else {
        // With a point or an exponent it stays a fraction.
        format!("{value:?}")
    }
}

/// A string: as it is where that is read as the same string, as a block of lines where it has several, else in quotes.
fn text(value: &str, depth: Option<usize>) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    if let Some(depth) = depth
        && is_block(value)
    {
        let mut out = String::from(if value.ends_with('\n') { "|" } else { "|-" });
        for line in value.strip_suffix('\n').unwrap_or(value).split('\n') {
            out.push('\n');
            if !line.is_empty() {
                indent(&mut out, depth);
                out.push_str(line);
            }
        }
        return out;
    }
    quoted(value)
}

/// JSON's strings are YAML's, once all that YAML refuses is escaped.
fn quoted(value: &str) -> String {
    let mut out = String::from('"');
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if is_odd(letter) => {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Characters that a file of YAML does not hold, or that end a line in some readers.
fn is_odd(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Letters that mean nothing at the beginning of a plain string, and none that could be taken for something else.
fn is_plain(value: &str) -> bool {
    let mut letters = value.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '/');
    let goes_on = letters
        .all(|letter| letter.is_ascii_alphanumeric() || "-_./:@%+=?&,~()${}*<>|!^;\\ ".contains(letter));
    // A colon at the end is a key's; words of YAML 1.1 are booleans and numbers to some readers.
    let word = value.to_ascii_lowercase();
    let reserved = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan",
    ];
    begins
        && goes_on
        && !value.ends_with([':', ' '])
        && !value.contains(": ")
        && !reserved.contains(&word.as_str())
}

/// Whether a block of lines holds it as it is.
fn is_block(value: &str) -> bool {
    let body = value.strip_suffix('\n').unwrap_or(value);
    let lines = || body.split('\n');
    body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && !value.contains(|letter| is_odd(letter) && letter != '\n')
        && lines().all(|line| !line.ends_with([' ', '\t']))
        || value.ends_with('\n')
            && !body.is_empty()
            && !body.contains('\n')
            && !body.starts_with([' ', '\t'])
            && !body.ends_with([' ', '\t'])
            && !body.contains(is_odd)
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
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_) => node.value.clone(),
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
        assert_eq!(to_yaml(&parse(text)), text);
    }

    #[test]
    fn every_string_stays_the_same_string() {
        let strings = [
            "",
            " ",
            "a",
            "a b",
            " a",
            "a ",
            "a:",
            "a: b",
            "a #b",
            "#a",
            "- a",
            "-a",
            "?",
            "007",
            "1.50",
            "1e3",
            "0x1F",
            "true",
            "No",
            "~",
            "null",
            ".inf",
            "a\nb",
            "a\nb\n",
            "a\n",
            "a\n\n",
            "\na",
            " a\nb",
            "a \nb",
            "a\n b\n",
            "a\tb",
            "\t",
            "\"q\"",
            "'q'",
            "back\\slash",
            "http://h/p?a=1&b=%20#frag",
            "{a}",
            "[a]",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a`",
            "a\r\nb",
            "\u{0}\u{7f}\u{85}\u{2028}",
            "ä€😀",
            "|",
            ">-",
            "---",
            "...",
            "2022-01-01",
            "a\n\nb\n",
            "12:30:45",
            "=",
            "<<",
            "$${x}",
            "not SLOs()",
            "a,b",
            "x}y",
            "a\n#b\n",
        ];
        for string in strings {
            let text = || at_nowhere(Value::String(string.into()));
            let value = Value::Map(vec![
                (key_of("k"), text()),
                (
                    key_of(&format!("{string}x")),
                    at_nowhere(Value::List(vec![text()])),
                ),
            ]);
            let written = to_yaml(&at_nowhere(value.clone()));
            assert_eq!(bare(&parse(&written)), value, "{string:?}:\n{written}");
        }
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
