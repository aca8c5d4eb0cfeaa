//! [`Data`]: the messages of calls as a user writes them.

use serde_json::{Map, Number, Value as Json, json};

use crate::spec::{At, Decode, Decoder, Node, Value};

/// Messages as JSON, before call templates are filled in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// One message as it was written, or a list of them that is none before call templates are filled in.
    Text(String),
    /// One message.
    One(Json),
    /// Each alone.
    List(Vec<Json>),
}

impl Data {
    /// What a text holds.
    pub(super) fn of(text: String) -> Self {
        let list: Option<Vec<Json>> = Some(&text)
            .filter(|text| text.trim_start().starts_with('['))
            .and_then(|text| serde_json::from_str(text).ok());
        match list {
            Some(list) => Self::List(list),
            None => Self::Text(text),
        }
    }

    /// Each message as text, with or without call templates in it.
    pub(super) fn texts(&self, templates: bool) -> Vec<String> {
        let one = |json: &Json| {
            let text = json.to_string();
            if templates { unescape_actions(&text) } else { text }
        };
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::One(json) => vec![one(json)],
            Self::List(list) => list.iter().map(one).collect(),
        }
    }
}

impl Decode for Data {
    const TYPE: &'static str = "map, list or JSON";

    fn schema() -> serde_json::Value {
        json!({ "type": ["object", "array", "string"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(_) => {}
            Value::List(items) => {
                if items.is_empty() {
                    decoder.error(&node.at, "a list without messages: nothing would be sent", None);
                    return None;
                }
                let wrong = items.iter().filter(|item| !matches!(item.value, Value::Map(_)));
                let wrong: Vec<&Node> = wrong.collect();
                for item in &wrong {
                    decoder.mismatch(item, "a map with the fields of a message");
                }
                if !wrong.is_empty() {
                    return None;
                }
            }
            Value::String(_) | Value::Text(_) => {
                let text = decoder.text(node)?.text;
                if text.trim() == "@" {
                    let hint = "give a file by `data-file`";
                    let message = "`@` is the standard input, which a task does not read";
                    decoder.error(&node.at, message, Some(hint.to_owned()));
                    return None;
                }
                return Some(Self::of(text));
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                decoder.mismatch(node, "a message: a map, a list of maps, or JSON");
                return None;
            }
        }
        Some(match to_json(node, decoder)? {
            Json::Array(list) => Self::List(list),
            one @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => {
                Self::One(one)
            }
        })
    }
}

fn to_json(node: &Node, decoder: &mut Decoder<'_>) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            // JSON of Protobuf takes numbers as strings, too.
            (Err(_), Err(_)) => number.to_string().into(),
        },
        Value::Float(number) => Json::Number(Number::from_f64(*number)?),
        Value::String(_) | Value::Text(_) => decoder.text(node)?.text.into(),
        Value::List(items) => {
            let read: Vec<Option<Json>> = items.iter().map(|item| to_json(item, decoder)).collect();
            Json::Array(read.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let read: Vec<Option<(String, Json)>> = entries
                .iter()
                .map(|(key, node)| Some((key.name.clone(), to_json(node, decoder)?)))
                .collect();
            Json::Object(read.into_iter().collect::<Option<Map<_, _>>>()?)
        }
    })
}

/// Actions are code and no JSON: quotes inside of them stay as they were written.
fn unescape_actions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else {
            break;
        };
        let end = start + length;
        out.push_str(&rest[..start]);
        let mut chars = rest[start..end].chars();
        while let Some(c) = chars.next() {
            match (c, chars.as_str().chars().next()) {
                ('\\', Some(next @ ('"' | '\\'))) => {
                    out.push(next);
                    chars.next();
                }
                _ => out.push(c),
            }
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Where the value of a path such as `$.address.lines[2]` was written: as near as the file says it.
pub(super) fn locate<'a>(node: &'a Node, path: &str) -> &'a At {
    let mut node = node;
    let mut rest = path.trim_start_matches('$');
    while !rest.is_empty() {
        let inner = if let Some(key) = rest.strip_prefix('.') {
            let end = key.find(['.', '[']).unwrap_or(key.len());
            rest = &key[end..];
            node.get(&key[..end])
        } else if let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            rest = after;
            match (&node.value, index.parse::<usize>()) {
                (Value::List(items), Ok(index)) => items.get(index),
                _ => node.get(index.trim_matches('"')),
            }
        } else {
            None
        };
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    &node.at
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::secret::Mask;
    use crate::spec::SourceFile;

    fn read(text: &str) -> (Option<Data>, Vec<String>) {
        let source = SourceFile::new("e.yaml", text);
        let node = Node::parse(&source).expect("YAML");
        let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
        let data = Data::decode(&node, &mut decoder);
        let found = decoder.into_diagnostics().into_iter();
        (data, found.map(|found| found.message).collect())
    }

    #[test]
    fn messages_are_maps_lists_or_json() {
        for (text, expected) in [
            (
                "{a: x, n: 5, f: 1.5, l: [1, null], b: true}",
                r#"{"a":"x","b":true,"f":1.5,"l":[1,null],"n":5}"#,
            ),
            ("[{a: 1}, {a: 2}]", r#"{"a":1};{"a":2}"#),
            (r#"'[{"a": 1}, {"a": 2}]'"#, r#"{"a":1};{"a":2}"#),
            (
                r#"'[{"a": {{.RequestNumber}}}]'"#,
                r#"[{"a": {{.RequestNumber}}}]"#,
            ),
            (r#"'{"a": 1}'"#, r#"{"a": 1}"#),
            ("{n: 18446744073709551615}", r#"{"n":18446744073709551615}"#),
            (
                r#"{a: '{{printf "%d" .RequestNumber}} "x"'}"#,
                r#"{"a":"{{printf "%d" .RequestNumber}} \"x\""}"#,
            ),
        ] {
            let (data, found) = read(text);
            let shown = data.map(|data| data.texts(true).join(";"));
            assert_eq!(shown.as_deref(), Some(expected), "{found:?}");
        }
    }

    #[test]
    fn without_call_templates_braces_are_text_like_any_other() {
        let (data, _) = read(r#"[{a: '{{"x"}} \'}]"#);
        let data = data.expect("messages");
        assert_eq!(data.texts(false), [r#"{"a":"{{\"x\"}} \\"}"#]);
        assert_eq!(data.texts(true), [r#"{"a":"{{"x"}} \\"}"#]);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (text, says) in [
            ("5", "a message"),
            ("[]", "nothing would be sent"),
            ("[{}, 5]", "the fields of a message"),
            ("'@'", "standard input"),
        ] {
            let (data, found) = read(text);
            assert!(
                data.is_none() && found.iter().any(|found| found.contains(says)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn a_path_leads_to_where_its_value_was_written() {
        let text = "a: {b: [1, {c: 2}]}\n\"x y\": 3\n";
        let node = Node::parse(&SourceFile::new("e.yaml", text)).expect("YAML");
        for (path, expected) in [
            ("$.a.b[1].c", "2"),
            ("$.a.b[0]", "1"),
            ("$[\"x y\"]", "3"),
            ("$.a.b[1].c.d", "2"),
        ] {
            let At::Bytes(range) = locate(&node, path) else {
                panic!("in the file")
            };
            assert_eq!(&text[range.clone()], expected, "{path}");
        }
    }
}
