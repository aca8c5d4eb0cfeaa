//! [`LoadMeasurement`]: everything one load task learned about one endpoint of one version.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Exemplar, GeneratorHealth, Histogram, Measure, Slices};

/// A time that is measured of each request, or of each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// From the instant a request was due to the end of its answer.
    Latency,
    /// From the actual send to the end of the answer.
    ServiceTime,
    /// From the actual send to the first byte of the answer.
    Ttfb,
    /// From the first byte of the answer to its end.
    Body,
    /// Name resolution, once for a load.
    Dns,
    /// TCP handshake of a connection.
    Connect,
    /// TLS handshake of a connection.
    Tls,
    /// From the actual send of a stream to the first message of its answer.
    FirstMessage,
    /// From one message of the answer of a stream to the next.
    BetweenMessages,
}

impl Timing {
    /// All of them, in the order of reports.
    pub const ALL: &[Self] = &[
        Self::Latency,
        Self::ServiceTime,
        Self::Ttfb,
        Self::Body,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::FirstMessage,
        Self::BetweenMessages,
    ];

    /// Whether it is one of messages, which only streams have any number of.
    pub fn is_of_messages(self) -> bool {
        matches!(self, Self::FirstMessage | Self::BetweenMessages)
    }

    /// In words, for the reference.
    pub fn about(self) -> &'static str {
        match self {
            Self::Latency => "from the instant a request was due to the end of its answer",
            Self::ServiceTime => "from the actual send to the end of the answer",
            Self::Ttfb => "from the actual send to the first byte of the answer",
            Self::Body => "from the first byte of the answer to its end",
            Self::Dns => "name resolution, once for a load",
            Self::Connect => "TCP handshake of a connection",
            Self::Tls => "TLS handshake of a connection",
            Self::FirstMessage => "from the actual send of a stream to the first message of its answer",
            Self::BetweenMessages => "from one message of the answer of a stream to the next",
        }
    }

    /// As it stands in metric names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::ServiceTime => "service-time",
            Self::Ttfb => "ttfb",
            Self::Body => "body",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstMessage => "first-message",
            Self::BetweenMessages => "between-messages",
        }
    }
}

/// Why a request counts as an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailureClass {
    /// The status is in `errorRanges`; of gRPC, any but OK.
    Status,
    /// The answer is not what `expect` says.
    Expectation,
    /// No complete answer within `timeout`.
    Timeout,
    /// The connection was refused or the address not reachable.
    Connect,
    /// No connection could be opened because the machine that sends ran out of ports, open files or memory: not the
    /// target's failure.
    Local,
    /// The TLS handshake failed.
    Tls,
    /// The connection was reset or closed before the answer was complete.
    Reset,
    /// The answer is not HTTP, or not gRPC.
    Protocol,
    /// The run was stopped before the answer came.
    CutOff,
}

impl FailureClass {
    /// In words, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Status => "status counts as an error",
            Self::Expectation => "not the expected answer",
            Self::Timeout => "timed out",
            Self::Connect => "could not connect",
            Self::Local => "this machine could not open a connection",
            Self::Tls => "TLS handshake failed",
            Self::Reset => "connection closed in the middle",
            Self::Protocol => "not a valid answer",
            Self::CutOff => "cut off when the run was stopped",
        }
    }
}

/// How often requests failed in one way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// How many.
    pub count: u64,
    /// The first of them, in words.
    pub example: String,
}

