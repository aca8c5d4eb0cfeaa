//! [`Lookup`]: the URL to test where nobody gave one: that of the event, or of the commit's deployment.

use std::time::Duration;

use tokio::time::Instant;

use super::args::LogLevel;
use super::console::Console;
use super::post::Poster;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::platform::github::rest::{ApiError, Client, Deployed, Subject};
use crate::platform::github::{Event, Inputs, Lack, server};
use crate::spec::Period;
use crate::tasks::TaskError;

/// Between two looks at a deployment that is not ready.
const PAUSE: Duration = Duration::from_secs(5);
/// Environments that are named.
const NAMED: usize = 5;

/// Why there is no URL.
#[derive(Debug)]
pub(super) enum Missing {
    /// There is no deployment, or nobody can tell which one is meant.
    Unknown(Diagnostic),
    /// There is one, which is not ready.
    NotYet(Diagnostic),
    /// There is one, which failed.
    Failed(Diagnostic),
    /// There is one, of another environment than the one that is asked for.
    Another(Diagnostic),
}

/// What is asked.
pub(super) struct Lookup<'a> {
    pub console: &'a Console,
    pub env: &'a Env,
    pub inputs: &'a Inputs,
    pub event: &'a Event,
    /// Whose client is asked: all calls of a run share one time.
    pub poster: &'a Poster,
    /// How long to wait for a deployment.
    pub patience: &'static str,
}

/// Why the event's own deployment must not be tested, whatever else says what to test: it is of another environment, or
/// it is not there, so that a verdict about its commit would be one about an older one.
pub(super) fn refusal(inputs: &Inputs, event: &Event) -> Option<Missing> {
    if !event.is_of_deployment {
        return None;
    }
    let is = event.environment.as_deref();
    if let Some(wanted) = inputs.text("environment")
        && !is.is_some_and(|is| is.eq_ignore_ascii_case(wanted))
    {
        let of = is.map_or_else(|| "an environment without a name".to_owned(), named);
        let message = format!(
            "not this one: the deployment is of {of}, and `environment` asks for {}; nothing was sent",
            named(wanted)
        );
        let hint = "run the job for that environment only: if: github.event.deployment.environment == 'NAME', or github.event.client_payload.environment of Vercel's event";
        return Some(Missing::Another(Diagnostic::error(message).hint(hint)));
    }
    let lack = event.lack.as_ref();
    lack.filter(|lack| **lack != Lack::NoUrl)
        .map(|lack| lacking(lack, None))
}

