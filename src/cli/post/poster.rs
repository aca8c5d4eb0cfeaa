//! [`Poster`]: speaks with GitHub for the inputs of the action and for the tasks of an experiment alike, and remembers
//! what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::proposal::{self, Written};
use super::trouble::{Trouble, What};
use super::{AFTER_SIGNAL, Posted, Told, state, words_for};
use crate::cli::args::LogLevel;
use crate::cli::console::Console;
use crate::cli::publish::verdicts;
use crate::diagnostic::Diagnostic;
use crate::platform::github::rest::{
    ApiError, Client, Draft, Link, Proposed, Repository, State, Status, Subject, When,
};
use crate::platform::{Annotation, Env};
use crate::report::{View, render_within};
use crate::results::{ExperimentResult, Outcome, TaskStatus};
use crate::secret::Secret;
use crate::tasks::{Ask, Publisher, PullRequest, When as Asked};

/// Posts what a run comes to.
pub(in crate::cli) struct Poster {
    console: Console,
    env: Env,
    key: String,
    token: Option<Secret>,
    /// What is known of commit and pull request; more is known after they were asked for.
    subject: tokio::sync::Mutex<Subject>,
    of_a_fork: bool,
    run_url: Option<String>,
    client: OnceLock<Result<Client, ApiError>>,
    done: Mutex<Done>,
}

/// What came of it.
#[derive(Default)]
struct Done {
    comment_url: Option<String>,
    link: Option<Link>,
    trouble: Trouble,
    /// What the inputs leave doubtful.
    doubts: Vec<Annotation>,
    /// The statuses that tasks set, and what each says.
    statuses: BTreeMap<String, Option<(State, String)>>,
    /// The comments that tasks wrote before the end.
    comments: Vec<Early>,
    /// Repository and branch of each pull request.
    branches: BTreeSet<(String, String)>,
}

/// A comment that was written before the end.
struct Early {
    when: When,
    key: Option<String>,
    outcome: Outcome,
    verdicts: String,
}

impl Poster {
    /// Asks for nothing yet. `key` tells comments and branches of several jobs apart; by default it has workflow and job.
    pub(in crate::cli) fn new(console: &Console, env: &Env, token: Option<&str>, key: Option<&str>) -> Self {
        Self::about(Subject::of(env), console, env, token, key)
    }

    /// The same about something else than this run.
    pub(in crate::cli) fn about(
        subject: Subject,
        console: &Console,
        env: &Env,
        token: Option<&str>,
        key: Option<&str>,
    ) -> Self {
        let default = || {
            let part = |name: &str| env.get(name).unwrap_or("-");
            format!("{} / {}", part("GITHUB_WORKFLOW"), part("GITHUB_JOB"))
        };
        let key = key.map_or_else(default, str::to_owned);
        Self {
            console: console.clone(),
            env: env.clone(),
            key: console.mask.apply(&key),
            token: token.map(Secret::new),
            of_a_fork: subject.of_a_fork,
            run_url: subject.run_url.clone(),
            subject: tokio::sync::Mutex::new(subject),
            client: OnceLock::new(),
            done: Mutex::default(),
        }
    }

    /// The client of the run. To be called where tokio runs.
    pub(in crate::cli) fn client(&self) -> Result<&Client, &ApiError> {
        let new = || Client::new(&self.env, self.token.as_ref());
        self.client.get_or_init(new).as_ref()
    }

    /// Leaves no more than this for the calls that follow.
    pub(super) fn hurry(&self, left: Duration) {
        if let Ok(client) = self.client() {
            client.hurry(left);
        }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, text: String) -> String {
        self.console.say(LogLevel::Info, &text);
        text
    }

    /// Remembers what went wrong; it is shown at the end.
    fn failed(&self, what: What, error: &ApiError) -> String {
        self.done().trouble.api(what, error);
        error.to_string()
    }

    /// Shows what the inputs leave doubtful, now and at the end.
    pub(super) fn doubt(&self, doubt: &Diagnostic) {
        self.console.diagnostics(std::slice::from_ref(doubt));
        self.done().doubts.push(doubt.into());
    }

    /// Everything that was posted, and what was not.
    pub(in crate::cli) fn posted(&self) -> Posted {
        let done = self.done();
        let web = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
        Posted {
            comment_url: done.comment_url.as_ref().filter(web).cloned(),
            pull_request: done.link.clone().filter(|link| web(&&link.url)),
            annotations: [done.trouble.annotations(self.of_a_fork), done.doubts.clone()].concat(),
            written: !done.trouble.spoils(What::PullRequest, self.of_a_fork),
        }
    }

