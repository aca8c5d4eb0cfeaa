//! [`Client`]: GitLab's REST API (<https://docs.gitlab.com/api/rest/>), with patience.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName, Method};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::NoteError;
use crate::net::NetSettings;
use crate::net::client::{self, Redirects, Request};
use crate::net::proxy::ProxySettings;
use crate::net::tls::{Pem, TlsSettings};
use crate::platform::Env;
use crate::platform::comment::Refusal as _;
use crate::platform::patience::{self, Patience, TRIES};
use crate::secret::Secret;

/// Bytes of an answer: a page of a hundred of the longest notes.
const ANSWER: usize = 128 << 20;
const TOKEN: HeaderName = HeaderName::from_static("private-token");

/// One request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Method.
    pub method: Method,
    /// Path and query below the API's address.
    pub path: &'a str,
    /// JSON.
    pub body: Option<Value>,
    /// Whether doing it twice is the same as doing it once.
    pub repeatable: bool,
}

impl<'a> Call<'a> {
    /// Reads.
    pub(super) fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
            repeatable: true,
        }
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(super) struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// What it says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, NoteError> {
        serde_json::from_slice(&self.body).map_err(|error| NoteError::Unexpected {
            reason: error.to_string(),
        })
    }

    /// Whether GitLab says that another page follows; `None` if it says nothing of pages.
    pub(super) fn has_next(&self) -> Option<bool> {
        let next = self.headers.get("x-next-page")?.to_str().ok()?;
        Some(!next.trim().is_empty())
    }
}

/// Speaks with the API.
pub struct Client {
    net: client::Client,
    base: Url,
    token: HeaderValue,
    patience: Patience,
}

impl Client {
    /// A client for the API that the variables name.
    pub fn new(env: &Env, token: Option<&Secret>) -> Result<Self, NoteError> {
        let token = token.ok_or(NoteError::NoToken)?;
        let mut token = HeaderValue::from_str(token.expose()).map_err(NoteError::Token)?;
        token.set_sensitive(true);
        let settings = NetSettings {
            tls: TlsSettings {
                ca_cert: authorities(env)?,
                ..TlsSettings::default()
            },
            proxy: ProxySettings::Environment(env.proxies()),
            ..NetSettings::default()
        };
        Ok(Self {
            net: client::Client::new(&settings, Redirects::None).map_err(NoteError::Setup)?,
            base: address(env)?,
            token,
            patience: Patience::new(),
        })
    }

    /// Sends a request until it succeeds, fails for good, or may not be sent again.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, NoteError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self
                .patience
                .call(async |within| self.exchange(call, within).await);
            let error = match answer.await.unwrap_or(Err(NoteError::OutOfTime)) {
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
    pub(super) async fn pause(&self, error: &NoteError, tries: u32) -> bool {
        let wait = patience::wait(error.asked_wait(), tries);
        self.patience.pause(wait).await
    }

    async fn exchange(&self, call: &Call<'_>, within: std::time::Duration) -> Result<Answer, NoteError> {
        let text = format!("{}/{}", self.base.as_str().trim_end_matches('/'), call.path);
        let url = Url::parse(&text).map_err(|error| NoteError::Unexpected {
            reason: error.to_string(),
        })?;
        let mut request = Request::new(call.method.clone(), url);
        request.headers.insert(TOKEN, self.token.clone());
        if let Some(body) = &call.body {
            let json = HeaderValue::from_static("application/json");
            request.headers.insert(CONTENT_TYPE, json);
            request.body = body.to_string().into();
        }
        request.timeout = within;
        request.body_limit = ANSWER;
        let answer = self.net.send(request).await.map_err(NoteError::Unreachable)?;
        let (status, headers) = (answer.status, answer.headers.clone());
        let body = answer.whole_body().map_err(NoteError::Unreachable)?;
        if status.is_success() {
            return Ok(Answer { headers, body });
        }
        let now = Timestamp::now().as_second();
        Err(NoteError::of(status, &headers, &body, call.path, now))
    }
}

fn address(env: &Env) -> Result<Url, NoteError> {
    let text = env.get("CI_API_V4_URL").unwrap_or_default().trim();
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none());
    url.ok_or_else(|| NoteError::Variable {
        variable: "CI_API_V4_URL",
        value: text.to_owned(),
        wanted: "the address of an API",
    })
}

/// A runner that trusts a private authority hands it on as a file.
fn authorities(env: &Env) -> Result<Option<Pem>, NoteError> {
    let Some(path) = env.get("CI_SERVER_TLS_CA_FILE") else {
        return Ok(None);
    };
    let pem = std::fs::read(path).map_err(|source| NoteError::Authorities {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(Pem::new(pem)))
}
