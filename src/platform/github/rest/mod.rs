//! GitHub's REST API: one comment per key that is kept up to date, and commit statuses.
//!
//! Everything here is best effort: what cannot be done is an [`ApiError`] that says what is missing.

mod answer;
mod author;
mod client;
mod comment;
mod deployment;
mod error;
mod fork;
mod marker;
mod status;
mod subject;
mod wire;

pub use client::Client;
pub use comment::{COMMENT_LIMIT, Draft, Kept, When};
pub use deployment::{Deployed, Place};
pub use error::ApiError;
pub use marker::{Mark, fingerprint};
pub use status::{DESCRIPTION_LIMIT, State, Status};
pub use subject::{Repository, Run, Subject};
