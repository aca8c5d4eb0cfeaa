//! [`Watch`]: looks at a load while it goes on and says when an objective is certain to fail. It stops nothing itself.
//!
//! # Why
//! See [`prospect`]. The first look is after 10 s: before, slow moments of seconds could not be told
//! from a slow target. Each further one comes after a quarter as long again, so that their number grows with the
//! logarithm of the time only.

use std::borrow::Cow;

use crate::load::{Pace, Plan, Stage};
use crate::metrics::{Histogram, LoadMeasurement, Measure, MetricName, Statistic, Stream, Timing};
use crate::slo::{Bound, Limit, Objective, Prospect, prospect};
use crate::tasks::Ahead;

/// The first look that what is only likely takes, in seconds from the start of the load.
const FIRST_LOOK: f64 = 10.0;
/// From one look to the next.
const LATER: f64 = 1.25;
/// Looks in a row that an objective must be unlikely at.
const TWICE: u32 = 2;

/// One version of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// The endpoint.
    pub stream: Stream,
    /// Name of the version, if it is judged.
    pub judged: Option<String>,
}

/// Looks at one load.
#[derive(Debug)]
pub struct Watch {
    ahead: Vec<Ahead>,
    parts: Vec<Watched>,
    whole: bool,
    /// Requests of each version that there will be at least, if that is known.
    requests: Option<f64>,
    /// How long the load is to last, in seconds, if that is known.
    seconds: Option<f64>,
    next: f64,
    /// Per objective and version: looks in a row at which it was unlikely.
    unlikely: Vec<u32>,
}

impl Watch {
    /// Of a load with these parts, in the order of their measurements. `whole` says that no load before or after it is
    /// part of the same metrics. Objectives that only warn are not watched.
    pub fn new(ahead: Vec<Ahead>, parts: Vec<Watched>, whole: bool) -> Self {
        let ahead: Vec<Ahead> = ahead.into_iter().filter(|ahead| !ahead.objective.warn).collect();
        Self {
            unlikely: vec![0; ahead.len() * parts.len()],
            ahead,
            parts,
            whole,
            requests: None,
            seconds: None,
            next: FIRST_LOOK,
        }
    }

    /// How much of the load is to come is known from its plan: a share is then given up only when requests to come
    /// cannot mend it. Of a closed loop with an end in time half must be over.
    pub(super) fn planned(mut self, plan: &Plan) -> Self {
        self.seconds = plan.stop.time().map(|time| time.as_secs_f64());
        let by_time = match &plan.pace {
            Pace::Free => None,
            Pace::PerSecond(rate) => self.seconds.map(|seconds| rate.get() * seconds),
            Pace::Stages(stages) => Some(stages.iter().map(Stage::requests).sum()),
        };
        let by_count = plan.stop.count().map(|count| count as f64);
        self.requests = match (by_time, by_count) {
            (Some(time), Some(count)) => Some(f64::min(time, count)),
            (time, count) => time.or(count),
        };
        self
    }

    /// Whether the requests to come cannot bring a share back within its limit.
    fn is_beyond_mending(&self, objective: &Objective, load: &LoadMeasurement) -> bool {
        match (self.requests, self.seconds) {
            (Some(requests), _) => {
                bad(objective, load).is_some_and(|(bad, allowed)| bad > allowed * requests)
            }
            (None, Some(seconds)) => load.elapsed * 2.0 >= seconds,
            (None, None) => true,
        }
    }

    /// Why the load may as well end, from what it has measured so far; may be asked as often as one likes.
    pub fn look(&mut self, measured: &[LoadMeasurement]) -> Option<String> {
        let elapsed = measured.iter().map(|load| load.elapsed).fold(0.0, f64::max);
        let due = elapsed >= self.next;
        if due {
            self.next = elapsed * LATER;
        }
        for objective in 0..self.ahead.len() {
            for part in 0..self.parts.len() {
                let found = self.prospect(objective, part, measured);
                let seen = &mut self.unlikely[objective * self.parts.len() + part];
                let certain = match found {
                    Prospect::Broken => true,
                    Prospect::Open if due => {
                        *seen = 0;
                        false
                    }
                    Prospect::Unlikely if due => {
                        *seen += 1;
                        *seen >= TWICE
                    }
                    Prospect::Open | Prospect::Unlikely => false,
                };
                if certain {
                    return Some(self.told(objective, part));
                }
            }
        }
        None
    }

