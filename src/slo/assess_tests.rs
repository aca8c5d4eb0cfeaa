//! Verdicts on loads with known distributions.

use std::time::Duration;

use super::*;
use crate::metrics::{Failure, FailureClass, Histogram, Load, SliceRecorder, nanos};

#[path = "proof_tests.rs"]
mod proof;

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
    let loads = vec![Load::bare(stream, load)];
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
        "grpc/error-rate <= 100%",
        "istio/error-rate <= 1",
    ] {
        let judged = verdict(load(50, |_| Some(1)), objective, OnInconclusive::Pass);
        assert_eq!(judged.verdict, Verdict::NoData, "{objective}");
    }
    let objective = "http/error-rate <= 100%".parse().expect("objective");
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

#[test]
fn times_of_failures_alone_keep_no_promise() {
    let failed = || {
        let mut all = load(100, |_| Some(3));
        all.errors = all.requests;
        all
    };
    let judged = |mine: LoadMeasurement, texts: &[&str]| -> Vec<Verdict> {
        let objectives: Vec<Objective> = texts.iter().map(|text| text.parse().expect(text)).collect();
        let assessment = assess(&objectives, &insights(mine), Policy::default());
        assessment
            .judgements
            .iter()
            .map(|judgement| judgement.verdict)
            .collect()
    };
    assert_eq!(judged(failed(), &["http/latency-p95 <= 1s"]), [Verdict::NoData]);
    // A broken promise stays broken, and where errors are judged, they are what is wrong.
    assert_eq!(judged(failed(), &["http/latency-p95 <= 1ms"]), [Verdict::NotMet]);
    let both = ["http/latency-p95 <= 1s", "http/error-rate <= 1%"];
    assert_eq!(judged(failed(), &both), [Verdict::Met, Verdict::NotMet]);
    // One kind of error is none, and so is a promise that there are some.
    for other in [
        "http/timeouts <= 0",
        "http/status-5xx <= 0",
        "http/error-rate >= 0",
    ] {
        let both = ["http/latency-p95 <= 1s", other];
        assert_eq!(judged(failed(), &both)[0], Verdict::NoData, "{other}");
    }
    let elsewhere = ["http/latency-p95 <= 1s", "grpc/error-rate <= 1%"];
    assert_eq!(judged(failed(), &elsewhere)[0], Verdict::NoData);
    let one = load(100, |_| Some(3));
    assert_eq!(judged(one, &["http/latency-p95 <= 1s"]), [Verdict::Met]);
    let versus = compared(
        failed(),
        load(100, |_| Some(9)),
        "http/latency-p95 <= 1.1x base",
        Policy::default(),
    );
    assert_eq!(versus.verdict, Verdict::NoData);
}

/// The verdict on `mine` against `base`.
fn compared(mine: LoadMeasurement, base: LoadMeasurement, objective: &str, policy: Policy) -> Judgement {
    let mut versions = insights(mine).versions;
    let mut base = insights(base).versions.remove(0);
    base.name = "baseline".into();
    base.baseline = true;
    versions.push(base);
    let objective = objective.parse().expect(objective);
    assess(&[objective], &Insights { versions }, policy)
        .judgements
        .remove(0)
}

fn policy(on_inconclusive: OnInconclusive, min_requests: u64) -> Policy {
    Policy {
        on_inconclusive,
        min_requests,
    }
}

const UNSURE: Certainty = Certainty::Unsure { more_requests: None };

#[test]
fn a_ratio_that_lacks_its_interval_is_undecided() {
    for objective in ["http/latency-p95 <= 1.1x base", "http/latency-mean >= 0.9x base"] {
        for (mine, base) in [(10, 10), (30, 10), (10, 30)] {
            let judge = |on_inconclusive| {
                let (mine, base) = (load(2, |_| Some(mine)), load(2, |_| Some(base)));
                compared(mine, base, objective, policy(on_inconclusive, 1))
            };
            let observed = judge(OnInconclusive::Observed);
            assert_eq!(observed.interval, None);
            assert_eq!((observed.verdict, observed.certainty), (Verdict::Met, UNSURE));
            assert!(observed.note.expect("note").contains("too short"));
            assert_eq!(judge(OnInconclusive::Pass).verdict, Verdict::Met);
            assert_eq!(judge(OnInconclusive::Fail).verdict, Verdict::Undecided);
        }
    }
}

