//! [`Recent`] and [`Progress`]: how a running load is getting on.

use std::time::Duration;

use crate::metrics::{Recorder, Statistic};

/// How a load is getting on.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Requests sent.
    pub sent: u64,
    /// Of these, answered completely.
    pub answered: u64,
    /// Of these, errors.
    pub errors: u64,
    /// How many there will be, if that is known.
    pub total: Option<u64>,
    /// Since the start.
    pub elapsed: Duration,
    /// Median latency since the last report, in milliseconds.
    pub p50: Option<f64>,
    /// 95th percentile of the latency since the last report, in milliseconds.
    pub p95: Option<f64>,
}

/// What a worker has to say of itself: its totals, and its latencies since it last said so.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) errors: u64,
    pub(super) latency: Recorder,
}

impl Recent {
    /// Adds what another worker of the same load says.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.errors += other.errors;
        self.latency.merge(&other.latency);
    }

    /// The same for people, `elapsed` after the start of a load of `total` requests.
    pub fn progress(&self, elapsed: Duration, total: Option<u64>) -> Progress {
        let latency = self.latency.histogram();
        Progress {
            sent: self.sent,
            answered: self.answered,
            errors: self.errors,
            total,
            elapsed,
            p50: latency.statistic(Statistic::Percentile(50.0)),
            p95: latency.statistic(Statistic::Percentile(95.0)),
        }
    }
}
