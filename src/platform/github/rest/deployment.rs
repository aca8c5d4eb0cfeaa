//! [`Deployed`]: where a commit was deployed, as far as GitHub was told.

use serde::Deserialize;

use super::client::Call;
use super::{ApiError, Client};
use crate::platform::github::Lack;
use crate::platform::github::event::preview_url;

const READ: &str = "deployments: read";
/// Environments of one commit that are asked for.
const MOST: usize = 10;

/// A URL and the environment that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name, such as `Preview`; any text.
    pub environment: String,
    /// With `http` or `https`.
    pub url: String,
}

/// Where a commit was deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployed {
    /// There.
    At(Place),
    /// To these environments, of which nobody said which one is meant.
    Several(Vec<String>),
    /// Nowhere that can be tested: the environment, and why.
    Lacking(String, Lack),
    /// Nowhere.
    Nowhere,
}

#[derive(Deserialize)]
struct Deployment {
    id: u64,
    #[serde(default)]
    environment: String,
}

#[derive(Deserialize)]
struct DeploymentStatus {
    #[serde(default)]
    state: String,
    #[serde(default)]
    environment_url: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
    #[serde(default)]
    log_url: Option<String>,
}

impl Deployed {
    /// Asks the GitHub at `server` for the latest deployment of a commit to each environment, or to that of this name.
    pub async fn of(
        client: &Client,
        commit: &str,
        environment: Option<&str>,
        server: &str,
    ) -> Result<Self, ApiError> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("sha", commit).append_pair("per_page", "100");
        if let Some(environment) = environment {
            query.append_pair("environment", environment);
        }
        let path = client
            .repository()
            .path(&format!("deployments?{}", query.finish()));
        let mut all: Vec<Deployment> = client.send(&Call::get(&path, READ)).await?.json()?;
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.id));
        let mut latest: Vec<Deployment> = Vec::new();
        for deployment in all {
            if !latest
                .iter()
                .any(|known| known.environment == deployment.environment)
            {
                latest.push(deployment);
            }
        }
        if latest.len() > MOST {
            let names = latest.into_iter().map(|deployment| deployment.environment);
            return Ok(Self::Several(names.collect()));
        }
        let mut found = Vec::new();
        for deployment in latest {
            let place = place(client, deployment.id, server).await?;
            found.push((deployment.environment, place));
        }
        Ok(Self::among(found))
    }

    /// What the latest deployments to all environments come to.
    fn among(found: Vec<(String, Result<String, Lack>)>) -> Self {
        let mut places: Vec<Place> = Vec::new();
        let mut lacking: Vec<(String, Lack)> = Vec::new();
        for (environment, place) in found {
            match place {
                Ok(url) if places.iter().any(|known| known.url == url) => {}
                Ok(url) => places.push(Place { environment, url }),
                Err(lack) => lacking.push((environment, lack)),
            }
        }
        // What comes later may be what is meant.
        let rank = |lack: &Lack| match lack {
            Lack::NotYet(_) => 0,
            Lack::Failed(_) if lack.is_failure() => 1,
            Lack::Failed(_) => 2,
            Lack::NoUrl => 3,
        };
        lacking.sort_by_key(|(_, lack)| rank(lack));
        let not_yet = lacking
            .first()
            .is_some_and(|(_, lack)| matches!(lack, Lack::NotYet(_)));
        match (places.len(), lacking.into_iter().next()) {
            (0, None) => Self::Nowhere,
            (_, Some((environment, lack))) if places.is_empty() || not_yet => {
                Self::Lacking(environment, lack)
            }
            (1, lack) if !lack.as_ref().is_some_and(|(_, lack)| lack.is_failure()) => {
                places.pop().map_or(Self::Nowhere, Self::At)
            }
            // Whether the one that failed was meant, nobody can tell.
            (_, lack) => {
                let failed = lack.filter(|(_, lack)| lack.is_failure());
                let good = places.into_iter().map(|place| place.environment);
                Self::Several(good.chain(failed.map(|(name, _)| name)).collect())
            }
        }
    }
}

/// Where a deployment is, by its latest status.
async fn place(client: &Client, id: u64, server: &str) -> Result<Result<String, Lack>, ApiError> {
    let path = client
        .repository()
        .path(&format!("deployments/{id}/statuses?per_page=1"));
    let statuses: Vec<DeploymentStatus> = client.send(&Call::get(&path, READ)).await?.json()?;
    let Some(status) = statuses.into_iter().next() else {
        return Ok(Err(Lack::NotYet("pending".to_owned())));
    };
    if let Some(lack) = Lack::of_state(&status.state) {
        return Ok(Err(lack));
    }
    let url = preview_url(
        status.environment_url.as_deref(),
        status.target_url.as_deref(),
        status.log_url.as_deref(),
        server,
    );
    Ok(url.ok_or(Lack::NoUrl))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(found: &[(&str, Result<&str, Lack>)]) -> Deployed {
        let owned = found
            .iter()
            .map(|(environment, place)| ((*environment).to_owned(), place.clone().map(str::to_owned)));
        Deployed::among(owned.collect())
    }

    fn at(environment: &str, url: &str) -> Place {
        Place {
            environment: environment.into(),
            url: url.into(),
        }
    }

    #[test]
    fn one_place_is_meant_whatever_else_is_gone() {
        let failed = || Err(Lack::Failed("failure".into()));
        let gone = || Err(Lack::Failed("inactive".into()));
        assert_eq!(among(&[]), Deployed::Nowhere);
        assert_eq!(
            among(&[("a", gone()), ("b", Ok("http://b")), ("c", Ok("http://b"))]),
            Deployed::At(at("b", "http://b"))
        );
        assert_eq!(
            among(&[("a", gone()), ("b", Ok("http://b")), ("c", failed())]),
            Deployed::Several(vec!["b".into(), "c".into()])
        );
        assert_eq!(
            among(&[("a", Err(Lack::NoUrl)), ("b", failed())]),
            Deployed::Lacking("b".into(), Lack::Failed("failure".into()))
        );
    }

    #[test]
    fn what_is_on_its_way_is_waited_for_and_two_places_are_a_question() {
        let pending = || Lack::NotYet("queued".into());
        assert_eq!(
            among(&[("a", Ok("http://a")), ("b", Err(pending()))]),
            Deployed::Lacking("b".into(), pending())
        );
        assert_eq!(
            among(&[("a", Ok("http://a")), ("b", Ok("http://b"))]),
            Deployed::Several(vec!["a".into(), "b".into()])
        );
    }
}
