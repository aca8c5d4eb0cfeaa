//! [`NoteError`]: why GitLab did not do what it was asked, and what the user can do about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::net::client::ClientError;
use crate::platform::comment::Refusal;

/// Characters of GitLab's own words that are shown.
const LONGEST: usize = 200;
const TOKEN: &str = "give the masked CI/CD variable ITER8_GITLAB_TOKEN a project access token with the scope `api` and at least the role Reporter (the job's own CI_JOB_TOKEN can only read notes)";

/// Why GitLab did not do what it was asked. None of its texts holds the token.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// Nothing to show who we are with.
    #[error("there is no token")]
    NoToken,
    /// Text that cannot stand in a header.
    #[error("the token is no text that can be sent")]
    Token(#[source] http::header::InvalidHeaderValue),
    /// A variable that must hold something else than it does.
    #[error("{variable} is {value:?}, which is not {wanted}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The file of authorities that the runner names.
    #[error("cannot read {path}, which CI_SERVER_TLS_CA_FILE names")]
    Authorities {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The client cannot be set up.
    #[error("the client of GitLab's API cannot be set up")]
    Setup(#[source] ClientError),
    /// 401 and 403: the token is none, or may not do this.
    #[error("GitLab answers {status} ({message}): the token may not do this")]
    Denied {
        /// The status.
        status: u16,
        /// In GitLab's words.
        message: String,
    },
    /// 404: it is not there, or the token may not see it.
    #[error("{path} is not there, or the token may not see it")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// 400 or 413: longer than GitLab stores.
    #[error("the text is too long for GitLab")]
    TooLong,
    /// Another status that is neither good nor passing.
    #[error("GitLab refused it with {status} ({message})")]
    Refused {
        /// The status.
        status: u16,
        /// In GitLab's words.
        message: String,
    },
    /// 429: too many requests.
    #[error("GitLab's rate limit is reached{}", wait_text(*.wait))]
    RateLimited {
        /// How long GitLab wants us to wait, if it says.
        wait: Option<Duration>,
    },
    /// 5xx.
    #[error("GitLab's API failed with {status}")]
    Server {
        /// The status.
        status: u16,
        /// How long GitLab wants us to wait, if it says.
        wait: Option<Duration>,
    },
    /// No answer.
    #[error("GitLab's API cannot be reached")]
    Unreachable(#[source] ClientError),
    /// An answer that is not GitLab's.
    #[error("the answer is not one of GitLab's API ({reason})")]
    Unexpected {
        /// What is odd about it.
        reason: String,
    },
    /// All calls of a run together have only so much time.
    #[error("the time for calls of GitLab's API is used up")]
    OutOfTime,
}

fn wait_text(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| {
        format!(", for another {} s", wait.as_secs().max(1))
    })
}

impl NoteError {
    /// The error that a status other than 2xx stands for. `now` is in seconds since 1970.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8], path: &str, now: i64) -> Self {
        let message = message(status, body);
        match status.as_u16() {
            status @ (401 | 403) => Self::Denied { status, message },
            404 => Self::NotFound {
                path: path.split('?').next().unwrap_or_default().to_owned(),
            },
            413 => Self::TooLong,
            400 | 422 if message.to_lowercase().contains("too long") => Self::TooLong,
            429 => Self::RateLimited {
                wait: asked(headers, now),
            },
            status @ 500.. => Self::Server {
                status,
                wait: number(headers, "retry-after").and_then(seconds),
            },
            status => Self::Refused { status, message },
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoToken | Self::Token(_) | Self::Denied { .. } | Self::NotFound { .. } => TOKEN,
            Self::Variable { .. } => "the runner sets it; do not change it",
            Self::Authorities { .. } | Self::Setup(_) => {
                "look at the proxy and the certificates of this machine"
            }
            Self::TooLong | Self::Refused { .. } => "the job's artifacts have the report",
            Self::RateLimited { .. } | Self::Server { .. } | Self::Unreachable(_) | Self::OutOfTime => {
                "the job's artifacts have the report; run the job again when the API answers"
            }
            Self::Unexpected { .. } => "does CI_API_V4_URL lead to GitLab, or to a proxy's page?",
        }
    }

    /// Whether the same request may succeed in a while.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::Server { .. } | Self::Unreachable(_)
        )
    }

    /// How long GitLab wants us to wait, if it says.
    pub(super) fn asked_wait(&self) -> Option<Duration> {
        let (Self::RateLimited { wait } | Self::Server { wait, .. }) = self else {
            return None;
        };
        *wait
    }
}

