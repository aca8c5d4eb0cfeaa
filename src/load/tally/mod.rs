//! [`Tally`]: what one worker counts. Its memory does not depend on the number of requests, and tallies of several
//! workers merge exactly, in any order: all but the names of walls, redirects and addresses, of which there are only so many.

mod asides;
mod batch;
mod first;
mod messages;
mod progress;
mod sent;
mod slowest;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Answer, ConnectTimes, Failed};
use crate::metrics::{
    Failure, FailureClass, Histogram, LoadMeasurement, Recorder, SliceRecorder, Slices, Timing, nanos,
};
use asides::Asides;
pub use asides::OTHER_WALLS;
use batch::{BATCH, Record};
use first::{First, add_named, earlier};
use messages::Counts;
pub use messages::Messages;
pub use progress::{Progress, Recent};
pub use sent::Sent;
use slowest::{SlowAnswer, Slowest};
use times::Times;

/// Different addresses that are told apart.
const ADDRESSES: usize = 64;
/// Longest example of a failure, in characters.
const EXAMPLE: usize = 300;

#[derive(Debug, Clone, Default)]
struct Counted {
    count: u64,
    example: Option<First<String>>,
}

/// Counts and histograms of one worker.
#[derive(Debug, Clone)]
pub struct Tally {
    start: Instant,
    /// The start by the clock that people have.
    pub(in crate::load) began: Option<Timestamp>,
    /// Requests of a lower number are not counted.
    skip: u64,
    /// Requests that were not counted, for whatever reason.
    uncounted: u64,
    ignored: u64,
    /// When the first that was counted was due, in nanoseconds.
    first_due: u64,
    /// Answered requests that have not been counted.
    records: Vec<Record>,
    /// Delays, in nanoseconds, that have not been counted.
    lags: Vec<u64>,
    slowest: Slowest,
    requests: u64,
    answered: u64,
    errors: u64,
    unsent: u64,
    waited: u64,
    bytes: u64,
    connections: u64,
    reconnects: u64,
    resumed: u64,
    spoken: BTreeMap<&'static str, u64>,
    addresses: BTreeMap<String, u64>,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<FailureClass, Counted>,
    asides: Asides,
    /// Times until the last report of progress.
    past: Times,
    /// Times since then.
    recent: Times,
    connect: Recorder,
    tls: Recorder,
    send_delay: Recorder,
    cold_start: Option<First<Duration>>,
    /// Nanoseconds from the start.
    last_end: u64,
    slices: SliceRecorder,
    /// Where requests have any.
    messages: Option<Box<Counts>>,
}

