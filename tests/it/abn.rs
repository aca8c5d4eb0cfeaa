//! Versions that compete for rewards: who may win, how sure that is, and what follows for the traffic.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, App, Server};

/// A server that takes some milliseconds and fails every so many requests; 0 is never.
fn serving(milliseconds: u64, fails: u64) -> Server {
    let asked = std::sync::atomic::AtomicU64::new(0);
    Server::new(move |_| {
        let n = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let status = if fails > 0 && n.is_multiple_of(fails) {
            500
        } else {
            200
        };
        Answer::status(status).after(Duration::from_millis(milliseconds))
    })
}

fn experiment(versions: &[(&str, &Server)], assess: &str) -> App {
    let versions: Vec<String> = versions
        .iter()
        .map(|(name, server)| format!("    - {{name: {name}, url: '{}'}}\n", server.url("/")))
        .collect();
    App::with(&format!(
        "spec:\n- task: http\n  with:\n    numRequests: 100\n    qps: 50\n    versions:\n{}- task: assess\n  with: {assess}\n",
        versions.concat()
    ))
}

fn award(result: &Value) -> &Value {
    &result["assessment"]["awards"][0]
}

#[test]
fn the_fastest_version_that_keeps_its_promises_wins_the_traffic() {
    let (old, broken, quick) = (serving(40, 0), serving(1, 3), serving(5, 0));
    let app = experiment(
        &[("old", &old), ("broken", &broken), ("quick", &quick)],
        "{objectives: [http/error-rate <= 10%], rewards: {min: [http/latency-p50]}}",
    );
    let run = app.run_undisturbed(&["run"]);
    run.exits(1)
        .says("cannot win: it does not meet")
        .says("http/error-rate <= 10%");
    let result = app.result();
    assert_eq!(award(&result)["winner"], "quick");
    assert_eq!(award(&result)["confidence"], "certain");
    let weights = json!([
        { "version": "old", "percent": 0 },
        { "version": "broken", "percent": 0 },
        { "version": "quick", "percent": 100 },
    ]);
    assert_eq!(result["assessment"]["weights"], weights);
    for format in ["text", "markdown", "html"] {
        app.run(&["report", "-o", format])
            .exits(0)
            .says("Rewards")
            .says("Traffic that follows");
    }
}

#[test]
fn versions_that_do_not_differ_share_the_traffic_and_are_not_certain() {
    let (one, other) = (serving(10, 0), serving(10, 0));
    let app = experiment(
        &[("one", &one), ("other", &other)],
        "{rewards: {min: [http/latency-mean]}}",
    );
    app.run_undisturbed(&["run"]).exits(0).says("not certain");
    let result = app.result();
    assert_eq!(award(&result)["confidence"], "notCertain");
    let weights = result["assessment"]["weights"].as_array().expect("weights");
    let percents = weights
        .iter()
        .map(|weight| weight["percent"].as_u64().expect("a percent"));
    assert_eq!(percents.sum::<u64>(), 100);
}

#[test]
fn where_every_version_fails_nobody_wins_however_fast_it_fails() {
    let (one, other) = (serving(1, 1), serving(2, 1));
    let app = experiment(
        &[("one", &one), ("other", &other)],
        "{rewards: {min: [http/latency-mean]}}",
    );
    app.run_undisturbed(&["run"])
        .exits(5)
        .says("no data for a reward");
    let result = app.result();
    assert_eq!(award(&result)["winner"], Value::Null);
    assert_eq!(result["assessment"].get("weights"), None);
}

#[test]
fn a_later_task_knows_the_winner() {
    let (old, quick) = (serving(40, 0), serving(2, 0));
    let versions = format!(
        "    - {{name: old, url: '{}'}}\n    - {{name: quick, url: '{}'}}\n",
        old.url("/"),
        quick.url("/")
    );
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    numRequests: 60\n    qps: 60\n    versions:\n{versions}- task: assess\n  with: {{rewards: {{min: [http/latency-mean]}}}}\n\
         - run: touch promoted\n  if: Result.Insights.RewardsWinners.Min[0] == 1\n- run: touch kept\n  if: Result.Insights.RewardsWinners.Min[0] == 0\n"
    ));
    app.run_undisturbed(&["run"]).exits(0);
    assert!(app.path("promoted").exists() && !app.path("kept").exists());
}

#[test]
fn a_reward_that_no_task_measures_is_found_before_anything_is_sent() {
    let server = serving(1, 0);
    let app = experiment(
        &[("a", &server), ("b", &server)],
        "{rewards: {min: [grpc/latency/mean], maxx: [http/throughput]}}",
    );
    app.run(&["run"]).exits(2).says("maxx");
    let app = experiment(
        &[("a", &server), ("b", &server)],
        "{rewards: {min: [grpc/latency/mean]}}",
    );
    app.run(&["run"])
        .exits(2)
        .says("no task measures grpc/latency/mean");
    assert_eq!(server.requests(), 0);
}

#[test]
fn one_version_alone_wins_nothing_and_neither_gate_lets_it_pass() {
    let server = serving(1, 0);
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 20, qps: 200}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 1%], rewards: {{min: [http/latency-mean]}}}}\n",
        server.url("/")
    ));
    app.run(&["validate"]).exits(0).says("nothing to compare with");
    app.run(&["run"]).exits(5).says("nothing to compare with");
    app.run(&["assert", "-c", "slos"])
        .exits(1)
        .says("the reward min http/latency-mean has no data");
}

#[test]
fn a_baseline_that_fails_half_of_its_requests_wins_nothing() {
    let (old, new) = (serving(1, 2), serving(40, 0));
    let text = format!(
        "spec:\n- task: http\n  with:\n    numRequests: 60\n    qps: 60\n    versions:\n    - {{name: old, baseline: true, url: '{}'}}\n    - {{name: new, url: '{}'}}\n- task: assess\n  with: {{rewards: {{min: [http/latency-mean]}}}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 10%]}}\n",
        old.url("/"),
        new.url("/")
    );
    let app = App::with(&text);
    app.run_undisturbed(&["run"]).exits(0);
    let result = app.result();
    // What a later task judges takes from the baseline what it had won, and its share with it.
    assert_eq!(award(&result)["winner"], "new");
    assert_eq!(
        result["assessment"]["weights"],
        json!([{ "version": "old", "percent": 0 }, { "version": "new", "percent": 100 }])
    );
}
