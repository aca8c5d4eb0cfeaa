//! What reports say of a shard, and of shards that were merged.

use super::tests::rendered;
use super::{View, fixture};
use crate::results::{MergedShard, Outcome, Shards};
use crate::slo::Verdict;

#[test]
fn every_shard_is_one_line_of_a_terminal() {
    let mut result = fixture::kept();
    let file = "results/iter8-experiment-of-the-shop-0/iter8-results/result.json";
    let shard = |index| MergedShard {
        index,
        file: file.to_owned(),
        outcome: Outcome::Measured,
        started: result.started,
        began: Some(result.started),
        late_seconds: Some(0.0),
        requests: 1_000_000,
        errors: 12,
        environment: result.environment.clone(),
    };
    result.shards = Some(Shards {
        count: 12,
        divided: true,
        counted: true,
        start_at: None,
        merged: (0..12).map(shard).collect(),
        lost: Vec::new(),
        skew_seconds: 0.1,
    });
    let text = rendered("text", &result);
    let rows = text.lines().filter(|line| line.contains(" measured ")).count();
    assert_eq!((rows, text.contains("result.json")), (12, false), "{text}");
    assert!(rendered("markdown", &result).contains(file));
}

#[test]
fn what_a_shard_leaves_to_others_is_no_error_of_junit() {
    let mut result = fixture::kept();
    for judgement in &mut result.assessment.judgements {
        judgement.verdict = Verdict::NotAssessed;
    }
    for (outcome, errors) in [(Outcome::Measured, 0), (Outcome::Invalid, 2)] {
        result.outcome = outcome;
        let report = quick_junit::Report::deserialize_from_str(&rendered("junit", &result)).expect("XML");
        assert_eq!((report.tests, report.errors), (2, errors), "{outcome:?}");
    }
}

#[test]
fn advice_about_errors_is_for_those_who_judge() {
    let mut result = fixture::kept();
    result.assessment.judgements.clear();
    for load in &mut result.insights.versions[0].loads {
        load.measurement.errors = load.measurement.requests;
    }
    for (outcome, advised) in [(Outcome::Pass, true), (Outcome::Measured, false)] {
        result.outcome = outcome;
        let warnings = View::of(&result).warnings;
        let has = |told: &crate::report::Prose| told.plain().contains("No objective limits errors");
        assert_eq!(warnings.iter().any(has), advised, "{outcome:?}");
    }
}