impl Tally {
    /// An empty one of a load that starts at `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            began: None,
            skip: 0,
            uncounted: 0,
            ignored: 0,
            first_due: u64::MAX,
            records: Vec::with_capacity(BATCH),
            lags: Vec::with_capacity(BATCH),
            slowest: Slowest::default(),
            requests: 0,
            answered: 0,
            errors: 0,
            unsent: 0,
            waited: 0,
            bytes: 0,
            connections: 0,
            reconnects: 0,
            resumed: 0,
            spoken: BTreeMap::new(),
            addresses: BTreeMap::new(),
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            asides: Asides::default(),
            past: Times::default(),
            recent: Times::default(),
            connect: Recorder::default(),
            tls: Recorder::default(),
            send_delay: Recorder::default(),
            cold_start: None,
            last_end: 0,
            slices: SliceRecorder::default(),
            messages: None,
        }
    }

    /// The same, where requests of a number below `skip` are not counted, and the time until the first that is counted is
    /// no part of the load. Connections are counted all the same.
    #[must_use]
    pub fn skipping(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Request `n` was released, so much later than it was due: our own delay.
    pub fn released(&mut self, n: u64, lag: Duration) {
        if n < self.skip {
            return;
        }
        self.lags.push(nanos(lag));
        if self.lags.len() == BATCH {
            self.count_lags();
        }
    }

    /// Request `n` was released on time while every connection was busy.
    pub fn waited(&mut self, n: u64) {
        self.waited += u64::from(n >= self.skip);
    }

    /// A request is one of the first, which are not counted, or was none.
    pub fn skipped(&mut self) {
        self.uncounted += 1;
    }

    /// Request `n` was under way when the time was over, and is counted as nothing but that.
    pub fn ignored(&mut self, n: u64) {
        self.uncounted += 1;
        self.ignored += u64::from(n >= self.skip);
    }

    /// A connection was opened of which nothing counts but what is spoken on it.
    pub fn opened(&mut self, times: &ConnectTimes) {
        *self.spoken.entry(times.spoken()).or_default() += 1;
    }

    /// A connection was opened. Its number among those of this tally, from 1.
    pub fn connected(&mut self, times: ConnectTimes) -> u64 {
        self.opened(&times);
        self.connections += 1;
        self.connect.record(nanos(times.connect));
        if let Some(tls) = times.tls {
            self.tls.record(nanos(tls));
        }
        self.resumed += u64::from(times.resumed);
        if let Some(address) = times.address {
            let address = address.to_string();
            add_named(&mut self.addresses, ADDRESSES, "other addresses", &address, 1);
        }
        self.connections
    }

    /// Kept connections were found closed and replaced before a request was written.
    pub fn reconnected(&mut self, times: u32) {
        self.reconnects += u64::from(times);
    }

    /// A request has its answer.
    #[inline]
    pub fn answered(&mut self, sent: Sent, answer: &Answer) {
        if sent.n < self.skip {
            return self.skipped();
        }
        let end = self.offset(answer.end);
        let first_byte = if answer.first_byte == answer.end {
            end
        } else {
            self.offset(answer.first_byte)
        };
        let record = Record {
            due: nanos(sent.due),
            at: nanos(sent.at),
            first_byte,
            end,
            bytes: answer.bytes,
            status: answer.status,
            error: answer.failure.is_some(),
        };
        let slow = SlowAnswer {
            first_byte: record.first_byte,
            end: record.end,
            status: record.status,
        };
        self.slowest.offer(record.latency(), &sent, Some(slow));
        if sent.n == 0 {
            self.cold_start(record.latency());
        }
        if let Some(failed) = &answer.failure {
            self.failure(sent.n, failed);
        }
        if let Some(aside) = &answer.aside {
            self.asides.count(aside);
        }
        self.records.push(record);
        if self.records.len() == BATCH {
            self.count_records();
        }
    }

    /// A request has no complete answer, and why. One that got none in its time, or until the run was stopped, has at
    /// least this latency.
    pub fn failed(&mut self, sent: Sent, end: Instant, failed: &Failed) {
        if sent.n < self.skip {
            return self.skipped();
        }
        let (due, end) = (nanos(sent.due), self.offset(end));
        self.first_due = self.first_due.min(due);
        self.requests += 1;
        self.errors += 1;
        self.last_end = self.last_end.max(end);
        self.slices.request(due, true);
        if let Some(status) = failed.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if failed.has_latency() {
            let latency = end.saturating_sub(due);
            self.recent.given_up(latency, end.saturating_sub(nanos(sent.at)));
            self.slices.latency(due, latency);
            self.slowest.offer(latency, &sent, None);
            if sent.n == 0 {
                self.cold_start(latency);
            }
        }
        self.failure(sent.n, failed);
    }

    /// The messages of request `n`; they are taken out.
    #[inline]
    pub fn messages(&mut self, n: u64, messages: &mut Messages) {
        if n < self.skip {
            *messages = Messages::default();
            return;
        }
        self.messages.get_or_insert_default().take(messages);
    }

    /// Request `n` was due and will not be sent; it had waited until `now`.
    pub fn unsent(&mut self, n: u64, due: Duration, now: Duration) {
        if n < self.skip {
            return self.skipped();
        }
        self.first_due = self.first_due.min(nanos(due));
        let waited = nanos(now.saturating_sub(due));
        self.unsent += 1;
        self.past.unsent(waited);
        self.slices.latency(nanos(due), waited);
        self.last_end = self.last_end.max(nanos(now));
    }

    fn offset(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.start))
    }

    #[cold]
    fn cold_start(&mut self, latency: u64) {
        let value = Duration::from_nanos(latency);
        self.cold_start = Some(First { n: 0, value });
    }

    #[cold]
    fn failure(&mut self, n: u64, failed: &Failed) {
        let counted = self.failures.entry(failed.class).or_default();
        counted.count += 1;
        if counted.example.as_ref().is_none_or(|first| n < first.n) {
            let mut letters = failed.example.chars();
            let mut value: String = letters.by_ref().take(EXAMPLE).collect();
            if letters.next().is_some() {
                value.push('…');
            }
            counted.example = Some(First { n, value });
        }
    }

    /// Counts what waits.
    fn settle(&mut self) {
        self.count_records();
        self.count_lags();
    }

    #[inline(never)]
    fn count_lags(&mut self) {
        self.lags.drain(..).for_each(|lag| self.send_delay.record(lag));
    }

    #[inline(never)]
    fn count_records(&mut self) {
        let records = &self.records;
        self.requests += records.len() as u64;
        self.answered += records.len() as u64;
        for record in records {
            self.bytes += record.bytes;
            self.errors += u64::from(record.error);
            self.last_end = self.last_end.max(record.end);
            self.first_due = self.first_due.min(record.due);
            self.recent.answered(record);
        }
        for record in records {
            self.slices.request(record.due, record.error);
            self.slices.latency(record.due, record.latency());
        }
        for same in records.chunk_by(|one, next| one.status == next.status) {
            if let Some(status) = same[0].status {
                *self.statuses.entry(status).or_default() += same.len() as u64;
            }
        }
        self.records.clear();
    }

    /// Adds what another worker of the same load counted. Which of more than 16 walls, or of more than 64 addresses, are
    /// named and which are among the others depends on the order; their sum does not.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.settle();
        self.settle();
        self.uncounted += other.uncounted;
        self.ignored += other.ignored;
        self.first_due = self.first_due.min(other.first_due);
        self.requests += other.requests;
        self.answered += other.answered;
        self.errors += other.errors;
        self.unsent += other.unsent;
        self.waited += other.waited;
        self.bytes += other.bytes;
        self.connections += other.connections;
        self.reconnects += other.reconnects;
        self.resumed += other.resumed;
        self.last_end = self.last_end.max(other.last_end);
        for (spoken, count) in &other.spoken {
            *self.spoken.entry(spoken).or_default() += count;
        }
        for (address, count) in &other.addresses {
            add_named(&mut self.addresses, ADDRESSES, "other addresses", address, *count);
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (class, counted) in &other.failures {
            let mine = self.failures.entry(*class).or_default();
            mine.count += counted.count;
            earlier(&mut mine.example, counted.example.as_ref());
        }
        self.asides.merge(&other.asides);
        self.past.merge(&other.past);
        self.recent.merge(&other.recent);
        self.connect.merge(&other.connect);
        self.tls.merge(&other.tls);
        self.send_delay.merge(&other.send_delay);
        self.slowest.merge(&other.slowest);
        earlier(&mut self.cold_start, other.cold_start.as_ref());
        self.slices.merge(&other.slices);
        if let Some(messages) = &other.messages {
            self.messages.get_or_insert_default().merge(messages);
        }
    }

    /// What this worker has to say of itself; its latencies start anew.
    pub fn recent(&mut self) -> Recent {
        self.settle();
        let latency = self.recent.latency();
        self.past.merge(&self.recent);
        self.recent.clear();
        Recent {
            sent: self.requests,
            answered: self.answered,
            errors: self.errors,
            latency,
        }
    }

    /// Requests sent or left unsent so far, counted or not.
    pub fn seen(&self) -> u64 {
        self.requests + self.records.len() as u64 + self.unsent + self.uncounted
    }

    /// From the start to the last end of a request that was counted.
    pub fn lasted(&self) -> Duration {
        let waiting = self.records.iter().map(|record| record.end).max();
        Duration::from_nanos(self.last_end.max(waiting.unwrap_or_default()))
    }

    /// The measurement of the load so far, as if it were [finished](Self::finish) now.
    pub fn measured_so_far(&self, at_least: Duration) -> LoadMeasurement {
        self.clone().finish(at_least)
    }

    /// The measurement of the finished load, which lasted until its last answer or `at_least` this long.
    pub fn finish(mut self, at_least: Duration) -> LoadMeasurement {
        self.settle();
        let (begin, elapsed, slices) = self.time(at_least);
        let mut exemplars = self.slowest.exemplars();
        exemplars
            .iter_mut()
            .for_each(|exemplar| exemplar.due -= begin.as_secs_f64());
        self.past.merge(&self.recent);
        let connections = [
            (Timing::Connect, self.connect.histogram()),
            (Timing::Tls, self.tls.histogram()),
        ];
        let failure = |counted: Counted| Failure {
            count: counted.count,
            example: counted.example.map(|first| first.value).unwrap_or_default(),
        };
        let messages = self.messages.unwrap_or_default();
        LoadMeasurement {
            began: self.began.and_then(|began| began.checked_add(begin).ok()),
            requests: self.requests,
            answered: self.answered,
            errors: self.errors,
            unsent: self.unsent,
            waited: self.waited,
            bytes_received: self.bytes,
            connections: self.connections,
            reconnects: self.reconnects,
            resumed: self.resumed,
            spoken: self
                .spoken
                .into_iter()
                .map(|(spoken, count)| (spoken.to_owned(), count))
                .collect(),
            addresses: self.addresses,
            statuses: self.statuses,
            failures: self
                .failures
                .into_iter()
                .map(|(class, counted)| (class, failure(counted)))
                .collect(),
            walls: self.asides.walls,
            redirects: self.asides.redirects,
            timings: self
                .past
                .timings()
                .into_iter()
                .chain(connections)
                .chain(messages.timings())
                .filter(|(_, histogram): &(_, Histogram)| histogram.count() > 0)
                .collect(),
            send_delay: self.send_delay.histogram(),
            cold_start: self.cold_start.map(|first| first.value.as_secs_f64() * 1e3),
            elapsed: elapsed.as_secs_f64(),
            slices,
            exemplars,
            ignored: self.ignored,
            messages_sent: messages.sent,
            messages_received: messages.received,
            ..LoadMeasurement::default()
        }
    }

    /// When the load began, how long it took, and what happened when.
    fn time(&mut self, at_least: Duration) -> (Duration, Duration, Slices) {
        let elapsed = Duration::from_nanos(self.last_end).max(at_least);
        let mut slices = std::mem::take(&mut self.slices).finish();
        if self.skip == 0 || self.first_due == u64::MAX {
            let took = if self.skip == 0 { elapsed } else { Duration::ZERO };
            return (Duration::ZERO, took, slices);
        }
        let begin = Duration::from_nanos(self.first_due);
        slices.begin_at(begin);
        (begin, elapsed.saturating_sub(begin), slices)
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
