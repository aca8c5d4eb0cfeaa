//! [`Posts`]: the pull-request comment and the commit status of a run. Best effort: what cannot be posted is told, and
//! never changes how the run ends.

use std::collections::BTreeSet;
use std::time::Duration;

use super::args::LogLevel;
use super::console::Console;
use crate::platform::github::Inputs;
use crate::platform::github::rest::{ApiError, Client, Draft, Kept, Mark, State, Status, Subject, When};
use crate::platform::{Annotation, Env, Level};
use crate::report::markdown_words;
use crate::results::Outcome;
use crate::secret::Secret;
use crate::tasks::TaskError;

/// How long the status may hold up the start of a run.
const AT_START: Duration = Duration::from_secs(10);
/// What is left for calls after a signal, by which the process is to end soon.
const AFTER_SIGNAL: Duration = Duration::from_secs(3);
/// Characters of a key that are shown.
const SHOWN_KEY: usize = 100;

/// What is told of a run.
pub(super) struct Told<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub reason: &'a str,
    /// Differs where a verdict does.
    pub verdicts: String,
    /// Start of the measurement, in seconds since 1970.
    pub started: i64,
    /// The report in at most so many bytes.
    pub text: &'a dyn Fn(usize) -> String,
}

/// What became of it.
#[derive(Default)]
pub(super) struct Posted {
    /// Where the comment is.
    pub comment_url: Option<String>,
    /// What could not be posted, and what the user can do about it.
    pub annotations: Vec<Annotation>,
}

/// The comment and the status that the inputs ask for.
pub(super) struct Posts<'a> {
    console: &'a Console,
    comment: Option<When>,
    key: String,
    context: Option<String>,
    subject: Subject,
    client: Result<Client, Failure>,
}

/// What was not posted, and why.
struct Failure {
    what: BTreeSet<&'static str>,
    error: ApiError,
}

const COMMENT: &str = "no comment";
const STATUS: &str = "no status";

impl<'a> Posts<'a> {
    /// What the inputs ask for; `None` if it is nothing. To be called where tokio runs.
    pub(super) fn of(inputs: &Inputs, env: &Env, console: &'a Console) -> Option<Self> {
        let comment = match inputs.text("comment") {
            Some("always") => Some(When::Always),
            Some("on-fail") => Some(When::OnFail),
            Some("on-change") => Some(When::OnChange),
            Some(_) | None => None,
        };
        let context = inputs.text("status").map(str::to_owned);
        let what: BTreeSet<&str> = [comment.map(|_| COMMENT), context.as_ref().map(|_| STATUS)]
            .into_iter()
            .flatten()
            .collect();
        if what.is_empty() {
            return None;
        }
        let token = inputs.text("token").map(Secret::new);
        let client = Client::new(env, token.as_ref()).map_err(|error| Failure { what, error });
        Some(Self {
            console,
            comment,
            key: console.mask.apply(&key(inputs, env)),
            context,
            subject: Subject::of(env),
            client,
        })
    }

