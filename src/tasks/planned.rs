//! [`Planned`]: what a load will send.

use super::Tested;
use crate::load::Extent;
use crate::metrics::Stream;

/// What a load will send to one version, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Protocol and endpoint.
    pub stream: Stream,
    /// To whom.
    pub version: Tested,
    /// Where its requests go, without user information and query.
    pub target: String,
    /// How they are sent, in words.
    pub plan: String,
    /// Of a shard, its part of that, likewise.
    pub part: Option<String>,
    /// How many, and how long it takes.
    pub extent: Extent,
    /// Loads of a task with the same number are sent at the same time, the others one after the other.
    pub together: usize,
}
