//! [`TestedRun`]: the run that a `workflow_run` event tells of, whose results are to be published.
//!
//! The event is GitHub's own and can be believed; branch and repository names in it are anybody's text.

use jiff::Timestamp;

use super::event::{is_sha, payload, pull_requests, text};
use super::rest::Run;
use super::{EventError, server};
use crate::platform::Env;

/// A run of another workflow that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestedRun {
    /// The run.
    pub run: Run,
    /// Its start in seconds since 1970; 0 if the event does not say.
    pub started: i64,
    /// Its head commit.
    pub commit: String,
    /// The repository of that commit, `OWNER/NAME`; nothing once it was deleted.
    pub repository: Option<String>,
    /// The branch of that commit.
    pub branch: Option<String>,
    /// The pull requests that the event names; none for those from forks.
    pub pull_requests: Vec<u64>,
    /// The repository that the run is of.
    own: Option<String>,
    server: String,
}

/// Why there is no such run.
#[derive(Debug, thiserror::Error)]
pub enum TestedRunError {
    /// Another event.
    #[error("the event is `{0}`, and only `workflow_run` tells of a run whose results can be published")]
    Event(String),
    /// It cannot be read.
    #[error(transparent)]
    Payload(#[from] EventError),
    /// Something is missing in it.
    #[error("the event file has no usable `{0}`")]
    Missing(&'static str),
}

impl TestedRun {
    /// The run that the event tells of.
    pub fn of(env: &Env) -> Result<Self, TestedRunError> {
        let name = env.get("GITHUB_EVENT_NAME").unwrap_or("none");
        if name != "workflow_run" {
            return Err(TestedRunError::Event(name.to_owned()));
        }
        let payload = payload(env)?.unwrap_or_default();
        let run = &payload["workflow_run"];
        let commit = text(run, "/head_sha").filter(|sha| is_sha(sha));
        Ok(Self {
            run: Run {
                id: run["id"]
                    .as_u64()
                    .ok_or(TestedRunError::Missing("workflow_run.id"))?,
                attempt: run["run_attempt"].as_u64().unwrap_or(1),
            },
            started: text(run, "/run_started_at")
                .and_then(|time| time.parse::<Timestamp>().ok())
                .map_or(0, Timestamp::as_second),
            commit: commit
                .ok_or(TestedRunError::Missing("workflow_run.head_sha"))?
                .to_owned(),
            repository: text(run, "/head_repository/full_name").map(str::to_owned),
            branch: text(run, "/head_branch").map(str::to_owned),
            pull_requests: pull_requests(&payload),
            own: env.get("GITHUB_REPOSITORY").map(str::to_owned),
            server: server(env).to_owned(),
        })
    }

    /// The other repository that the commit is of, if it is another.
    pub fn fork(&self) -> Option<&str> {
        let own = self.own.as_deref().unwrap_or_default();
        let head = self.repository.as_deref().unwrap_or("a deleted repository");
        (!head.eq_ignore_ascii_case(own)).then_some(head)
    }

    /// `owner:branch`, as GitHub names the head of a pull request.
    pub fn head(&self) -> Option<String> {
        let (owner, _) = self.repository.as_deref()?.split_once('/')?;
        Some(format!("{owner}:{}", self.branch.as_deref()?))
    }

    /// Link to the commit.
    pub fn commit_url(&self) -> Option<String> {
        let own = self.own.as_deref()?;
        Some(format!("{}/{own}/commit/{}", self.server, self.commit))
    }

    /// Link to the run.
    pub fn url(&self) -> Option<String> {
        let own = self.own.as_deref()?;
        Some(format!("{}/{own}/actions/runs/{}", self.server, self.run.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(name: &str, payload: &Value) -> Result<TestedRun, TestedRunError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), payload.to_string()).expect("written");
        let path = file.path().display().to_string();
        let variables = [
            ("GITHUB_EVENT_NAME", name),
            ("GITHUB_EVENT_PATH", path.as_str()),
            ("GITHUB_REPOSITORY", "acme/shop"),
        ];
        TestedRun::of(&variables.into_iter().collect())
    }

    #[test]
    fn everything_is_taken_from_the_event() {
        let sha = "a".repeat(40);
        let run = of(
            "workflow_run",
            &json!({ "workflow_run": {
                "id": 12, "run_attempt": 2, "run_started_at": "2026-01-02T03:04:05Z", "head_sha": sha,
                "head_branch": "topic", "head_repository": { "full_name": "mallory/shop" }, "pull_requests": [],
            }}),
        );
        let run = run.expect("a run");
        assert_eq!(
            (run.run, run.started),
            (Run { id: 12, attempt: 2 }, 1_767_323_045)
        );
        assert_eq!(run.fork(), Some("mallory/shop"));
        assert_eq!(run.head().as_deref(), Some("mallory:topic"));
        assert_eq!(
            run.url().as_deref(),
            Some("https://github.com/acme/shop/actions/runs/12")
        );
        assert_eq!(
            run.commit_url(),
            Some(format!("https://github.com/acme/shop/commit/{sha}"))
        );
    }

    #[test]
    fn what_is_no_run_is_refused() {
        assert!(matches!(of("push", &json!({})), Err(TestedRunError::Event(name)) if name == "push"));
        for payload in [
            json!(null),
            json!([]),
            json!({ "workflow_run": { "id": 1, "head_sha": "../../x" } }),
            json!({ "workflow_run": { "head_sha": "a".repeat(40) } }),
        ] {
            assert!(
                matches!(of("workflow_run", &payload), Err(TestedRunError::Missing(_))),
                "{payload}"
            );
        }
    }
}
