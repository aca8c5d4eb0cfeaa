//! `notify`, `slack` and `github`: requests that tell others of the result so far.
//!
//! Iter8 looked at no status where `softFailure` was set, and its charts set it always. Here every failure is seen: it
//! fails the task, or with `softFailure` it is a note of it.

mod address;
pub mod data;
mod github;
mod input;
mod payload;
mod slack;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use url::Url;

use super::inputs::{Sender, TemplateSource, Unsent, beginning, send, with_hint};
use super::{Event, RunContext, Task, TaskError, TaskOutput};
use crate::net::client::{Client, Redirects, Request, Response};
use crate::net::display_url;
use crate::results::{ExperimentResult, TaskStatus};
use crate::slo::Verdict;
use crate::template::{Absent, Random};

pub(super) use github::GithubKind;
pub(super) use input::NotifyKind;
pub(super) use slack::SlackKind;

/// Time for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at.
const SHOWN: usize = 64 << 10;

/// What is sent.
#[derive(Debug)]
enum Payload {
    /// Nothing.
    None,
    /// What a template comes to.
    Template(TemplateSource),
    /// Our own words for Slack.
    Slack,
    /// Our own event for GitHub.
    Github { event: String },
}

/// What becomes of the run when the request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnFailure {
    /// The task fails.
    Fail,
    /// It goes on; the task notes it.
    Note,
}

/// A request that is sent once.
struct NotifyTask {
    about: String,
    method: Method,
    url: Url,
    /// Instead of the URL, where that is a secret as a whole.
    shown: Option<String>,
    headers: HeaderMap,
    payload: Payload,
    on_failure: OnFailure,
    timeout: Duration,
    sender: Sender,
    /// Whether an answer says that all went well, and what to do if not.
    judge: fn(&Response) -> Result<(), String>,
}

impl Task for NotifyTask {
    fn about(&self) -> String {
        self.about.clone()
    }

    fn tells(&self) -> bool {
        true
    }

    fn run<'a>(
        &'a self,
        context: &'a RunContext,
        so_far: &'a ExperimentResult,
    ) -> BoxFuture<'a, Result<TaskOutput, TaskError>> {
        Box::pin(async move {
            // A payload that cannot be made is a mistake of the experiment, and no failure of the other side.
            let body = self.body(context, so_far).await?;
            let sent = self.deliver(context, body).await;
            match (sent, self.on_failure) {
                (Ok(note), _) => Ok(TaskOutput {
                    notes: vec![note],
                    ..TaskOutput::default()
                }),
                (Err(error), OnFailure::Note) => {
                    let note = format!("warning: not sent: {error} (softFailure: the run goes on)");
                    context.emit(Event::Note(context.mask.apply(&note)));
                    Ok(TaskOutput {
                        notes: vec![note],
                        ..TaskOutput::default()
                    })
                }
                (Err(error), OnFailure::Fail) => Err(error),
            }
        })
    }
}

impl NotifyTask {
    /// Sends the request; what became of it, in a sentence.
    async fn deliver(&self, context: &RunContext, body: Bytes) -> Result<String, TaskError> {
        let mut headers = self.headers.clone();
        if !body.is_empty()
            && !headers.contains_key(CONTENT_TYPE)
            && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok()
        {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = Request {
            headers,
            body,
            timeout: self.timeout,
            body_limit: SHOWN,
            ..Request::new(self.method.clone(), self.url.clone())
        };
        let settings = self
            .sender
            .settings()
            .map_err(|error| TaskError::from_error(&error))?;
        // A redirect would turn a POST into a GET somewhere else.
        let client =
            Client::new(&settings, Redirects::None).map_err(|error| TaskError::from_error(&error))?;
        let target = self.target();
        let failed = |why: &str| TaskError::new(format!("cannot notify {target}: {why}"));
        let response = match send(&client, &request, &context.shutdown).await {
            Ok(response) => response,
            Err(Unsent::Stopped) => return Err(failed("stopped before there was an answer")),
            Err(Unsent::Failed(why)) => return Err(failed(&self.without_path(&why))),
        };
        let status = response.status.as_u16();
        match (self.judge)(&response) {
            Ok(()) => Ok(format!("{target} answered with status {status}")),
            Err(hint) => {
                let says = beginning(&response.body);
                let says = if says.is_empty() {
                    String::new()
                } else {
                    format!(" and says {says:?}")
                };
                let hint = if hint.is_empty() {
                    String::new()
                } else {
                    format!(" ({hint})")
                };
                Err(failed(&format!("it answers with status {status}{says}{hint}")))
            }
        }
    }

    fn target(&self) -> String {
        self.shown.clone().unwrap_or_else(|| display_url(&self.url))
    }

    /// The path of a webhook is its password.
    fn without_path(&self, text: &str) -> String {
        match &self.shown {
            Some(shown) => text.replace(&display_url(&self.url), shown),
            None => text.to_owned(),
        }
    }

    async fn body(&self, context: &RunContext, so_far: &ExperimentResult) -> Result<Bytes, TaskError> {
        let result = || if_it_ended_here(so_far);
        match &self.payload {
            Payload::None => Ok(Bytes::new()),
            Payload::Slack => Ok(payload::slack(&result()).into()),
            Payload::Github { event } => Ok(payload::github(event, so_far, &result()).into()),
            Payload::Template(source) => {
                let template = source.load("payload template", &self.sender, context).await?;
                let mut values = data::of_result(so_far);
                // The outcome of a run that goes on is not known yet; what a reader wants is how it stands.
                values = data::with_outcome(&values, &result());
                let text = template
                    .render_with(&values, Absent::Refused, &mut Random::from_system())
                    .map_err(|error| {
                        TaskError::new(format!("the payload template: {}", with_hint(&error)))
                    })?;
                if text.trim().is_empty() {
                    return Err(TaskError::new(
                        "the payload template comes to nothing: there is nothing to send",
                    ));
                }
                Ok(text.into())
            }
        }
    }
}

/// A result as it would be if the run ended before this task: what is not reached yet says nothing against it.
fn if_it_ended_here(result: &ExperimentResult) -> ExperimentResult {
    let mut result = result.clone();
    for task in &mut result.tasks {
        if task.status == TaskStatus::NotRun {
            task.status = TaskStatus::Completed;
        }
    }
    result
        .assessment
        .judgements
        .retain(|judgement| judgement.verdict != Verdict::NotAssessed);
    result.ended = true;
    result.conclude();
    result
}

/// 2xx is well.
fn any_success(response: &Response) -> Result<(), String> {
    match response.status.as_u16() {
        200..=299 => Ok(()),
        300..=399 => Err("redirects are not followed: give the URL that it leads to".to_owned()),
        401 | 403 => Err("check the token".to_owned()),
        404 => Err("check the URL".to_owned()),
        _ => Err(String::new()),
    }
}

/// Who reads templates that are shared.
type Shared = Arc<crate::template::Template>;

/// Tries a template that is there already on a result without measurements, so that names that cannot be are found
/// before the run. What depends on measurements is not known then, and no mistake.
fn try_out(template: &Shared) -> Result<(), crate::template::TemplateError> {
    let tried = template.render_with(&data::sample(), Absent::Printed, &mut Random::seeded(0));
    match tried {
        Err(error) if error.message.starts_with("there is no field") => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
