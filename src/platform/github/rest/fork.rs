//! The pull request of a run that ended, also one from a fork: GitHub's event names none for those.

use serde::Deserialize;

use super::client::Call;
use super::subject::{head, of_commit};
use super::{ApiError, Client};
use crate::platform::github::TestedRun;

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    #[serde(default)]
    state: String,
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
}

impl TestedRun {
    /// The open pull request whose head is the commit of the run. Whoever asked for the run names it nowhere: event and API
    /// alone decide. `None` also once somebody has pushed since.
    pub async fn pull_request(&self, client: &Client) -> Result<Option<u64>, ApiError> {
        for number in &self.pull_requests {
            if head(client, *number).await?.eq_ignore_ascii_case(&self.commit) {
                return Ok(Some(*number));
            }
        }
        match of_commit(client, &self.commit).await? {
            Some(number) => Ok(Some(number)),
            None => self.of_branch(client).await,
        }
    }

    /// Commits of forks lead to no pull request, but their branches do.
    async fn of_branch(&self, client: &Client) -> Result<Option<u64>, ApiError> {
        let Some(branch) = self.head() else {
            return Ok(None);
        };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("state", "open")
            .append_pair("head", &branch)
            .append_pair("per_page", "100")
            .finish();
        let path = client.repository().path(&format!("pulls?{query}"));
        let answer = client.send(&Call::get(&path, "pull-requests: write")).await?;
        let all: Vec<PullRequest> = answer.json()?;
        let ours = |one: &PullRequest| one.state == "open" && one.head.sha.eq_ignore_ascii_case(&self.commit);
        Ok(all.into_iter().find(ours).map(|one| one.number))
    }
}