impl Lookup<'_> {
    /// The URL of the deployment of the commit that the run is about.
    pub(super) async fn url(&self) -> Result<String, Missing> {
        if let Some(lack) = &self.event.lack {
            return Err(lacking(lack, None));
        }
        let client = self.poster.client().map_err(|error| nothing(Some(error)))?;
        let subject = Subject::of(self.env);
        let commits = self
            .commits(client, subject)
            .await
            .map_err(|error| nothing(Some(&error)))?;
        if commits.is_empty() {
            return Err(nothing(None));
        }
        let until = Instant::now() + self.patience();
        let mut said = false;
        loop {
            let found = self
                .ask(client, &commits)
                .await
                .map_err(|error| nothing(Some(&error)))?;
            let waits = match &found {
                Deployed::At(place) => {
                    let text = format!("testing {}, deployed to {}", place.url, named(&place.environment));
                    self.console.say(LogLevel::Info, &text);
                    return Ok(place.url.clone());
                }
                Deployed::Lacking(_, Lack::NotYet(_)) => true,
                // It may not have begun: events of a push come before its deployment.
                Deployed::Nowhere => self.comes_first(),
                Deployed::Several(_) | Deployed::Lacking(..) => false,
            };
            let left = until.saturating_duration_since(Instant::now());
            if !waits || left.is_zero() {
                return Err(self.told(found, &commits));
            }
            if !std::mem::replace(&mut said, true) {
                let text = format!("waiting for the deployment of {}", short(&commits[0]));
                self.console.say(LogLevel::Info, &text);
            }
            tokio::time::sleep(PAUSE.min(left)).await;
        }
    }

    /// The commits whose deployment is meant, the likeliest first: jobs of a pull request deploy its merge commit.
    async fn commits(&self, client: &Client, mut subject: Subject) -> Result<Vec<String>, ApiError> {
        let mut commits: Vec<String> = subject.commit(client).await?.into_iter().collect();
        if self.env.get("GITHUB_EVENT_NAME") == Some("pull_request") {
            commits.extend(self.env.get("GITHUB_SHA").map(str::to_owned));
        }
        commits.dedup();
        Ok(commits)
    }

    async fn ask(&self, client: &Client, commits: &[String]) -> Result<Deployed, ApiError> {
        let mut found = Deployed::Nowhere;
        for commit in commits {
            let of_it =
                Deployed::of(client, commit, self.inputs.text("environment"), server(self.env)).await?;
            match of_it {
                Deployed::Nowhere => {}
                Deployed::At(_) | Deployed::Several(_) => return Ok(of_it),
                Deployed::Lacking(..) => found = of_it,
            }
        }
        Ok(found)
    }

    fn comes_first(&self) -> bool {
        let name = self.env.get("GITHUB_EVENT_NAME").unwrap_or_default();
        name.starts_with("pull_request") || matches!(name, "push" | "workflow_run")
    }

    fn patience(&self) -> Duration {
        let given = self.inputs.text("readyTimeout").unwrap_or(self.patience);
        // One that cannot be read is refused with the other mistakes.
        given.parse::<Period>().map_or(Duration::ZERO, |period| period.0)
    }

    fn told(&self, found: Deployed, commits: &[String]) -> Missing {
        match found {
            Deployed::Several(names) => several(&names),
            Deployed::Lacking(environment, lack) => lacking(&lack, Some(&environment)),
            Deployed::At(_) | Deployed::Nowhere => {
                let environment = self.inputs.text("environment");
                let to = environment.map_or_else(String::new, |name| format!(" to {}", named(name)));
                let message = format!(
                    "nothing to test: commit {} has no deployment{to}",
                    short(&commits[0])
                );
                let hint = "give `url:`, or run on the event `deployment_status`: https://github.com/iter8-tools/iter8-action/blob/main/docs/events.md";
                Missing::Unknown(Diagnostic::error(message).hint(hint))
            }
        }
    }
}

/// There is nothing to ask, or it could not be asked.
fn nothing(error: Option<&ApiError>) -> Missing {
    let diagnostic =
        Diagnostic::error("nothing to test: no `url`, no `host`, no `experiment`, and no ./experiment.yaml");
    let files =
        "give `url:`, or check the repository out before this step (actions/checkout) and give `experiment:`";
    let hint = match error {
        // Whoever has no token does not expect a look at deployments.
        None | Some(ApiError::NoToken | ApiError::Variable { .. }) => files.to_owned(),
        Some(error) => {
            let why = TaskError::from_error(error).message;
            format!(
                "{files}; the deployments of the commit cannot be looked up: {why}; {}",
                error.hint()
            )
        }
    };
    Missing::Unknown(diagnostic.hint(hint))
}

fn lacking(lack: &Lack, environment: Option<&str>) -> Missing {
    let to = environment.map_or_else(String::new, |name| format!(" (to {})", named(name)));
    let diagnostic = Diagnostic::error(format!("{lack}{to}; nothing was sent"));
    let hint = match (lack, environment) {
        (Lack::NotYet(_), Some(_)) => "raise `readyTimeout`, or run on the event `deployment_status`",
        (Lack::NotYet(_), None) => {
            "an event for its success will follow; run the job for that one only: if: github.event.deployment_status.state == 'success'"
        }
        (Lack::Failed(_), _) => "look at the log of the deployment",
        (Lack::NoUrl, _) => "give `url:`",
    };
    let diagnostic = diagnostic.hint(hint);
    match lack {
        Lack::NotYet(_) => Missing::NotYet(diagnostic),
        Lack::Failed(_) => Missing::Failed(diagnostic),
        Lack::NoUrl => Missing::Unknown(diagnostic),
    }
}

fn several(environments: &[String]) -> Missing {
    let mut names: Vec<String> = environments.iter().take(NAMED).map(|name| named(name)).collect();
    if environments.len() > NAMED {
        names.push("…".to_owned());
    }
    let message = format!("the commit has several deployments: {}", names.join(", "));
    Missing::Unknown(
        Diagnostic::error(message).hint("say which one is meant: `environment:`, or give `url:`"),
    )
}

/// A name from outside, of one line.
fn named(environment: &str) -> String {
    let name: String = environment.chars().filter(|c| !c.is_control()).take(80).collect();
    format!("`{name}`")
}

fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}
