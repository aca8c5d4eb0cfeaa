//! What is wrong, where, and what to try: [`Diagnostic`]. Printing and annotating are others' work.

use std::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The experiment cannot run.
    Error,
    /// It runs, but perhaps not as meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Where in the user's input something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// A file's path, `input 'url'` or `flag --slo`.
    pub source: String,
    /// Position inside the source, when it has lines.
    pub span: Option<Span>,
}

/// Line, columns and the text of that line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters are meant, at least 1.
    pub width: u32,
    /// The whole line, without its end.
    pub text: String,
}

impl Place {
    /// A place without lines: an action input, a flag.
    pub fn named(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            span: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.span {
            Some(span) => write!(f, "{}:{}:{}", self.source, span.line, span.column),
            None => f.write_str(&self.source),
        }
    }
}

/// One mistake or doubt, ready to be printed or annotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong; one sentence fragment in lower case.
    pub message: String,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// What to try.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// The same, at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it prevents the run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Names that are listed before the others are counted.
const LISTED: usize = 12;

/// `known are a, b, c`, cut short where that would be a page.
pub fn known_are(names: &[&str]) -> String {
    if names.len() <= LISTED {
        return format!("known are {}", names.join(", "));
    }
    let (some, others) = names.split_at(LISTED - 2);
    let others = others.len();
    format!(
        "known are {} and {others} more, which `iter8 docs` lists",
        some.join(", ")
    )
}

/// The candidate that is probably meant by `word`, if one is close enough to be worth naming.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_short() {
        assert_eq!(known_are(&["a", "b"]), "known are a, b");
        let told = known_are(&["qps"; 47]);
        assert!(
            told.ends_with("qps and 37 more, which `iter8 docs` lists"),
            "{told}"
        );
        assert_eq!(told.matches("qps").count(), 10);
    }

    #[test]
    fn a_near_miss_is_found_and_a_far_one_is_not() {
        assert_eq!(did_you_mean("qsp", ["url", "qps"]), Some("qps"));
        assert_eq!(
            did_you_mean("numrequest", ["numRequests", "qps"]),
            Some("numRequests")
        );
        assert_eq!(did_you_mean("banana", ["url", "qps"]), None);
    }

    #[test]
    fn a_place_prints_as_editors_expect() {
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
        assert_eq!(place.to_string(), "experiment.yaml:14:7");
    }
}