impl Refusal for NoteError {
    fn undone(&self) -> bool {
        match self {
            Self::Server { .. } | Self::Unexpected { .. } => false,
            Self::Unreachable(error) => error.never_sent(),
            Self::NoToken
            | Self::Token(_)
            | Self::Variable { .. }
            | Self::Authorities { .. }
            | Self::Setup(_)
            | Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::TooLong
            | Self::Refused { .. }
            | Self::RateLimited { .. }
            | Self::OutOfTime => true,
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    fn is_too_long(&self) -> bool {
        matches!(self, Self::TooLong)
    }
}

/// <https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers>
fn asked(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let reset = || number(headers, "ratelimit-reset").map(|reset| reset.saturating_sub(now));
    let wait = number(headers, "retry-after").or_else(reset)?;
    Some(seconds(wait).unwrap_or_default())
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn seconds(number: i64) -> Option<Duration> {
    u64::try_from(number).ok().map(Duration::from_secs)
}

/// What GitLab says, on one line: a text, or texts below the names of fields.
fn message(status: StatusCode, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut words = Vec::new();
    for key in ["message", "error", "error_description"] {
        collect(&answer[key], &mut words);
    }
    if words.is_empty() {
        words.push(status.canonical_reason().unwrap_or("no reason given"));
    }
    let text = words.join("; ");
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn collect<'a>(value: &'a Value, words: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => words.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, words)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> NoteError {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, value.parse().expect("a value"))
            })
            .collect();
        let status = StatusCode::from_u16(status).expect("a status");
        let path = "projects/5/merge_requests/7/notes?page=2";
        NoteError::of(status, &headers, body.as_bytes(), path, 1_700_000_000)
    }

    #[test]
    fn every_status_has_its_error() {
        let text = |error: NoteError| error.to_string();
        assert_eq!(
            text(of(401, &[], r#"{"message": "401 Unauthorized"}"#)),
            "GitLab answers 401 (401 Unauthorized): the token may not do this"
        );
        let scope = r#"{"error": "insufficient_scope", "error_description": "more than read_api"}"#;
        assert_eq!(
            text(of(403, &[], scope)),
            "GitLab answers 403 (insufficient_scope; more than read_api): the token may not do this"
        );
        assert_eq!(
            text(of(404, &[], "")),
            "projects/5/merge_requests/7/notes is not there, or the token may not see it"
        );
        let long = r#"{"message": {"note": ["is too long (maximum is 1000000 characters)"]}}"#;
        assert!(of(400, &[], long).is_too_long() && of(413, &[], "").is_too_long());
        assert_eq!(
            text(of(409, &[], "<html>")),
            "GitLab refused it with 409 (Conflict)"
        );
        assert!(matches!(of(502, &[], ""), NoteError::Server { status: 502, .. }));
    }

    #[test]
    fn a_limit_says_for_how_long() {
        let wait = |headers: &[(&'static str, &str)]| of(429, headers, "Retry later").asked_wait();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(wait(&[("retry-after", "7")]), seconds(7));
        assert_eq!(wait(&[("ratelimit-reset", "1700000030")]), seconds(30));
        assert_eq!(wait(&[("ratelimit-reset", "1600000000")]), seconds(0));
        assert_eq!(wait(&[]), None);
        assert_eq!(of(503, &[("retry-after", "5")], "").asked_wait(), seconds(5));
    }

    #[test]
    fn words_of_the_answer_are_short_and_on_one_line() {
        let body = serde_json::json!({ "message": format!("a\n::error::b {}", "x".repeat(1000)) });
        let text = of(409, &[], &body.to_string()).to_string();
        assert!(!text.contains('\n') && text.len() < 300, "{text}");
    }
}
