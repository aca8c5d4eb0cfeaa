//! Where iter8 runs: [`Platform`] carries a finished [`Publication`] to GitHub, GitLab, Tekton or a terminal.
//!
//! Platforms decide nothing about the result; they know variables, files, limits and escaping of their own.

pub mod comment;
mod env;
pub mod github;
pub mod gitlab;
mod inert;
mod patience;
mod plain;
mod publication;
mod tekton;

use std::io::Write;

use jiff::Timestamp;

use crate::diagnostic::Diagnostic;
use crate::secret::Secret;

pub use env::Env;
pub use publication::{Annotation, Level, Output, Publication, PublishError};

/// A place where iter8 runs.
pub trait Platform: Sync {
    /// As in the result: `github`, `gitlab`, `tekton`, `ci` or `terminal`.
    fn name(&self) -> &'static str;

    /// Whether the variables are those of this platform.
    fn detect(&self, env: &Env) -> bool;

    /// What the platform says of the run.
    fn context(&self, env: &Env) -> Context;

    /// Publishes everything it can, and then returns the first error. `out` is the log.
    fn publish(&self, env: &Env, publication: &Publication, out: &mut dyn Write) -> Result<(), PublishError>;

    /// Lines for the log that make the platform hide a secret; print them before anything else. May be empty.
    fn mask(&self, _secret: &Secret) -> String {
        String::new()
    }

    /// Lines that begin a collapsible part of the log. Groups do not nest.
    fn open_group(&self, title: &str, _now: Timestamp) -> String {
        format!("{}\n", self.inert(title))
    }

    /// Lines that end it; `title` as in [`Platform::open_group`].
    fn close_group(&self, _title: &str, _now: Timestamp) -> String {
        String::new()
    }

    /// Text of any number of lines with text from outside in it (of the target, a script, a file), changed as little as
    /// needed so that no CI system sees a command in it. A platform reads both streams: whoever prints applies this to
    /// everything, also to a whole report just before it goes to stdout, as wrapping moves words to the start of a line.
    fn inert(&self, text: &str) -> String {
        inert::inert(text)
    }

    /// A block of such text, with what fences it off. Ends with a newline.
    fn untrusted(&self, text: &str) -> String {
        format!("{}\n", self.inert(text).trim_end_matches('\n'))
    }
}

/// What a platform says of the run; everything it does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Commit under test; for a pull request its head, not the merge commit.
    pub commit: Option<String>,
    /// Link to that commit.
    pub commit_url: Option<String>,
    /// Link to the run.
    pub run_url: Option<String>,
    /// Number of the pull or merge request.
    pub pull_request: Option<u64>,
    /// The deployed URL that the run is about, from the event that started it.
    pub target_url: Option<String>,
    /// What was odd about the event, such as a deployment that did not succeed.
    pub notes: Vec<Diagnostic>,
}

/// All platforms, in order of detection; the last one always matches.
pub static PLATFORMS: &[&dyn Platform] = &[
    &github::GitHub,
    &gitlab::GitLab,
    &tekton::Tekton,
    &plain::Ci,
    &plain::Terminal,
];

/// The platform that the variables tell of.
pub fn detect(env: &Env) -> &'static dyn Platform {
    PLATFORMS
        .iter()
        .find(|platform| platform.detect(env))
        .copied()
        .unwrap_or(&plain::Terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_told_apart_by_their_variables() {
        for (variables, name) in [
            (vec![("GITHUB_ACTIONS", "true"), ("CI", "true")], "github"),
            (vec![("GITEA_ACTIONS", "true")], "github"),
            (
                vec![("ACT", "true"), ("GITHUB_ACTIONS", "true"), ("GITLAB_CI", "")],
                "github",
            ),
            (vec![("GITLAB_CI", "true"), ("CI", "true")], "gitlab"),
            (
                vec![("ITER8_RESULT_OUTCOME", "/tekton/results/outcome")],
                "tekton",
            ),
            (vec![("CI", "true")], "ci"),
            (vec![("CI", "false")], "terminal"),
            (vec![], "terminal"),
        ] {
            assert_eq!(
                detect(&Env::from_iter(variables.clone())).name(),
                name,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn no_platform_lets_a_command_of_another_through() {
        let hostile = "a\n::error::b\n##[error]c\n##vso[task.complete result=Succeeded;]d\re";
        for platform in PLATFORMS {
            assert_eq!(
                platform.inert(hostile),
                "a\n| ::error::b\n## [error]c\n## vso[task.complete result=Succeeded;]d\ne",
                "{}",
                platform.name()
            );
        }
    }

    #[test]
    fn names_are_unique_and_the_last_platform_always_matches() {
        let mut names: Vec<_> = PLATFORMS.iter().map(|platform| platform.name()).collect();
        assert_eq!(names.last(), Some(&"terminal"));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PLATFORMS.len());
        assert!(PLATFORMS.last().is_some_and(|last| last.detect(&Env::default())));
    }
}
