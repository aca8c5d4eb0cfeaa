//! Who wins, how sure that is, and who gets what share.

use super::*;
use crate::metrics::Provided;
use crate::slo::objective::Objective;
use crate::slo::{Assessment, Certainty, assess};

fn insights(versions: &[(&str, &[(&str, f64)])]) -> Insights {
    let version = |(name, values): &(&str, &[(&str, f64)])| VersionInsights {
        name: (*name).to_owned(),
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Provided::from(*value)))
            .collect(),
        ..VersionInsights::default()
    };
    Insights {
        versions: versions.iter().map(version).collect(),
    }
}

fn reward(text: &str) -> Reward {
    let (goal, metric) = text.split_once(' ').expect(text);
    let goal = if goal == "max" { Goal::Max } else { Goal::Min };
    Reward {
        metric: metric.parse().expect(metric),
        goal,
    }
}

fn compare(insights: &Insights, rewards: &[&str], objectives: &[&str]) -> (Vec<Award>, Vec<(String, u32)>) {
    let rewards: Vec<Reward> = rewards.iter().map(|text| reward(text)).collect();
    let objectives: Vec<Objective> = objectives.iter().map(|text| text.parse().expect(text)).collect();
    let mut all = assess(&objectives, insights, Policy::default());
    let judged = [all.judgements.clone(), all.of_baseline.clone()].concat();
    all.awards = award(&rewards, &judged, insights, Policy::default());
    let mut whole = Assessment::default();
    whole.merge(all);
    (
        whole.awards,
        whole
            .weights
            .into_iter()
            .map(|weight| (weight.version, weight.percent))
            .collect(),
    )
}

fn with_interval(version: &str, value: f64, low: f64, high: f64) -> Contender {
    Contender {
        version: version.to_owned(),
        value: Some(value),
        interval: Some(Interval {
            low: Some(low),
            high: Some(high),
        }),
        eligible: true,
        chance: None,
        note: None,
    }
}

#[test]
fn a_version_that_breaks_an_objective_cannot_win_and_gets_no_traffic() {
    let all = insights(&[
        ("a", &[("shop/sales", 9.0), ("shop/errors", 5.0)]),
        ("b", &[("shop/sales", 3.0), ("shop/errors", 0.0)]),
        ("c", &[("shop/sales", 4.0), ("shop/errors", 0.0)]),
    ]);
    let (awards, weights) = compare(&all, &["max shop/sales"], &["shop/errors <= 1"]);
    assert_eq!(awards[0].winner.as_deref(), Some("c"));
    assert_eq!(awards[0].confidence, Confidence::Unknown);
    assert_eq!(weights, [("a".into(), 0), ("b".into(), 33), ("c".into(), 67)]);
    assert!(
        awards[0].contenders[0]
            .note
            .as_deref()
            .is_some_and(|note| note.contains("shop/errors <= 1"))
    );
    let (awards, weights) = compare(&all, &["max shop/sales"], &["shop/errors <= -1"]);
    assert_eq!(
        (awards[0].winner.as_deref(), awards[0].confidence),
        (None, Confidence::NoWinner)
    );
    assert!(weights.is_empty());
}

#[test]
fn the_baseline_wins_only_if_it_keeps_what_is_promised_too() {
    let mut all = insights(&[
        ("a", &[("shop/cost", 1.0), ("shop/errors", 5.0)]),
        ("b", &[("shop/cost", 2.0), ("shop/errors", 0.0)]),
    ]);
    all.versions[0].baseline = true;
    let winner = |objectives: &[&str]| compare(&all, &["min shop/cost"], objectives).0[0].winner.clone();
    assert_eq!(winner(&[]).as_deref(), Some("a"));
    assert_eq!(winner(&["shop/errors <= 1"]).as_deref(), Some("b"));
}

