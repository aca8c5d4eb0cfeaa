//! Every condition of the oracle's tables for Iter8 0.15 gives what Iter8 gave, on the same stored results.
//!
//! The tables are data kept beside the repository (`../shared/oracle`); without them the test says so and passes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it skips"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use iter8::spec::condition::{
    BucketFacts, Condition, Facts, InsightsFacts, LimitFacts, MetricFacts, ResultFacts, SloFacts, TaskFacts,
    VerdictFacts,
};
use serde_json::Value;

/// Conditions that are meant to differ, with the reason.
const ACCEPTED: &[(&str, &str)] = &[];

#[test]
fn conditions_give_what_iter8_gave() {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/oracle/conditions/0.15");
    let Ok(fixtures) = fs::read_dir(&tables) else {
        println!("skipped: no oracle at {}", tables.display());
        return;
    };
    let mut fixtures: Vec<PathBuf> = fixtures.map(|entry| entry.unwrap().path()).collect();
    fixtures.sort();
    let mut rows = 0;
    let mut wrong = Vec::new();
    for fixture in &fixtures {
        let facts = facts(&fs::read_to_string(fixture.join("experiment.yaml")).unwrap());
        let table: Value =
            serde_json::from_str(&fs::read_to_string(fixture.join("table.json")).unwrap()).unwrap();
        for row in table.as_array().unwrap() {
            let text = row["if"].as_str().unwrap();
            let expected = row["value"].as_bool();
            let result = Condition::parse(text).and_then(|condition| condition.evaluate(&facts));
            rows += 1;
            if result.clone().ok() != expected && !ACCEPTED.iter().any(|(known, _)| *known == text) {
                let name = fixture.file_name().unwrap().display();
                wrong.push(format!("{name}: {text}: expected {expected:?}, got {result:?}"));
            }
        }
    }
    assert!(rows > 200, "only {rows} rows were found");
    assert!(
        wrong.is_empty(),
        "{} of {rows} rows differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The facts of a stored experiment at the first task of its next loop.
fn facts(yaml: &str) -> Facts {
    let experiment: Value = serde_yaml::from_str(yaml).unwrap();
    let spec: Vec<TaskFacts> = list(&experiment["spec"], |task| TaskFacts {
        task: task["task"].as_str().map(str::to_owned),
        run: task["run"].as_str().map(str::to_owned),
        if_: task["if"].as_str().map(str::to_owned),
    });
    let stored = &experiment["result"];
    let result = ResultFacts {
        failure: stored["failure"].as_bool().unwrap(),
        num_loops: stored["numLoops"].as_i64().unwrap() + 1,
        num_completed_tasks: 0,
        revision: stored["revision"].as_i64().unwrap_or(0),
        iter8_version: text(&stored["iter8Version"]),
        start_time: text(&stored["startTime"]),
        insights: stored.get("insights").map(insights),
    };
    Facts {
        completed: spec.is_empty(),
        no_failure: !result.failure,
        slos: result.insights.as_ref().is_some_and(|insights| {
            insights.slos_satisfied.as_ref().is_none_or(|verdicts| {
                verdicts
                    .upper
                    .iter()
                    .chain(&verdicts.lower)
                    .flatten()
                    .all(|met| *met)
            })
        }),
        result,
        spec,
    }
}

fn insights(stored: &Value) -> InsightsFacts {
    let limit = |slo: &Value| LimitFacts {
        metric: text(&slo["metric"]),
        limit: slo["limit"].as_f64().unwrap(),
    };
    let flags = |row: &Value| list(row, |met| met.as_bool().unwrap());
    InsightsFacts {
        num_versions: stored["numVersions"].as_i64().unwrap(),
        metrics_info: map(&stored["metricsInfo"], |info| MetricFacts {
            description: text(&info["description"]),
            units: info["units"].as_str().map(str::to_owned),
            kind: text(&info["type"]),
        }),
        non_hist_metric_values: list(&stored["nonHistMetricValues"], |version| {
            map(version, |values| list(values, |value| value.as_f64().unwrap()))
        }),
        hist_metric_values: list(&stored["histMetricValues"], |version| {
            map(version, |buckets| {
                list(buckets, |bucket| BucketFacts {
                    lower: bucket["lower"].as_f64().unwrap(),
                    upper: bucket["upper"].as_f64().unwrap(),
                    count: bucket["count"].as_u64().unwrap(),
                })
            })
        }),
        slos: stored.get("SLOs").map(|slos| SloFacts {
            upper: list(&slos["upper"], limit),
            lower: list(&slos["lower"], limit),
        }),
        slos_satisfied: stored.get("SLOsSatisfied").map(|verdicts| VerdictFacts {
            upper: list(&verdicts["upper"], flags),
            lower: list(&verdicts["lower"], flags),
        }),
        ..InsightsFacts::default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn list<T>(value: &Value, item: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(item).collect()
}

fn map<T>(value: &Value, item: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), item(value))).collect()
}