    /// The prospect of an objective on the version of a part.
    fn prospect(&self, objective: usize, part: usize, measured: &[LoadMeasurement]) -> Prospect {
        let (ahead, of) = (&self.ahead[objective], &self.parts[part]);
        let MetricName::Load(stream, measure) = &ahead.objective.metric else {
            return Prospect::Open;
        };
        let Some(load) = self.of_version(of, stream, measured) else {
            return Prospect::Open;
        };
        let complete = self.whole || of.stream == *stream;
        // With too few requests the verdict would be that there are no data.
        let latencies = load.timings.get(&Timing::Latency).map_or(0, Histogram::count);
        let rests_on = load.requests.min(latencies);
        let enough = ahead.min_requests.is_none_or(|least| rests_on >= least);
        let counts = ahead.objective.bound == Bound::AtMost && *measure != Measure::ColdStart;
        match prospect(&ahead.objective, &load) {
            _ if !enough => Prospect::Open,
            // A part of the endpoints says enough about counts only.
            Prospect::Broken if complete || counts => Prospect::Broken,
            Prospect::Unlikely if complete && self.is_beyond_mending(&ahead.objective, &load) => {
                Prospect::Unlikely
            }
            Prospect::Open | Prospect::Unlikely | Prospect::Broken => Prospect::Open,
        }
    }

    /// What a stream is of one version: a part, or the union of all. Each is looked at once.
    fn of_version<'a>(
        &self,
        of: &Watched,
        stream: &Stream,
        measured: &'a [LoadMeasurement],
    ) -> Option<Cow<'a, LoadMeasurement>> {
        let version = of.judged.as_ref()?;
        let same = |part: &&(&Watched, &'a LoadMeasurement)| part.0.judged.as_ref() == Some(version);
        let pairs: Vec<(&Watched, &'a LoadMeasurement)> = self.parts.iter().zip(measured).collect();
        let own: Vec<&(&Watched, &'a LoadMeasurement)> = pairs.iter().filter(same).collect();
        if let Some((part, load)) = own.iter().find(|(part, _)| part.stream == *stream) {
            return (part.stream == of.stream).then_some(Cow::Borrowed(*load));
        }
        let is_union = stream.endpoint.is_none() && stream.protocol == of.stream.protocol;
        let (first, others) = own.split_first()?;
        // The first part stands for the union.
        if !is_union || first.0.stream != of.stream {
            return None;
        }
        let mut union = first.1.clone();
        others.iter().for_each(|(_, load)| union.join(load));
        Some(Cow::Owned(union))
    }

    fn told(&self, objective: usize, part: usize) -> String {
        let objective = &self.ahead[objective].objective;
        let mut versions: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| part.judged.as_deref())
            .collect();
        versions.dedup();
        let baseline = self.parts.iter().any(|part| part.judged.is_none());
        let whose = match &self.parts[part].judged {
            Some(version) if baseline || versions.len() > 1 => format!(" for {version}"),
            _ => String::new(),
        };
        format!("{objective} is certain to fail{whose}")
    }
}

