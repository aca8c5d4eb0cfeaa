//! [`Deployed`]: where a commit was deployed, as far as GitHub was told.

use serde::Deserialize;

use super::client::Call;
use super::{ApiError, Client};
use crate::platform::github::Lack;
use crate::platform::github::event::web_url;

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
    /// To several places, of which nobody said which one is meant.
    Several(Vec<Place>),
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
}

impl Deployed {
    /// Asks for the latest deployment of a commit to each environment, or to that of this name.
    pub async fn of(client: &Client, commit: &str, environment: Option<&str>) -> Result<Self, ApiError> {
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
        let mut found = Vec::new();
        for deployment in latest.into_iter().take(MOST) {
            let place = place(client, deployment.id).await?;
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
            Lack::Failed(_) => 1,
            Lack::NoUrl => 2,
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
            (1, _) => places.pop().map_or(Self::Nowhere, Self::At),
            _ => Self::Several(places),
        }
    }
}

/// Where a deployment is, by its latest status.
async fn place(client: &Client, id: u64) -> Result<Result<String, Lack>, ApiError> {
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
    let urls = [status.environment_url, status.target_url];
    let url = urls.iter().flatten().find_map(|text| web_url(text));
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
    fn one_place_is_meant_whatever_else_failed() {
        let failed = || Err(Lack::Failed("failure".into()));
        assert_eq!(among(&[]), Deployed::Nowhere);
        assert_eq!(
            among(&[("a", failed()), ("b", Ok("http://b")), ("c", Ok("http://b"))]),
            Deployed::At(at("b", "http://b"))
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
            Deployed::Several(vec![at("a", "http://a"), at("b", "http://b")])
        );
    }
}
