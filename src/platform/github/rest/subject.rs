//! [`Subject`]: which commit and which pull request a run is about, as far as variables and event say.

use super::client::Call;
use super::{ApiError, Client};
use crate::platform::Env;
use crate::platform::comment::Run;
use crate::platform::github::{Event, run_url, server};

/// A repository's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    owner: String,
    name: String,
}

impl Repository {
    /// The repository of the run.
    pub fn of(env: &Env) -> Result<Self, ApiError> {
        let text = env.get("GITHUB_REPOSITORY").unwrap_or_default();
        Self::parse(text).ok_or_else(|| ApiError::Variable {
            variable: "GITHUB_REPOSITORY",
            value: text.to_owned(),
            wanted: "OWNER/NAME",
        })
    }

    /// Reads `OWNER/NAME`; nothing in it can leave its part of a path.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let usable = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        (usable(owner) && usable(name)).then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    /// A path of the API below this repository.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{}/{rest}", self.owner, self.name)
    }
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// What a run is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Head commit of the pull request, of the deployment or of the branch; never a merge commit.
    pub commit: Option<String>,
    /// Number of the pull request.
    pub pull_request: Option<u64>,
    /// Whether the pull request was asked for already: where there is none, its commit leads to somebody else's.
    pub settled: bool,
    /// Whether this is a run of a fork's pull request, whose token can only read.
    pub of_a_fork: bool,
    /// The run.
    pub run: Run,
    /// Link to it.
    pub run_url: Option<String>,
}

impl Subject {
    /// What variables and event say; an event that cannot be read says nothing.
    pub fn of(env: &Env) -> Self {
        let event = Event::of(env).unwrap_or_default();
        let number = |name: &str| env.get(name).and_then(|text| text.parse().ok());
        let repository = env
            .get("GITHUB_REPOSITORY")
            .map(|name| format!("{}/{name}", server(env)));
        Self {
            commit: event.commit(env),
            pull_request: event.pull_request,
            settled: false,
            of_a_fork: event.of_a_fork,
            run: Run {
                id: number("GITHUB_RUN_ID").unwrap_or_default(),
                attempt: number("GITHUB_RUN_ATTEMPT").unwrap_or(1),
            },
            run_url: repository.and_then(|repository| run_url(env, &repository)),
        }
    }

    /// The pull request, asked for by its commit where the event did not say. `None`: there is none.
    pub async fn pull_request(&mut self, client: &Client) -> Result<Option<u64>, ApiError> {
        if self.pull_request.is_none()
            && !self.settled
            && let Some(commit) = &self.commit
        {
            self.pull_request = of_commit(client, commit).await?;
        }
        Ok(self.pull_request)
    }

    /// The commit, asked for by its pull request where the event did not say.
    pub async fn commit(&mut self, client: &Client) -> Result<Option<String>, ApiError> {
        if self.commit.is_none()
            && let Some(number) = self.pull_request
        {
            self.commit = Some(head(client, number).await?);
        }
        Ok(self.commit.clone())
    }
}

#[derive(serde::Deserialize)]
struct PullRequest {
    number: u64,
    #[serde(default)]
    state: String,
    head: Head,
}

#[derive(serde::Deserialize)]
struct Head {
    sha: String,
}

/// The open pull request whose head a commit is.
pub(super) async fn of_commit(client: &Client, commit: &str) -> Result<Option<u64>, ApiError> {
    let path = client
        .repository()
        .path(&format!("commits/{commit}/pulls?per_page=100"));
    // To read would do here, but who asks wants to write.
    let answer = client.send(&Call::get(&path, "pull-requests: write")).await?;
    let all: Vec<PullRequest> = answer.json()?;
    Ok(all
        .into_iter()
        .find(|one| one.state == "open" && one.head.sha.eq_ignore_ascii_case(commit))
        .map(|one| one.number))
}

/// The commit at the head of a pull request.
pub(super) async fn head(client: &Client, number: u64) -> Result<String, ApiError> {
    let path = client.repository().path(&format!("pulls/{number}"));
    let answer = client.send(&Call::get(&path, "pull-requests: read")).await?;
    Ok(answer.json::<PullRequest>()?.head.sha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_cannot_leave_its_path() {
        let parsed = Repository::parse("acme/shop.io").expect("a name");
        assert_eq!(parsed.path("pulls/1"), "/repos/acme/shop.io/pulls/1");
        for wrong in [
            "", "acme", "acme/", "/shop", "acme/..", "a/b/c", "a/b?c", "a/b c", "ä/b",
        ] {
            assert_eq!(Repository::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_merge_commit_is_never_the_subject() {
        let of = |event: &str| {
            let sha = "a".repeat(40);
            let variables = [
                ("GITHUB_EVENT_NAME", event),
                ("GITHUB_SHA", sha.as_str()),
                ("GITHUB_RUN_ID", "12"),
                ("GITHUB_RUN_ATTEMPT", "3"),
            ];
            Subject::of(&variables.into_iter().collect())
        };
        for event in [
            "pull_request",
            "pull_request_target",
            "issue_comment",
            "workflow_run",
        ] {
            assert_eq!(of(event).commit, None, "{event}");
        }
        assert_eq!(of("push").commit, Some("a".repeat(40)));
        assert_eq!(of("push").run, Run { id: 12, attempt: 3 });
    }
}
