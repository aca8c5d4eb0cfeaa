//! [`Tally`]: what one worker counts. Its memory does not depend on the number of requests, and tallies of several
//! workers merge exactly, in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Answer, ConnectTimes, Failed};
use crate::metrics::{Failure, FailureClass, Histogram, LoadMeasurement, Slices, Statistic, Timing};

/// Different walls that are told apart; their descriptions hold parts of the answers.
const WALLS: usize = 16;
/// Longest example of a failure, in characters.
const EXAMPLE: usize = 300;

/// A request that was sent, with instants from the start of the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// Its number in the load.
    pub(super) n: u64,
    /// When it should have been sent.
    pub(super) due: Duration,
    /// When it was.
    pub(super) at: Duration,
}

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

/// How one tally is getting on.
#[derive(Debug)]
pub(super) struct Recent {
    sent: u64,
    answered: u64,
    errors: u64,
    elapsed: Duration,
    /// Latencies since the last time.
    latency: Histogram,
}

impl Recent {
    /// How the whole load is getting on, of which `total` requests are known to come. Latencies are reported once.
    pub(super) fn together<'a>(parts: impl Iterator<Item = &'a mut Self>, total: Option<u64>) -> Progress {
        let (mut sent, mut answered, mut errors, mut elapsed) = (0, 0, 0, Duration::ZERO);
        let mut latency = Histogram::new();
        for part in parts {
            sent += part.sent;
            answered += part.answered;
            errors += part.errors;
            elapsed = elapsed.max(part.elapsed);
            latency.merge(&std::mem::take(&mut part.latency));
        }
        Progress {
            sent,
            answered,
            errors,
            total,
            elapsed,
            p50: latency.statistic(Statistic::Percentile(50.0)),
            p95: latency.statistic(Statistic::Percentile(95.0)),
        }
    }
}

/// The first of something, by the number of its request: the same whatever the order of merging.
#[derive(Debug, Clone, PartialEq)]
struct First<T> {
    n: u64,
    value: T,
}

fn earlier<T: Clone>(mine: &mut Option<First<T>>, other: Option<&First<T>>) {
    if let Some(other) = other
        && mine.as_ref().is_none_or(|mine| other.n < mine.n)
    {
        *mine = Some(other.clone());
    }
}

#[derive(Debug, Clone, Default)]
struct Counted {
    count: u64,
    example: Option<First<String>>,
}

/// Counts and histograms of one worker.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    start: Instant,
    requests: u64,
    answered: u64,
    errors: u64,
    unsent: u64,
    waited: u64,
    bytes: u64,
    connections: u64,
    reconnects: u64,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<FailureClass, Counted>,
    walls: BTreeMap<String, u64>,
    latency: Histogram,
    service_time: Histogram,
    ttfb: Histogram,
    body: Histogram,
    connect: Histogram,
    tls: Histogram,
    send_delay: Histogram,
    recent: Histogram,
    cold_start: Option<First<Duration>>,
    last_end: Duration,
    slices: Slices,
}

