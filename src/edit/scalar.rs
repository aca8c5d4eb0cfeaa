//! How a value is written in YAML so that YAML 1.1 and YAML 1.2 both read it as it is meant.

/// Words that some version of YAML takes for something else than a string.
const WORDS: &[&str] = &[
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan",
];

/// Text that every reader takes as a string without quotes, also inside `[]` and `{}`.
pub(super) fn is_plain_string(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/'));
    let inside = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | ':' | '@' | '+' | '-'));
    starts && inside && !text.ends_with(':') && !is_typed(text)
}

/// Whether some reader takes it as a number, a boolean, null or a date.
fn is_typed(text: &str) -> bool {
    let lower = text.to_ascii_lowercase().replace('_', "");
    if WORDS.contains(&lower.as_str()) || lower.is_empty() {
        return true;
    }
    let based = ["0x", "0o", "0b"].iter().any(|base| lower.starts_with(base));
    // Sixties, as in 1:30, and dates.
    let of_numbers = |separators: &[char]| {
        lower.contains(separators)
            && lower
                .split(separators)
                .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || c == '.'))
    };
    let year = lower.len() >= 5 && lower.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    let dated = year && lower.as_bytes()[4] == b'-';
    based || dated || lower.parse::<f64>().is_ok() || of_numbers(&[':'])
}

/// The text in single quotes where that can hold it, else in double ones.
pub(super) fn single_quoted(text: &str) -> String {
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))
    {
        return double_quoted(text);
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// The text in double quotes.
pub(super) fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_reader_takes_as_a_string_stands_without_quotes() {
        for text in [
            "v2",
            "1.4.2",
            "ghcr.io/acme/shop:v2",
            "sha-1a2b",
            "release/2026",
            "a@sha256:12ab",
            "2026.1",
        ] {
            let expected = text != "2026.1";
            assert_eq!(is_plain_string(text), expected, "{text}");
        }
        for text in [
            "",
            " a",
            "a ",
            "a b",
            "-",
            "- a",
            "a: b",
            "a:",
            "#a",
            "a #b",
            "*a",
            "&a",
            "!a",
            "yes",
            "No",
            "ON",
            "y",
            "null",
            "~",
            "True",
            "1",
            "1.10",
            "017",
            "0x1F",
            "0o7",
            "1e3",
            "1_000",
            "1:30",
            "2026-11-22",
            ".inf",
            "a,b",
            "[a",
            "{{ x }}",
            "é",
            "a\nb",
            "\"a",
            "'a",
            "%a",
            "@a",
            "`a",
            "12e4567",
        ] {
            assert!(!is_plain_string(text), "{text}");
        }
    }

    #[test]
    fn quotes_hold_whatever_they_are_given() {
        assert_eq!(single_quoted("it's"), "'it''s'");
        assert_eq!(single_quoted("a\nb"), "\"a\\nb\"");
        assert_eq!(double_quoted("a\"\\\u{7}"), "\"a\\\"\\\\\\u0007\"");
    }
}
