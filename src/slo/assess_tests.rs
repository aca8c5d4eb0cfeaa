//! Verdicts on loads with known distributions.

use std::time::Duration;

use super::*;
use crate::metrics::{Failure, FailureClass, Histogram, Load, SliceRecorder, nanos};

/// `n` requests, 20 ms apart; the latency of each, or `None` for an error without an answer.
fn load(n: u64, latency: impl Fn(u64) -> Option<u64>) -> LoadMeasurement {
    let mut load = LoadMeasurement::default();
    let mut latencies = Histogram::new();
    let mut slices = SliceRecorder::default();
    for i in 0..n {
        let at = Duration::from_millis(20 * i);
        load.requests += 1;
        slices.request(nanos(at), latency(i).is_none());
        if let Some(time) = latency(i).map(Duration::from_millis) {
            load.answered += 1;
            latencies.record(time);
            slices.latency(nanos(at), nanos(time));
        } else {
            load.errors += 1;
            load.failures.insert(FailureClass::Connect, Failure::default());
        }
    }
    load.slices = slices.finish();
    load.timings.insert(Timing::Latency, latencies);
    load
}

fn insights(load: LoadMeasurement) -> Insights {
    let stream = Stream {
        protocol: crate::metrics::Protocol::Http,
        endpoint: None,
    };
    let loads = vec![Load {
        stream,
        target: String::new(),
        reproduce: None,
        plan: String::new(),
        percentiles: Vec::new(),
        together: None,
        measurement: load,
    }];
    Insights {
        versions: vec![VersionInsights {
            name: "default".into(),
            loads,
            ..VersionInsights::default()
        }],
    }
}

fn verdict(load: LoadMeasurement, objective: &str, on_inconclusive: OnInconclusive) -> Judgement {
    let objective = objective.parse().expect(objective);
    let policy = Policy {
        on_inconclusive,
        min_requests: 1,
    };
    assess(&[objective], &insights(load), policy).judgements.remove(0)
}

#[test]
fn a_clear_value_is_met_or_not_met_for_sure() {
    let fast = |limit| verdict(load(1000, |i| Some(10 + i % 5)), limit, OnInconclusive::Fail);
    let met = fast("http/latency-p95 <= 100ms");
    assert_eq!((met.verdict, met.certainty), (Verdict::Met, Certainty::Sure));
    let broken = fast("http/latency-p95 <= 5ms");
    assert_eq!(
        (broken.verdict, broken.certainty),
        (Verdict::NotMet, Certainty::Sure)
    );
    assert_eq!(fast("http/latency-p95 >= 5ms").verdict, Verdict::Met);
    assert_eq!(fast("http/latency-mean <= 13ms").verdict, Verdict::Met);
}

#[test]
fn few_clean_requests_do_not_show_a_low_error_rate() {
    let clean = |n, policy| verdict(load(n, |_| Some(10)), "http/error-rate <= 1%", policy);
    let few = clean(100, OnInconclusive::Observed);
    assert_eq!(few.verdict, Verdict::Met);
    assert!(
        matches!(few.certainty, Certainty::Unsure { more_requests: Some(more) } if more > 100),
        "{few:?}"
    );
    assert_eq!(clean(100, OnInconclusive::Fail).verdict, Verdict::Undecided);
    assert_eq!(clean(1000, OnInconclusive::Fail).verdict, Verdict::Met);
}

#[test]
fn no_errors_at_all_is_a_promise_about_these_requests() {
    let clean = verdict(
        load(20, |_| Some(10)),
        "http/error-rate <= 0",
        OnInconclusive::Fail,
    );
    assert_eq!((clean.verdict, clean.certainty), (Verdict::Met, Certainty::Sure));
    let one = verdict(
        load(2000, |i| (i > 0).then_some(10)),
        "http/error-rate <= 0",
        OnInconclusive::Pass,
    );
    assert_eq!(one.verdict, Verdict::NotMet);
}

#[test]
fn a_value_equal_to_its_limit_is_met() {
    let counted = |objective| verdict(load(50, |_| Some(10)), objective, OnInconclusive::Observed).verdict;
    assert_eq!(counted("http/request-count >= 50"), Verdict::Met);
    assert_eq!(counted("http/request-count <= 50"), Verdict::Met);
    assert_eq!(counted("http/request-count >= 51"), Verdict::NotMet);
}

#[test]
fn without_an_answer_there_is_no_latency_to_judge() {
    let judged = verdict(
        load(50, |_| None),
        "http/latency-p95 <= 10s",
        OnInconclusive::Pass,
    );
    assert_eq!(judged.verdict, Verdict::NoData);
    assert!(judged.note.expect("why").contains("none of 50"));
    let rate = verdict(load(50, |_| None), "http/error-rate <= 1%", OnInconclusive::Pass);
    assert_eq!(rate.verdict, Verdict::NotMet);
}

