//! Values as Go's `fmt` writes them.

mod verbs;

use super::layout;
use super::value::{Value, WIDEST};

pub(super) use verbs::printf;

/// Bytes beyond which nothing more is printed: a rendered text is refused long before.
const PRINTED: usize = WIDEST << 5;

/// As an action prints a value.
pub(super) fn print(value: &Value, out: &mut String) {
    if matches!(value, Value::Nil) {
        out.push_str("<no value>");
    } else {
        write(value, out, PRINTED);
    }
}

/// `%v`, of a value in a text of at most `WIDEST` bytes.
pub(super) fn show(value: &Value, out: &mut String) {
    write(value, out, WIDEST);
}

/// Values that share parts can be far larger written than held, so it stops a bit beyond the most that a text may be.
fn write(value: &Value, out: &mut String, most: usize) {
    if out.len() > most {
        return;
    }
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float(*value)),
        Value::Text(text) => out.push_str(text),
        Value::Time(time) => out.push_str(&layout::format(time, "2006-01-02 15:04:05.999999999 -0700 MST")),
        Value::List(list) => {
            out.push('[');
            separated(list.items.iter(), out, |item, out| write(item, out, most));
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            separated(map.entries.iter(), out, |(key, item), out| {
                out.push_str(key);
                out.push(':');
                write(item, out, most);
            });
            out.push(']');
        }
        Value::Record(record) => {
            out.push('{');
            separated(record.names().iter(), out, |name, out| {
                write(&record.field(name).unwrap_or_default(), out, most);
            });
            out.push('}');
        }
    }
}

fn separated<T>(items: impl Iterator<Item = T>, out: &mut String, mut each: impl FnMut(T, &mut String)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(' ');
        }
        each(item, out);
    }
}

/// A value as text; nil is empty, as for the functions of sprig.
pub(super) fn text_of(value: &Value) -> String {
    let mut out = String::new();
    if !matches!(value, Value::Nil) {
        show(value, &mut out);
    }
    out
}

/// `fmt.Sprint`: blanks only between neighbours that are both no strings.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    for (index, value) in values.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if index > 0 && !is_text(value) && !is_text(&values[index - 1]) {
            out.push(' ');
        }
        show(value, &mut out);
    }
    out
}

/// `%v` of a `float64`: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        exponent(&format!("{value:e}"))
    } else {
        value.to_string()
    }
}

/// Rust's exponent as Go's: with a sign and two digits.
pub(super) fn exponent(text: &str) -> String {
    let Some((digits, power)) = text.split_once('e') else {
        return text.to_owned();
    };
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{digits}e{sign}{power:0>2}")
}

/// `%q`: a Go string in double quotes.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() || is_invisible(c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Blanks other than the usual one, and characters that only direct others.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{ad}' | '\u{feff}' | '\u{3000}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}')
}