    /// GitHub's API, if it can be asked.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref().ok()
    }

    /// Posts about something else than this run.
    pub(super) fn about(&mut self, subject: Subject) {
        self.subject = subject;
    }

    /// Sets the status to pending, before anything is measured.
    pub(super) async fn begin(&mut self) {
        self.pending("measuring").await;
    }

    /// Sets the status to pending, and says why.
    pub(super) async fn pending(&self, why: &str) {
        let (Ok(client), Some(context)) = (&self.client, &self.context) else {
            return;
        };
        let status = Status {
            context,
            state: State::Pending,
            description: why,
            target_url: self.subject.run_url.as_deref(),
        };
        let setting = async {
            match self.subject.clone().commit(client).await? {
                Some(commit) => status.set(client, &commit).await,
                None => Ok(()),
            }
        };
        // The end of the run tries again, and tells what is wrong then.
        let _ = tokio::time::timeout(AT_START, setting).await;
    }

    /// Posts the end of the run.
    pub(super) async fn finish(&mut self, told: &Told<'_>) -> Posted {
        let client = match &self.client {
            Ok(client) => client,
            Err(failure) => return self.posted(None, std::slice::from_ref(failure)),
        };
        let stopped = told.outcome == Outcome::Interrupted;
        if stopped {
            client.hurry(AFTER_SIGNAL);
        }
        let mut subject = self.subject.clone();
        let mut failed: Vec<Failure> = Vec::new();
        if let Err(error) = self.status(client, &mut subject, told).await {
            note(&mut failed, STATUS, error);
        }
        // A run that was stopped has nothing to say that is better than what is there.
        let kept = if stopped {
            Ok(None)
        } else {
            self.comment(client, &mut subject, told).await
        };
        let kept = kept.unwrap_or_else(|error| {
            note(&mut failed, COMMENT, error);
            None
        });
        self.posted(kept.as_ref().and_then(Kept::url), &failed)
    }

    async fn status(&self, client: &Client, subject: &mut Subject, told: &Told<'_>) -> Result<(), ApiError> {
        let Some(context) = &self.context else {
            return Ok(());
        };
        let Some(commit) = subject.commit(client).await? else {
            self.say("the event names no commit: no status");
            return Ok(());
        };
        let reason = self.console.mask.apply(told.reason);
        let status = Status {
            context,
            state: state(told.outcome),
            description: &reason,
            target_url: subject.run_url.as_deref(),
        };
        status.set(client, &commit).await?;
        self.say(&format!("status {context} set on {commit}"));
        Ok(())
    }

    async fn comment(
        &self,
        client: &Client,
        subject: &mut Subject,
        told: &Told<'_>,
    ) -> Result<Option<Kept>, ApiError> {
        let Some(when) = self.comment else {
            return Ok(None);
        };
        let Some(number) = subject.pull_request(client).await? else {
            self.say("no open pull request has this commit as its head: no comment");
            return Ok(None);
        };
        let shown: String = self.key.chars().take(SHOWN_KEY).collect();
        let signature = format!("\n<sub>{}</sub>\n", markdown_words(&shown));
        let text = |room: usize| {
            let body = (told.text)(room.saturating_sub(signature.len()));
            format!("{}{signature}", self.console.mask.apply(&body))
        };
        let draft = Draft {
            mark: Mark {
                key: self.key.clone(),
                commit: subject.commit(client).await?.unwrap_or_default(),
                run: subject.run,
                started: told.started,
                outcome: told.outcome.name().to_owned(),
                verdicts: told.verdicts.clone(),
            },
            when,
            passed: told.outcome == Outcome::Pass,
            text: &text,
        };
        let kept = draft.keep(client, number).await?;
        self.say(&match &kept {
            Kept::Created(url) => format!("comment created: {url}"),
            Kept::Updated(url) => format!("comment updated: {url}"),
            Kept::Unchanged(url) => format!("nothing changed, the comment stays: {url}"),
            Kept::Newer(url) => format!("the comment is about a newer commit or run and stays: {url}"),
            Kept::NotNeeded => "the run passed and there is no comment yet: no comment".to_owned(),
        });
        Ok(Some(kept))
    }

    fn say(&self, text: &str) {
        self.console.say(LogLevel::Info, text);
    }

    fn posted(&self, url: Option<&str>, failed: &[Failure]) -> Posted {
        let web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
        Posted {
            comment_url: url.filter(web).map(str::to_owned),
            annotations: explained(failed, self.subject.of_a_fork),
        }
    }
}

/// Tells the comments of a pull request apart: the input, which by default has workflow, job and matrix index in it.
fn key(inputs: &Inputs, env: &Env) -> String {
    let default = || {
        let part = |name: &str| env.get(name).unwrap_or("-");
        format!("{} / {}", part("GITHUB_WORKFLOW"), part("GITHUB_JOB"))
    };
    inputs.text("commentKey").map_or_else(default, str::to_owned)
}

fn state(outcome: Outcome) -> State {
    match outcome {
        Outcome::Pass => State::Success,
        Outcome::Fail | Outcome::Inconclusive => State::Failure,
        Outcome::Error | Outcome::Invalid | Outcome::Interrupted => State::Error,
    }
}