#[test]
fn zero_requests_and_too_few_requests_are_no_data() {
    assert_eq!(
        verdict(load(0, |_| None), "http/error-count <= 5", OnInconclusive::Pass).verdict,
        Verdict::NoData
    );
    let policy = Policy {
        on_inconclusive: OnInconclusive::Observed,
        min_requests: 100,
    };
    let objective = "http/latency-p50 <= 1s".parse().expect("objective");
    let judged = assess(&[objective], &insights(load(99, |_| Some(1))), policy)
        .judgements
        .remove(0);
    assert_eq!(judged.verdict, Verdict::NoData);
}

#[test]
fn an_objective_on_nothing_measured_is_no_data_not_met() {
    for objective in [
        "http-cart/latency-p95 <= 10s",
        "grpc/error-rate <= 1",
        "istio/error-rate <= 1",
    ] {
        let judged = verdict(load(50, |_| Some(1)), objective, OnInconclusive::Pass);
        assert_eq!(judged.verdict, Verdict::NoData, "{objective}");
    }
    let objective = "http/error-rate <= 1".parse().expect("objective");
    let judged = assess(&[objective], &Insights::default(), Policy::default()).judgements;
    assert_eq!(judged[0].verdict, Verdict::NoData);
}

#[test]
fn bursts_make_a_verdict_less_sure_than_the_same_requests_spread_evenly() {
    let spread = verdict(
        load(1000, |i| Some(if i % 25 == 0 { 500 } else { 10 })),
        "http/latency-p95 <= 100ms",
        OnInconclusive::Fail,
    );
    let bursts = verdict(
        load(1000, |i| Some(if (i / 40) % 25 == 7 { 500 } else { 10 })),
        "http/latency-p95 <= 100ms",
        OnInconclusive::Fail,
    );
    assert_eq!(bursts.verdict, Verdict::Undecided);
    assert!(bursts.note.expect("note").contains("bursts"));
    assert_eq!(spread.note, None);
}

#[test]
fn an_open_side_of_a_high_percentile_stays_open() {
    let judged = verdict(
        load(100, |i| Some(10 + i)),
        "http/latency-p99 <= 1s",
        OnInconclusive::Fail,
    );
    let interval = judged.interval.expect("interval");
    assert!(interval.low.is_some() && interval.high.is_none(), "{interval:?}");
    assert_eq!(judged.verdict, Verdict::Undecided);
}

#[test]
fn against_a_baseline_only_a_clear_difference_fails() {
    let two = |factor: u64| {
        let mut versions = insights(load(2000, |i| Some((10 + i % 50) * factor))).versions;
        let mut base = insights(load(2000, |i| Some((10 + i % 50) * 10)))
            .versions
            .remove(0);
        base.name = "baseline".into();
        base.baseline = true;
        versions.push(base);
        let objective = "http/latency-p95 <= 1.1x base".parse().expect("objective");
        assess(&[objective], &Insights { versions }, Policy::default()).judgements
    };
    assert_eq!(two(10).len(), 1, "the baseline is not judged");
    assert_eq!(two(10)[0].verdict, Verdict::Met);
    assert_eq!(two(13)[0].verdict, Verdict::NotMet);
    let alone = verdict(
        load(100, |_| Some(1)),
        "http/latency-p95 <= 1.1x base",
        OnInconclusive::Pass,
    );
    assert_eq!(alone.verdict, Verdict::NoData);
}

#[test]
fn a_sure_verdict_never_contradicts_the_interval_beside_it() {
    for seed in 0..300_u64 {
        let slow = |i: u64| {
            (i.wrapping_mul(0x9E37_79B9 + seed * 77) >> 7).is_multiple_of(19) || (i / 30) % 23 == seed % 23
        };
        let judged = verdict(
            load(400, |i| Some(if slow(i) { 150 + i % 90 } else { 10 + i % 40 })),
            "http/latency-p95 <= 160ms",
            OnInconclusive::Fail,
        );
        let interval = judged.interval.expect("interval");
        match judged.verdict {
            Verdict::Met => assert!(
                interval.high.is_none_or(|high| high <= 160.0),
                "{seed}: {interval:?}"
            ),
            Verdict::NotMet => assert!(interval.low.is_none_or(|low| low > 160.0), "{seed}: {interval:?}"),
            Verdict::Undecided => {}
            Verdict::NoData | Verdict::NotAssessed => panic!("{seed}: there are data"),
        }
    }
}

#[test]
fn failed_requests_are_not_requests_that_a_latency_rests_on() {
    let policy = Policy {
        on_inconclusive: OnInconclusive::Observed,
        min_requests: 50,
    };
    let one_answer = || insights(load(100, |i| (i == 7).then_some(3)));
    let judge = |text: &str| {
        let objective = text.parse().expect(text);
        assess(&[objective], &one_answer(), policy).judgements.remove(0)
    };
    assert_eq!(judge("http/latency-p95 <= 1s").verdict, Verdict::NoData);
    assert_eq!(judge("http/error-rate <= 1%").verdict, Verdict::NotMet);
}