    /// Sets a status of the commit.
    pub(super) async fn status(&self, context: &str, state: State, reason: &str) -> String {
        match self.set(context, state, reason).await {
            Ok(text) => {
                if let Some(said) = self.done().statuses.get_mut(context) {
                    *said = Some((state, reason.to_owned()));
                }
                self.say(text)
            }
            Err(error) => self.failed(What::Status, error.get()),
        }
    }

    /// The same, without a word of failures.
    pub(super) async fn try_status(&self, context: &str, state: State, reason: &str) {
        let _ = self.set(context, state, reason).await;
    }

    /// Takes to the end of the run what tasks said of it before.
    pub(in crate::cli) async fn settle(&self, told: &Told<'_>) {
        let last = (state(told.outcome), told.reason.to_owned());
        let (contexts, comments) = {
            let mut done = self.done();
            let early = done
                .statuses
                .iter()
                .filter(|(_, said)| said.as_ref() != Some(&last));
            let contexts: Vec<String> = early.map(|(context, _)| context.clone()).collect();
            (contexts, std::mem::take(&mut done.comments))
        };
        let stopped = told.outcome == Outcome::Interrupted;
        if stopped && !contexts.is_empty() {
            self.hurry(AFTER_SIGNAL);
        }
        for context in contexts {
            self.status(&context, last.0, told.reason).await;
        }
        // A run that was stopped has nothing to say that is better than what is there.
        let old = |early: &Early| early.outcome != told.outcome || early.verdicts != told.verdicts;
        for early in comments.into_iter().filter(|early| !stopped && old(early)) {
            self.comment(early.when, early.key.as_deref(), told).await;
        }
    }

    async fn set(&self, context: &str, state: State, reason: &str) -> Result<String, Refusal<'_>> {
        let client = self.client().map_err(Refusal::Known)?;
        let commit = self.subject.lock().await.commit(client).await?;
        let Some(commit) = commit else {
            return Ok("the event names no commit: no status".to_owned());
        };
        let status = Status {
            context,
            state,
            description: &self.console.mask.apply(reason),
            target_url: self.run_url.as_deref(),
        };
        status.set(client, &commit).await?;
        Ok(format!("status {context} set on {commit}"))
    }

    /// Writes the comment.
    pub(super) async fn comment(&self, when: When, key: Option<&str>, told: &Told<'_>) -> String {
        match self.keep(when, key, told).await {
            Ok(text) => self.say(text),
            Err(error) => self.failed(What::Comment, error.get()),
        }
    }

    async fn keep(&self, when: When, key: Option<&str>, told: &Told<'_>) -> Result<String, Refusal<'_>> {
        let client = self.client().map_err(Refusal::Known)?;
        let mut subject = self.subject.lock().await;
        let Some(number) = subject.pull_request(client).await? else {
            return Ok("no open pull request has this commit as its head: no comment".to_owned());
        };
        let key = key.map_or_else(|| self.key.clone(), |key| self.console.mask.apply(key));
        let text = |room: usize| told.signed(&key, &self.console.mask, room);
        let commit = subject.commit(client).await?;
        let draft = Draft {
            mark: told.mark(&key, commit, subject.run),
            when,
            passed: told.outcome == Outcome::Pass,
            text: &text,
        };
        let kept = draft.keep(client, number).await?;
        self.done().comment_url = kept.url().map(str::to_owned);
        Ok(words_for(&kept))
    }

    /// Opens the pull request.
    pub(super) async fn propose(
        &self,
        ask: &PullRequest,
        told: &Told<'_>,
        result: &ExperimentResult,
    ) -> String {
        let written = match Written::of(ask, result, &self.key, &self.console.mask) {
            Ok(written) => written,
            Err(why) => {
                let text = why.clone();
                self.done()
                    .trouble
                    .other(What::PullRequest, why, "look at `changes`, title and body");
                return text;
            }
        };
        let own = Repository::of(&self.env).ok();
        let named = ask.repository.as_deref().and_then(Repository::parse);
        let place = named.as_ref().or(own.as_ref()).map(ToString::to_string);
        let branch = (
            place.unwrap_or_default().to_lowercase(),
            written.branch().to_owned(),
        );
        if !self.done().branches.insert(branch) {
            let text = format!(
                "another pull request of this run comes from the branch {:?}",
                written.branch()
            );
            let hint = "give each a `branch` of its own";
            self.done().trouble.other(What::PullRequest, text.clone(), hint);
            return text;
        }
        let elsewhere = named.as_ref().filter(|named| Some(*named) != own.as_ref());
        let elsewhere = elsewhere.filter(|_| ask.token.is_none()).map(ToString::to_string);
        let made = match &ask.token {
            Some(token) => match Client::new(&self.env, Some(token)) {
                Ok(client) => {
                    let client = match self.client() {
                        Ok(own) => client.sharing(own),
                        Err(_) => client,
                    };
                    self.make(&client, named, &written, told).await
                }
                Err(error) => Err(error.into()),
            },
            None => match self.client() {
                Ok(client) => self.make(client, named, &written, told).await,
                Err(error) => return self.failed(What::PullRequest, error),
            },
        };
        match made {
            Ok(made) => {
                self.done().link = made.link().cloned();
                self.say(proposal::words(&made))
            }
            Err(error) => {
                self.done().trouble.proposal(&error, elsewhere.as_deref());
                error.to_string()
            }
        }
    }

    async fn make(
        &self,
        client: &Client,
        named: Option<Repository>,
        written: &Written<'_>,
        told: &Told<'_>,
    ) -> Result<Proposed, proposal::Error> {
        let mut subject = self.subject.lock().await.clone();
        let repository = named.unwrap_or_else(|| client.repository().clone());
        let mark = told.mark("", subject.commit.take(), subject.run);
        let text = |room: usize| {
            let text = written.text(room, told, self.run_url.as_deref());
            self.console.mask.apply(&text)
        };
        written.proposal(&repository, mark, &text).make(client).await
    }
}