#[test]
fn times_that_are_not_kept_over_time_fail_against_a_baseline_too() {
    let timed = |factor: u64| {
        let mut load = load(2000, |i| Some((10 + i % 50) * factor));
        let same = load.timings[&Timing::Latency].clone();
        load.timings.insert(Timing::Ttfb, same);
        load
    };
    let judge = |factor| {
        compared(
            timed(factor),
            timed(10),
            "http/ttfb-p95 <= 1.1x base",
            Policy::default(),
        )
    };
    assert_eq!(judge(10).certainty, Certainty::Sure);
    assert_eq!(
        (judge(10).verdict, judge(13).verdict),
        (Verdict::Met, Verdict::NotMet)
    );
}

#[test]
fn the_observed_ratio_decides_where_ratios_have_no_interval() {
    let failing = |every: u64| load(1000, move |i| (i % every > 0).then_some(10));
    for objective in ["http/error-rate <= 1.5x base", "http/error-count <= 1.5x base"] {
        for on_inconclusive in [
            OnInconclusive::Observed,
            OnInconclusive::Pass,
            OnInconclusive::Fail,
        ] {
            let judge = |every| compared(failing(every), failing(20), objective, policy(on_inconclusive, 1));
            let (good, bad) = (judge(20), judge(10));
            assert_eq!(
                (good.verdict, good.certainty),
                (Verdict::Met, UNSURE),
                "{objective}"
            );
            assert_eq!(
                (bad.verdict, bad.certainty),
                (Verdict::NotMet, UNSURE),
                "{objective}"
            );
        }
    }
}

#[test]
fn few_requests_of_either_version_are_no_data() {
    let answered = |n: u64| load(100, move |i| (i < n).then_some(10));
    let judge = |mine, base| {
        compared(
            mine,
            base,
            "http/latency-p95 <= 2x base",
            policy(OnInconclusive::Observed, 50),
        )
    };
    assert_eq!(judge(answered(100), answered(100)).verdict, Verdict::Met);
    let few = judge(answered(49), answered(100));
    assert_eq!(few.verdict, Verdict::NoData);
    assert!(few.note.expect("why").contains("49 requests"));
    let few = judge(answered(100), answered(49));
    assert_eq!(few.verdict, Verdict::NoData);
    assert!(few.note.expect("why").starts_with("the baseline rests on 49"));
    for (mine, base) in [(0, 10), (10, 0), (0, 0)] {
        let objective = "http/error-count <= 2x base";
        let none = compared(answered_of(mine), answered_of(base), objective, Policy::default());
        assert_eq!(none.verdict, Verdict::NoData);
        assert!(none.note.expect("why").contains("no request was sent"));
    }
}

fn answered_of(n: u64) -> LoadMeasurement {
    load(n, |_| Some(10))
}

#[test]
fn no_multiple_of_a_baseline_without_errors_is_a_limit() {
    let failing = |n: u64| load(200, move |i| (i >= n).then_some(10));
    let judge = |mine, on_inconclusive| {
        let objective = "http/error-rate <= 1.5x base";
        compared(failing(mine), failing(0), objective, policy(on_inconclusive, 1))
    };
    let clean = judge(0, OnInconclusive::Fail);
    assert_eq!((clean.verdict, clean.certainty), (Verdict::Met, UNSURE));
    assert_eq!(clean.value, None, "there is no ratio");
    let worse = judge(1, OnInconclusive::Pass);
    assert_eq!(worse.verdict, Verdict::NoData);
    assert!(worse.note.expect("why").contains("absolute limit"));
}

#[test]
fn a_baseline_that_lasted_a_moment_longer_is_compared_at_the_same_time() {
    // The third of five fifths is slow for both: no ratio differs.
    let slow = |n: u64| load(n, |i| Some(if (200..300).contains(&i) { 400 } else { 10 }));
    let judged = compared(
        slow(500),
        slow(505),
        "http/latency-mean <= 1.1x base",
        Policy::default(),
    );
    assert_eq!(
        (judged.verdict, judged.certainty),
        (Verdict::Met, Certainty::Sure),
        "{judged:?}"
    );
}