#[test]
fn values_are_compared_in_one_unit() {
    let compare = |given: &[(f64, &str)]| {
        let mut all = insights(&[("a", &[]), ("b", &[]), ("c", &[])]);
        all.versions.truncate(given.len());
        for (version, (value, unit)) in all.versions.iter_mut().zip(given) {
            let provided = Provided {
                unit: Some((*unit).to_owned()).filter(|unit| !unit.is_empty()),
                ..Provided::from(*value)
            };
            version.values.insert("shop/time".to_owned(), provided);
        }
        compare(&all, &["min shop/time"], &[]).0.remove(0)
    };
    let won = compare(&[(0.3, "s"), (200.0, "ms")]);
    assert_eq!(won.winner.as_deref(), Some("b"));
    let values: Vec<Option<f64>> = won.contenders.iter().map(|one| one.value).collect();
    assert_eq!(values, [Some(0.3), Some(0.2)]);
    let spelt = compare(&[(300.0, "ms"), (400.0, "msec"), (0.1, "sec")]);
    assert_eq!(spelt.winner.as_deref(), Some("c"));
    let unsaid = compare(&[(0.3, ""), (0.2, "s")]);
    assert_eq!(unsaid.winner.as_deref(), Some("b"));
    for (given, why) in [
        (
            &[(0.3, "s"), (200.0, "EUR")][..],
            "b cannot be compared: its unit is `EUR`, that of a is `s`",
        ),
        (
            &[(0.3, "s"), (200.0, "ms"), (1.0, "")],
            "c cannot be compared: it has no unit, and those of the others differ",
        ),
    ] {
        let award = compare(given);
        assert_eq!(
            (award.winner.as_deref(), award.confidence, award.note.as_deref()),
            (None, Confidence::NoData, Some(why))
        );
    }
}

#[test]
fn without_a_value_nobody_wins() {
    let all = insights(&[("a", &[("shop/sales", 1.0)]), ("b", &[])]);
    for metric in ["max shop/sales", "min shop/nothing"] {
        let (awards, weights) = compare(&all, &[metric], &[]);
        assert_eq!(
            (awards[0].winner.as_deref(), awards[0].confidence),
            (None, Confidence::NoData),
            "{metric}"
        );
        assert!(weights.is_empty());
    }
    let (awards, _) = compare(&Insights::default(), &["max shop/sales"], &[]);
    assert_eq!(awards[0].confidence, Confidence::NoData);
}

#[test]
fn the_first_of_equal_values_wins_and_one_version_has_nothing_to_win_against() {
    let all = insights(&[("a", &[("shop/sales", 1.0)]), ("b", &[("shop/sales", 1.0)])]);
    assert_eq!(
        compare(&all, &["max shop/sales"], &[]).0[0].winner.as_deref(),
        Some("a")
    );
    let alone = insights(&[("a", &[("shop/sales", 1.0)])]);
    let (awards, weights) = compare(&alone, &["max shop/sales"], &[]);
    assert_eq!(
        (awards[0].winner.as_deref(), awards[0].confidence),
        (None, Confidence::NoData)
    );
    assert!(weights.is_empty());
}

#[test]
fn intervals_say_how_sure_it_is() {
    let apart = decide(
        &reward("min http/latency-p95"),
        vec![
            with_interval("a", 10.0, 9.0, 11.0),
            with_interval("b", 20.0, 18.0, 22.0),
        ],
    );
    assert_eq!(
        (apart.winner.as_deref(), apart.confidence),
        (Some("a"), Confidence::Certain)
    );
    assert_eq!(weights(&[&apart])[0].percent, 100);
    let close = decide(
        &reward("max http/latency-p95"),
        vec![
            with_interval("a", 10.0, 7.0, 13.0),
            with_interval("b", 11.0, 8.0, 14.0),
        ],
    );
    assert_eq!(
        (close.winner.as_deref(), close.confidence),
        (Some("b"), Confidence::NotCertain)
    );
    let shares: Vec<u32> = weights(&[&close]).iter().map(|weight| weight.percent).collect();
    assert_eq!(shares, [32, 68]);
}

#[test]
fn rewards_that_disagree_share_the_traffic() {
    let all = insights(&[
        ("a", &[("shop/sales", 1.0), ("shop/cost", 1.0)]),
        ("b", &[("shop/sales", 2.0), ("shop/cost", 2.0)]),
    ]);
    let (_, weights) = compare(&all, &["max shop/sales", "min shop/cost"], &[]);
    assert_eq!(weights, [("a".into(), 50), ("b".into(), 50)]);
}

