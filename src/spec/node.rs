//! [`Node`]: a YAML value that knows where it stands. This file alone knows the YAML crate.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use super::source::SourceFile;
use crate::diagnostic::{Diagnostic, Place};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// Bytes of the source file.
    Bytes(Range<usize>),
    /// A flag or an input.
    Named(String),
    /// A place in another file than the one that is read.
    Elsewhere(Place),
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place.
    pub at: At,
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Its place.
    pub at: At,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    String(String),
    /// Text of a flag or an input, which the type of the field reads.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Node)>),
}

impl Value {
    /// What it is, for people.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::String(_) | Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    /// Text from a flag or an input.
    pub fn text(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            value: Value::Text(text.into()),
            at: At::Named(source.into()),
        }
    }

    /// A map that stands nowhere in particular.
    pub fn map(source: impl Into<String>, entries: Vec<(Key, Node)>) -> Self {
        Self {
            value: Value::Map(entries),
            at: At::Named(source.into()),
        }
    }

    /// Reads YAML; what is wrong with its form is one diagnostic.
    pub fn parse(source: &SourceFile) -> Result<Self, Diagnostic> {
        Self::parse_with(source, serde_yaml::DuplicateKeyPolicy::Error, 50_000)
    }

    /// Reads YAML that a program wrote and that may be large; of two equal keys both are kept, in the order of the file.
    pub fn parse_stored(source: &SourceFile) -> Result<Self, Diagnostic> {
        Self::parse_with(source, serde_yaml::DuplicateKeyPolicy::PassThrough, 1_000_000)
    }

    fn parse_with(
        source: &SourceFile,
        duplicate_keys: serde_yaml::DuplicateKeyPolicy,
        max_nodes: usize,
    ) -> Result<Self, Diagnostic> {
        let max_events = max_nodes.saturating_mul(3).max(1_000_000);
        let options = serde_yaml::options! {
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            with_snippet: false,
            duplicate_keys: duplicate_keys,
            budget: serde_yaml::budget! {
                max_depth: 48, max_nodes: max_nodes, max_aliases: 1_000, max_events: max_events,
            },
        };
        let parsed: Result<Spanned<Value>, _> = serde_yaml::from_str_with_options(source.text(), options);
        match parsed {
            Ok(root) => Ok(located(root)),
            Err(error) => Err(refuse(&error, source)),
        }
    }

    /// The same, with places that hold whatever source is read: for a tree of several files.
    #[must_use]
    pub fn anywhere(self, source: &SourceFile) -> Self {
        let fixed = |at: At| match at {
            At::Bytes(range) => At::Elsewhere(source.place(range)),
            At::Named(_) | At::Elsewhere(_) => at,
        };
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| item.anywhere(source)).collect()),
            Value::Map(entries) => {
                let entry = |(key, node): (Key, Self)| {
                    let key = Key {
                        name: key.name,
                        at: fixed(key.at),
                    };
                    (key, node.anywhere(source))
                };
                Value::Map(entries.into_iter().map(entry).collect())
            }
            value @ (Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Text(_)) => value,
        };
        Self {
            value,
            at: fixed(self.at),
        }
    }

    /// The text of a string, of a file or of a flag.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::String(text) | Value::Text(text) = &self.value {
            Some(text)
        } else {
            None
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value {
            items
        } else {
            &[]
        }
    }

    /// The entries of a map; none of anything else.
    pub fn pairs(&self) -> &[(Key, Self)] {
        if let Value::Map(entries) = &self.value {
            entries
        } else {
            &[]
        }
    }

    /// The entry of a field that a map gives, in whatever spelling; `null` is the same as absent.
    pub fn field(&self, name: &str) -> Option<&(Key, Self)> {
        let mut entries = self.pairs().iter();
        entries.find(|(key, node)| same_field(&key.name, name) && node.value != Value::Null)
    }

    /// The value under a key of a map.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let found = self.pairs().iter().find(|(key, _)| key.name == name);
        found.map(|(_, node)| node)
    }
}

