//! Patterns of `matches`: Go's regular expressions, read by the crate `regex`.

use regex::{Regex, RegexBuilder};

/// The largest compiled pattern, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// Compiles a pattern; the error is a message.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translated(text))
        .size_limit(MAX_SIZE)
        .dfa_size_limit(MAX_SIZE)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!("bad pattern: {}", reason.trim_start_matches("error: "))
        })
}

/// Escapes what is plain text in Go but means something here: `[`, `&` and `~` in a class, `{` that counts nothing.
fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    // How many characters of a class have been seen, if we are in one.
    let mut class: Option<usize> = None;
    while let Some(c) = rest.next() {
        let ahead = rest.as_str();
        match (c, class) {
            ('\\', _) => {
                out.push(c);
                out.extend(rest.next());
                class = class.map(|seen| seen + 1);
                continue;
            }
            ('[', None) => class = Some(0),
            ('[', Some(_)) if ahead.starts_with(':') && ahead.contains(":]") => {
                out.push(c);
                for inner in rest.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
                class = Some(1);
                continue;
            }
            ('[' | '&' | '~', Some(seen)) => {
                out.push('\\');
                class = Some(seen + 1);
            }
            ('^', Some(0)) => {}
            (']', Some(1..)) => class = None,
            (_, Some(seen)) => class = Some(seen + 1),
            ('{', None) if !counts(ahead) => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    out
}

/// Whether what follows a brace is a repetition: `3}`, `3,}`, `3,5}`.
fn counts(ahead: &str) -> bool {
    let Some((inner, _)) = ahead.split_once('}') else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    !least.is_empty() && digits(least) && digits(most)
}
