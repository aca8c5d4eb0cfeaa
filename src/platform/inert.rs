//! [`inert`]: the rule that keeps text from outside from being a command to whatever reads the log.
//!
//! It is the same everywhere: a container that is started without the variables of its CI system writes to that
//! system's log all the same.

/// `text` in which no CI system sees a command; any number of lines, also a whole report. Everything that is not named
/// here stays as it is.
///
/// - GitHub, Gitea, Forgejo, act: a line that begins with `::` gets a `| ` before it.
/// - the same, Azure Pipelines and TeamCity: `##[`, `##vso[` and `##teamcity[` get a space after `##`, wherever they stand.
/// - GitLab, Travis: sections are told by a carriage return; every line end becomes `\n`.
/// - all: control characters become U+FFFD, but for tabs and escape sequences that only set a colour.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .split_inclusive('\n')
    {
        // More than white space is skipped: a runner may strip invisible characters and escapes before it looks.
        if line
            .trim_start_matches(|c: char| !c.is_ascii_graphic())
            .starts_with("::")
        {
            out.push_str("| ");
        }
        copy(line, &mut out);
    }
    out
}

/// Copies one line: no brackets after `##` and letters, no controls.
fn copy(line: &str, out: &mut String) {
    for (at, c) in line.char_indices() {
        match c {
            '[' => {
                let opening = out.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                if opening.ends_with("##") {
                    out.insert(opening.len(), ' ');
                }
                out.push(c);
            }
            '\x1b' if sets_colour(&line[at..]) => out.push(c),
            '\n' | '\t' => out.push(c),
            _ if c.is_control() => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

/// Whether an escape sequence is one of colours and weights (SGR): `ESC [`, digits and semicolons, `m`.
fn sets_colour(sequence: &str) -> bool {
    sequence.strip_prefix("\x1b[").is_some_and(|parameters| {
        parameters
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a runner obeys, after the sources and manuals of the systems.
    fn obeyed(text: &str) -> bool {
        let lower = text.to_lowercase();
        ["##[", "##vso[", "##teamcity[", "\r", "\x1b[0k"]
            .iter()
            .any(|sign| lower.contains(sign))
            || text.split('\n').any(|line| line.trim_start().starts_with("::"))
    }

    #[test]
    fn foreign_text_issues_no_command() {
        for hostile in [
            "::set-output name=a::b",
            "ok\r::error::x",
            "ok\r\n \t\u{a0}\u{feff}::add-mask::a",
            "text ##[add-mask]e",
            "####[[##[error]",
            "\u{1b}[0m::stop-commands::x",
            "\n\n::endgroup::\n",
            "##\r[error]",
            "retry after ##vso[task.complete result=Succeeded;]x",
            "##VSO[a]##Vso[b]####vso[c]",
            "##teamcity[buildStatus status='SUCCESS']",
            "\x1b[0Ksection_start:1:x\r\x1b[0Kgot you\r\n",
            "\x1b]1338;url=x\x07",
        ] {
            assert!(
                obeyed(hostile) || hostile.contains('\x1b') || hostile.contains('\r'),
                "{hostile:?}"
            );
            assert!(!obeyed(&inert(hostile)), "{hostile:?}");
        }
        assert_eq!(inert("##vso[a]b"), "## vso[a]b");
        assert_eq!(inert("a\n ::b\r\nc"), "a\n|  ::b\nc");
        assert_eq!(inert("\x1b[2Ja\x07\u{9b}2J"), "\u{fffd}[2Ja\u{fffd}\u{fffd}2J");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "http::Error at a::b\n## [x]\n",
            "# Heading\n\n## Objectives\n\n| a | [b](c) |\n",
            "\x1b[1;32m✓ met\x1b[0m\n\ttab",
            "",
        ] {
            assert_eq!(inert(text), text);
        }
    }
}
