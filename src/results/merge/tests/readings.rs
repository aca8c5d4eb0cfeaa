//! Which of different readings counts, and when that is doubted.

use super::*;
use crate::metrics::Provided;
use crate::slo::{Goal, Reward};

#[test]
fn different_readings_of_a_provider_are_told_and_decide_nothing_unseen() {
    let read = |number: &str, value: f64, seconds: f64| {
        let mut result = shard(number, 10);
        result.tasks[0].name = "custommetrics".into();
        result.seconds = seconds;
        result.terms[0].objectives = vec!["db/errors <= 5".parse().expect("an objective")];
        result.insights.versions[0].values =
            BTreeMap::from([("db/errors".to_owned(), Provided::from(value))]);
        result
    };
    let merged = merge(vec![read("0/2", 3.0, 12.0), read("1/2", 4.0, 11.0)]);
    assert_eq!(merged.outcome, Outcome::Pass);
    assert_eq!(
        merged.assessment.judgements[0].value,
        Some(3.0),
        "the last reading"
    );
    assert!(
        merged.tasks[0].notes[0].contains("shards read 3 to 4"),
        "{:?}",
        merged.tasks[0].notes
    );
    for values in [[3.0, 6.0], [6.0, 3.0]] {
        let merged = merge(vec![read("0/2", values[0], 12.0), read("1/2", values[1], 11.0)]);
        assert_eq!(merged.outcome, Outcome::Invalid, "{values:?}");
        assert!(merged.because[0].contains("db/errors"), "{:?}", merged.because);
    }
    let mut vain = read("1/2", 3.0, 11.0);
    vain.insights.versions[0].values.clear();
    vain.insights.versions[0].absent.insert("db/errors".into());
    let merged = merge(vec![read("0/2", 3.0, 12.0), vain]);
    assert_eq!(merged.assessment.judgements[0].verdict, Verdict::NoData);
    assert_eq!(merged.outcome, Outcome::Invalid);
}

/// A shard that read the cost of two versions, and when it ended.
fn costs(number: &str, base: f64, new: f64, seconds: f64) -> ExperimentResult {
    let mut result = shard(number, 10);
    result.tasks[0].name = "custommetrics".into();
    result.seconds = seconds;
    result.terms[0].objectives = vec!["db/cost <= 1.1x base".parse().expect("an objective")];
    let mut other = result.insights.versions[0].clone();
    other.name = "base".into();
    other.baseline = true;
    result.insights.versions.push(other);
    for (version, cost) in result.insights.versions.iter_mut().zip([new, base]) {
        version.values = BTreeMap::from([("db/cost".to_owned(), Provided::from(cost))]);
    }
    result
}

#[test]
fn the_readings_of_every_shard_are_judged_as_it_read_them() {
    // Neither all of the least nor all of the greatest are what a shard read.
    let merged = merge(vec![
        costs("0/2", 100.0, 200.0, 11.0),
        costs("1/2", 200.0, 100.0, 12.0),
    ]);
    assert_eq!(merged.assessment.judgements[0].verdict, Verdict::Met);
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("the verdict on db/cost depends on"),
        "{:?}",
        merged.because
    );
    let counts = merged.insights.versions[0].values["db/cost"].value;
    assert!((counts - 100.0).abs() < f64::EPSILON, "{counts}");
    let rewarded = |mut result: ExperimentResult| {
        result.terms[0].objectives.clear();
        result.terms[0].rewards = vec![Reward {
            metric: "db/cost".parse().expect("a metric"),
            goal: Goal::Min,
        }];
        result
    };
    let merged = merge(vec![
        rewarded(costs("0/2", 100.0, 200.0, 11.0)),
        rewarded(costs("1/2", 200.0, 100.0, 12.0)),
    ]);
    assert_eq!(merged.assessment.awards[0].winner.as_deref(), Some("default"));
    assert_eq!(merged.outcome, Outcome::Invalid);
    assert!(
        merged.because[0].contains("the winner by db/cost depends on"),
        "{:?}",
        merged.because
    );
}

#[test]
fn readings_that_decide_nothing_that_counts_are_noted() {
    let pair = || vec![costs("0/2", 100.0, 200.0, 11.0), costs("1/2", 200.0, 100.0, 12.0)];
    let (mut warned, mut shown) = (pair(), pair());
    for (warned, shown) in warned.iter_mut().zip(&mut shown) {
        warned.terms[0].objectives[0].warn = true;
        shown.validate_slos = false;
    }
    for results in [warned, shown] {
        let merged = merge(results);
        assert_eq!(
            (merged.outcome, &merged.distrust),
            (Outcome::Pass, &Vec::new()),
            "{:?}",
            merged.because
        );
        let notes = &merged.tasks[1].notes;
        assert!(
            notes[0].contains("the verdict on db/cost depends on"),
            "{notes:?}"
        );
    }
}

#[test]
fn readings_are_judged_by_all_tasks_in_their_order() {
    let read = |number: &str, cost: f64, seconds: f64| {
        let mut result = costs(number, 100.0, cost, seconds);
        result.insights.versions[1].baseline = false;
        result.terms[0].objectives = vec!["db/cost <= 150".parse().expect("an objective")];
        let second = Terms {
            task: 3,
            objectives: vec!["http/error-count <= 0".parse().expect("an objective")],
            condition: Some("SLOs()".into()),
            ..result.terms[0].clone()
        };
        result.terms.push(second);
        result.tasks.push(task(3, "assess", left()));
        result.validate_slos = false;
        result
    };
    let merged = merge(vec![read("0/2", 200.0, 11.0), read("1/2", 120.0, 12.0)]);
    let notes = &merged.tasks[2].notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("whether task 3 (assess) is due")),
        "{notes:?}"
    );
    assert_eq!(merged.tasks[2].status, TaskStatus::Completed);
}
