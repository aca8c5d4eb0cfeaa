//! [`Times`]: the times of requests, each recorded once where several of them are the same.
//!
//! A free pace sends a request when it is due: its latency is its service time. Most answers come in one read: their
//! first byte is their last. So one record often says everything, and the rest is derived at the end.

use super::batch::Record;
use crate::metrics::{Histogram, Recorder, Timing};

/// The times of answered requests, and of those that were given up.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    /// Sent when due and answered in one read: latency, service time and time to first byte in one; no body time.
    only: Recorder,
    /// Latencies of all others.
    latency: Recorder,
    /// Sent late and answered in one read: service time and time to first byte in one; no body time.
    whole: Recorder,
    /// Service times of all others.
    service_time: Recorder,
    ttfb: Recorder,
    body: Recorder,
}

impl Times {
    #[inline]
    pub(super) fn answered(&mut self, record: &Record) {
        let service_time = record.end.saturating_sub(record.at);
        let one_read = record.first_byte == record.end;
        if one_read && record.at == record.due {
            self.only.record(service_time);
            return;
        }
        self.latency.record(record.latency());
        if one_read {
            self.whole.record(service_time);
        } else {
            self.service_time.record(service_time);
            self.ttfb.record(record.first_byte.saturating_sub(record.at));
            self.body.record(record.end.saturating_sub(record.first_byte));
        }
    }

    /// A request that got no complete answer until it was given up.
    pub(super) fn given_up(&mut self, latency: u64, service_time: u64) {
        self.latency.record(latency);
        self.service_time.record(service_time);
    }

    /// A request that was due and never sent.
    pub(super) fn unsent(&mut self, waited: u64) {
        self.latency.record(waited);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, other) in [
            (&mut self.only, &other.only),
            (&mut self.latency, &other.latency),
            (&mut self.whole, &other.whole),
            (&mut self.service_time, &other.service_time),
            (&mut self.ttfb, &other.ttfb),
            (&mut self.body, &other.body),
        ] {
            mine.merge(other);
        }
    }

    pub(super) fn clear(&mut self) {
        for recorder in [
            &mut self.only,
            &mut self.latency,
            &mut self.whole,
            &mut self.service_time,
            &mut self.ttfb,
            &mut self.body,
        ] {
            recorder.clear();
        }
    }

    /// All latencies.
    pub(super) fn latency(&self) -> Recorder {
        let mut latency = self.latency.clone();
        latency.merge(&self.only);
        latency
    }

    /// What recording each time of each request would have given.
    pub(super) fn timings(mut self) -> [(Timing, Histogram); 4] {
        let latency = self.latency();
        self.whole.merge(&self.only);
        self.service_time.merge(&self.whole);
        self.ttfb.merge(&self.whole);
        self.body.record_many(0, self.whole.count());
        [
            (Timing::Latency, latency.histogram()),
            (Timing::ServiceTime, self.service_time.histogram()),
            (Timing::Ttfb, self.ttfb.histogram()),
            (Timing::Body, self.body.histogram()),
        ]
    }
}
