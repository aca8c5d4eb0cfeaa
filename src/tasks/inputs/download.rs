//! [`download`]: what a task fetches from a URL before it sends anything.

use bytes::Bytes;

use super::{Sender, Target, Unsent, send};
use crate::net::client::{Client, Redirects, Request};
use crate::tasks::{RunContext, TaskError};

/// Redirects that are followed.
const REDIRECTS: u8 = 10;

/// The content of a URL; `what` it is, in words that follow `the`. Redirects are followed; a stop is heeded.
pub(in crate::tasks) async fn download(
    what: &str,
    target: &Target,
    sender: &Sender,
    context: &RunContext,
) -> Result<Bytes, TaskError> {
    let settings = sender.settings().map_err(|error| TaskError::from_error(&error))?;
    let failed = |why: String| TaskError::new(format!("cannot download the {what} {target}: {why}"));
    let client = Client::new(&settings, Redirects::Follow(REDIRECTS))
        .map_err(|error| TaskError::from_error(&error))?;
    let request = Request::get(target.0.clone());
    let response = match send(&client, &request, &context.shutdown).await {
        Ok(response) => response,
        Err(Unsent::Failed(why)) => return Err(failed(why)),
        Err(Unsent::Stopped) => {
            return Err(TaskError::new(format!(
                "stopped while downloading the {what} {target}"
            )));
        }
    };
    if !response.status.is_success() {
        return Err(failed(format!(
            "it answers with status {}",
            response.status.as_u16()
        )));
    }
    response.whole_body().map_err(|error| failed(error.to_string()))
}
