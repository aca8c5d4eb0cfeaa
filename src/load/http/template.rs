//! [`Template`]: text in which `{name}` stands for a value of the request's row and `{uuid}` for a fresh random UUID.
//!
//! # Why a placeholder is a name of a column, exactly
//!
//! Braces are common in bodies. Without rows all but `{uuid}` are text; with rows `{word}` is a placeholder, so that a
//! typing mistake is found, and anything else between braces (`{ word }`, `{"a": 1}`, `{3}`) is text unless a column has
//! that very name.

use bytes::Bytes;

use super::ids::{RunId, TRACE_CONTEXT, UUID, uuid};
use super::rows::Rows;
use crate::load::random::Random;
use crate::net::proxy::percent_decoded;

/// The placeholder that needs no rows.
pub(super) const UUID_NAME: &str = "uuid";

/// Where a text stands: how its braces are written, and how values must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Path and query of a parsed URL, whose braces may be escaped. Values are percent-encoded.
    Target,
    /// A header or a body: values are written as they are.
    Plain,
    /// A body of JSON: values inside double quotes are escaped as JSON strings are, others are written as they are.
    Json,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Percent,
    Json,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Bytes),
    Uuid,
    Value { column: usize, form: Form },
    TraceContext(RunId),
}

/// Text with or without placeholders.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// At least one; a text alone if nothing varies.
    parts: Vec<Part>,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    /// The number of the request.
    pub(super) n: u64,
    pub(super) rows: Option<&'a Rows>,
}

impl<'a> Turn<'a> {
    fn value(self, column: usize) -> &'a str {
        self.rows.map_or("", |rows| rows.value(rows.turn(self.n), column))
    }
}

impl Template {
    /// Reads a text; fails with the words in it that are placeholders of no column.
    pub(super) fn parse(
        text: &Bytes,
        syntax: Syntax,
        columns: Option<&[String]>,
    ) -> Result<Self, Vec<String>> {
        let mut parts = Vec::new();
        let mut unknown: Vec<String> = Vec::new();
        let mut quotes = Quotes::default();
        let mut begin = 0;
        let mut at = 0;
        while at < text.len() {
            if let Some((name, length)) = braced(&text[at..], syntax) {
                let column = columns.and_then(|columns| columns.iter().position(|column| *column == name));
                let part = match column {
                    Some(column) => Some(Part::Value {
                        column,
                        form: quotes.form(syntax),
                    }),
                    None => (name == UUID_NAME).then_some(Part::Uuid),
                };
                if let Some(part) = part {
                    parts.extend((begin < at).then(|| Part::Text(text.slice(begin..at))));
                    parts.push(part);
                    at += length;
                    begin = at;
                    continue;
                }
                if columns.is_some() && is_word(&name) && !unknown.contains(&name) {
                    unknown.push(name);
                }
            }
            quotes.pass(text[at]);
            at += 1;
        }
        if begin < at || parts.is_empty() {
            parts.push(Part::Text(text.slice(begin..)));
        }
        if unknown.is_empty() {
            Ok(Self { parts })
        } else {
            Err(unknown)
        }
    }

    /// Text without placeholders, whatever is in it.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self {
            parts: vec![Part::Text(text.into())],
        }
    }

    /// The trace context of a request.
    pub(super) fn trace_context(run: RunId) -> Self {
        Self {
            parts: vec![Part::TraceContext(run)],
        }
    }

    /// One after the other, texts between placeholders joined.
    pub(super) fn concat(templates: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = Vec::new();
        let mut text = Vec::new();
        for part in templates.into_iter().flat_map(|template| template.parts) {
            match part {
                Part::Text(more) => text.extend_from_slice(&more),
                varying @ (Part::Uuid | Part::Value { .. } | Part::TraceContext(_)) => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text).into()));
                    }
                    parts.push(varying);
                }
            }
        }
        if !text.is_empty() || parts.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Self { parts }
    }

    /// The text, if every request gets the same.
    pub(super) fn constant(&self) -> Option<&Bytes> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The columns that are named.
    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value { column, .. } => Some(*column),
            Part::Text(_) | Part::Uuid | Part::TraceContext(_) => None,
        })
    }

    /// How many bytes the text of a request has.
    pub(super) fn length(&self, turn: Turn<'_>) -> usize {
        let length = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Uuid => UUID,
            Part::Value { column, form } => {
                let mut length = 0;
                form.write(turn.value(*column), &mut |bytes| length += bytes.len());
                length
            }
            Part::TraceContext(_) => TRACE_CONTEXT,
        };
        self.parts.iter().map(length).sum()
    }

    /// Appends the text of a request.
    pub(super) fn render_into(&self, out: &mut Vec<u8>, turn: Turn<'_>, random: &mut Random) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Uuid => out.extend_from_slice(&uuid(random)),
                Part::Value { column, form } => {
                    form.write(turn.value(*column), &mut |bytes| out.extend_from_slice(bytes));
                }
                Part::TraceContext(run) => out.extend_from_slice(&run.trace_context(turn.n)),
            }
        }
    }

    /// The text of a request, not copied if it is constant.
    pub(super) fn fill(&self, turn: Turn<'_>, random: &mut Random) -> Bytes {
        if let Some(text) = self.constant() {
            return text.clone();
        }
        let mut text = Vec::new();
        self.render_into(&mut text, turn, random);
        text.into()
    }
}

