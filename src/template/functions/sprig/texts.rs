//! Texts.

use super::super::super::format::text_of;
use super::super::super::value::{Value, WIDEST};
use super::super::texts::trimmed;
use super::super::{Function, MANY, argument, count, function, int, text};

pub(super) const TEXTS: &[Function] = &[
    function("trunc", 2, 2, |_, values| {
        // Bytes, and no negative lengths: a character that is cut in two is replaced.
        let whole = text(values, 1)?;
        let length = usize::try_from(int(values, 0)?).map_err(|error| format!("the length: {error}"))?;
        let cut = &whole.as_bytes()[..length.min(whole.len())];
        Value::text(String::from_utf8_lossy(cut).into_owned())
    }),
    function("trimall", 2, 2, |_, values| trimmed(values)),
    function("swapcase", 1, 1, |_, values| {
        let swapped = text(values, 0)?.chars().flat_map(|c| {
            let other: String = if c.is_uppercase() {
                c.to_lowercase().collect()
            } else {
                c.to_uppercase().collect()
            };
            other.chars().collect::<Vec<_>>()
        });
        Value::text(swapped.collect())
    }),
    function("abbrev", 2, 2, |_, values| {
        let (width, whole) = (int(values, 0)?, text(values, 1)?);
        Value::text(if width < 4 {
            whole.to_owned()
        } else {
            abbreviated(whole, 0, count(values, 0)?)
        })
    }),
    function("abbrevboth", 3, 3, |_, values| {
        let (left, right, whole) = (int(values, 0)?, int(values, 1)?, text(values, 2)?);
        if right < 4 || (left > 0 && right < 7) {
            return Ok(whole.into());
        }
        Value::text(abbreviated(whole, count(values, 0)?, count(values, 1)?))
    }),
    function("initials", 1, 1, |_, values| {
        Value::text(
            text(values, 0)?
                .split_whitespace()
                .filter_map(|word| word.chars().next())
                .collect(),
        )
    }),
    function("snakecase", 1, 1, |_, values| {
        Value::text(words(text(values, 0)?).join("_").to_lowercase())
    }),
    function("kebabcase", 1, 1, |_, values| {
        Value::text(words(text(values, 0)?).join("-").to_lowercase())
    }),
    function("camelcase", 1, 1, |_, values| {
        let mut out = String::new();
        for word in text(values, 0)?.split(['_', '-', ' ']) {
            let mut chars = word.chars();
            out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
            out.push_str(chars.as_str());
        }
        Value::text(out)
    }),
    function("plural", 3, 3, |_, values| {
        Ok(argument(values, usize::from(int(values, 2)? != 1)).clone())
    }),
    function("wrap", 2, 2, |_, values| {
        Value::text(wrapped(count(values, 0)?, "\n", false, text(values, 1)?))
    }),
    function("wrapWith", 3, 3, |_, values| {
        let (width, separator) = (count(values, 0)?.max(1), text(values, 1)?);
        let whole = text(values, 2)?;
        if (whole.len() / width).saturating_mul(separator.len()) > WIDEST {
            return Err(format!("a text of more than {WIDEST} bytes"));
        }
        Value::text(wrapped(width, separator, true, whole))
    }),
    function("splitn", 3, 3, |_, values| {
        let most = count(values, 1)?;
        let parts = text(values, 2)?.splitn(most, text(values, 0)?).enumerate();
        Value::map(
            parts
                .map(|(index, part)| (format!("_{index}"), part.into()))
                .collect(),
        )
    }),
    function("shuffle", 1, 1, |context, values| {
        let mut chars: Vec<char> = text(values, 0)?.chars().collect();
        for end in (1..chars.len()).rev() {
            let other = usize::try_from(context.random.below(end as u64 + 1)).unwrap_or(0);
            chars.swap(end, other);
        }
        Value::text(chars.into_iter().collect())
    }),
    function("hello", 0, 0, |_, _| Ok("Hello!".into())),
    function("toPrettyJson", 1, 1, |_, values| {
        Value::text(super::super::super::json::pretty(argument(values, 0)))
    }),
    function("toYaml", 1, 1, |_, values| {
        Value::text(super::super::super::yaml::write(argument(values, 0)))
    }),
    function("toDecimal", 1, 1, |_, values| {
        // An octal number, as file modes are written.
        Ok(Value::Int(
            i64::from_str_radix(&text_of(argument(values, 0)), 8).unwrap_or(0),
        ))
    }),
    function("print", 0, MANY, |_, values| {
        Value::text(super::super::super::format::sprint(values))
    }),
];

/// At most `width` bytes, from about `offset` on, with dots for what is left out.
fn abbreviated(whole: &str, offset: usize, width: usize) -> String {
    if whole.len() <= width {
        return whole.to_owned();
    }
    let part = |from: usize, to: usize| {
        String::from_utf8_lossy(
            whole
                .as_bytes()
                .get(from..to.min(whole.len()))
                .unwrap_or_default(),
        )
        .into_owned()
    };
    let room = width - 3;
    let offset = offset.min(whole.len());
    let offset = if whole.len() - offset < room {
        whole.len() - room
    } else {
        offset
    };
    if offset <= 4 {
        return format!("{}...", part(0, room));
    }
    if offset + room < whole.len() {
        return format!("...{}...", part(offset, offset + room.saturating_sub(3)));
    }
    format!("...{}", part(whole.len() - room, whole.len()))
}

/// `HTTPServer_name` has three words.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut words = vec![String::new()];
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        if matches!(c, '_' | '-' | ' ' | '.') {
            words.push(String::new());
            continue;
        }
        let starts = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(*c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Lines of at most `width` bytes, broken at blanks; longer words are broken if `breaks`.
fn wrapped(width: usize, separator: &str, breaks: bool, whole: &str) -> String {
    let width = width.max(1);
    let mut out = String::new();
    let mut rest = whole;
    while rest.len() > width {
        if let Some(trimmed) = rest.strip_prefix(' ') {
            rest = trimmed;
            continue;
        }
        let window = rest.floor_char_boundary(width + 1);
        let at = match rest[..window].rfind(' ') {
            Some(at) => (at, at + 1),
            None if breaks => {
                let at = rest.floor_char_boundary(width).max(rest.ceil_char_boundary(1));
                (at, at)
            }
            None => match rest[rest.floor_char_boundary(width)..].find(' ') {
                Some(at) => {
                    let at = at + rest.floor_char_boundary(width);
                    (at, at + 1)
                }
                None => break,
            },
        };
        out.push_str(&rest[..at.0]);
        out.push_str(separator);
        rest = &rest[at.1..];
    }
    out.push_str(rest);
    out
}
