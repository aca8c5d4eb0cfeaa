//! [`send`]: a one-off request, sent again after failures that pass, where that is safe.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::net::client::{Client, ClientError, Request, Response};
use crate::tasks::TaskError;

/// Pauses before a request is sent again.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(900)];
/// Longest pause that a server may ask for.
const LONGEST: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::tasks) enum Unsent {
    /// The server could not be reached, or gave no answer.
    Failed(String),
    /// The run was stopped meanwhile.
    Stopped,
}

/// The answer to a request, whatever its status. Requests that change nothing by being sent twice are sent again after
/// a 5xx or a broken connection; any other only if it surely was not taken: no connection, or status 429.
pub(in crate::tasks) async fn send(
    client: &Client,
    request: &Request,
    shutdown: &CancellationToken,
) -> Result<Response, Unsent> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let sent = tokio::select! {
            sent = client.send(request.clone()) => sent,
            () = shutdown.cancelled() => return Err(Unsent::Stopped),
        };
        let again = passes(&sent, &request.method).and_then(|least| Some(pauses.next()?.max(least)));
        let Some(pause) = again else {
            return sent.map_err(|error| Unsent::Failed(TaskError::from_error(&error).message));
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return Err(Unsent::Stopped),
        }
    }
}

/// Whether it is worth and safe to try once more, and after which pause at least.
fn passes(sent: &Result<Response, ClientError>, method: &Method) -> Option<Duration> {
    let repeatable = matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    );
    match sent {
        Ok(response) if response.status == StatusCode::TOO_MANY_REQUESTS => {
            let asked = response.headers.get(http::header::RETRY_AFTER);
            let seconds = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let pause = seconds.map_or(Duration::ZERO, Duration::from_secs);
            (pause <= LONGEST).then_some(pause)
        }
        Ok(response) => (response.status.is_server_error() && repeatable).then_some(Duration::ZERO),
        Err(ClientError::Refused(_) | ClientError::Connect { .. }) => Some(Duration::ZERO),
        Err(ClientError::Reset { .. }) if repeatable => Some(Duration::ZERO),
        Err(_) => None,
    }
}

/// The beginning of a body, on one line, for messages.
pub(in crate::tasks) fn beginning(body: &[u8]) -> String {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = words.chars().take(SHOWN).collect();
    if short.len() < words.len() || body.len() > 4 * SHOWN {
        short.push('…');
    }
    short
}