impl Tally {
    /// An empty one of a load that starts at `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            requests: 0,
            answered: 0,
            errors: 0,
            unsent: 0,
            waited: 0,
            bytes: 0,
            connections: 0,
            reconnects: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            walls: BTreeMap::new(),
            latency: Histogram::new(),
            service_time: Histogram::new(),
            ttfb: Histogram::new(),
            body: Histogram::new(),
            connect: Histogram::new(),
            tls: Histogram::new(),
            send_delay: Histogram::new(),
            recent: Histogram::new(),
            cold_start: None,
            last_end: Duration::ZERO,
            slices: Slices::default(),
        }
    }

    /// A request was released, so much later than it was due: our own delay.
    pub(super) fn released(&mut self, lag: Duration) {
        self.send_delay.record(lag);
    }

    /// A request was released on time while every connection was busy.
    pub(super) fn waited(&mut self) {
        self.waited += 1;
    }

    /// A connection was opened.
    pub(super) fn connected(&mut self, times: ConnectTimes) {
        self.connections += 1;
        self.connect.record(times.connect);
        if let Some(tls) = times.tls {
            self.tls.record(tls);
        }
    }

    /// Kept connections were found closed and replaced before a request was written.
    pub(super) fn reconnected(&mut self, times: u32) {
        self.reconnects += u64::from(times);
    }

    /// A request has its answer.
    pub(super) fn answered(&mut self, sent: Sent, answer: Answer) {
        let first_byte = self.offset(answer.first_byte);
        let end = self.offset(answer.end);
        self.sent(sent, end, answer.failure.is_some());
        self.answered += 1;
        self.bytes += answer.bytes;
        if let Some(status) = answer.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        self.latency(sent, end);
        self.ttfb.record(first_byte.saturating_sub(sent.at));
        self.body.record(end.saturating_sub(first_byte));
        if let Some(failed) = &answer.failure {
            self.failure(sent.n, failed);
        }
        if let Some(wall) = answer.wall {
            self.wall(wall, 1);
        }
    }

    /// A request has no complete answer, and why. One that got none in its time, or until the run was stopped, has at
    /// least this latency.
    pub(super) fn failed(&mut self, sent: Sent, end: Instant, failed: &Failed) {
        let end = self.offset(end);
        self.sent(sent, end, true);
        if matches!(failed.class, FailureClass::Timeout | FailureClass::CutOff) {
            self.latency(sent, end);
        }
        self.failure(sent.n, failed);
    }

    /// A request was due and will not be sent; it had waited until `now`.
    pub(super) fn unsent(&mut self, due: Duration, now: Duration) {
        let waited = now.saturating_sub(due);
        self.unsent += 1;
        self.latency.record(waited);
        self.slices.latency(due, waited);
        self.last_end = self.last_end.max(now);
    }

    fn offset(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    fn sent(&mut self, sent: Sent, end: Duration, error: bool) {
        self.requests += 1;
        self.errors += u64::from(error);
        self.slices.request(sent.due, error);
        self.last_end = self.last_end.max(end);
    }

    fn latency(&mut self, sent: Sent, end: Duration) {
        let latency = end.saturating_sub(sent.due);
        self.latency.record(latency);
        self.recent.record(latency);
        self.service_time.record(end.saturating_sub(sent.at));
        self.slices.latency(sent.due, latency);
        if sent.n == 0 {
            self.cold_start = Some(First { n: 0, value: latency });
        }
    }

    fn failure(&mut self, n: u64, failed: &Failed) {
        let counted = self.failures.entry(failed.class).or_default();
        counted.count += 1;
        if counted.example.as_ref().is_none_or(|first| n < first.n) {
            let value = failed.example.chars().take(EXAMPLE).collect();
            counted.example = Some(First { n, value });
        }
    }

    fn wall(&mut self, wall: String, count: u64) {
        let known = self.walls.contains_key(&wall) || self.walls.len() < WALLS;
        let name = if known { wall } else { "other walls".to_owned() };
        *self.walls.entry(name).or_default() += count;
    }

    /// Adds what another worker of the same load counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        self.errors += other.errors;
        self.unsent += other.unsent;
        self.waited += other.waited;
        self.bytes += other.bytes;
        self.connections += other.connections;
        self.reconnects += other.reconnects;
        self.last_end = self.last_end.max(other.last_end);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        for (class, counted) in &other.failures {
            let mine = self.failures.entry(*class).or_default();
            mine.count += counted.count;
            earlier(&mut mine.example, counted.example.as_ref());
        }
        for (wall, count) in &other.walls {
            self.wall(wall.clone(), *count);
        }
        for (mine, other) in [
            (&mut self.latency, &other.latency),
            (&mut self.service_time, &other.service_time),
            (&mut self.ttfb, &other.ttfb),
            (&mut self.body, &other.body),
            (&mut self.connect, &other.connect),
            (&mut self.tls, &other.tls),
            (&mut self.send_delay, &other.send_delay),
            (&mut self.recent, &other.recent),
        ] {
            mine.merge(other);
        }
        earlier(&mut self.cold_start, other.cold_start.as_ref());
        self.slices.merge(&other.slices);
    }

    /// How the load is getting on; the latencies start anew.
    pub(super) fn recent(&mut self) -> Recent {
        Recent {
            sent: self.requests,
            answered: self.answered,
            errors: self.errors,
            elapsed: self.start.elapsed(),
            latency: std::mem::take(&mut self.recent),
        }
    }

    /// From the start to the last thing that was counted.
    pub(super) fn lasted(&self) -> Duration {
        self.last_end
    }

    /// Requests sent or left unsent so far.
    pub(super) fn seen(&self) -> u64 {
        self.requests + self.unsent
    }

    /// The measurement of the finished load, which lasted until its last answer or `at_least` this long.
    pub(super) fn finish(mut self, at_least: Duration) -> LoadMeasurement {
        self.slices.settle();
        let timings = [
            (Timing::Latency, self.latency),
            (Timing::ServiceTime, self.service_time),
            (Timing::Ttfb, self.ttfb),
            (Timing::Body, self.body),
            (Timing::Connect, self.connect),
            (Timing::Tls, self.tls),
        ];
        let failure = |counted: Counted| Failure {
            count: counted.count,
            example: counted.example.map(|first| first.value).unwrap_or_default(),
        };
        LoadMeasurement {
            requests: self.requests,
            answered: self.answered,
            errors: self.errors,
            unsent: self.unsent,
            waited: self.waited,
            bytes_received: self.bytes,
            connections: self.connections,
            reconnects: self.reconnects,
            statuses: self.statuses,
            failures: self
                .failures
                .into_iter()
                .map(|(class, counted)| (class, failure(counted)))
                .collect(),
            walls: self.walls,
            timings: timings
                .into_iter()
                .filter(|(_, histogram)| histogram.count() > 0)
                .collect(),
            send_delay: self.send_delay,
            cold_start: self.cold_start.map(|first| first.value.as_secs_f64() * 1e3),
            elapsed: self.last_end.max(at_least).as_secs_f64(),
            slices: self.slices,
            health: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn sent(n: u64) -> Sent {
        Sent {
            n,
            due: ms(10 * n),
            at: ms(10 * n + 1),
        }
    }

    /// Counts request `n`, whose fate follows from its number.
    fn count(tally: &mut Tally, n: u64) {
        let end = tally.start + ms(10 * n + 5 + n % 13);
        tally.released(ms(n % 3));
        match n % 7 {
            0 => tally.failed(
                sent(n),
                end,
                &Failed::new(FailureClass::Reset, format!("reset {n}")),
            ),
            1 => tally.failed(
                sent(n),
                end,
                &Failed::new(FailureClass::Timeout, format!("late {n}")),
            ),
            2 => tally.unsent(ms(10 * n), ms(10 * n + 500)),
            _ => tally.answered(
                sent(n),
                Answer {
                    status: Some(if n % 7 == 3 { 503 } else { 200 }),
                    first_byte: end - ms(2),
                    end,
                    bytes: n,
                    failure: (n % 7 == 3).then(|| Failed::new(FailureClass::Status, format!("status {n}"))),
                    wall: (n % 7 == 4).then(|| "a log-in".to_owned()),
                },
            ),
        }
    }

    fn of(start: Instant, numbers: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::new(start);
        numbers.into_iter().for_each(|n| count(&mut tally, n));
        tally
    }

    #[test]
    fn latency_counts_from_the_due_instant_and_only_of_what_was_answered() {
        let start = Instant::now();
        let answered = of(start, [5]).finish(Duration::ZERO);
        let value = |timing| answered.timings[&timing].statistic(Statistic::Max);
        assert_eq!(value(Timing::Latency), Some(10.0));
        assert_eq!(value(Timing::ServiceTime), Some(9.0));
        assert_eq!(value(Timing::Ttfb), Some(7.0));
        assert_eq!(value(Timing::Body), Some(2.0));

        let reset = of(start, [7]).finish(Duration::ZERO);
        assert_eq!((reset.requests, reset.errors, reset.answered), (1, 1, 0));
        assert!(reset.timings.is_empty());

        let late = of(start, [8]).finish(Duration::ZERO);
        assert_eq!((late.requests, late.errors, late.answered), (1, 1, 0));
        assert_eq!(late.timings[&Timing::Latency].count(), 1);

        let unsent = of(start, [2]).finish(Duration::ZERO);
        assert_eq!((unsent.requests, unsent.errors, unsent.unsent), (0, 0, 1));
        assert_eq!(
            unsent.timings[&Timing::Latency].statistic(Statistic::Max),
            Some(500.0)
        );
    }

    #[test]
    fn our_own_delay_is_counted_of_every_request() {
        let measured = of(Instant::now(), 0..70).finish(Duration::ZERO);
        assert_eq!(measured.send_delay.count(), 70);
        assert_eq!(measured.send_delay.statistic(Statistic::Max), Some(2.0));
    }

    #[test]
    fn walls_without_end_take_no_memory_without_end() {
        let mut tally = Tally::new(Instant::now());
        (0..1000).for_each(|n| tally.wall(format!("wall {n}"), 1));
        assert_eq!(tally.walls.len(), WALLS + 1);
        assert_eq!(tally.walls.values().sum::<u64>(), 1000);
    }

    #[test]
    fn progress_shows_totals_and_recent_latency() {
        let start = Instant::now();
        let mut tally = of(start, [4, 5, 7]);
        let first = Recent::together([tally.recent()].iter_mut(), Some(9));
        assert_eq!(
            (first.sent, first.answered, first.errors, first.total),
            (3, 2, 1, Some(9))
        );
        assert_eq!(first.p95, Some(10.0));
        assert_eq!(Recent::together([tally.recent()].iter_mut(), None).p50, None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn merging_is_exact_and_free_of_order(workers in proptest::collection::vec(0..4_usize, 1..80)) {
            let start = Instant::now();
            let numbers = |worker| {
                let workers = &workers;
                (0_u64..).zip(workers).filter(move |(_, w)| **w == worker).map(|(n, _)| n)
            };
            let parts: Vec<_> = (0..4).map(|worker| of(start, numbers(worker))).collect();
            let together = of(start, 0..workers.len() as u64).finish(Duration::ZERO);
            for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]] {
                let mut merged = Tally::new(start);
                for part in order {
                    merged.merge(&parts[part]);
                }
                prop_assert_eq!(&merged.finish(Duration::ZERO), &together);
            }
        }
    }
}