impl At {
    /// The place, for diagnostics.
    pub fn place(&self, source: &SourceFile) -> Place {
        match self {
            Self::Bytes(range) => source.place(range.clone()),
            Self::Named(name) => Place::named(name.clone()),
            Self::Elsewhere(place) => place.clone(),
        }
    }
}

/// Whether two spellings are one field, as `import-paths` and `importPaths` are.
pub fn same_field(one: &str, other: &str) -> bool {
    let letters = |name: &'_ str| {
        let letters = name.bytes().filter(|byte| *byte != b'-');
        letters.map(|byte| byte.to_ascii_lowercase()).collect::<Vec<u8>>()
    };
    one == other || letters(one) == letters(other)
}

fn refuse(error: &serde_yaml::Error, source: &SourceFile) -> Diagnostic {
    let text = error.without_snippet().to_string();
    let message = text.lines().next().unwrap_or_default();
    // The place is printed by us; the crate appends its own.
    let message = message
        .split(" at line ")
        .next()
        .unwrap_or(message)
        .trim_end_matches([':', ' ']);
    let infinite = message
        .split_once("non-finite float ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .map(|written| written.trim_matches('`'));
    let diagnostic = Diagnostic::error(match infinite {
        Some(written) => format!("`{written}` is no number that can be shown or judged"),
        None => format!("not usable YAML: {message}"),
    });
    match error.location() {
        Some(at) if at != Location::UNKNOWN => diagnostic.at(source.place_at(at.line(), at.column())),
        _ => diagnostic.at(Place::named(source.name())),
    }
}

fn located(spanned: Spanned<Value>) -> Node {
    Node {
        value: spanned.value,
        at: At::Bytes(bytes(spanned.referenced)),
    }
}

fn bytes(location: Location) -> Range<usize> {
    let span = location.span();
    let offset = |n: Option<u64>| usize::try_from(n.unwrap_or_default()).unwrap_or_default();
    let start = offset(span.byte_offset());
    start..start + offset(span.byte_len())
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        Value::deserialize(input)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(located(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Value>>()? {
            let key = Key {
                at: At::Bytes(bytes(key.referenced)),
                name: key.value,
            };
            map.push((key, located(value)));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, Diagnostic> {
        Node::parse(&SourceFile::new("e.yaml", text))
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = "spec:\n- task: http\n  with:\n    qps: 20\n";
        let source = SourceFile::new("e.yaml", text);
        let root = Node::parse(&source).expect("yaml");
        let Some(Node {
            value: Value::List(tasks),
            ..
        }) = root.get("spec")
        else {
            panic!("no list: {root:?}")
        };
        let qps = tasks[0]
            .get("with")
            .and_then(|with| with.get("qps"))
            .expect("qps");
        assert_eq!(qps.value, Value::Int(20));
        assert_eq!(qps.at.place(&source).to_string(), "e.yaml:4:10");
    }

    #[test]
    fn words_that_yaml_1_1_took_for_booleans_are_strings() {
        let root = parse("a: on\nb: yes\nc: no\nd: 017\ne: true").expect("yaml");
        for key in ["a", "b", "c", "d"] {
            assert!(
                matches!(root.get(key).expect(key).value, Value::String(_)),
                "{key}: {root:?}"
            );
        }
        assert_eq!(root.get("e").expect("e").value, Value::Bool(true));
    }

    #[test]
    fn duplicate_keys_are_refused_where_the_second_stands() {
        let error = parse("a: 1\nb: 2\na: 3\n").expect_err("duplicate");
        assert_eq!(error.place.expect("place").to_string(), "e.yaml:3:1");
        assert!(error.message.contains("duplicate"), "{}", error.message);
    }

    #[test]
    fn hostile_files_are_refused_and_do_not_crash() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        for text in [
            "[".repeat(20_000),
            "- ".repeat(20_000),
            "{a: ".repeat(20_000),
            bomb.to_owned(),
            "a: [".into(),
        ] {
            let error = parse(&text).expect_err("hostile");
            assert!(error.is_error() && !error.message.is_empty());
        }
    }
}
