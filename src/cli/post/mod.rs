//! [`Posts`]: the comment, the commit status and the pull request that the inputs ask for. Comment and status are best
//! effort: what cannot be posted is told, and never changes how the run ends.

mod poster;
mod proposal;
mod trouble;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::args::LogLevel;
use super::console::Console;
use crate::diagnostic::Diagnostic;
use crate::platform::github::Inputs;
use crate::platform::github::rest::{Kept, Link, Mark, Run, State};

use crate::platform::{Annotation, Env, Level};
use crate::report::markdown_words;
use crate::results::{ExperimentResult, Outcome, OutcomeReason};
use crate::secret::Mask;
use crate::spec::{Decode as _, Decoder, Key, Node, SourceFile};
use crate::tasks::{PullRequest, When};

pub(super) use poster::Poster;
use poster::wanted;

/// Characters of a key that are shown.
const SHOWN_KEY: usize = 100;
/// How long the status may hold up the start of a run.
const AT_START: Duration = Duration::from_secs(10);
/// What is left for calls after a signal, by which the process is to end soon.
const AFTER_SIGNAL: Duration = Duration::from_secs(3);

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
    pub text: &'a (dyn Fn(usize) -> String + Sync),
}

impl Told<'_> {
    /// What a comment under a key says of itself.
    pub(super) fn mark(&self, key: &str, commit: Option<String>, run: Run) -> Mark {
        Mark {
            key: key.to_owned(),
            commit: commit.unwrap_or_default(),
            run,
            started: self.started,
            outcome: self.outcome.name().to_owned(),
            verdicts: self.verdicts.clone(),
        }
    }

    /// The report with the key below it, in at most so many bytes.
    pub(super) fn signed(&self, key: &str, mask: &Mask, room: usize) -> String {
        let shown: String = key.chars().take(SHOWN_KEY).collect();
        let signature = format!("\n<sub>{}</sub>\n", markdown_words(&shown));
        let body = (self.text)(room.saturating_sub(signature.len()));
        format!("{}{signature}", mask.apply(&body))
    }
}

/// What became of a comment, in words.
pub(super) fn words_for(kept: &Kept) -> String {
    match kept {
        Kept::Created(url) => format!("comment created: {url}"),
        Kept::Updated(url) => format!("comment updated: {url}"),
        Kept::Unchanged(url) => format!("nothing changed, the comment stays: {url}"),
        Kept::Newer(url) => format!("the comment is about a newer commit or run and stays: {url}"),
        Kept::NotNeeded => "the run passed and there is no comment yet: no comment".to_owned(),
    }
}

/// What became of it.
pub(super) struct Posted {
    /// Where the comment is.
    pub comment_url: Option<String>,
    /// Where the pull request is.
    pub pull_request: Option<Link>,
    /// What could not be posted, and what the user can do about it.
    pub annotations: Vec<Annotation>,
    /// Whether every pull request that was asked for could be opened.
    pub written: bool,
}

/// After which runs a pull request is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Pass,
    Fail,
}

/// What the inputs ask for.
pub(super) struct Posts {
    poster: Arc<Poster>,
    comment: Option<When>,
    context: Option<String>,
    proposal: Option<(On, PullRequest)>,
}

impl Posts {
    /// What the inputs ask for, or all that is wrong with it.
    pub(super) fn of(
        inputs: &Inputs,
        env: &Env,
        console: &Console,
        poster: Arc<Poster>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let proposal = proposal_of(inputs, env, console)?;
        if let Some(doubt) = unused(inputs).filter(|_| proposal.is_none()) {
            poster.doubt(&doubt);
        }
        Ok(Self {
            poster,
            comment: inputs.text("comment").and_then(When::of),
            context: inputs.text("status").map(str::to_owned),
            proposal,
        })
    }

    /// Sets the status to pending, before anything is measured.
    pub(super) async fn begin(&self) {
        self.pending("measuring").await;
    }

    /// Sets the status to pending, and says why.
    pub(super) async fn pending(&self, why: &str) {
        if let Some(context) = &self.context {
            let setting = self.poster.try_status(context, State::Pending, why);
            // The end of the run tries again, and tells what is wrong then.
            let _ = tokio::time::timeout(AT_START, setting).await;
        }
    }

    /// Posts the end of the run; `result` if anything was measured.
    pub(super) async fn finish(&self, told: &Told<'_>, result: Option<&ExperimentResult>) {
        let stopped = told.outcome == Outcome::Interrupted;
        if stopped {
            self.poster.hurry(AFTER_SIGNAL);
        }
        if let Some(context) = &self.context {
            self.poster
                .status(context, state(told.outcome), told.reason)
                .await;
        }
        self.poster.settle(told).await;
        // A run that was stopped has nothing to say that is better than what is there.
        if stopped {
            return;
        }
        if let (Some((on, ask)), Some(result)) = (&self.proposal, result)
            && is_due(*on, result)
        {
            self.poster.propose(ask, told, result).await;
        }
        if let Some(when) = self.comment {
            self.poster.comment(wanted(when), None, told).await;
        }
    }
}

/// Whether a result is what a pull request waits for; that broken objectives do not fail the step keeps none.
fn is_due(on: On, result: &ExperimentResult) -> bool {
    let outcome = if result.validate_slos {
        result.outcome
    } else {
        let strict = ExperimentResult {
            validate_slos: true,
            ..result.clone()
        };
        OutcomeReason::of(&strict).outcome
    };
    match on {
        On::Pass => outcome == Outcome::Pass,
        On::Fail => matches!(outcome, Outcome::Fail | Outcome::Inconclusive),
    }
}

