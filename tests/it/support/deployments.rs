//! [`Deployments`]: what GitHub's API says of deployments and of pull requests from forks.

use std::collections::VecDeque;

use serde_json::{Value, json};

struct Deployment {
    id: u64,
    sha: String,
    environment: String,
    /// The status that is told next, and those that follow; the last one stays.
    statuses: VecDeque<Value>,
}

/// All deployments of a repository, and the branches of forks that are heads of pull requests.
#[derive(Default)]
pub(crate) struct Deployments {
    all: Vec<Deployment>,
    /// `owner:branch`, number and head of a pull request that only its branch leads to.
    forks: Vec<(String, u64, String)>,
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

impl Deployments {
    /// A commit is deployed; each look at it tells the next of these states and URLs.
    pub(crate) fn add(&mut self, sha: &str, environment: &str, statuses: &[(&str, &str)]) {
        let statuses = statuses
            .iter()
            .map(|(state, url)| json!({ "state": state, "environment_url": url, "target_url": "" }));
        self.all.push(Deployment {
            id: 500 + self.all.len() as u64,
            sha: sha.to_owned(),
            environment: environment.to_owned(),
            statuses: statuses.collect(),
        });
    }

    /// A pull request from a fork.
    pub(crate) fn fork(&mut self, branch: &str, number: u64, head: &str) {
        self.forks.push((branch.to_owned(), number, head.to_owned()));
    }

    /// The answer to a GET below the repository, if it is about these.
    pub(crate) fn answer(&mut self, parts: &[&str], query: &str) -> Option<Value> {
        match parts {
            ["deployments"] => {
                let sha = parameter(query, "sha");
                let environment = parameter(query, "environment");
                let fits = |one: &&Deployment| {
                    sha.as_ref().is_none_or(|sha| *sha == one.sha)
                        && environment.as_ref().is_none_or(|name| *name == one.environment)
                };
                let shown = |one: &Deployment| json!({ "id": one.id, "sha": one.sha, "environment": one.environment });
                Some(self.all.iter().rev().filter(fits).map(shown).collect())
            }
            ["deployments", id, "statuses"] => {
                let id: u64 = id.parse().expect("a number");
                let one = self.all.iter_mut().find(|one| one.id == id)?;
                let next = if one.statuses.len() > 1 {
                    one.statuses.pop_front()
                } else {
                    one.statuses.front().cloned()
                };
                Some(next.into_iter().collect())
            }
            ["pulls"] => {
                let head = parameter(query, "head");
                let fits = |fork: &&(String, u64, String)| head.as_ref().is_none_or(|head| *head == fork.0);
                let shown = |(head, number, sha): &(String, u64, String)| {
                    let (owner, branch) = head.split_once(':').expect("owner:branch");
                    let repo = json!({ "full_name": format!("{owner}/shop") });
                    json!({ "number": number, "state": "open", "head": { "sha": sha, "ref": branch, "repo": repo } })
                };
                let forks: Vec<Value> = self.forks.iter().filter(fits).map(shown).collect();
                (!forks.is_empty()).then(|| forks.into())
            }
            _ => None,
        }
    }
}
