//! Texts, from sprig: the text that is worked on comes last, so that it can be piped in.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::format::{quote, text_of};
use super::super::json::{self, Html};
use super::super::value::{Value, WIDEST};
use super::{Function, MANY, argument, count, function, int, items, text};

pub(super) const TEXTS: &[Function] = &[
    function("upper", 1, 1, |_, values| {
        Value::text(text(values, 0)?.to_uppercase())
    }),
    function("lower", 1, 1, |_, values| {
        Value::text(text(values, 0)?.to_lowercase())
    }),
    function("title", 1, 1, |_, values| {
        Value::text(title(text(values, 0)?, |c| c.to_uppercase().collect()))
    }),
    function("untitle", 1, 1, |_, values| {
        Value::text(title(text(values, 0)?, |c| c.to_lowercase().collect()))
    }),
    function("trim", 1, 1, |_, values| Ok(text(values, 0)?.trim().into())),
    function("trimAll", 2, 2, |_, values| trimmed(values)),
    function("trimPrefix", 2, 2, |_, values| {
        let whole = text(values, 1)?;
        Ok(whole.strip_prefix(text(values, 0)?).unwrap_or(whole).into())
    }),
    function("trimSuffix", 2, 2, |_, values| {
        let whole = text(values, 1)?;
        Ok(whole.strip_suffix(text(values, 0)?).unwrap_or(whole).into())
    }),
    function("nospace", 1, 1, |_, values| {
        Value::text(text(values, 0)?.chars().filter(|c| !c.is_whitespace()).collect())
    }),
    function("trunc", 2, 2, |_, values| {
        let whole = text(values, 1)?;
        let wanted = usize::try_from(int(values, 0)?.unsigned_abs())
            .unwrap_or(usize::MAX)
            .min(whole.len());
        Ok(if int(values, 0)? < 0 {
            whole[whole.ceil_char_boundary(whole.len() - wanted)..].into()
        } else {
            whole[..whole.floor_char_boundary(wanted)].into()
        })
    }),
    function("substr", 3, 3, |_, values| {
        let whole = text(values, 2)?;
        let (start, end) = (int(values, 0)?, int(values, 1)?);
        let end = usize::try_from(end).unwrap_or(whole.len()).min(whole.len());
        let start = usize::try_from(start).unwrap_or(0).min(end);
        Ok(whole[whole.floor_char_boundary(start)..whole.floor_char_boundary(end)].into())
    }),
    function("repeat", 2, 2, |_, values| {
        let (times, unit) = (count(values, 0)?, text(values, 1)?);
        if times.saturating_mul(unit.len()) > WIDEST {
            return Err(format!("a text of more than {WIDEST} bytes"));
        }
        Value::text(unit.repeat(times))
    }),
    function("replace", 3, 3, |_, values| {
        let (old, new, whole) = (text(values, 0)?, text(values, 1)?, text(values, 2)?);
        let most = whole
            .len()
            .saturating_add((whole.matches(old).count()).saturating_mul(new.len()));
        if most > WIDEST << 1 {
            return Err(format!("a text of more than {WIDEST} bytes"));
        }
        Value::text(whole.replace(old, new))
    }),
    function("contains", 2, 2, |_, values| {
        Ok(Value::Bool(text(values, 1)?.contains(text(values, 0)?)))
    }),
    function("hasPrefix", 2, 2, |_, values| {
        Ok(Value::Bool(text(values, 1)?.starts_with(text(values, 0)?)))
    }),
    function("hasSuffix", 2, 2, |_, values| {
        Ok(Value::Bool(text(values, 1)?.ends_with(text(values, 0)?)))
    }),
    function("quote", 0, MANY, |_, values| {
        joined(" ", values.iter().filter(is_some).map(|v| quote(&text_of(v))))
    }),
    function("squote", 0, MANY, |_, values| {
        joined(
            " ",
            values.iter().filter(is_some).map(|v| format!("'{}'", text_of(v))),
        )
    }),
    function("cat", 0, MANY, |_, values| {
        joined(" ", values.iter().filter(is_some).map(text_of))
    }),
    function("join", 2, 2, |_, values| {
        joined(
            text(values, 0)?,
            items(values, 1)?.iter().filter(is_some).map(text_of),
        )
    }),
    function("splitList", 2, 2, |_, values| {
        Value::list(split(text(values, 0)?, text(values, 1)?))
    }),
    function("split", 2, 2, |_, values| {
        let parts = split(text(values, 0)?, text(values, 1)?).into_iter().enumerate();
        Value::map(parts.map(|(index, part)| (format!("_{index}"), part)).collect())
    }),
    function("toString", 1, 1, |_, values| {
        Value::text(text_of(argument(values, 0)))
    }),
    function("b64enc", 1, 1, |_, values| {
        Value::text(STANDARD.encode(text(values, 0)?))
    }),
    function("b64dec", 1, 1, |_, values| {
        let bytes = STANDARD
            .decode(text(values, 0)?)
            .map_err(|error| error.to_string())?;
        Value::text(String::from_utf8_lossy(&bytes).into_owned())
    }),
    function("indent", 2, 2, |_, values| {
        indented(count(values, 0)?, text(values, 1)?, "")
    }),
    function("nindent", 2, 2, |_, values| {
        indented(count(values, 0)?, text(values, 1)?, "\n")
    }),
    function("toJson", 1, 1, |_, values| {
        Value::text(json::write(argument(values, 0), Html::Escaped))
    }),
    function("toRawJson", 1, 1, |_, values| {
        Value::text(json::write(argument(values, 0), Html::Kept))
    }),
    function("fromJson", 1, 1, |_, values| {
        let parsed = serde_json::from_str(text(values, 0)?).map_err(|error| error.to_string())?;
        Value::from_json(parsed)
    }),
    function("fail", 1, 1, |_, values| Err(text(values, 0)?.to_owned())),
];

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "`filter` gives a reference to its item"
)]
fn is_some(value: &&Value) -> bool {
    !matches!(value, Value::Nil)
}

/// A text without the characters of another one at its ends.
pub(super) fn trimmed(values: &[Value]) -> Result<Value, String> {
    let cut: BTreeSet<char> = text(values, 0)?.chars().collect();
    Ok(text(values, 1)?.trim_matches(|c| cut.contains(&c)).into())
}

/// Each word with its first character changed.
fn title(text: &str, change: fn(char) -> String) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        let of_word = c.is_alphanumeric() || matches!(c, '_' | '\'');
        if of_word && !inside {
            out.push_str(&change(c));
        } else {
            out.push(c);
        }
        inside = of_word;
    }
    out
}

fn joined(separator: &str, parts: impl Iterator<Item = String>) -> Result<Value, String> {
    let mut out = String::new();
    for (index, part) in parts.enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(&part);
        if out.len() > WIDEST {
            break;
        }
    }
    Value::text(out)
}

fn split(separator: &str, whole: &str) -> Vec<Value> {
    if separator.is_empty() {
        return whole.chars().map(|c| c.to_string().into()).collect();
    }
    whole.split(separator).map(Value::from).collect()
}

fn indented(width: usize, whole: &str, before: &str) -> Result<Value, String> {
    if width.saturating_mul(whole.matches('\n').count() + 1) > WIDEST {
        return Err(format!("a text of more than {WIDEST} bytes"));
    }
    let blanks = " ".repeat(width);
    Value::text(format!(
        "{before}{blanks}{}",
        whole.replace('\n', &format!("\n{blanks}"))
    ))
}
