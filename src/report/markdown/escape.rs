//! Foreign text in Markdown: nothing in it becomes markup, a link, a mention, a reference or the end of a comment.
//!
//! GitHub and GitLab find mentions, references and bare addresses after Markdown is parsed, where a backslash is no help;
//! a zero-width space inside keeps them plain. In code spans they look for none of them.

use crate::report::prose::{Kind, Prose, clipped, visible};
use std::fmt::Write as _;

/// Keeps apart what would be recognised together.
const GAP: char = '\u{200b}';

/// Before a name or number, GitLab's references to merge requests, milestones, epics, snippets, alerts and labels.
const REFERENCES: &str = "!%&$^~";

/// Where text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a table, which is cut at `|` before anything else is read.
    Cell,
    /// Anywhere else.
    Line,
}

/// A sentence or cell; names of at most `longest` characters.
pub(super) fn prose(prose: &Prose, longest: usize, place: Place) -> String {
    let mut out = String::new();
    let mut strong = false;
    for piece in &prose.0 {
        if piece.text.is_empty() {
            continue;
        }
        if piece.strong != strong {
            out.push_str("**");
            strong = piece.strong;
        }
        match &piece.kind {
            Kind::Text => out.push_str(&escaped(&clipped(&piece.text, longest.max(1000)))),
            Kind::Code => out.push_str(&code(&clipped(&piece.text, longest), place)),
            Kind::Link(url) => {
                let _ = write!(out, "[{}]({url})", code(&clipped(&piece.text, longest), place));
            }
        }
    }
    if strong {
        out.push_str("**");
    }
    out
}

/// Words in which nothing is markup.
pub(super) fn escaped(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' => out.push_str("&#124;"),
            '\\' => out.push_str("&#92;"),
            '`' => out.push_str("&#96;"),
            '$' => out.push_str("&#36;"),
            '*' | '[' | ']' | '~' => out.extend(['\\', c]),
            '_' if !(before.is_alphanumeric() && next.is_alphanumeric()) => out.extend(['\\', c]),
            '@' => out.extend(['@', GAP]),
            '#' => out.extend(['\\', '#', GAP]),
            ':' if next == '/' => out.extend([':', GAP]),
            '.' if ends_with_www(&out) => out.extend([GAP, '.']),
            '-' if before.eq_ignore_ascii_case(&'h') && next.is_ascii_digit() => out.extend([GAP, '-']),
            '!' if next == '[' => out.extend(['\\', '!']),
            c => out.push(c),
        }
        if REFERENCES.contains(c) && (next.is_alphanumeric() || next == '"') {
            out.push(GAP);
        }
        before = c;
    }
    out
}

/// `www.` begins an address even without a scheme.
fn ends_with_www(text: &str) -> bool {
    let mut end = text.chars().rev().take(3);
    text.len() >= 3 && end.all(|c| c.eq_ignore_ascii_case(&'w'))
}

/// A code span that its content cannot leave.
fn code(text: &str, place: Place) -> String {
    let text = visible(text);
    if text.trim().is_empty() {
        return "(empty)".to_owned();
    }
    let longest_run = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest_run + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    let mut content = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '|' if place == Place::Line => content.push('|'),
            // In a table only a single backslash keeps a `|` from ending the cell.
            '|' if before == '\\' => content.extend([GAP, '\\', '|']),
            '|' => content.push_str("\\|"),
            '>' if before == '-' => content.extend([GAP, '>']),
            // A runner that shows a report obeys `##[error]`, `##vso[…]` and the like anywhere in a line; a space keeps the
            // log from that, too.
            '[' => {
                let opening = content.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                if opening.ends_with("##") {
                    content.insert(opening.len(), ' ');
                }
                content.push('[');
            }
            c => content.push(c),
        }
        before = c;
    }
    format!("{fence}{pad}{content}{pad}{fence}")
}

/// Words for a picture's title, in which Mermaid finds nothing to interpret.
pub(super) fn title(text: &str, longest: usize) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || " ._/-".contains(c);
    let text: String = text.chars().map(|c| if kept(c) { c } else { '?' }).collect();
    clipped(&text, longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_have_no_markup_left() {
        assert_eq!(escaped("a|b`c<d>&*"), "a&#124;b&#96;c&lt;d&gt;&amp;\\*");
        assert_eq!(
            escaped("@octocat #12 GH-7"),
            "@\u{200b}octocat \\#\u{200b}12 GH\u{200b}-7"
        );
        assert_eq!(escaped("https://x www.y"), "https:\u{200b}//x www\u{200b}.y");
        assert_eq!(escaped("[a](b) ![c]"), "\\[a\\](b) \\!\\[c\\]");
        assert_eq!(escaped("a\nb --> c"), "a b --&gt; c");
        assert_eq!(
            escaped("!7 %\"v1\" &3 $4 ^5 ~bug 95 % a & b"),
            "!\u{200b}7 %\u{200b}\"v1\" &amp;\u{200b}3 &#36;\u{200b}4 ^\u{200b}5 \\~\u{200b}bug 95 % a &amp; b"
        );
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("a`b", Place::Cell), "``a`b``");
        assert_eq!(code("`", Place::Cell), "`` ` ``");
        assert_eq!(code("a|b", Place::Cell), "`a\\|b`");
        assert_eq!(code("a\\|b", Place::Cell), "`a\\\u{200b}\\|b`");
        assert_eq!(code("a|b", Place::Line), "`a|b`");
        assert_eq!(code("-->", Place::Cell), "`--\u{200b}>`");
        assert_eq!(code("\n", Place::Cell), "(empty)");
    }

    #[test]
    fn a_runner_that_shows_a_report_finds_no_command() {
        assert_eq!(code("##[error]a", Place::Line), "`## [error]a`");
        assert_eq!(
            code("a ###VSO[task.complete]", Place::Cell),
            "`a ### VSO[task.complete]`"
        );
        assert_eq!(code("a[1] # [b]", Place::Line), "`a[1] # [b]`");
        assert!(!escaped("##[error]").contains("##["));
    }

    proptest! {
        #[test]
        fn escaped_text_stays_on_one_line_and_in_its_cell(text in any::<String>()) {
            for out in [escaped(&text), code(&text, Place::Cell)] {
                prop_assert!(!out.contains(['\n', '\r']));
                prop_assert!(!out.contains("-->"));
                let bare = out.replace("\\|", "");
                prop_assert!(!bare.contains('|'), "{out}");
            }
        }
    }
}