/// The requests that are on the wrong side of an objective on a share, and the share that may be.
fn bad(objective: &Objective, load: &LoadMeasurement) -> Option<(f64, f64)> {
    let (MetricName::Load(_, measure), Limit::Value(limit)) = (&objective.metric, objective.limit) else {
        return None;
    };
    if *measure == Measure::ErrorRate {
        return Some((load.errors as f64, limit));
    }
    let Measure::Time(timing, Statistic::Percentile(percent)) = *measure else {
        return None;
    };
    let slow = load.timings.get(&timing)?.count_above(limit);
    Some((slow as f64, 1.0 - percent / 100.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::{Arrivals, Rate, Stop, UnderWay};
    use crate::metrics::{SliceRecorder, nanos};

    fn part(stream: &str, judged: Option<&str>) -> Watched {
        Watched {
            stream: stream.parse().expect(stream),
            judged: judged.map(str::to_owned),
        }
    }

    fn ahead(objective: &str) -> Ahead {
        Ahead {
            objective: objective.parse().expect(objective),
            min_requests: None,
        }
    }

    /// What was measured after some seconds at 50 requests per second, all of which took as many milliseconds.
    fn load(seconds: u32, latency: u64, errors: u64) -> LoadMeasurement {
        let mut load = LoadMeasurement {
            elapsed: f64::from(seconds),
            errors,
            ..LoadMeasurement::default()
        };
        let mut slices = SliceRecorder::default();
        let latency = Duration::from_millis(latency);
        for n in 0..u64::from(seconds) * 50 {
            let due = nanos(Duration::from_millis(20 * n));
            load.requests += 1;
            slices.request(due, n < errors);
            slices.latency(due, nanos(latency));
            load.timings.entry(Timing::Latency).or_default().record(latency);
        }
        load.slices = slices.finish();
        load
    }

    #[test]
    fn what_is_only_likely_takes_two_looks_and_what_is_broken_none() {
        let mut watch = Watch::new(
            vec![ahead("http/latency-p95 <= 20ms")],
            vec![part("http", Some("default"))],
            true,
        );
        let mut ends = |seconds, latency| watch.look(&[load(seconds, latency, 0)]);
        assert_eq!(ends(9, 50), None);
        assert_eq!(ends(10, 50), None);
        assert_eq!(ends(11, 50), None, "not due yet");
        let why = ends(13, 50).expect("given up");
        assert_eq!(why, "http/latency-p95 <= 20ms is certain to fail");
        let count = vec![ahead("http/error-count <= 2")];
        let mut watch = Watch::new(count, vec![part("http", Some("default"))], true);
        assert_eq!(watch.look(&[load(1, 5, 2)]), None);
        assert!(watch.look(&[load(1, 5, 3)]).is_some());
    }

    #[test]
    fn what_requests_to_come_can_mend_is_not_given_up() {
        let plan = |seconds| Plan {
            stop: Stop::For(Duration::from_secs(seconds)),
            pace: Rate::per_second(50.0).map_or(Pace::Free, Pace::PerSecond),
            arrivals: Arrivals::Constant,
            grace: Duration::ZERO,
            under_way: UnderWay::Finish,
            skip: 0,
            shard: None,
        };
        let given_up = |objective: &str, seconds| {
            let mut watch = Watch::new(vec![ahead(objective)], vec![part("http", Some("default"))], true)
                .planned(&plan(seconds));
            [10, 13, 17]
                .iter()
                .any(|elapsed| watch.look(&[load(*elapsed, 50, 0)]).is_some())
        };
        // All of 650 requests were slow: 5 % of 13,000 requests, half of 1,300.
        assert!(given_up("http/latency-p95 <= 20ms", 250));
        assert!(!given_up("http/latency-p95 <= 20ms", 300));
        assert!(given_up("http/latency-p50 <= 20ms", 25));
        assert!(!given_up("http/latency-p50 <= 20ms", 30));
    }

    #[test]
    fn a_good_look_between_two_bad_ones_starts_anew() {
        let mut watch = Watch::new(
            vec![ahead("http/latency-p95 <= 20ms")],
            vec![part("http", Some("default"))],
            true,
        );
        for (seconds, latency, given_up) in [(10, 50, false), (13, 5, false), (17, 50, false), (22, 50, true)]
        {
            assert_eq!(
                watch.look(&[load(seconds, latency, 0)]).is_some(),
                given_up,
                "{seconds}"
            );
        }
    }

    #[test]
    fn only_judged_versions_are_watched_and_the_reason_names_them() {
        let parts = vec![part("http", None), part("http", Some("new"))];
        let mut watch = Watch::new(vec![ahead("http/error-count <= 2")], parts.clone(), true);
        assert_eq!(watch.look(&[load(1, 5, 9), load(1, 5, 0)]), None);
        let why = watch.look(&[load(1, 5, 9), load(1, 5, 3)]);
        assert_eq!(
            why.as_deref(),
            Some("http/error-count <= 2 is certain to fail for new")
        );
        let mut warning = ahead("http/error-count <= 2");
        warning.objective.warn = true;
        let few = Ahead {
            min_requests: Some(1000),
            ..ahead("http/error-count <= 2")
        };
        let mut watch = Watch::new(vec![warning, few], parts, true);
        assert_eq!(watch.look(&[load(1, 5, 9), load(1, 5, 9)]), None);
    }

    #[test]
    fn endpoints_are_watched_alone_and_together() {
        let parts = vec![part("http-a", Some("v")), part("http-b", Some("v"))];
        let both = [load(1, 5, 2), load(1, 5, 2)];
        for (objective, whole, given_up) in [
            ("http-a/error-count <= 1", true, true),
            ("http-a/error-count <= 2", true, false),
            ("http/error-count <= 3", true, true),
            ("http/error-count <= 3", false, true),
            ("http/error-count <= 4", true, false),
            ("http-c/error-count <= 0", true, false),
            ("grpc/error-count <= 0", true, false),
            ("http/cold-start <= 0", false, false),
        ] {
            let mut watch = Watch::new(vec![ahead(objective)], parts.clone(), whole);
            assert_eq!(watch.look(&both).is_some(), given_up, "{objective}, {whole}");
        }
        let slow = |seconds| [load(seconds, 50, 0), load(seconds, 5, 0)];
        for whole in [true, false] {
            let mut watch = Watch::new(vec![ahead("http/latency-p90 <= 20ms")], parts.clone(), whole);
            assert_eq!(watch.look(&slow(10)), None);
            assert_eq!(watch.look(&slow(13)).is_some(), whole);
        }
    }
}
