//! What an answer of GitHub means: [`refusal`], and how long to [`wait`] before the same request is sent again.
//!
//! <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api>

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::ApiError;
use crate::platform::patience;

/// What GitHub asks for where a limit is reached and it does not say for how long.
const UNSAID: Duration = Duration::from_mins(1);
/// Characters of GitHub's own words that are shown.
const LONGEST: usize = 200;

/// What was asked, for the words of an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Path below the API's address.
    pub path: &'a str,
    /// The line below `permissions:` that it needs.
    pub permission: &'static str,
}

/// The error that a status other than 2xx stands for. `now` is in seconds since 1970.
pub(super) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    asked: Asked<'_>,
    now: i64,
) -> ApiError {
    let message = message(status, body);
    if let Some(limited) = limited(status, headers, &message, now) {
        return limited;
    }
    let lower = message.to_lowercase();
    match status.as_u16() {
        401 => ApiError::Unauthorized { message },
        403 if lower.contains("locked") => ApiError::Locked { message },
        410 | 423 => ApiError::Locked { message },
        403 if lower.contains("not permitted to create or approve pull requests") => {
            ApiError::Setting { message }
        }
        403 => ApiError::Forbidden {
            permission: asked.permission,
            message,
        },
        404 => ApiError::NotFound {
            path: asked.path.split('?').next().unwrap_or_default().to_owned(),
            permission: asked.permission,
        },
        413 => ApiError::TooLong,
        422 if lower.contains("too long") => ApiError::TooLong,
        status @ 500.. => ApiError::Server {
            status,
            wait: seconds(headers, "retry-after").and_then(duration),
        },
        status => ApiError::Refused { status, message },
    }
}

