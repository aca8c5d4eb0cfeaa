//! [`Sent`]: what is known of a request before its answer.

use std::time::Duration;

use crate::load::ConnectTimes;

/// A request that was sent, with instants from the start of the load.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Its number in the load.
    pub n: u64,
    /// When it should have been sent.
    pub due: Duration,
    /// When it was.
    pub at: Duration,
    /// The number of its connection on this worker, from 1; 0 when it has none, or one that the warm-up opened.
    pub connection: u64,
    /// How long it took to open the connection, if it was opened for this request.
    pub opened: Option<ConnectTimes>,
}