/// An error of this call, or that of setting up the client.
enum Refusal<'a> {
    Known(&'a ApiError),
    New(ApiError),
}

impl Refusal<'_> {
    fn get(&self) -> &ApiError {
        match self {
            Self::Known(error) => error,
            Self::New(error) => error,
        }
    }
}

impl From<ApiError> for Refusal<'_> {
    fn from(error: ApiError) -> Self {
        Self::New(error)
    }
}

/// A result as it would be if the run ended with the task that runs now, and whether others follow.
fn so_far(result: &ExperimentResult) -> (ExperimentResult, bool) {
    let mut result = result.clone();
    let running = result
        .tasks
        .iter_mut()
        .find(|task| task.status == TaskStatus::NotRun);
    if let Some(task) = running {
        task.status = TaskStatus::Completed;
    }
    let more = result.tasks.iter().any(|task| task.status == TaskStatus::NotRun);
    result.ended = true;
    result.conclude();
    (result, more)
}

impl Publisher for Poster {
    fn publish<'a>(&'a self, ask: &'a Ask, result: &'a ExperimentResult) -> BoxFuture<'a, String> {
        Box::pin(async move {
            if self.env.get("GITHUB_REPOSITORY").is_none() {
                let (what, hint) = (what(ask), "run it as a step of a job, or take the task out");
                let text = "this is no job of GitHub Actions".to_owned();
                self.done().trouble.other(what, text.clone(), hint);
                return text;
            }
            let (result, more) = so_far(result);
            let view = View::of(&result);
            let told = Told {
                outcome: result.outcome,
                reason: &view.reason,
                verdicts: verdicts(&view),
                started: result.started.as_second(),
                text: &|room| render_within(&view, room),
            };
            match ask {
                Ask::Comment { when, key } => {
                    self.done().comments.push(Early {
                        when: wanted(*when),
                        key: key.clone(),
                        outcome: told.outcome,
                        verdicts: told.verdicts.clone(),
                    });
                    self.comment(wanted(*when), key.as_deref(), &told).await
                }
                Ask::Status { context } => {
                    self.done().statuses.entry(context.clone()).or_default();
                    // Nobody may merge on what a later task can still take back.
                    if more {
                        let reason = format!("so far: {}", told.reason);
                        self.status(context, State::Pending, &reason).await
                    } else {
                        self.status(context, state(told.outcome), told.reason).await
                    }
                }
                Ask::PullRequest(ask) => self.propose(ask, &told, &result).await,
            }
        })
    }
}

fn what(ask: &Ask) -> What {
    match ask {
        Ask::Comment { .. } => What::Comment,
        Ask::Status { .. } => What::Status,
        Ask::PullRequest(_) => What::PullRequest,
    }
}

/// The same word of another layer.
pub(super) fn wanted(when: Asked) -> When {
    match when {
        Asked::Always => When::Always,
        Asked::OnFail => When::OnFail,
        Asked::OnChange => When::OnChange,
    }
}