/// The name in braces at the beginning of a text, and how long it is with them.
fn braced(text: &[u8], syntax: Syntax) -> Option<(String, usize)> {
    let escaped = |text: &[u8], escape: &[u8]| syntax == Syntax::Target && text.starts_with(escape);
    let begin = match text.first()? {
        b'{' => 1,
        b'%' if escaped(text, b"%7B") => 3,
        _ => return None,
    };
    for (length, byte) in text[begin..].iter().enumerate() {
        let rest = &text[begin + length..];
        let close = match byte {
            b'{' => return None,
            b'%' if escaped(rest, b"%7B") => return None,
            b'}' => 1,
            b'%' if escaped(rest, b"%7D") => 3,
            _ => continue,
        };
        let name = std::str::from_utf8(&text[begin..begin + length]).ok()?;
        let name = match syntax {
            Syntax::Target => percent_decoded(name),
            Syntax::Plain | Syntax::Json => name.to_owned(),
        };
        return Some((name, begin + length + close));
    }
    None
}

/// Whether a name in braces can only be meant as a placeholder.
fn is_word(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'))
}

/// Whether a text is inside a string of JSON (RFC 8259, section 7).
#[derive(Debug, Default)]
struct Quotes {
    inside: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.inside => self.escaped = true,
            b'"' => self.inside = !self.inside,
            _ => {}
        }
    }

    fn form(&self, syntax: Syntax) -> Form {
        match syntax {
            Syntax::Target => Form::Percent,
            Syntax::Json if self.inside => Form::Json,
            Syntax::Json | Syntax::Plain => Form::Raw,
        }
    }
}

impl Form {
    fn write(self, value: &str, out: &mut impl FnMut(&[u8])) {
        match self {
            Self::Raw => out(value.as_bytes()),
            Self::Percent => percent_encoded(value, out),
            Self::Json => json_escaped(value, out),
        }
    }
}

fn hex_digit(number: u8) -> u8 {
    b"0123456789ABCDEF"[usize::from(number & 0xf)]
}

/// All but unreserved characters (RFC 3986, section 2.3).
fn percent_encoded(value: &str, out: &mut impl FnMut(&[u8])) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out(&[byte]);
        } else {
            out(&[b'%', hex_digit(byte >> 4), hex_digit(byte)]);
        }
    }
}

