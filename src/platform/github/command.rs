//! Workflow commands: annotations, groups, masks, and the fence around foreign text.
//!
//! The runner obeys lines that begin with `::` and the older `##[…]` anywhere in a line, on both streams.
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>

use crate::diagnostic::Place;
use crate::platform::{Annotation, Level};

use super::nonce::nonce;

/// The runner keeps 10 annotations of a level per step and drops the rest silently.
const PER_LEVEL: usize = 10;
/// The runner cuts messages here, in UTF-16 units.
const MESSAGE: usize = 4096;
/// Titles are one line in a narrow box.
const TITLE: usize = 200;

/// Escapes the data of a command. `%` comes first, or the other escapes would be escaped.
pub(super) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a command's property.
pub(super) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// `text` with at most `limit` UTF-16 units, cut between two characters.
fn cut(text: &str, limit: usize) -> String {
    let mut units = 0;
    let total: usize = text.chars().map(char::len_utf16).sum();
    if total <= limit {
        return text.to_owned();
    }
    let kept = text.chars().take_while(|c| {
        units += c.len_utf16();
        units < limit
    });
    kept.chain(['…']).collect()
}

fn command_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    }
}

/// One annotation as a command, ending in a newline.
pub(super) fn annotation(annotation: &Annotation) -> String {
    let mut properties = Vec::new();
    let mut message = annotation.message.clone();
    match &annotation.place {
        Some(Place {
            source,
            span: Some(span),
        }) => {
            properties.push(format!("file={}", property(source)));
            properties.push(format!("line={0},endLine={0}", span.line));
            let end = span.column.saturating_add(span.width.max(1)).saturating_sub(1);
            properties.push(format!("col={},endColumn={end}", span.column));
        }
        Some(place) => message = format!("{place}: {message}"),
        None => {}
    }
    if !annotation.title.is_empty() {
        properties.push(format!("title={}", property(&cut(&annotation.title, TITLE))));
    }
    let space = if properties.is_empty() { "" } else { " " };
    format!(
        "::{}{space}{}::{}\n",
        command_name(annotation.level),
        properties.join(","),
        data(&cut(&message, MESSAGE))
    )
}

/// The commands of all annotations: the loudest level first, then as given. Where there are more than the runner
/// keeps, the last one of the level says how many are not shown.
pub(super) fn annotations(all: &[Annotation]) -> String {
    let mut text = String::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let of_level: Vec<_> = all.iter().filter(|one| one.level == level).collect();
        if of_level.len() <= PER_LEVEL {
            text.extend(of_level.into_iter().map(annotation));
            continue;
        }
        let (shown, rest) = of_level.split_at(PER_LEVEL - 1);
        text.extend(shown.iter().map(|one| annotation(one)));
        text.push_str(&annotation(&Annotation {
            level,
            title: "iter8".into(),
            message: format!(
                "{} more of {} in all; the job summary and the log have them",
                rest.len(),
                of_level.len()
            ),
            place: None,
        }));
    }
    text
}

/// Registers a secret and each of its lines with the log filter.
pub(super) fn mask(secret: &str) -> String {
    let mut text = String::new();
    let whole = std::iter::once(secret).filter(|_| secret.lines().count() > 1);
    for part in whole.chain(secret.lines()).map(str::trim) {
        if !part.is_empty() {
            text.extend(["::add-mask::", &data(part), "\n"]);
        }
    }
    text
}

/// A block of inert text between `stop-commands` and its token. Ends with a newline.
pub(super) fn fenced(inert: &str) -> String {
    let token = nonce();
    format!(
        "::stop-commands::{token}\n{}\n::{token}::\n",
        inert.trim_end_matches('\n')
    )
}

/// Begins a group of log lines.
pub(super) fn open_group(title: &str) -> String {
    format!("::group::{}\n", data(title))
}

/// Ends it.
pub(super) const CLOSE_GROUP: &str = "::endgroup::\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn note(level: Level, message: impl Into<String>) -> Annotation {
        Annotation {
            level,
            title: String::new(),
            message: message.into(),
            place: None,
        }
    }

    #[test]
    fn percent_is_escaped_first() {
        assert_eq!(data("100%\r\n%0A"), "100%25%0D%0A%250A");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }

    #[test]
    fn a_hostile_message_stays_one_line() {
        let text = annotation(&Annotation {
            title: "x,file=/etc/passwd::".into(),
            ..note(Level::Error, "p99\n::set-output name=a::b\r\n##[error]no")
        });
        assert_eq!(
            text,
            "::error title=x%2Cfile=/etc/passwd%3A%3A::p99%0A::set-output name=a::b%0D%0A##[error]no\n"
        );
    }

    #[test]
    fn a_span_becomes_file_line_and_columns() {
        let span = Span {
            line: 14,
            column: 7,
            width: 3,
            text: "      qsp: 20".into(),
        };
        let place = Place {
            source: "a,b.yaml".into(),
            span: Some(span),
        };
        let text = annotation(&Annotation {
            place: Some(place),
            ..note(Level::Warning, "unknown")
        });
        assert_eq!(
            text,
            "::warning file=a%2Cb.yaml,line=14,endLine=14,col=7,endColumn=9::unknown\n"
        );
    }

    #[test]
    fn a_place_without_lines_goes_into_the_message() {
        let text = annotation(&Annotation {
            place: Some(Place::named("input 'qps'")),
            ..note(Level::Error, "not a number")
        });
        assert_eq!(text, "::error::input 'qps': not a number\n");
    }

    #[test]
    fn the_worst_come_first_and_the_last_tells_the_total() {
        let mut all = vec![note(Level::Notice, "n")];
        all.extend((0..14).map(|n| note(Level::Error, format!("e{n}"))));
        let text = annotations(&all);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), PER_LEVEL + 1);
        assert_eq!(lines[0], "::error::e0");
        assert_eq!(
            lines[9],
            "::error title=iter8::5 more of 14 in all; the job summary and the log have them"
        );
        assert_eq!(lines[10], "::notice::n");
    }

    #[test]
    fn ten_of_a_level_are_all_shown() {
        let all: Vec<_> = (0..10).map(|n| note(Level::Error, format!("e{n}"))).collect();
        assert!(annotations(&all).ends_with("::error::e9\n"));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let text = annotation(&note(Level::Notice, "𝄞".repeat(3000)));
        let message = text
            .trim_end()
            .strip_prefix("::notice::")
            .unwrap()
            .encode_utf16()
            .count();
        assert!((MESSAGE - 2..=MESSAGE).contains(&message), "{message}");
    }

    #[test]
    fn every_line_of_a_secret_is_masked() {
        assert_eq!(mask("hunter2%"), "::add-mask::hunter2%25\n");
        assert_eq!(
            mask("-----BEGIN\nMIIE\n"),
            "::add-mask::-----BEGIN%0AMIIE\n::add-mask::-----BEGIN\n::add-mask::MIIE\n"
        );
        assert_eq!(mask(" \n "), "");
    }

    #[test]
    fn a_fence_has_a_token_of_its_own() {
        let fenced = fenced("| ::abc::\nhello\n\n");
        let lines: Vec<_> = fenced.lines().collect();
        let token = lines[0].strip_prefix("::stop-commands::").unwrap();
        assert_eq!(lines[1..3], ["| ::abc::", "hello"]);
        assert_eq!(lines[3], format!("::{token}::"));
    }
}