/// What a load measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadMeasurement {
    /// When the load began, by the clock of the machine that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub began: Option<Timestamp>,
    /// Of a shard, how long after the start that all shards agreed on it began to send this load, in seconds. Requests that
    /// are not counted are sent from then on, so that the load may begin later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<f64>,
    /// Requests sent.
    pub requests: u64,
    /// Requests answered completely, whatever the status.
    pub answered: u64,
    /// Requests without a complete answer, with an unexpected one, or with a status that counts as an error.
    pub errors: u64,
    /// Requests due but never sent; they are in the latencies with the time they had waited.
    pub unsent: u64,
    /// Requests that were released on time while every connection was busy.
    pub waited: u64,
    /// Bytes of bodies received.
    pub bytes_received: u64,
    /// Connections opened.
    pub connections: u64,
    /// Requests for which a new connection was opened because the server had closed the kept one before they can have
    /// reached it: before they were written, or within a round trip of that.
    #[serde(default)]
    pub reconnects: u64,
    /// TLS handshakes that resumed an earlier session.
    #[serde(default)]
    pub resumed: u64,
    /// Connections per version of HTTP that was spoken on them, those that uncounted requests had opened included:
    /// `HTTP/1.1` or `HTTP/2`, with or without ` over TLS`.
    #[serde(default)]
    pub spoken: BTreeMap<String, u64>,
    /// Connections opened per address.
    #[serde(default)]
    pub addresses: BTreeMap<String, u64>,
    /// Answers per status of HTTP; of gRPC all calls per status code, for each ends with one.
    pub statuses: BTreeMap<u16, u64>,
    /// Errors per class.
    pub failures: BTreeMap<FailureClass, Failure>,
    /// Answers that redirect to another host or to a login, and rate limits or bot challenges: what they are and how many.
    pub walls: BTreeMap<String, u64>,
    /// Redirects within the site that were not followed and not expected: where to and how many.
    #[serde(default)]
    pub redirects: BTreeMap<String, u64>,
    /// Times, from histograms.
    pub timings: BTreeMap<Timing, Histogram>,
    /// How late requests of a paced load were released, whether or not a connection was free: the generator's own delay.
    pub send_delay: Histogram,
    /// Latency of the very first request, in milliseconds.
    pub cold_start: Option<f64>,
    /// From the first due request to the end of the last, and for a paced load no less than its schedule, in seconds.
    pub elapsed: f64,
    /// The same over time.
    pub slices: Slices,
    /// How the load generator itself fared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<GeneratorHealth>,
    /// Messages sent; calls of gRPC have them.
    #[serde(default)]
    pub messages_sent: u64,
    /// Messages received.
    #[serde(default)]
    pub messages_received: u64,
    /// Requests under way when the time was over that were to be ignored then: they are in no other number.
    #[serde(default)]
    pub ignored: u64,
    /// The slowest requests, slowest first.
    #[serde(default)]
    pub exemplars: Vec<Exemplar>,
}

impl LoadMeasurement {
    /// The value of a measure in its unit; `None` when there is nothing to compute it from.
    pub fn value(&self, measure: Measure) -> Option<f64> {
        let count = |n: u64| Some(n as f64);
        match measure {
            Measure::RequestCount => count(self.requests),
            Measure::ErrorCount => count(self.errors),
            Measure::ErrorRate => (self.requests > 0).then(|| self.errors as f64 / self.requests as f64),
            Measure::Throughput => (self.elapsed > 0.0).then(|| self.answered as f64 / self.elapsed),
            Measure::Timeouts => count(
                self.failures
                    .get(&FailureClass::Timeout)
                    .map_or(0, |failure| failure.count),
            ),
            Measure::Unsent => count(self.unsent),
            Measure::BytesReceived => count(self.bytes_received),
            Measure::StatusClass(class) => count(
                self.statuses
                    .iter()
                    .filter(|(status, _)| **status / 100 == u16::from(class))
                    .map(|(_, n)| n)
                    .sum(),
            ),
            Measure::StatusCode(code) => count(self.statuses.get(&code.0).copied().unwrap_or_default()),
            Measure::MessagesSent => count(self.messages_sent),
            Measure::MessagesReceived => count(self.messages_received),
            Measure::ColdStart => self.cold_start,
            Measure::Time(timing, statistic) => self.timings.get(&timing)?.statistic(statistic),
        }
    }

