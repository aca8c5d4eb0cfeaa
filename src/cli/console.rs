//! [`Console`]: what is said on stderr. Secrets are masked here and text from outside is made harmless.

use std::io::{IsTerminal as _, Write as _};

use jiff::Timestamp;

use super::args::{Colour, LogLevel};
use crate::diagnostic::{Diagnostic, Severity};
use crate::platform::{Env, Platform};
use crate::secret::Mask;

/// stderr, and what is known about it.
#[derive(Clone)]
pub(super) struct Console {
    level: LogLevel,
    colour: bool,
    terminal: bool,
    platform: &'static dyn Platform,
    /// The secrets that are masked.
    pub mask: Mask,
}

impl Console {
    /// The console of this process.
    pub(super) fn new(level: LogLevel, colour: Colour, env: &Env, platform: &'static dyn Platform) -> Self {
        let terminal = std::io::stderr().is_terminal() && env.get("TERM") != Some("dumb");
        Self {
            level,
            colour: use_colour(colour, terminal, env),
            terminal,
            platform,
            mask: Mask::default(),
        }
    }

    /// Whether a person is looking.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether colours are used.
    pub(super) fn colour(&self) -> bool {
        self.colour
    }

    /// Whether lines of this level are shown.
    pub(super) fn shows(&self, level: LogLevel) -> bool {
        level >= self.level
    }

    /// Text with text from outside in it, as it may be printed; stdout too is read by the platform.
    pub(super) fn inert(&self, text: &str) -> String {
        self.platform.inert(text)
    }

    /// Says a line of ours.
    pub(super) fn say(&self, level: LogLevel, text: &str) {
        if self.shows(level) {
            let lines: Vec<String> = self.mask.apply(text).lines().map(visible).collect();
            write(&format!("{}\n", self.inert(&lines.join("\n"))));
        }
    }

    /// Shows text that a script or a target wrote.
    pub(super) fn foreign(&self, text: &str) {
        if self.shows(LogLevel::Info) {
            write(&self.platform.untrusted(&visible(&self.mask.apply(text))));
        }
    }

    /// Begins a collapsible part of the log.
    pub(super) fn open_group(&self, title: &str) {
        if self.shows(LogLevel::Info) {
            write(
                &self
                    .platform
                    .open_group(&self.mask.apply(title), Timestamp::now()),
            );
        }
    }

    /// Ends it.
    pub(super) fn close_group(&self, title: &str) {
        if self.shows(LogLevel::Info) {
            write(
                &self
                    .platform
                    .close_group(&self.mask.apply(title), Timestamp::now()),
            );
        }
    }

    /// Makes the platform hide every secret that is known by now.
    pub(super) fn register_secrets(&self) {
        for secret in self.mask.secrets() {
            let lines = self.platform.mask(&secret);
            if !lines.is_empty() {
                write(&lines);
            }
        }
    }

    /// Shows findings, with the line they are about.
    pub(super) fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            let level = if diagnostic.is_error() {
                LogLevel::Error
            } else {
                LogLevel::Warning
            };
            if self.shows(level) {
                let text = self.mask.apply(&render(diagnostic, self.colour));
                write(&format!("{}\n", self.inert(&text)));
            }
        }
    }
}

fn write(text: &str) {
    // Nobody reads: there is nobody to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Colours on a terminal and in GitHub's log, unless `NO_COLOR` or the user says otherwise.
pub(super) fn use_colour(colour: Colour, terminal: bool, env: &Env) -> bool {
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => env.get("NO_COLOR").is_none() && terminal,
    }
}

/// Control characters of foreign text would move the cursor or hide what was said.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A finding with its line and a caret.
pub(super) fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let (code, reset) = match (colour, diagnostic.severity) {
        (false, _) => ("", ""),
        (true, Severity::Error) => ("\x1b[1;31m", "\x1b[0m"),
        (true, Severity::Warning) => ("\x1b[1;33m", "\x1b[0m"),
    };
    let mut out = format!(
        "{code}{}{reset}: {}",
        diagnostic.severity,
        visible(&diagnostic.message)
    );
    let hint = diagnostic.hint.as_deref().map(visible);
    let Some(place) = &diagnostic.place else {
        return match hint {
            Some(hint) => format!("{out}\n  hint: {hint}"),
            None => out,
        };
    };
    out.push_str(&format!("\n  --> {place}"));
    match (&place.span, hint) {
        (Some(span), hint) => {
            let number = span.line.to_string();
            let gutter = " ".repeat(number.len());
            let before: String = span
                .text
                .chars()
                .take(span.column as usize - 1)
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let carets = "^".repeat((span.width as usize).clamp(1, 80));
            let hint = hint.map(|hint| format!(" hint: {hint}")).unwrap_or_default();
            out.push_str(&format!(
                "\n{number} | {}\n{gutter} | {before}{code}{carets}{reset}{hint}",
                visible(&span.text)
            ));
        }
        (None, Some(hint)) => out.push_str(&format!("\n  hint: {hint}")),
        (None, None) => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Place, Span};

    #[test]
    fn a_mistake_is_shown_with_its_line_and_a_caret() {
        let span = Span {
            line: 14,
            column: 7,
            width: 3,
            text: "      qsp: 20".into(),
        };
        let place = Place {
            source: "experiment.yaml".into(),
            span: Some(span),
        };
        let diagnostic = Diagnostic::error("unknown field `qsp`")
            .at(place)
            .hint("did you mean `qps`?");
        assert_eq!(
            render(&diagnostic, false),
            "error: unknown field `qsp`\n  --> experiment.yaml:14:7\n14 |       qsp: 20\n   |       ^^^ hint: did you mean `qps`?"
        );
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(visible("a\x1b[2Jb\r"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