/// 403 and 429 with a sign of a limit; a 403 without one is a matter of permission.
fn limited(status: StatusCode, headers: &HeaderMap, message: &str, now: i64) -> Option<ApiError> {
    if !matches!(status.as_u16(), 403 | 429) {
        return None;
    }
    let after = seconds(headers, "retry-after");
    let exhausted = seconds(headers, "x-ratelimit-remaining") == Some(0);
    let reset = seconds(headers, "x-ratelimit-reset").filter(|_| exhausted);
    let wait = after.or_else(|| reset.map(|reset| reset.saturating_sub(now)));
    let lower = message.to_lowercase();
    let said = lower.contains("rate limit") || lower.contains("abuse detection");
    (wait.is_some() || exhausted || said || status == StatusCode::TOO_MANY_REQUESTS).then(|| {
        ApiError::RateLimited {
            wait: wait.map(|wait| duration(wait).unwrap_or_default()),
        }
    })
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn duration(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// What GitHub says, on one line: `message`, and what `errors` say.
fn message(status: StatusCode, body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let own = |error: &Value| error["message"].as_str().map(str::to_owned);
    let coded = |error: &Value| {
        Some(format!(
            "{}: {}",
            error["field"].as_str()?,
            error["code"].as_str()?
        ))
    };
    let mut words: Vec<String> = own(&answer).into_iter().collect();
    let errors = answer["errors"].as_array().into_iter().flatten();
    words.extend(errors.filter_map(|error| {
        let text = error.as_str().map(str::to_owned);
        text.or_else(|| own(error)).or_else(|| coded(error))
    }));
    if words.is_empty() {
        let reason = status.canonical_reason().unwrap_or("no reason given");
        words.push(reason.to_owned());
    }
    let text = words.join("; ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// How long to wait before the request is sent for another time, after `tries` of them failed.
pub(super) fn wait(error: &ApiError, tries: u32) -> Duration {
    let asked = match error {
        ApiError::RateLimited { wait } => Some(wait.unwrap_or(UNSAID)),
        ApiError::Server { wait, .. } => *wait,
        ApiError::Unreachable(_)
        | ApiError::NoToken
        | ApiError::Token(_)
        | ApiError::Variable { .. }
        | ApiError::Setup(_)
        | ApiError::Unauthorized { .. }
        | ApiError::Forbidden { .. }
        | ApiError::Setting { .. }
        | ApiError::NotFound { .. }
        | ApiError::Locked { .. }
        | ApiError::TooLong
        | ApiError::Refused { .. }
        | ApiError::Unexpected { .. }
        | ApiError::OutOfTime => None,
    };
    patience::wait(asked, tries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn of(status: u16, headers: &[(&'static str, &str)], message: &str) -> ApiError {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    value.parse().expect("a value"),
                )
            })
            .collect();
        let body = serde_json::json!({ "message": message }).to_string();
        let asked = Asked {
            path: "/repos/o/r/issues/1/comments?page=2",
            permission: "pull-requests: write",
        };
        let status = StatusCode::from_u16(status).expect("a status");
        refusal(status, &headers, body.as_bytes(), asked, NOW)
    }

    #[test]
    fn a_403_is_a_limit_only_where_it_shows_signs_of_one() {
        let integration = "Resource not accessible by integration";
        assert!(matches!(of(403, &[], integration), ApiError::Forbidden { .. }));
        let left = [
            ("x-ratelimit-remaining", "10"),
            ("x-ratelimit-reset", "1700000100"),
        ];
        assert!(matches!(of(403, &left, integration), ApiError::Forbidden { .. }));
        let wait = |error: ApiError| {
            let ApiError::RateLimited { wait } = error else {
                panic!("{error}");
            };
            wait.map(|wait| wait.as_secs())
        };
        assert_eq!(wait(of(403, &[("retry-after", "7")], "x")), Some(7));
        let used = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000030"),
        ];
        assert_eq!(wait(of(403, &used, "x")), Some(30));
        assert_eq!(wait(of(429, &[], "x")), None);
        let secondary = "You have exceeded a secondary rate limit";
        assert_eq!(wait(of(403, &[], secondary)), None);
    }

    #[test]
    fn every_status_has_its_error() {
        assert!(matches!(
            of(401, &[], "Bad credentials"),
            ApiError::Unauthorized { .. }
        ));
        let setting = "GitHub Actions is not permitted to create or approve pull requests.";
        assert!(matches!(of(403, &[], setting), ApiError::Setting { .. }));
        assert!(matches!(of(410, &[], "gone"), ApiError::Locked { .. }));
        let locked = "Unable to create comment because issue is locked.";
        assert!(matches!(of(403, &[], locked), ApiError::Locked { .. }));
        assert!(matches!(
            of(422, &[], "Body is too long (maximum is 65536 characters)"),
            ApiError::TooLong
        ));
        assert!(matches!(
            of(422, &[], "Validation Failed"),
            ApiError::Refused { status: 422, .. }
        ));
        assert!(matches!(
            of(409, &[], "Conflict"),
            ApiError::Refused { status: 409, .. }
        ));
        assert!(matches!(of(502, &[], ""), ApiError::Server { status: 502, .. }));
        let gone = of(404, &[], "Not Found").to_string();
        assert!(
            gone.starts_with("/repos/o/r/issues/1/comments is not there"),
            "{gone}"
        );
    }

    #[test]
    fn words_of_the_answer_are_short_and_on_one_line() {
        let text = of(409, &[], &format!("a\n::error::b {}", "x".repeat(1000))).to_string();
        assert!(!text.contains('\n') && text.len() < 300, "{text}");
        let html = refusal(
            StatusCode::CONFLICT,
            &HeaderMap::new(),
            b"<html>",
            Asked {
                path: "",
                permission: "",
            },
            NOW,
        );
        assert_eq!(html.to_string(), "GitHub refused it with 409 (Conflict)");
    }

    #[test]
    fn waits_double_and_what_github_asks_for_is_kept() {
        let server = ApiError::Server {
            status: 500,
            wait: None,
        };
        let waits: Vec<_> = (1..4).map(|tries| wait(&server, tries).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000]);
        let asked = ApiError::RateLimited {
            wait: Some(Duration::from_secs(9)),
        };
        assert_eq!(wait(&asked, 1).as_secs(), 9);
        assert_eq!(wait(&ApiError::RateLimited { wait: None }, 1), UNSAID);
    }
}
