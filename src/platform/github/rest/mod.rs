//! GitHub's REST API: one comment per key and one pull request per branch that are kept up to date, and commit statuses.
//!
//! Everything here is best effort: what cannot be done is an [`ApiError`] that says what is missing.

mod answer;
mod author;
mod branch;
mod client;
mod comment;
mod deployment;
mod desk;
mod error;
mod fork;
mod pull_request;
mod status;
mod subject;
mod tips;
mod wire;

pub use client::Client;
pub use comment::COMMENT_LIMIT;
pub use deployment::{Deployed, Place};
pub use error::ApiError;
pub use pull_request::{Change, Link, Proposal, ProposalError, Proposed};
pub use status::{DESCRIPTION_LIMIT, State, Status};
pub use subject::{Repository, Subject};

pub use crate::platform::comment::{Draft, Kept, Mark, Run, When, fingerprint};
