//! A tally against a naive model of it, which records every time of every request on its own.

use proptest::prelude::*;

use super::*;
use crate::load::Aside;
use crate::metrics::{Exemplar, Slices, Statistic};

/// What becomes of a request.
#[derive(Debug, Clone)]
enum Fate {
    /// Its answer came so long after it was sent; then its first byte came so long before its end.
    Answered {
        time: u64,
        body: u64,
        status: Option<u16>,
        error: bool,
    },
    Failed {
        time: u64,
        class: FailureClass,
    },
    Unsent {
        time: u64,
    },
}

/// A request: when it was due, how much later it was sent (nanoseconds), and what became of it.
type Request = (u64, u64, Fate);

fn request() -> impl Strategy<Value = Request> {
    let time = || prop_oneof![0_u64..3, 900_000_u64..1_100_000, 0_u64..8_000_000_000_000];
    let status = prop_oneof![
        Just(None),
        Just(Some(200_u16)),
        Just(Some(503)),
        (100_u16..1000).prop_map(Some)
    ];
    let status = prop_oneof![4 => Just(Some(200_u16)), 1 => status];
    let body = prop_oneof![3 => Just(0_u64), 1 => 0_u64..900_000];
    let class = prop_oneof![
        Just(FailureClass::Timeout),
        Just(FailureClass::CutOff),
        Just(FailureClass::Reset),
        Just(FailureClass::Connect)
    ];
    let fate = prop_oneof![
        8 => (time(), body, status, any::<bool>())
            .prop_map(|(time, body, status, error)| Fate::Answered { time, body, status, error }),
        1 => (time(), class).prop_map(|(time, class)| Fate::Failed { time, class }),
        1 => time().prop_map(|time| Fate::Unsent { time }),
    ];
    let lag = prop_oneof![Just(0_u64), 0_u64..2_000_000];
    (0_u64..40_000_000_000, lag, fate)
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    proptest::collection::vec(request(), 1..3 * BATCH)
}

fn sent(n: u64, due: u64, lag: u64) -> Sent {
    Sent {
        n,
        due: Duration::from_nanos(due),
        at: Duration::from_nanos(due + lag),
        connection: n % 5,
        opened: None,
    }
}

fn count(tally: &mut Tally, n: u64, (due, lag, fate): &Request) {
    let (due, lag) = (*due, *lag);
    let after = |time: u64| tally.start + Duration::from_nanos(due + lag + time);
    match *fate {
        Fate::Answered {
            time,
            body,
            status,
            error,
        } => {
            let end = after(time);
            let answer = Answer {
                status,
                first_byte: after(time.saturating_sub(body)),
                end,
                bytes: n,
                failure: error.then(|| Failed::new(FailureClass::Status, format!("{n}"))),
                aside: n
                    .is_multiple_of(50)
                    .then(|| Aside::Wall(format!("wall {}", n % 3))),
            };
            tally.released(n, Duration::from_nanos(lag));
            tally.answered(sent(n, due, lag), &answer);
        }
        Fate::Failed { time, class } => {
            let end = after(time);
            tally.failed(sent(n, due, lag), end, &Failed::new(class, format!("{n}")));
        }
        Fate::Unsent { time } => {
            tally.unsent(n, Duration::from_nanos(due), Duration::from_nanos(due + time));
        }
    }
}

/// What the requests are, counted one by one.
fn naive(requests: &[Request]) -> LoadMeasurement {
    let mut load = LoadMeasurement::default();
    let mut slices = SliceRecorder::default();
    let mut times: BTreeMap<Timing, Histogram> = BTreeMap::new();
    let mut all = Vec::new();
    let mut last_end = 0;
    for ((due, lag, fate), n) in requests.iter().zip(0_u64..) {
        let mut record = |timing, nanos| {
            times
                .entry(timing)
                .or_default()
                .record(Duration::from_nanos(nanos));
        };
        let (time, class) = match *fate {
            Fate::Unsent { time } => {
                load.unsent += 1;
                record(Timing::Latency, time);
                slices.latency(*due, time);
                last_end = last_end.max(due + time);
                continue;
            }
            Fate::Failed { time, class } => (time, Some(class)),
            Fate::Answered { time, error, .. } => (time, error.then_some(FailureClass::Status)),
        };
        load.requests += 1;
        load.errors += u64::from(class.is_some());
        slices.request(*due, class.is_some());
        last_end = last_end.max(due + lag + time);
        if let Some(class) = class {
            let failure = load.failures.entry(class).or_insert_with(|| Failure {
                count: 0,
                example: n.to_string(),
            });
            failure.count += 1;
        }
        let mut exemplar = Exemplar {
            n,
            due: Duration::from_nanos(*due).as_secs_f64(),
            send_delay: *lag as f64 / 1e6,
            latency: (lag + time) as f64 / 1e6,
            connection: n % 5,
            ..Exemplar::default()
        };
        if let Fate::Answered { body, status, .. } = *fate {
            load.answered += 1;
            load.bytes_received += n;
            load.send_delay.record(Duration::from_nanos(*lag));
            if let Some(status) = status {
                *load.statuses.entry(status).or_default() += 1;
            }
            if n.is_multiple_of(50) {
                *load.walls.entry(format!("wall {}", n % 3)).or_default() += 1;
            }
            let body = body.min(time);
            record(Timing::Ttfb, time - body);
            record(Timing::Body, body);
            exemplar.ttfb = Some((time - body) as f64 / 1e6);
            exemplar.body = Some(body as f64 / 1e6);
            exemplar.status = status;
        } else if !matches!(class, Some(FailureClass::Timeout | FailureClass::CutOff)) {
            continue;
        }
        record(Timing::Latency, lag + time);
        record(Timing::ServiceTime, time);
        slices.latency(*due, lag + time);
        if n == 0 {
            load.cold_start = Some(Duration::from_nanos(lag + time).as_secs_f64() * 1e3);
        }
        all.push((std::cmp::Reverse(lag + time), n, exemplar));
    }
    all.sort_by_key(|(latency, n, _)| (*latency, *n));
    load.exemplars = all.into_iter().take(5).map(|(.., exemplar)| exemplar).collect();
    load.timings = times;
    load.elapsed = Duration::from_nanos(last_end).as_secs_f64();
    load.slices = slices.finish();
    load
}