/// The inputs and the fields of a task that they are.
const FIELDS: [(&str, &str); 5] = [
    ("pullRequestRepository", "repository"),
    ("pullRequestBase", "base"),
    ("pullRequestBranch", "branch"),
    ("pullRequestTitle", "title"),
    ("pullRequestBody", "body"),
];
const CHANGES: &str = "pullRequestChanges";

/// The pull request of the inputs. They are read also where none is to be opened: a mistake is one all the same.
fn proposal_of(
    inputs: &Inputs,
    env: &Env,
    console: &Console,
) -> Result<Option<(On, PullRequest)>, Vec<Diagnostic>> {
    let on = match inputs.text("pullRequest") {
        Some("on-pass") => Some(On::Pass),
        Some("on-fail") => Some(On::Fail),
        Some(_) | None => None,
    };
    let Some(changes) = inputs.text(CHANGES) else {
        if on.is_none() {
            return Ok(None);
        }
        let hint = "such as `- {file: deploy/values.yaml, yaml: image.tag, value: v2}`";
        let missing = Diagnostic::error("a pull request needs changes: a YAML list of edits");
        return Err(vec![missing.at(Inputs::place(CHANGES)).hint(hint)]);
    };
    let source = SourceFile::new(Inputs::place(CHANGES).source, changes);
    let changes = Node::parse(&source).map_err(|found| vec![flat(found)])?;
    let entry = |name: &str, node: Node| {
        let key = Key {
            name: name.to_owned(),
            at: node.at.clone(),
        };
        (key, node)
    };
    let mut entries = vec![entry("changes", changes)];
    for (input, field) in FIELDS {
        if let Some(text) = inputs.text(input) {
            entries.push(entry(field, Node::text(Inputs::place(input).source, text)));
        }
    }
    let node = Node::map(Inputs::place("pullRequest").source, entries);
    let lookup = |name: &str| env.get(name).map(str::to_owned);
    let mut decoder = Decoder::new(&source, Path::new("."), &lookup, console.mask.clone());
    let read = PullRequest::decode(&node, &mut decoder);
    let wrong = decoder.has_errors();
    let found: Vec<Diagnostic> = decoder.into_diagnostics().into_iter().map(flat).collect();
    match read.filter(|_| !wrong) {
        Some(ask) => Ok(on.map(|on| (on, ask))),
        None => Err(found),
    }
}

/// What is given for a pull request that is never opened.
fn unused(inputs: &Inputs) -> Option<Diagnostic> {
    let names = FIELDS.iter().map(|(input, _)| *input).chain([CHANGES]);
    let given: Vec<&str> = names.filter(|name| inputs.text(name).is_some()).collect();
    let first = given.first()?;
    let message = format!("{} without effect: `pullRequest` is never", given.join(", "));
    let hint = "set `pullRequest` to on-pass or on-fail, or take them out";
    Some(Diagnostic::warning(message).at(Inputs::place(first)).hint(hint))
}

/// A finding inside an input: no file has its line.
fn flat(mut found: Diagnostic) -> Diagnostic {
    if let Some(place) = &mut found.place
        && let Some(span) = place.span.take()
    {
        found.message = format!("line {}: {}", span.line, found.message);
    }
    found
}

fn state(outcome: Outcome) -> State {
    match outcome {
        Outcome::Pass => State::Success,
        Outcome::Measured => State::Pending,
        Outcome::Fail | Outcome::Inconclusive => State::Failure,
        Outcome::Error | Outcome::Invalid | Outcome::Interrupted => State::Error,
    }
}

/// Shows what could not be posted where no platform does.
pub(super) fn show(posted: &Posted, console: &Console) {
    for annotation in &posted.annotations {
        let (level, word) = match annotation.level {
            Level::Error => (LogLevel::Error, "error"),
            Level::Warning => (LogLevel::Warning, "warning"),
            Level::Notice => (LogLevel::Info, "note"),
        };
        console.say(level, &format!("{word}: {}", annotation.message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_state() {
        assert_eq!(state(Outcome::Pass), State::Success);
        assert_eq!(state(Outcome::Fail), State::Failure);
        assert_eq!(state(Outcome::Inconclusive), State::Failure);
        for outcome in [Outcome::Error, Outcome::Invalid, Outcome::Interrupted] {
            assert_eq!(state(outcome), State::Error);
        }
    }

    #[test]
    fn broken_objectives_that_fail_no_step_promote_nothing() {
        use crate::slo::{Certainty, Judgement, Verdict};
        let source = crate::results::SourceInfo::default();
        let mut result = ExperimentResult::new(
            source,
            crate::results::Environment::default(),
            jiff::Timestamp::UNIX_EPOCH,
        );
        result.ended = true;
        result.assessment.judgements.push(Judgement {
            task: 1,
            objective: "http/error-rate <= 1%".parse().expect("an objective"),
            version: "default".into(),
            verdict: Verdict::NotMet,
            value: None,
            interval: None,
            certainty: Certainty::Sure,
            requests: None,
            note: None,
        });
        for validate_slos in [true, false] {
            result.validate_slos = validate_slos;
            result.conclude();
            assert!(!is_due(On::Pass, &result) && is_due(On::Fail, &result));
        }
    }
}
