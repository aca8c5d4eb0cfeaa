//! [`Client`]: GitHub's REST API over octocrab, with patience of our own.
//!
//! octocrab by itself repeats every request that failed, also one that adds a comment; here only what may be repeated
//! is, after the wait that GitHub asks for, and all calls of a client, and of those that share its time, take no longer than a
//! minute together.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, HeaderValue, LINK};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::answer::{Asked, refusal, wait};
use super::wire::{Wire, Within};
use super::{ApiError, Repository};
use crate::net::NetSettings;
use crate::net::client::{self, ClientError, Redirects};
use crate::net::proxy::ProxySettings;
use crate::platform::Env;
use crate::platform::patience::{Patience, TRIES};
use crate::secret::Secret;

const API: &str = "https://api.github.com";
const MEDIA: &str = "application/vnd.github+json";
const VERSION: &str = "2022-11-28";

/// One request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Method.
    pub method: Method,
    /// Path and query below the API's address, or an absolute address of the same host.
    pub path: &'a str,
    /// JSON.
    pub body: Option<&'a Value>,
    /// The line below `permissions:` that it needs.
    pub permission: &'static str,
    /// Whether doing it twice is the same as doing it once.
    pub repeatable: bool,
}

impl<'a> Call<'a> {
    /// Reads.
    pub(super) fn get(path: &'a str, permission: &'static str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
            permission,
            repeatable: true,
        }
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(super) struct Answer {
    headers: HeaderMap,
    body: bytes::Bytes,
}

impl Answer {
    /// What it says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|error| ApiError::Unexpected {
            reason: error.to_string(),
        })
    }

    /// Whether GitHub says that another page follows; `None` if it says nothing of pages.
    pub(super) fn has_next(&self) -> Option<bool> {
        let link = self.headers.get(LINK)?.to_str().ok()?;
        Some(link.contains("rel=\"next\""))
    }
}

/// Speaks with the API of one repository.
pub struct Client {
    crab: Octocrab,
    repository: Repository,
    graphql: String,
    /// Whether the token is that of an app, such as the job's own, and not of a person.
    of_an_app: bool,
    patience: Arc<Patience>,
}

impl Client {
    /// A client for the repository and the API that the variables name. To be called where tokio runs.
    pub fn new(env: &Env, token: Option<&Secret>) -> Result<Self, ApiError> {
        let token = token.ok_or(ApiError::NoToken)?;
        let repository = Repository::of(env)?;
        let base = address(env, "GITHUB_API_URL", API)?;
        let default = format!("{}/graphql", base.as_str().trim_end_matches('/'));
        let graphql = address(env, "GITHUB_GRAPHQL_URL", &default)?;
        let settings = NetSettings {
            proxy: ProxySettings::Environment(env.proxies()),
            ..NetSettings::default()
        };
        let net = client::Client::new(&settings, Redirects::None).map_err(ApiError::Setup)?;
        let mut header =
            HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(ApiError::Token)?;
        header.set_sensitive(true);
        let uri = authority(&base)?;
        // The layer gives the token to this host alone.
        let crab = OctocrabBuilder::new_empty()
            .with_service(Wire { net, base })
            .with_layer(&AuthHeaderLayer::new(Some(header), uri.clone(), uri))
            .with_auth(AuthState::None)
            .build()
            .unwrap_or_else(|never| match never {});
        Ok(Self {
            crab,
            repository,
            graphql: graphql.into(),
            of_an_app: token.expose().starts_with("ghs_"),
            patience: Arc::new(Patience::new()),
        })
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The address of GraphQL.
    pub(super) fn graphql(&self) -> &str {
        &self.graphql
    }

    /// Whether the token is that of an app.
    pub(super) fn of_an_app(&self) -> bool {
        self.of_an_app
    }

    /// The same with the time of another client, of the same run.
    #[must_use]
    pub fn sharing(self, other: &Self) -> Self {
        Self {
            patience: Arc::clone(&other.patience),
            ..self
        }
    }

    /// Leaves no more than this for the calls that follow.
    pub fn hurry(&self, left: Duration) {
        self.patience.hurry(left);
    }

    /// Sends a request until it succeeds, fails for good, or may not be sent again.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.once(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = error.passes() && (call.repeatable || error.undone());
            if !again || tries >= TRIES || !self.pause(&error, tries).await {
                return Err(error);
            }
        }
    }

    /// Waits before the next try; false, at once, when there is no time to.
    pub(super) async fn pause(&self, error: &ApiError, tries: u32) -> bool {
        self.patience.pause(wait(error, tries)).await
    }

    /// Sends a request, whatever becomes of it.
    pub(super) async fn once(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let answer = self
            .patience
            .call(async |within| self.exchange(call, within).await);
        answer.await.unwrap_or(Err(ApiError::OutOfTime))
    }

    async fn exchange(&self, call: &Call<'_>, within: Duration) -> Result<Answer, ApiError> {
        let builder = Request::builder()
            .method(call.method.clone())
            .uri(call.path)
            .header(ACCEPT, MEDIA)
            .header("x-github-api-version", VERSION)
            .extension(Within(within));
        let request = self.crab.build_request(builder, call.body).map_err(odd)?;
        let response = self.crab.execute(request).await.map_err(odd)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(odd)?.to_bytes();
        if head.status.is_success() {
            let headers = head.headers;
            return Ok(Answer { headers, body });
        }
        let asked = Asked {
            path: call.path,
            permission: call.permission,
        };
        let now = Timestamp::now().as_second();
        Err(refusal(head.status, &head.headers, &body, asked, now))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}

/// The text of an error of octocrab is just `Service Error`; what happened is inside.
#[expect(clippy::wildcard_enum_match_arm, reason = "octocrab adds errors")]
fn odd(error: octocrab::Error) -> ApiError {
    match error {
        octocrab::Error::Service { source, .. } => match source.downcast::<ClientError>() {
            Ok(error) => ApiError::Unreachable(*error),
            Err(other) => ApiError::Unexpected {
                reason: other.to_string(),
            },
        },
        other => ApiError::Unexpected {
            reason: other.to_string(),
        },
    }
}

/// What the layer compares hosts with.
fn authority(base: &Url) -> Result<http::Uri, ApiError> {
    base.as_str()
        .parse()
        .map_err(|source: http::uri::InvalidUri| ApiError::Unexpected {
            reason: source.to_string(),
        })
}

fn address(env: &Env, variable: &'static str, default: &str) -> Result<Url, ApiError> {
    let text = env.get(variable).unwrap_or(default).trim();
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none());
    url.ok_or_else(|| ApiError::Variable {
        variable,
        value: text.to_owned(),
        wanted: "the address of an API",
    })
}