    /// Adds a load that ran after this one: the union of two endpoints.
    pub fn append(&mut self, later: &Self) {
        for (mine, later) in [
            (&mut self.requests, later.requests),
            (&mut self.answered, later.answered),
            (&mut self.errors, later.errors),
            (&mut self.unsent, later.unsent),
            (&mut self.waited, later.waited),
            (&mut self.bytes_received, later.bytes_received),
            (&mut self.connections, later.connections),
            (&mut self.reconnects, later.reconnects),
            (&mut self.resumed, later.resumed),
            (&mut self.messages_sent, later.messages_sent),
            (&mut self.messages_received, later.messages_received),
            (&mut self.ignored, later.ignored),
        ] {
            *mine = mine.saturating_add(later);
        }
        for (mine, later) in [
            (&mut self.spoken, &later.spoken),
            (&mut self.addresses, &later.addresses),
            (&mut self.walls, &later.walls),
            (&mut self.redirects, &later.redirects),
        ] {
            for (name, n) in later {
                let mine = mine.entry(name.clone()).or_default();
                *mine = mine.saturating_add(*n);
            }
        }
        self.exemplars
            .extend(later.exemplars.iter().cloned().map(|exemplar| Exemplar {
                due: exemplar.due + self.elapsed,
                ..exemplar
            }));
        Exemplar::keep_slowest(&mut self.exemplars);
        self.elapsed += later.elapsed;
        self.cold_start = self.cold_start.or(later.cold_start);
        for (status, n) in &later.statuses {
            let mine = self.statuses.entry(*status).or_default();
            *mine = mine.saturating_add(*n);
        }
        for (class, failure) in &later.failures {
            let mine = self.failures.entry(*class).or_insert_with(|| Failure {
                count: 0,
                example: failure.example.clone(),
            });
            mine.count = mine.count.saturating_add(failure.count);
        }
        for (timing, histogram) in &later.timings {
            self.timings.entry(*timing).or_default().merge(histogram);
        }
        self.send_delay.merge(&later.send_delay);
        self.slices.append(&later.slices);
        match (&mut self.health, &later.health) {
            (Some(mine), Some(later)) => mine.append(later),
            (mine @ None, later) => mine.clone_from(later),
            (Some(_), None) => {}
        }
    }

    /// Adds a load that ran at the same time as this one: the union of two endpoints whose requests alternated. Its cold
    /// start is that of this one, if it has any: which of the two was sent first is not known.
    pub fn join(&mut self, other: &Self) {
        let elapsed = self.elapsed.max(other.elapsed);
        let mut slices = std::mem::take(&mut self.slices);
        slices.join(&other.slices);
        self.elapsed = 0.0;
        // The same threads sent both.
        match (&mut self.health, &other.health) {
            (Some(mine), Some(other)) => mine.target_time.merge(&other.target_time),
            (mine, other) => *mine = mine.take().or_else(|| other.clone()),
        }
        self.append(&Self {
            slices: Slices::default(),
            health: None,
            ..other.clone()
        });
        self.slices = slices;
        self.elapsed = elapsed;
    }