/// What must not stand in a string (RFC 8259, section 7).
fn json_escaped(value: &str, out: &mut impl FnMut(&[u8])) {
    let mut begin = 0;
    for (at, byte) in value.bytes().enumerate() {
        if !matches!(byte, b'"' | b'\\' | 0..0x20) {
            continue;
        }
        out(&value.as_bytes()[begin..at]);
        begin = at + 1;
        match byte {
            b'"' | b'\\' => out(&[b'\\', byte]),
            b'\n' => out(b"\\n"),
            b'\r' => out(b"\\r"),
            b'\t' => out(b"\\t"),
            _ => out(&[b'\\', b'u', b'0', b'0', hex_digit(byte >> 4), hex_digit(byte)]),
        }
    }
    out(&value.as_bytes()[begin..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(columns: &[&str], values: &[&str]) -> Rows {
        let mut rows = Rows::new(columns.iter().map(ToString::to_string).collect()).expect("columns");
        rows.push(values.iter().copied()).expect("a row");
        rows
    }

    fn filled(text: &str, syntax: Syntax, rows: Option<&Rows>) -> String {
        let text = Bytes::copy_from_slice(text.as_bytes());
        let template = Template::parse(&text, syntax, rows.map(Rows::columns)).expect("known names");
        let turn = Turn { n: 0, rows };
        let filled = template.fill(turn, &mut Random::new());
        assert_eq!(filled.len(), template.length(turn));
        String::from_utf8(filled.to_vec()).expect("text")
    }

    fn unknown(text: &str, columns: &[&str]) -> Vec<String> {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        Template::parse(&text.to_owned().into(), Syntax::Target, Some(&columns)).expect_err("unknown names")
    }

    #[test]
    fn without_rows_braces_are_text() {
        for text in ["/a?{b}=%7Bc%7D", "{", "}", "{}", "{{uuid", "", "{\"a\": {b}}"] {
            assert_eq!(filled(text, Syntax::Target, None), text);
        }
        let template = Template::parse(&"/{b}".into(), Syntax::Plain, None).expect("text");
        assert_eq!(template.constant(), Some(&Bytes::from("/{b}")));
    }

    #[test]
    fn every_uuid_is_another() {
        let text = filled("/{uuid}/%7Buuid%7D?x={uuid}", Syntax::Target, None);
        let uuids: Vec<&str> = text.trim_start_matches('/').split(['/', '?']).collect();
        assert!(
            uuids
                .iter()
                .all(|uuid| uuid.trim_start_matches("x=").len() == UUID),
            "{text}"
        );
        assert_ne!(uuids[0], uuids[1]);
        assert_ne!(
            filled("{uuid}", Syntax::Plain, None),
            filled("{uuid}", Syntax::Plain, None)
        );
        assert_eq!(filled("%7Buuid%7D", Syntax::Plain, None), "%7Buuid%7D");
    }

    #[test]
    fn names_are_replaced_by_the_values_of_the_row() {
        let rows = rows(&["id", "full name"], &["7", "A/B é"]);
        assert_eq!(
            filled("{id}{id}-{full name}.", Syntax::Plain, Some(&rows)),
            "77-A/B é."
        );
        assert_eq!(
            filled(
                "/%7Bid%7D/%7Bfull%20name%7D?q={id}&r={full%20name}",
                Syntax::Target,
                Some(&rows)
            ),
            "/7/A%2FB%20%C3%A9?q=7&r=A%2FB%20%C3%A9"
        );
    }

    #[test]
    fn only_words_without_a_column_are_mistakes() {
        assert_eq!(
            unknown("/{nmae}/{id}/%7Bx-y%7D?{nmae}", &["id", "name"]),
            ["nmae", "x-y"]
        );
        let rows = rows(&["id"], &["7"]);
        for text in ["{ id }", "{3}", "{}", "{a b}", "{\"a\": 1}", "a{,2}"] {
            assert_eq!(filled(text, Syntax::Plain, Some(&rows)), text);
        }
        assert_eq!(filled("{\"a\": {id}}", Syntax::Plain, Some(&rows)), "{\"a\": 7}");
    }

    #[test]
    fn values_are_escaped_inside_the_strings_of_json_only() {
        let rows = rows(&["v"], &["a\"b\\\n\u{1}é"]);
        let text = r#"{"k\"{v}": "x{v}", "n": {v}}"#;
        assert_eq!(
            filled(text, Syntax::Json, Some(&rows)),
            "{\"k\\\"a\\\"b\\\\\\n\\u0001é\": \"xa\\\"b\\\\\\n\\u0001é\", \"n\": a\"b\\\n\u{1}é}"
        );
        assert_eq!(
            filled(r#""{v}""#, Syntax::Plain, Some(&rows)),
            "\"a\"b\\\n\u{1}é\""
        );
    }

    #[test]
    fn joined_templates_are_one_text_where_nothing_varies() {
        let parsed = Template::parse(&"b{uuid}".into(), Syntax::Plain, None).expect("text");
        let constant = Template::concat([Template::text("a"), Template::text(""), Template::text("b")]);
        assert_eq!(constant.constant(), Some(&Bytes::from("ab")));
        let joined = Template::concat([Template::text("a"), parsed, Template::text("c")]);
        assert_eq!(joined.parts.len(), 3);
        assert_eq!(Template::concat([]).constant(), Some(&Bytes::new()));
    }

    proptest! {
        #[test]
        fn percent_encoding_can_be_taken_back(value in any::<String>()) {
            let rows = rows(&["v"], &[&value]);
            let encoded = filled("{v}", Syntax::Target, Some(&rows));
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(percent_decoded(&encoded), value);
        }

        #[test]
        fn an_escaped_value_is_a_string_of_json(value in any::<String>(), before in "[a\\\\\" ]{0,5}") {
            let rows = rows(&["v"], &[&value]);
            let before = serde_json::to_string(&before).expect("JSON");
            let text = format!("[{before}, \"{{v}}\"]");
            let parsed: Vec<String> = serde_json::from_str(&filled(&text, Syntax::Json, Some(&rows))).expect("JSON");
            prop_assert_eq!(&parsed[1], &value);
        }

        #[test]
        fn any_text_can_be_read_and_stays_without_rows(text in "[{}%7BDa\"\\\\]{0,40}") {
            prop_assert_eq!(filled(&text, Syntax::Target, None), text);
        }
    }
}
