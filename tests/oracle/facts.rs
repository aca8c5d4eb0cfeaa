//! The facts of a stored experiment of Iter8, as its conditions and templates see them.

use std::collections::BTreeMap;

use iter8::spec::condition::{
    BucketFacts, Facts, InsightsFacts, LimitFacts, MetricFacts, ResultFacts, SloFacts, TaskFacts,
    VerdictFacts,
};
use serde_json::Value;

/// The facts of a stored experiment at the first task of its next loop.
pub(crate) fn of(yaml: &str) -> Facts {
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