#[test]
fn an_undecided_objective_is_not_kept() {
    let all = insights(&[("a", &[("shop/sales", 1.0)]), ("b", &[("shop/sales", 0.0)])]);
    let objective: Objective = "shop/sales >= 1".parse().expect("an objective");
    let mut judged = assess(std::slice::from_ref(&objective), &all, Policy::default()).judgements;
    judged[0].verdict = Verdict::Undecided;
    judged[0].certainty = Certainty::Unsure { more_requests: None };
    let awards = award(&[reward("max shop/sales")], &judged, &all, Policy::default());
    assert_eq!(awards[0].winner, None);
    assert!(!awards[0].contenders[0].eligible);
}

#[test]
fn percents_add_up() {
    for shares in [
        vec![1.0, 1.0, 1.0],
        vec![0.005, 0.995],
        vec![0.0, 0.0],
        vec![1.0; 7],
        vec![0.335, 0.335, 0.33],
    ] {
        let percents = rounded(&shares);
        let wanted = if shares.iter().sum::<f64>() > 0.0 { 100 } else { 0 };
        assert_eq!(percents.iter().sum::<u32>(), wanted, "{percents:?}");
    }
}

/// What an `assess` task finds after others.
fn again(so_far: &mut Assessment, insights: &Insights, rewards: &[&str], objectives: &[&str]) {
    let rewards: Vec<Reward> = rewards.iter().map(|text| reward(text)).collect();
    let objectives: Vec<Objective> = objectives.iter().map(|text| text.parse().expect(text)).collect();
    let mut newer = assess(&objectives, insights, Policy::default());
    let all = [&*so_far, &newer];
    let judged: Vec<Judgement> = all
        .iter()
        .flat_map(|one| one.judgements.iter().chain(&one.of_baseline))
        .cloned()
        .collect();
    newer.awards = award(&rewards, &judged, insights, Policy::default());
    so_far.merge(newer);
}

#[test]
fn the_baseline_is_held_against_what_another_task_judges() {
    let mut all = insights(&[
        ("base", &[("shop/cost", 1.0), ("shop/errors", 5.0)]),
        ("new", &[("shop/cost", 2.0), ("shop/errors", 0.0)]),
    ]);
    all.versions[0].baseline = true;
    let (errors, cost) = (["shop/errors <= 1"], ["min shop/cost"]);
    for errors_first in [true, false] {
        let mut whole = Assessment::default();
        if errors_first {
            again(&mut whole, &all, &[], &errors);
        }
        again(&mut whole, &all, &cost, &[]);
        if !errors_first {
            assert_eq!(whole.unanimous(), Some("base"));
            again(&mut whole, &all, &[], &errors);
        }
        assert_eq!(whole.unanimous(), Some("new"), "{errors_first}");
        let percents: Vec<u32> = whole.weights.iter().map(|weight| weight.percent).collect();
        assert_eq!(percents, [0, 100], "{errors_first}");
    }
}

#[test]
fn shares_follow_from_the_rewards_of_all_tasks() {
    let all = insights(&[
        ("a", &[("shop/sales", 1.0), ("shop/cost", 1.0)]),
        ("b", &[("shop/sales", 2.0), ("shop/cost", 2.0)]),
    ]);
    let mut whole = Assessment::default();
    again(&mut whole, &all, &["max shop/sales"], &[]);
    again(&mut whole, &all, &["min shop/cost"], &[]);
    assert_eq!(whole.unanimous(), None);
    let percents = |whole: &Assessment| -> Vec<u32> { whole.weights.iter().map(|one| one.percent).collect() };
    assert_eq!(percents(&whole), [50, 50]);
    // A task without rewards leaves them as they are.
    again(&mut whole, &all, &[], &["shop/cost <= 3"]);
    assert_eq!(percents(&whole), [50, 50]);
}

#[test]
fn the_winner_gets_no_less_than_any_other() {
    let equal = decide(
        &reward("min http/latency-p95"),
        ["a", "b", "c"]
            .into_iter()
            .zip([9.0, 8.0, 7.0])
            .map(|(name, value)| Contender {
                interval: Some(Interval::OPEN),
                ..with_interval(name, value, value, value)
            })
            .collect(),
    );
    assert_eq!(equal.winner.as_deref(), Some("c"));
    let shares: Vec<u32> = weights(&[&equal]).iter().map(|weight| weight.percent).collect();
    assert_eq!((shares[2], shares.iter().sum::<u32>()), (34, 100), "{shares:?}");
}
