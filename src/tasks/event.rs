//! [`Event`]: what happens while an experiment runs, for those who watch.

use std::time::Duration;

use crate::results::TaskStatus;

/// How far a load is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Requests sent so far.
    pub sent: u64,
    /// Of them failed.
    pub errors: u64,
    /// Median latency so far, in milliseconds.
    pub p50: Option<f64>,
    /// 95th percentile so far, in milliseconds.
    pub p95: Option<f64>,
    /// Since the load began.
    pub elapsed: Duration,
    /// Share that is done, 0 to 1, if the end is known.
    pub done: Option<f64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A task begins.
    Started {
        /// Position, from 1.
        index: usize,
        /// Number of tasks.
        total: usize,
        /// Its name.
        name: String,
        /// What it will do.
        about: String,
    },
    /// A load goes on.
    Progress(Progress),
    /// Something to tell, from ourselves.
    Note(String),
    /// A line that a script or a target wrote: not to be trusted.
    Foreign(String),
    /// A task has ended.
    Ended {
        /// Position, from 1.
        index: usize,
        /// Its name.
        name: String,
        /// What became of it.
        status: TaskStatus,
        /// How long it took.
        took: Duration,
    },
}
