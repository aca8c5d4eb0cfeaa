//! [`written`]: a tree as YAML, in the style of Iter8's own files: blocks, lists not indented, strings quoted where they
//! would be read as something else.

use serde_json::Value as Json;

use super::set::typed;
use crate::spec::{At, Key, Node, Value};

/// A tree of a value; it stands nowhere.
pub fn of_json(value: &Json) -> Node {
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number
            .as_i128()
            .map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(of_json).collect()),
        Json::Object(entries) => {
            let key = |name: &String| Key {
                name: name.clone(),
                at: nowhere(),
            };
            Value::Map(
                entries
                    .iter()
                    .map(|(name, value)| (key(name), of_json(value)))
                    .collect(),
            )
        }
    };
    Node { value, at: nowhere() }
}

fn nowhere() -> At {
    At::Named("what is written".into())
}

/// The YAML of a tree, with a line end.
pub fn written(node: &Node) -> String {
    let mut out = String::new();
    if !block(&mut out, node, 0) {
        scalar(&mut out, &node.value, 0);
        out.push('\n');
    }
    out
}

/// A map or a list that has something in it, where its first entry stands; whether it is one.
fn block(out: &mut String, node: &Node, depth: usize) -> bool {
    if let Value::Map(entries) = &node.value
        && !entries.is_empty()
    {
        map(out, entries, depth);
        return true;
    }
    if let Value::List(items) = &node.value
        && !items.is_empty()
    {
        list(out, items, depth);
        return true;
    }
    false
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn map(out: &mut String, entries: &[(Key, Node)], depth: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            indent(out, depth);
        }
        out.push_str(&text(&key.name, None));
        out.push(':');
        // Lists stand as far left as their key.
        let depth = depth + usize::from(!matches!(value.value, Value::List(_)));
        let mut below = String::from("\n");
        indent(&mut below, depth);
        if block(&mut below, value, depth) {
            out.push_str(&below);
        } else {
            out.push(' ');
            scalar(out, &value.value, depth);
            out.push('\n');
        }
    }
}

fn list(out: &mut String, items: &[Node], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(out, depth);
        }
        out.push_str("- ");
        if !block(out, item, depth + 1) {
            scalar(out, &item.value, depth + 1);
            out.push('\n');
        }
    }
}

fn scalar(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::String(value) => out.push_str(&text(value, Some(depth))),
        Value::Text(value) => scalar(out, &typed(value), depth),
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

    fn parse(text: &str) -> Node {
        Node::parse(&SourceFile::new("e.yaml", text)).unwrap_or_else(|why| panic!("{why:?}:\n{text}"))
    }

    /// The same without places.
    fn same(one: &Node, other: &Node) -> bool {
        match (&one.value, &other.value) {
            (Value::Map(one), Value::Map(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(other)
                        .all(|(one, other)| one.0.name == other.0.name && same(&one.1, &other.1))
            }
            (Value::List(one), Value::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
            }
            (one, other) => one == other,
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for text in [
            "a: 1\nb: [1, 2.5, x, [y, {z: null}], {}, []]\nc: {d: {e: true}}\n",
            "- run: |\n    echo one\n    echo two\n- task: http\n  with: {url: 'http://h/p?a=1&b=%20#frag'}\n",
            "'1': '1'\n'true': 'true'\n'a: b': 'a: b'\n'': ''\n",
            "null\n",
            "[]\n",
        ] {
            let node = parse(text);
            let again = parse(&written(&node));
            assert!(same(&node, &again), "{text}\n{}", written(&node));
        }
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
            let node = Node {
                value: Value::Map(vec![
                    (
                        crate::spec::Key {
                            name: "k".into(),
                            at: crate::spec::At::Named(String::new()),
                        },
                        Node {
                            value: Value::String(string.into()),
                            at: crate::spec::At::Named(String::new()),
                        },
                    ),
                    (
                        crate::spec::Key {
                            name: format!("{string}x"),
                            at: crate::spec::At::Named(String::new()),
                        },
                        Node {
                            value: Value::List(vec![Node {
                                value: Value::String(string.into()),
                                at: crate::spec::At::Named(String::new()),
                            }]),
                            at: crate::spec::At::Named(String::new()),
                        },
                    ),
                ]),
                at: crate::spec::At::Named(String::new()),
            };
            let text = written(&node);
            assert!(same(&node, &parse(&text)), "{string:?}:\n{text}");
        }
    }
}
