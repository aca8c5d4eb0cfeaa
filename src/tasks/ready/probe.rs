//! Asks a URL again and again, with growing pauses, until it answers as expected.

use std::time::Duration;

use http::Method;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Accept, ReadyTask};
use crate::net::client::{Client, ClientError, Redirects, Request, Response};
use crate::net::wall::{PREFIX, Wall, WallKind, recognise};
use crate::net::{display_url, is_loopback};
use crate::secret::Mask;
use crate::tasks::{Event, Reach, RunContext, TaskError};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Time that is kept for the last attempt.
const LAST_ATTEMPT: Duration = Duration::from_millis(200);
/// With less than this left no attempt is worth making.
const SHORTEST_LEFT: Duration = Duration::from_millis(20);
/// Longest wait for one answer.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How often a reason that stays the same is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Bytes of a body that are searched for the expected text.
const BODY: usize = 1 << 20;
/// Characters that are shown of a text from elsewhere.
const SHOWN: usize = 120;

/// Why an attempt did not count.
struct Refusal {
    reason: String,
    /// Nobody was reached at all.
    unreachable: bool,
    /// Waiting longer will not help.
    final_: bool,
}

impl Refusal {
    /// Somebody answered, but not as expected.
    fn answered(reason: String) -> Self {
        Self {
            reason,
            unreachable: false,
            final_: false,
        }
    }
}

/// Waits; says how long it took.
pub(super) async fn wait(task: &ReadyTask, context: &RunContext) -> Result<String, TaskError> {
    let started = Instant::now();
    let deadline = started + task.timeout.0;
    let settings = task
        .sender
        .settings()
        .map_err(|error| TaskError::from_error(&error))?;
    let client = Client::new(&settings, Redirects::None).map_err(|error| TaskError::from_error(&error))?;
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0_u32;
    let mut told: Option<(String, Instant)> = None;
    loop {
        attempts += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let refusal = tokio::select! {
            answer = attempt(task, &client, left.clamp(FIRST_PAUSE, ATTEMPT), &context.mask) => match answer {
                Ok(()) => return Ok(ready(started.elapsed(), attempts)),
                Err(refusal) => refusal,
            },
            () = context.shutdown.cancelled() => return Err(TaskError::new("stopped while waiting")),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if refusal.final_ || left < SHORTEST_LEFT {
            return Err(give_up(task, &refusal, started.elapsed(), context));
        }
        if told
            .as_ref()
            .is_none_or(|(reason, at)| *reason != refusal.reason || at.elapsed() >= TELL_EVERY)
        {
            context.emit(Event::Note(format!(
                "waiting for {}: {}",
                task.url, refusal.reason
            )));
            told = Some((refusal.reason, Instant::now()));
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = context.shutdown.cancelled() => return Err(TaskError::new("stopped while waiting")),
        }
        // The last attempt is made just before the time is up.
        let left = deadline.saturating_duration_since(Instant::now());
        pause = (pause * 2)
            .min(LONGEST_PAUSE)
            .min(left.saturating_sub(LAST_ATTEMPT).max(SHORTEST_LEFT));
    }
}

fn ready(took: Duration, attempts: u32) -> String {
    let attempts = if attempts == 1 {
        "the first attempt".to_owned()
    } else {
        format!("{attempts} attempts")
    };
    format!("ready after {:.1} s and {attempts}", took.as_secs_f64())
}

fn give_up(task: &ReadyTask, refusal: &Refusal, took: Duration, context: &RunContext) -> TaskError {
    let after = if refusal.final_ {
        String::new()
    } else {
        format!(" after {:.0} s", took.as_secs_f64())
    };
    let error = TaskError::new(format!("{} is not ready{after}: {}", task.url, refusal.reason));
    if refusal.unreachable {
        explain_loopback(&task.url.0, context, error)
    } else {
        error
    }
}

/// In a container `localhost` is the container itself: say so, and name the ways out.
pub(in crate::tasks) fn explain_loopback(url: &Url, context: &RunContext, error: TaskError) -> TaskError {
    if context.reach == Reach::Container && is_loopback(url) {
        return error.hint(
            "inside a container `localhost` is the container itself: use the service's name (http://my-service:8080) when the \
             target is a service container, the host's address (http://172.17.0.1:8080 on GitHub's runners) when a step started \
             it, or run the binary without a container",
        );
    }
    error
}

async fn attempt(task: &ReadyTask, client: &Client, timeout: Duration, mask: &Mask) -> Result<(), Refusal> {
    let mut request = Request::new(Method::GET, task.url.0.clone());
    request.headers = task.sender.headers.clone();
    // Whole hundredths read better in the message about it.
    request.timeout = Duration::from_millis(
        u64::try_from(timeout.as_millis())
            .unwrap_or(u64::MAX)
            .div_ceil(10)
            * 10,
    );
    request.body_limit = if task.expected.body.is_some() {
        BODY
    } else {
        PREFIX
    };
    match client.send(request).await {
        Ok(response) => judge(task, &response, mask),
        // A name may appear and a server start; a wrong certificate or address stays as it is.
        Err(error) => {
            let unreachable = matches!(error, ClientError::Refused(_) | ClientError::Connect { .. });
            let final_ = matches!(
                error,
                ClientError::Url(_)
                    | ClientError::TlsSettings(_)
                    | ClientError::Proxy(_)
                    | ClientError::Setup(_)
            );
            Err(Refusal {
                reason: TaskError::from_error(&error).message,
                unreachable,
                final_,
            })
        }
    }
}

fn judge(task: &ReadyTask, response: &Response, mask: &Mask) -> Result<(), Refusal> {
    let status = response.status.as_u16();
    let wall = recognise(&task.url.0, response.status, &response.headers, &response.body);
    let accepted = match &task.expected.status {
        Accept::Only(statuses) => statuses.contains(status),
        Accept::Application => !matches!(status, 404 | 502 | 503 | 504),
    };
    // A wall may answer 200: what was asked for is then not what answers.
    if let Some(wall) = wall.filter(|wall| !accepted || speaks_for_others(wall)) {
        return Err(Refusal::answered(format!("{}; {}", wall.description, wall.hint)));
    }
    let wait = |reason: String| Err(Refusal::answered(reason));
    if !accepted {
        let expected = match &task.expected.status {
            Accept::Only(statuses) => format!("expected {statuses}"),
            Accept::Application => "the application does not answer yet".to_owned(),
        };
        return wait(format!(
            "it answers with status {status}; {expected}{}",
            location(&task.url.0, response, mask)
        ));
    }
    for (name, value) in &task.expected.header {
        match response
            .headers
            .get(name)
            .map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned())
        {
            Some(found) if found == *value => {}
            Some(found) => {
                return wait(format!(
                    "header {name} is `{}`, expected `{}`",
                    short(&found, mask),
                    short(value, mask)
                ));
            }
            None => return wait(format!("it answers without the header {name}")),
        }
    }
    match &task.expected.body {
        Some(text) if !contains(&response.body, text.as_bytes()) => {
            wait(format!("its body does not contain `{}`", short(text, mask)))
        }
        _ => Ok(()),
    }
}