/// All that is stored of a measurement but its slices.
fn stored(load: &LoadMeasurement) -> serde_json::Value {
    let load = LoadMeasurement {
        slices: Slices::default(),
        ..load.clone()
    };
    serde_json::to_value(&load).expect("json")
}

/// The same without the sums, which a naive histogram rounds at every step.
fn without_sums(load: &LoadMeasurement) -> serde_json::Value {
    let mut json = stored(load);
    let timings = json["timings"].as_object_mut().expect("a map");
    let mut histograms: Vec<_> = timings.values_mut().map(serde_json::Value::take).collect();
    histograms.push(json["sendDelay"].take());
    for histogram in &mut histograms {
        let fields = histogram.as_object_mut().expect("an object");
        fields.remove("sumSeconds").expect("a sum");
        fields.remove("sumSquaresSeconds").expect("a sum");
    }
    serde_json::json!([json, histograms])
}

fn same(tallied: &LoadMeasurement, naive: &LoadMeasurement) {
    assert_eq!(without_sums(tallied), without_sums(naive));
    assert_eq!(tallied.slices, naive.slices);
    for (timing, histogram) in &naive.timings {
        let greatest = histogram.statistic(Statistic::Max).expect("values");
        for statistic in [Statistic::Mean, Statistic::Stddev] {
            let value = tallied.timings[timing].statistic(statistic).expect("values");
            let expected = histogram.statistic(statistic).expect("values");
            let near = (value - expected).abs() <= 1e-6 * greatest.max(expected);
            assert!(near, "{timing:?} {statistic}: {value} is not {expected}");
        }
    }
}

fn tally(start: Instant, requests: &[Request], mine: impl Fn(usize) -> bool) -> Tally {
    let mut tally = Tally::new(start);
    for (index, request) in requests.iter().enumerate().filter(|(index, _)| mine(*index)) {
        count(&mut tally, index as u64, request);
    }
    tally
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_tally_is_what_counting_one_by_one_gives(requests in requests(), report in 0..3 * BATCH) {
        let start = Instant::now();
        let expected = naive(&requests);
        let mut tally = Tally::new(start);
        for (index, request) in requests.iter().enumerate() {
            count(&mut tally, index as u64, request);
            if index % (report + 1) == report {
                tally.recent();
            }
        }
        same(&tally.measured_so_far(Duration::ZERO), &expected);
        prop_assert_eq!(tally.seen(), requests.len() as u64);
        same(&tally.finish(Duration::ZERO), &expected);
    }

    #[test]
    fn merging_is_exact_and_free_of_order(
        requests in requests(),
        workers in proptest::collection::vec(0..4_usize, 3 * BATCH),
        reported in any::<[bool; 4]>(),
    ) {
        let start = Instant::now();
        let mut parts: Vec<_> = (0..4).map(|worker| tally(start, &requests, |n| workers[n] == worker)).collect();
        for (part, reported) in parts.iter_mut().zip(reported) {
            if reported {
                part.recent();
            }
        }
        let together = tally(start, &requests, |_| true).finish(Duration::ZERO);
        for order in [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]] {
            let mut merged = Tally::new(start);
            for part in order {
                merged.merge(&parts[part]);
            }
            let merged = merged.finish(Duration::ZERO);
            prop_assert_eq!(stored(&merged), stored(&together));
            prop_assert_eq!(&merged.slices, &together.slices);
        }
    }

    #[test]
    fn progress_is_of_the_requests_since_the_last_report(requests in requests(), first in 0..3 * BATCH) {
        let start = Instant::now();
        let first = first.min(requests.len());
        let mut whole = tally(start, &requests, |n| n < first);
        whole.recent();
        let mut workers = [tally(start, &requests, |n| n < first && n % 2 == 0), Tally::new(start)];
        workers[0].recent();
        for (index, request) in requests.iter().enumerate().skip(first) {
            count(&mut whole, index as u64, request);
            count(&mut workers[index % 2], index as u64, request);
        }
        let latest: Vec<Request> = requests[first..]
            .iter()
            .filter(|(.., fate)| !matches!(fate, Fate::Unsent { .. }))
            .cloned()
            .collect();
        let expected = naive(&latest).timings.remove(&Timing::Latency).unwrap_or_default();
        let percentiles = [50.0, 95.0].map(|p| expected.statistic(Statistic::Percentile(p)));
        let progress = whole.recent().progress(Duration::ZERO, Some(7));
        prop_assert_eq!([progress.p50, progress.p95], percentiles);
        let [mut all, other] = workers.map(|mut worker| worker.recent());
        all.merge(&other);
        let progress = all.progress(Duration::ZERO, None);
        prop_assert_eq!([progress.p50, progress.p95], percentiles);
    }
}
