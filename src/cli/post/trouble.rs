//! [`Trouble`]: what could not be posted, told once per reason.

use std::collections::BTreeSet;

use crate::platform::github::rest::{ApiError, ProposalError};
use crate::platform::{Annotation, Level};
use crate::tasks::TaskError;

/// What is not there then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A comment.
    Comment,
    /// A pull request.
    PullRequest,
    /// A status.
    Status,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            Self::Comment => "no comment",
            Self::PullRequest => "no pull request",
            Self::Status => "no status",
        }
    }
}

/// What was not posted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    what: BTreeSet<What>,
    /// Lines below `permissions:` that may be missing.
    permissions: BTreeSet<&'static str>,
    message: String,
    hint: String,
    /// Whether it is for want of a token that may, as the runs of forks and of Dependabot have it.
    lack: bool,
}

/// Everything that was not posted.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Vec<Failure>);

impl Trouble {
    /// Adds what GitHub's API said.
    pub(super) fn api(&mut self, what: What, error: &ApiError) {
        let permission = if let ApiError::Forbidden { permission, .. } = error {
            Some(*permission)
        } else {
            None
        };
        let message = TaskError::from_error(error).message;
        self.add(what, permission, message, error.hint(), lacks(error));
    }

    /// Adds why there is no pull request; `elsewhere` is a repository that the job's own token cannot write to.
    pub(super) fn proposal(&mut self, error: &ProposalError, elsewhere: Option<&str>) {
        let message = TaskError::from_error(error).message;
        let lack = match error {
            ProposalError::Api(error) => lacks(error),
            // What a token may not see is not there for it.
            ProposalError::NoBase { .. } => elsewhere.is_some(),
            ProposalError::Edit { .. }
            | ProposalError::NoText { .. }
            | ProposalError::SameBranch(_)
            | ProposalError::NotOurs(_)
            | ProposalError::Busy(_) => false,
        };
        let what = What::PullRequest;
        match (error, elsewhere) {
            (_, Some(repository)) if lack => {
                let hint = format!(
                    "the job's own token reaches no other repository: give `token` one that may write contents and pull requests in {repository}"
                );
                self.add(what, [], message, hint, lack);
            }
            (ProposalError::Api(ApiError::Forbidden { .. }), _) => {
                let both = ["contents: write", "pull-requests: write"];
                self.add(what, both, message, error.hint(), lack);
            }
            _ => self.add(what, [], message, error.hint(), lack),
        }
    }

    /// Adds another reason.
    pub(super) fn other(&mut self, what: What, message: String, hint: &str) {
        self.add(what, [], message, hint.to_owned(), false);
    }

    /// One reason is told once.
    fn add(
        &mut self,
        what: What,
        permissions: impl IntoIterator<Item = &'static str>,
        message: String,
        hint: String,
        lack: bool,
    ) {
        let permissions: BTreeSet<&str> = permissions.into_iter().collect();
        match self
            .0
            .iter_mut()
            .find(|known| known.message == message && known.hint == hint)
        {
            Some(known) => {
                known.what.insert(what);
                known.permissions.extend(permissions);
            }
            None => self.0.push(Failure {
                what: [what].into(),
                permissions,
                message,
                hint,
                lack,
            }),
        }
    }

    /// Whether this is missing for another reason than that the run is one of a fork.
    pub(super) fn spoils(&self, what: What, of_a_fork: bool) -> bool {
        self.0
            .iter()
            .any(|failure| failure.what.contains(&what) && !(of_a_fork && failure.lack))
    }

    /// One annotation for all that the token may not do, one for each other reason.
    pub(super) fn annotations(&self, of_a_fork: bool) -> Vec<Annotation> {
        let (forbidden, others): (Vec<&Failure>, Vec<&Failure>) = self
            .0
            .iter()
            .partition(|failure| !failure.permissions.is_empty() || (of_a_fork && failure.lack));
        let mut annotations = Vec::new();
        if !forbidden.is_empty() {
            let what: BTreeSet<What> = forbidden
                .iter()
                .flat_map(|failure| failure.what.clone())
                .collect();
            let lines = forbidden
                .iter()
                .flat_map(|failure| failure.permissions.clone())
                .collect();
            annotations.push(if of_a_fork {
                read_only(&what)
            } else {
                missing(&what, &lines)
            });
        }
        annotations.extend(others.into_iter().map(|failure| {
            let text = format!("{}: {}; {}", words(&failure.what), failure.message, failure.hint);
            annotation(&failure.what, text)
        }));
        annotations
    }
}

/// Whether the token is missing, or may not do this: the secrets of a repository are empty in a fork's run.
fn lacks(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::NoToken
            | ApiError::Unauthorized { .. }
            | ApiError::Forbidden { .. }
            | ApiError::NotFound { .. }
    )
}