/// Whether a page of this kind with an accepted status still hides the application.
fn speaks_for_others(wall: &Wall) -> bool {
    match wall.kind {
        WallKind::Login | WallKind::Challenge | WallKind::Placeholder | WallKind::RateLimit => true,
        // A redirect is an answer of the application when 3xx is accepted.
        WallKind::OtherHost => false,
    }
}

/// Where an answer leads, which is often told relative to what was requested.
fn location(requested: &Url, response: &Response, mask: &Mask) -> String {
    let Some(target) = response.headers.get(http::header::LOCATION) else {
        return String::new();
    };
    match target
        .to_str()
        .ok()
        .and_then(|target| requested.join(target).ok())
    {
        Some(target) => format!(" (it redirects to {})", short(&display_url(&target), mask)),
        None => " (it redirects to something that is no URL)".to_owned(),
    }
}

/// The beginning of a text for people. Secrets go first: of one that is cut, the mask would not know the rest.
fn short(text: &str, mask: &Mask) -> String {
    mask.apply(text)
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect()
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn answer(status: u16, name: &'static str, value: &str) -> Response {
        Response {
            status: StatusCode::from_u16(status).expect("status"),
            url: "https://app.example/x".parse().expect("url"),
            headers: HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                value.parse().expect("value"),
            )]),
            body: bytes::Bytes::new(),
            truncated: false,
        }
    }

    #[test]
    fn a_long_secret_is_masked_before_the_text_is_cut() {
        let mask = Mask::default();
        let token = "t0ken-".repeat(60);
        mask.add(&token);
        let shown = short(&format!("Bearer {token}"), &mask);
        assert_eq!(shown, "Bearer ***");
        assert_eq!(short(&"x".repeat(500), &mask).len(), SHOWN);
    }

    #[test]
    fn a_relative_redirect_is_shown_without_its_query() {
        let requested = "https://me:pw@app.example/a/b?key=1".parse().expect("url");
        let shown = |to: &str| location(&requested, &answer(302, "location", to), &Mask::default());
        assert_eq!(
            shown("/cb?token=leaked"),
            " (it redirects to https://app.example/cb)"
        );
        assert_eq!(
            shown("c?token=leaked#x"),
            " (it redirects to https://app.example/a/c)"
        );
        assert_eq!(
            shown("http://[?token=leaked"),
            " (it redirects to something that is no URL)"
        );
    }
}
