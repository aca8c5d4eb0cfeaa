//! Values as JSON, the way Go's `encoding/json` writes them.

use super::value::Value;

/// What is done with what could end a script in HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Html {
    /// Written as `\u003c` and the like, as Go does unless told otherwise.
    Escaped,
    /// Written as it is.
    Kept,
}

/// On one line.
pub(super) fn write(value: &Value, html: Html) -> String {
    let mut writer = Writer {
        out: String::new(),
        html,
        indented: false,
    };
    writer.value(value, 0);
    writer.out
}

/// With two blanks per level.
pub(super) fn pretty(value: &Value) -> String {
    let mut writer = Writer {
        out: String::new(),
        html: Html::Escaped,
        indented: true,
    };
    writer.value(value, 0);
    writer.out
}

struct Writer {
    out: String,
    html: Html,
    indented: bool,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&number(*value)),
            Value::Text(text) => self.text(text),
            Value::Time(time) => self.text(&super::layout::rfc3339(time)),
            Value::List(list) => {
                self.all(['[', ']'], list.items.iter(), depth, |writer, item| {
                    writer.value(item, depth + 1);
                });
            }
            Value::Map(map) => {
                self.all(['{', '}'], map.entries.iter(), depth, |writer, (key, item)| {
                    writer.member(key, item, depth);
                });
            }
            Value::Record(record) => {
                let fields = record
                    .names()
                    .iter()
                    .filter_map(|name| Some((record.in_json(name)?, record.field(name)?)));
                self.all(['{', '}'], fields, depth, |writer, (key, item)| {
                    writer.member(key, &item, depth);
                });
            }
        }
    }

    /// Values that share parts can be far larger written than held: nobody reads what is longer than a text may be.
    fn is_full(&self) -> bool {
        self.out.len() > super::value::WIDEST << 1
    }

    fn member(&mut self, key: &str, value: &Value, depth: usize) {
        self.text(key);
        self.out.push_str(if self.indented { ": " } else { ":" });
        self.value(value, depth + 1);
    }

    fn all<T>(
        &mut self,
        [open, close]: [char; 2],
        items: impl Iterator<Item = T>,
        depth: usize,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.out.push(open);
        let mut any = false;
        for item in items {
            if self.is_full() {
                break;
            }
            if any {
                self.out.push(',');
            }
            any = true;
            self.line(depth + 1);
            each(self, item);
        }
        if any {
            self.line(depth);
        }
        self.out.push(close);
    }

    fn line(&mut self, depth: usize) {
        if self.indented {
            self.out.push('\n');
            self.out.push_str(&"  ".repeat(depth));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '<' | '>' | '&' if self.html == Html::Escaped => self.escape(c),
                '\u{2028}' | '\u{2029}' => self.escape(c),
                c if u32::from(c) < 0x20 => self.escape(c),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
    }
}

/// Digits, with an exponent below 1e-6 and from 1e21 on; what JSON cannot hold is null.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
        Some(_) | None => text,
    }
}
