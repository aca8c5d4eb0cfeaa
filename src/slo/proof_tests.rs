//! When a verdict proves nothing, and what is sure.

use super::*;

/// A version of two endpoints that share one load: `cart`, of which every request fails quickly, and nineteen times as
/// many of `home`.
fn endpoints() -> VersionInsights {
    let of = |name: &str, errors: bool| {
        let mut measured = load(if errors { 20 } else { 380 }, |_| Some(10));
        if errors {
            measured.errors = measured.requests;
        }
        let mut all = insights(measured).versions.remove(0).loads;
        all[0].stream.endpoint = Some(name.to_owned());
        all[0].together = Some(0);
        all.remove(0)
    };
    VersionInsights {
        name: "default".into(),
        loads: vec![of("home", false), of("cart", true)],
        ..VersionInsights::default()
    }
}

fn verdicts(version: VersionInsights, objectives: &[&str]) -> Vec<Verdict> {
    let objectives: Vec<Objective> = objectives.iter().map(|text| text.parse().expect(text)).collect();
    let insights = Insights {
        versions: vec![version],
    };
    let judged = assess(&objectives, &insights, Policy::default()).judgements;
    judged.iter().map(|one| one.verdict).collect()
}

#[test]
fn only_a_limit_on_the_errors_of_the_same_requests_makes_their_times_count() {
    use Verdict::{Met, NoData, NotMet};
    let fast = "http-cart/latency-p95 <= 200ms";
    for (others, expected) in [
        (vec![], vec![NoData]),
        (vec!["http/error-rate <= 10%"], vec![NoData, Met]),
        (vec!["http-home/error-rate <= 10%"], vec![NoData, Met]),
        (vec!["http-cart/error-rate <= 100%"], vec![NoData, Met]),
        (vec!["http-cart/error-rate <= 99.9%"], vec![Met, NotMet]),
        // What is broken tells of the failures, and fails.
        (vec!["http/error-rate <= 1%"], vec![Met, NotMet]),
    ] {
        let objectives = [&[fast][..], &others].concat();
        assert_eq!(verdicts(endpoints(), &objectives), expected, "{others:?}");
    }
    // Of the whole five in a hundred fail.
    assert_eq!(verdicts(endpoints(), &["http/latency-p95 <= 200ms"]), [Met]);
}

#[test]
fn more_than_half_of_the_requests_must_have_gone_well() {
    let failing = |errors| {
        let mut measured = load(100, |_| Some(10));
        (measured.errors, measured.elapsed) = (errors, 2.0);
        insights(measured).versions.remove(0)
    };
    for objective in ["http/latency-p95 <= 200ms", "http/throughput >= 1"] {
        assert_eq!(verdicts(failing(50), &[objective]), [Verdict::Met], "{objective}");
        assert_eq!(
            verdicts(failing(51), &[objective]),
            [Verdict::NoData],
            "{objective}"
        );
    }
    // A promise that is broken all the same is broken.
    assert_eq!(
        verdicts(failing(51), &["http/latency-p95 <= 1ms"]),
        [Verdict::NotMet]
    );
}

#[test]
fn a_baseline_that_mostly_failed_is_nothing_to_compare_with() {
    for (errors, expected) in [(100, Verdict::NoData), (51, Verdict::NoData), (50, Verdict::Met)] {
        let mut versions = Vec::new();
        for (name, errors) in [("base", errors), ("new", 0)] {
            let mut measured = load(100, |i| Some(10 + i % 3));
            measured.errors = errors;
            let mut version = insights(measured).versions.remove(0);
            (version.name, version.baseline) = (name.to_owned(), name == "base");
            versions.push(version);
        }
        let objectives = ["http/latency-p95 <= 1.1x base", "http/error-rate <= 1x base"];
        let objectives = objectives.map(|text| text.parse::<Objective>().expect(text));
        let judged = assess(&objectives, &Insights { versions }, Policy::default()).judgements;
        for one in judged {
            assert_eq!(one.verdict, expected, "{errors}: {one:?}");
        }
    }
}

#[test]
fn what_is_sure_is_what_the_shown_interval_says() {
    // Slow moments of a second: an end of the percentile's interval would be open by its ranks.
    for n in [48, 100, 230, 400] {
        for objective in ["http/latency-p50", "http/latency-p95", "http/latency-p99"] {
            for limit in [5, 11, 14, 30, 60, 200] {
                let bursts = load(n, |i| Some(if i % 100 < 50 { 10 + i % 3 } else { 13 + i % 40 }));
                let text = format!("{objective} <= {limit}ms");
                let judged = verdict(bursts, &text, OnInconclusive::Observed);
                let shown = judged.interval.expect("an interval");
                if judged.certainty == Certainty::Sure {
                    let limit = f64::from(limit);
                    let says = if judged.verdict == Verdict::Met {
                        shown.wholly_at_most(limit)
                    } else {
                        shown.wholly_above(limit)
                    };
                    assert!(says, "{n}: {text}: {shown:?}");
                }
            }
        }
    }
}

#[test]
fn bursts_do_not_leave_the_interval_of_many_requests_open() {
    let bursts = load(230, |i| Some(if i % 115 < 15 { 60 } else { 1 + i % 2 }));
    let judged = verdict(bursts, "http/latency-p95 <= 200ms", OnInconclusive::Fail);
    let shown = judged.interval.expect("an interval");
    assert!(
        shown.low.is_some() && shown.high.is_some_and(|high| high < 200.0),
        "{shown:?}"
    );
    assert_eq!(
        (judged.verdict, judged.certainty),
        (Verdict::Met, Certainty::Sure)
    );
    // Too few for an end of p99, far as the limit may be.
    let few = verdict(
        load(100, |_| Some(1)),
        "http/latency-p99 <= 200ms",
        OnInconclusive::Observed,
    );
    assert_eq!(few.interval.expect("an interval").high, None);
    assert_ne!(few.certainty, Certainty::Sure);
}