    /// Elapsed time of the load.
    pub fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.elapsed).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{SliceRecorder, Statistic, nanos};

    #[test]
    fn a_load_without_requests_has_no_rates_and_no_latency() {
        let load = LoadMeasurement::default();
        assert_eq!(load.value(Measure::ErrorRate), None);
        assert_eq!(load.value(Measure::Throughput), None);
        assert_eq!(load.value(Measure::Time(Timing::Latency, Statistic::Mean)), None);
        assert_eq!(load.value(Measure::RequestCount), Some(0.0));
    }

    #[test]
    fn loads_that_ran_at_the_same_time_took_no_longer_than_one() {
        let load = |requests: u64, elapsed: f64| {
            let mut load = LoadMeasurement {
                requests,
                answered: requests,
                elapsed,
                ..LoadMeasurement::default()
            };
            let mut slices = SliceRecorder::default();
            for n in 0..requests {
                let due = Duration::from_secs_f64(elapsed * n as f64 / requests as f64);
                slices.request(nanos(due), false);
            }
            load.slices = slices.finish();
            load
        };
        let mut both = load(30, 2.0);
        both.join(&load(10, 1.5));
        assert_eq!(both.value(Measure::RequestCount), Some(40.0));
        assert_eq!(both.value(Measure::Throughput), Some(20.0));
        let per_slice: Vec<u64> = both.slices.iter().map(|slice| slice.requests).collect();
        assert_eq!(per_slice.iter().sum::<u64>(), 40);
        assert_eq!(per_slice.len(), load(30, 2.0).slices.iter().count());
    }

    #[test]
    fn loads_that_ran_at_the_same_time_share_their_generator() {
        let load = |stalls: Option<u64>| LoadMeasurement {
            health: stalls.map(|stalls| GeneratorHealth {
                stalls,
                wall_seconds: 2.0,
                ..GeneratorHealth::default()
            }),
            ..LoadMeasurement::default()
        };
        let stalls = |load: &LoadMeasurement| load.health.as_ref().map(|health| health.stalls);
        let mut both = load(Some(3));
        both.join(&load(Some(3)));
        assert_eq!(stalls(&both), Some(3));
        both.append(&load(Some(3)));
        assert_eq!(stalls(&both), Some(6));
        let mut unknown = load(None);
        unknown.join(&load(Some(1)));
        assert_eq!(stalls(&unknown), Some(1));
    }

    #[test]
    fn the_slowest_requests_of_two_loads_are_those_of_their_union() {
        let load = |latencies: &[u32]| LoadMeasurement {
            elapsed: 10.0,
            exemplars: latencies
                .iter()
                .map(|latency| Exemplar {
                    latency: f64::from(*latency),
                    due: 1.0,
                    ..Exemplar::default()
                })
                .collect(),
            ..LoadMeasurement::default()
        };
        let mut first = load(&[50, 40, 30, 2, 1]);
        first.append(&load(&[45, 40, 3]));
        let kept: Vec<_> = first
            .exemplars
            .iter()
            .map(|kept| (kept.latency, kept.due))
            .collect();
        let expected = [(50.0, 1.0), (45.0, 11.0), (40.0, 1.0), (40.0, 11.0), (30.0, 1.0)];
        assert_eq!(kept, expected);
    }

    #[test]
    fn results_of_before_there_were_exemplars_are_read() {
        let mut json = serde_json::to_value(LoadMeasurement::default()).expect("json");
        let fields = json.as_object_mut().expect("an object");
        for new in [
            "resumed",
            "spoken",
            "addresses",
            "exemplars",
            "messagesSent",
            "messagesReceived",
        ] {
            assert!(fields.remove(new).is_some(), "{new}");
        }
        let read: LoadMeasurement = serde_json::from_value(json).expect("a measurement");
        assert_eq!(read, LoadMeasurement::default());
    }

    #[test]
    fn the_union_of_two_loads_counts_both() {
        let mut first = LoadMeasurement {
            requests: 3,
            errors: 1,
            ..LoadMeasurement::default()
        };
        first.statuses.insert(200, 2);
        let mut second = LoadMeasurement {
            requests: 1,
            reconnects: 1,
            errors: 1,
            ..LoadMeasurement::default()
        };
        second.statuses.insert(503, 1);
        first.spoken.insert("HTTP/2".to_owned(), 1);
        second.spoken.insert("HTTP/2".to_owned(), 3);
        first.append(&second);
        assert_eq!(first.spoken["HTTP/2"], 4);
        assert_eq!(first.value(Measure::ErrorRate), Some(0.5));
        assert_eq!(first.reconnects, 1);
        assert_eq!(first.value(Measure::StatusClass(5)), Some(1.0));
        assert_eq!(first.value(Measure::StatusClass(2)), Some(2.0));
    }
}
