//! The pull request of a run that ended, also one from a fork: GitHub's event names none for those.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::client::Call;
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
    #[serde(rename = "ref")]
    branch: Option<String>,
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    full_name: String,
}

const PERMISSION: &str = "pull-requests: write";

impl TestedRun {
    /// The open pull request from the branch of the run whose head is its commit. Whoever asked for the run names it nowhere:
    /// event and API alone decide. `None` also once somebody has pushed since, and where several fit: a branch may be
    /// proposed to more than one other.
    pub async fn pull_request(&self, client: &Client) -> Result<Option<u64>, ApiError> {
        let mut named = BTreeSet::new();
        for number in &self.pull_requests {
            let path = client.repository().path(&format!("pulls/{number}"));
            let one: PullRequest = client.send(&Call::get(&path, PERMISSION)).await?.json()?;
            named.extend(self.fits(&one).then_some(one.number));
        }
        if named.is_empty() {
            named = self
                .listed(client, &format!("commits/{}/pulls?per_page=100", self.commit))
                .await?;
        }
        if named.is_empty() {
            named = self.of_branch(client).await?;
        }
        Ok(named.pop_first().filter(|_| named.is_empty()))
    }

    /// Commits of forks lead to no pull request, but their branches do.
    async fn of_branch(&self, client: &Client) -> Result<BTreeSet<u64>, ApiError> {
        let Some(branch) = self.head() else {
            return Ok(BTreeSet::new());
        };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("state", "open")
            .append_pair("head", &branch)
            .append_pair("per_page", "100")
            .finish();
        self.listed(client, &format!("pulls?{query}")).await
    }

    async fn listed(&self, client: &Client, rest: &str) -> Result<BTreeSet<u64>, ApiError> {
        let path = client.repository().path(rest);
        let all: Vec<PullRequest> = client.send(&Call::get(&path, PERMISSION)).await?.json()?;
        let fitting = all.into_iter().filter(|one| self.fits(one));
        Ok(fitting.map(|one| one.number).collect())
    }

    /// Whether a pull request is open, comes from the branch of the run, and ends with its commit.
    fn fits(&self, one: &PullRequest) -> bool {
        let branch = || self.branch == one.head.branch;
        let repository = || match (&self.repository, &one.head.repo) {
            (Some(ours), Some(theirs)) => ours.eq_ignore_ascii_case(&theirs.full_name),
            (None, None) => true,
            _ => false,
        };
        one.state == "open" && one.head.sha.eq_ignore_ascii_case(&self.commit) && branch() && repository()
    }
}
