//! [`Publication`]: what a platform shows of a run. It is complete and rendered; platforms only carry it.

use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Place, Severity};

/// What a run hands to the platform at its end. Secrets are masked already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publication {
    /// The job summary in Markdown; the caller keeps it below [`super::github::SUMMARY_LIMIT`].
    pub summary: Option<String>,
    /// Values for later steps.
    pub outputs: Vec<Output>,
    /// Findings that are shown beside the run or at a file's line.
    pub annotations: Vec<Annotation>,
}

/// A value for later steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// One of [`super::github::OUTPUTS`].
    pub name: String,
    /// Its value; empty means not applicable.
    pub value: String,
}

impl Output {
    /// An output.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// How loud an [`Annotation`] is, the loudest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Something may be.
    Warning,
    /// Something is worth knowing.
    Notice,
}

/// A finding that the platform shows beside the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How loud.
    pub level: Level,
    /// A few words, such as `SLO not met`.
    pub title: String,
    /// One or more sentences.
    pub message: String,
    /// Where, if it has a place.
    pub place: Option<Place>,
}

impl From<&Diagnostic> for Annotation {
    fn from(diagnostic: &Diagnostic) -> Self {
        let hint = diagnostic
            .hint
            .as_ref()
            .map(|hint| format!("\nhint: {hint}"))
            .unwrap_or_default();
        Self {
            level: match diagnostic.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
            },
            title: "iter8".to_owned(),
            message: format!("{}{hint}", diagnostic.message),
            place: diagnostic.place.clone(),
        }
    }
}

/// A publication that did not reach the platform, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The platform did not say where to write.
    #[error("cannot publish the {what}: the variable {variable} is not set")]
    NoFile {
        /// `outputs` or `summary`.
        what: &'static str,
        /// The variable that should hold a path.
        variable: &'static str,
    },
    /// The file cannot be written.
    #[error("cannot publish the {what} to {}", path.display())]
    File {
        /// `outputs`, `summary` or the name of a result.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The summary would not be shown at all.
    #[error("the summary would have {bytes} bytes, more than the {limit} that are shown")]
    TooLong {
        /// Its size with what the step wrote before.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A value or name that would break the file's format.
    #[error("the output {name:?} cannot be written safely")]
    Unsafe {
        /// The output.
        name: String,
    },
    /// The log cannot be written.
    #[error("cannot write to the log")]
    Log(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_keeps_its_place_and_hint() {
        let diagnostic = Diagnostic::warning("unknown input")
            .at(Place::named("input 'qsp'"))
            .hint("did you mean `qps`?");
        let annotation = Annotation::from(&diagnostic);
        assert_eq!(annotation.level, Level::Warning);
        assert_eq!(annotation.message, "unknown input\nhint: did you mean `qps`?");
        assert_eq!(annotation.place, Some(Place::named("input 'qsp'")));
    }
}