fn words(what: &BTreeSet<What>) -> String {
    what.iter()
        .map(|what| what.words())
        .collect::<Vec<_>>()
        .join(" and ")
}

/// A pull request was the point of the run; the others are best effort.
fn level(what: &BTreeSet<What>) -> Level {
    if what.contains(&What::PullRequest) {
        Level::Error
    } else {
        Level::Warning
    }
}

fn annotation(what: &BTreeSet<What>, message: String) -> Annotation {
    Annotation {
        level: level(what),
        title: "iter8".to_owned(),
        message,
        place: None,
    }
}

fn missing(what: &BTreeSet<What>, permissions: &BTreeSet<&str>) -> Annotation {
    let covered = |line: &str| {
        let scope = line.strip_suffix(": read");
        scope.is_some_and(|scope| permissions.contains(format!("{scope}: write").as_str()))
    };
    let needed = permissions.iter().filter(|line| !covered(line));
    let lines: Vec<String> = needed.map(|line| format!("\n  {line}")).collect();
    let text = format!(
        "{}: the token may not write there. Add to the job:\npermissions:{}",
        words(what),
        lines.concat()
    );
    annotation(what, text)
}

fn read_only(what: &BTreeSet<What>) -> Annotation {
    let text = format!(
        "{}: the pull request is from a fork or of Dependabot, and GitHub gives its runs a token that can only read. The job summary has the report; a second workflow can publish it: https://github.com/iter8-tools/iter8-action/blob/main/docs/events.md",
        words(what)
    );
    Annotation {
        level: Level::Notice,
        ..annotation(what, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(permission: &'static str) -> ApiError {
        ApiError::Forbidden {
            permission,
            message: "Resource not accessible by integration".to_owned(),
        }
    }

    #[test]
    fn missing_permissions_are_one_warning_with_their_lines() {
        let mut trouble = Trouble::default();
        trouble.api(What::Status, &forbidden("statuses: write"));
        trouble.api(What::Status, &forbidden("pull-requests: read"));
        trouble.api(What::Comment, &forbidden("pull-requests: write"));
        let annotations = trouble.annotations(false);
        assert_eq!(annotations.len(), 1);
        assert_eq!(annotations[0].level, Level::Warning);
        assert_eq!(
            annotations[0].message,
            "no comment and no status: the token may not write there. Add to the job:\npermissions:\n  pull-requests: write\n  statuses: write"
        );
        let fork = trouble.annotations(true);
        assert_eq!((fork.len(), fork[0].level), (1, Level::Notice));
    }

    #[test]
    fn a_pull_request_that_is_missing_spoils_a_run_that_is_not_a_forks() {
        let mut trouble = Trouble::default();
        assert!(!trouble.spoils(What::PullRequest, false));
        trouble.proposal(&forbidden("contents: write").into(), None);
        assert!(trouble.spoils(What::PullRequest, false) && !trouble.spoils(What::PullRequest, true));
        assert!(!trouble.spoils(What::Comment, false));
        let annotations = trouble.annotations(false);
        assert_eq!(annotations[0].level, Level::Error);
        assert!(
            annotations[0]
                .message
                .ends_with("permissions:\n  contents: write\n  pull-requests: write"),
            "{annotations:?}"
        );
        let mut elsewhere = Trouble::default();
        elsewhere.proposal(&forbidden("contents: write").into(), Some("acme/deploy"));
        let message = &elsewhere.annotations(false)[0].message;
        assert!(message.contains("give `token` one"), "{message}");
    }

    #[test]
    fn secrets_that_a_fork_does_not_get_spoil_nothing() {
        let unauthorized = || ApiError::Unauthorized {
            message: "Bad credentials".to_owned(),
        };
        let missing = || ApiError::NotFound {
            path: "/repos/acme/deploy".to_owned(),
            permission: "contents: write",
        };
        for error in [ApiError::NoToken, unauthorized(), missing()] {
            let mut trouble = Trouble::default();
            trouble.proposal(&error.into(), Some("acme/deploy"));
            assert!(trouble.spoils(What::PullRequest, false) && !trouble.spoils(What::PullRequest, true));
            assert_eq!(trouble.annotations(true)[0].level, Level::Notice);
            assert_eq!(trouble.annotations(false)[0].level, Level::Error);
        }
        let mut trouble = Trouble::default();
        trouble.proposal(&ProposalError::NotOurs("a".to_owned()), None);
        assert!(trouble.spoils(What::PullRequest, true));
    }

    #[test]
    fn one_reason_is_told_once() {
        let mut trouble = Trouble::default();
        trouble.api(What::Status, &ApiError::OutOfTime);
        trouble.api(What::Comment, &ApiError::OutOfTime);
        trouble.api(What::Comment, &ApiError::TooLong);
        let annotations = trouble.annotations(false);
        assert_eq!(annotations.len(), 2);
        assert!(
            annotations[0]
                .message
                .starts_with("no comment and no status: the time")
        );
    }
}