/// Adds a failure; one reason is told once.
fn note(failed: &mut Vec<Failure>, what: &'static str, error: ApiError) {
    let same = |known: &ApiError| known.to_string() == error.to_string() && known.hint() == error.hint();
    match failed.iter_mut().find(|known| same(&known.error)) {
        Some(known) => {
            known.what.insert(what);
        }
        None => failed.push(Failure {
            what: [what].into(),
            error,
        }),
    }
}

/// One annotation for all that the token may not do, one for each other reason.
fn explained(failed: &[Failure], of_a_fork: bool) -> Vec<Annotation> {
    let permission = |failure: &Failure| {
        let ApiError::Forbidden { permission, .. } = failure.error else {
            return None;
        };
        Some(permission)
    };
    let permissions: BTreeSet<&str> = failed.iter().filter_map(permission).collect();
    let (forbidden, others): (Vec<&Failure>, Vec<&Failure>) =
        failed.iter().partition(|failure| permission(failure).is_some());
    let mut annotations = Vec::new();
    if !forbidden.is_empty() {
        let what = words(forbidden.iter().flat_map(|failure| &failure.what));
        annotations.push(if of_a_fork {
            read_only(&what)
        } else {
            missing(&what, &permissions)
        });
    }
    annotations.extend(others.into_iter().map(|failure| {
        let why = TaskError::from_error(&failure.error).message;
        let what = words(&failure.what);
        warning(format!("{what}: {why}; {}", failure.error.hint()))
    }));
    annotations
}

fn words<'a>(what: impl IntoIterator<Item = &'a &'static str>) -> String {
    let what: BTreeSet<&str> = what.into_iter().copied().collect();
    what.into_iter().collect::<Vec<_>>().join(" and ")
}

fn warning(message: String) -> Annotation {
    Annotation {
        level: Level::Warning,
        title: "iter8".to_owned(),
        message,
        place: None,
    }
}

fn missing(what: &str, permissions: &BTreeSet<&str>) -> Annotation {
    let covered = |line: &str| {
        let scope = line.strip_suffix(": read");
        scope.is_some_and(|scope| permissions.contains(format!("{scope}: write").as_str()))
    };
    let needed = permissions.iter().filter(|line| !covered(line));
    let lines: Vec<String> = needed.map(|line| format!("\n  {line}")).collect();
    warning(format!(
        "{what}: the token may not write there. Add to the job:\npermissions:{}",
        lines.concat()
    ))
}

fn read_only(what: &str) -> Annotation {
    Annotation {
        level: Level::Notice,
        ..warning(format!(
            "{what}: the pull request is from a fork or of Dependabot, and GitHub gives its runs a token that can only read. The job summary has the report; a second workflow can publish it: https://github.com/iter8-tools/iter8-action/blob/main/docs/events.md"
        ))
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
        let mut failed = Vec::new();
        note(&mut failed, STATUS, forbidden("statuses: write"));
        note(&mut failed, STATUS, forbidden("pull-requests: read"));
        note(&mut failed, COMMENT, forbidden("pull-requests: write"));
        let annotations = explained(&failed, false);
        assert_eq!(annotations.len(), 1);
        assert_eq!(annotations[0].level, Level::Warning);
        assert_eq!(
            annotations[0].message,
            "no comment and no status: the token may not write there. Add to the job:\npermissions:\n  pull-requests: write\n  statuses: write"
        );
        let fork = explained(&failed, true);
        assert_eq!((fork.len(), fork[0].level), (1, Level::Notice));
    }

    #[test]
    fn one_reason_is_told_once() {
        let mut failed = Vec::new();
        note(&mut failed, STATUS, ApiError::OutOfTime);
        note(&mut failed, COMMENT, ApiError::OutOfTime);
        note(&mut failed, COMMENT, ApiError::TooLong);
        let annotations = explained(&failed, false);
        assert_eq!(annotations.len(), 2);
        assert!(
            annotations[0]
                .message
                .starts_with("no comment and no status: the time")
        );
    }

    #[test]
    fn every_outcome_has_its_state() {
        assert_eq!(state(Outcome::Pass), State::Success);
        assert_eq!(state(Outcome::Fail), State::Failure);
        assert_eq!(state(Outcome::Inconclusive), State::Failure);
        for outcome in [Outcome::Error, Outcome::Invalid, Outcome::Interrupted] {
            assert_eq!(state(outcome), State::Error);
        }
    }
}
