//! Loads that compare versions, share requests between endpoints, or change their rate.

use std::time::Duration;

use iter8::platform::Env;
use serde_json::Value;

use crate::support::{Answer, App, Server, plain};

fn versions(result: &Value) -> Vec<(&str, bool, u64)> {
    let versions = result["insights"]["versions"].as_array().expect("versions");
    let version = |version: &'_ Value| -> (String, bool, u64) {
        let requests = version["loads"].as_array().expect("loads").iter();
        let requests = requests
            .filter_map(|load| load["measurement"]["requests"].as_u64())
            .sum();
        let name = version["name"].as_str().expect("a name").to_owned();
        (name, version["baseline"].as_bool().expect("a boolean"), requests)
    };
    let owned: Vec<_> = versions.iter().map(version).collect();
    let names = versions
        .iter()
        .map(|version| version["name"].as_str().expect("a name"));
    names
        .zip(owned)
        .map(|(name, (_, baseline, requests))| (name, baseline, requests))
        .collect()
}

fn judged(result: &Value) -> Vec<(String, Value)> {
    let judgements = result["assessment"]["judgements"].as_array().expect("judgements");
    let pair = |judgement: &Value| {
        let version = judgement["version"].as_str().expect("a version").to_owned();
        (version, judgement["verdict"].clone())
    };
    judgements.iter().map(pair).collect()
}

/// A server that takes some milliseconds to answer.
fn taking(milliseconds: u64) -> Server {
    Server::new(move |_| Answer::status(200).after(Duration::from_millis(milliseconds)))
}

const RATIO: &str = "http/latency-p50 <= 1.5x base";

#[test]
fn a_baseline_url_is_probed_sent_to_and_compared_with_but_not_judged() {
    let (old, new) = (taking(5), taking(40));
    let app = App::new();
    let (url, baseline) = (new.url("/a"), old.url("/a"));
    let run = app.run(&[
        "run",
        "--url",
        &url,
        "--baselineURL",
        &baseline,
        "--numRequests",
        "60",
        "--qps",
        "60",
        "--slo",
        RATIO,
        "--slo",
        "http/error-rate <= 1%",
    ]);
    run.exits(1)
        .says("against baseline")
        .says("default")
        .says("baseline");
    // A probe of each, and the load.
    assert_eq!((old.requests(), new.requests()), (61, 61));
    let result = app.result();
    assert_eq!(
        versions(&result),
        [("baseline", true, 60), ("default", false, 60)]
    );
    assert_eq!(
        judged(&result),
        [
            ("default".to_owned(), "notMet".into()),
            ("default".to_owned(), "met".into())
        ]
    );
    let report = plain(&app.read("iter8-results/report.md"));
    assert!(
        report.contains("side by side") && report.contains("60 requests at 60/s on 4 connections"),
        "{report}"
    );
    assert!(
        result["tasks"][0]["about"]
            .as_str()
            .is_some_and(|about| about.contains("/a"))
    );
}

#[test]
fn versions_of_a_file_differ_in_any_key_and_outputs_are_those_of_the_tested_one() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    numRequests: 20\n    qps: 100\n    versions:\n    - {{name: candidate, headers: {{x-version: new}}, connections: 2}}\n\
         \x20   - {{name: stable, baseline: true, headers: {{x-version: old}}, method: POST, payloadStr: hi}}\n\
         - task: assess\n  with: {{objectives: [http/latency-p95 <= 10s, http/latency-p95 <= 100x base]}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0).says("all 2 objectives met");
    let seen = server.seen();
    let of = |version: &str, method: &str| {
        let mine = seen
            .iter()
            .filter(|seen| seen.header("x-version") == version && seen.method == method);
        mine.count()
    };
    assert_eq!((of("new", "GET"), of("old", "POST"), seen.len()), (20, 20, 40));
    let result = app.result();
    assert_eq!(
        versions(&result),
        [("candidate", false, 20), ("stable", true, 20)]
    );
    assert!(judged(&result).iter().all(|(version, _)| version == "candidate"));
    let report = plain(&app.read("iter8-results/report.md"));
    assert!(
        report.contains("stable (baseline)") || report.contains("`stable` (baseline)"),
        "{report}"
    );
}

#[test]
fn versions_as_fast_as_possible_are_told_apart_by_their_number_of_requests() {
    let (old, new) = (taking(1), taking(30));
    let app = App::new();
    let (url, baseline) = (new.url("/"), old.url("/"));
    let run = |extra: &[&str]| {
        let common = [
            "run",
            "--url",
            &url,
            "--baselineURL",
            &baseline,
            "--qps",
            "max",
            "--connections",
            "2",
        ];
        app.run(&[&common[..], extra].concat())
    };
    // With a count, the faster version would end first.
    run(&["--numRequests", "30"]).exits(2);
    assert_eq!((old.requests(), new.requests()), (0, 0));
    run(&["--duration", "600ms"]).exits(0);
    let result = app.result();
    let sent = versions(&result);
    assert!(sent[0].2 > sent[1].2 && sent[1].2 > 0, "{sent:?}");
    let report = plain(&app.read("iter8-results/report.md"));
    assert!(
        report.contains("not all versions were sent the same number of requests"),
        "{report}"
    );
}

#[test]
fn endpoints_of_versions_are_each_sent_to() {
    let (old, new) = (Server::ok(), Server::ok());
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    numRequests: 10\n    qps: 100\n    versions: [{{name: old, url: '{}'}}, {{name: new, url: '{}'}}]\n\
         \x20   endpoints: {{home: {{url: 'http://app.example/'}}, cart: {{url: 'http://app.example/cart?id=1'}}}}\n\
         - task: assess\n  with: {{objectives: [http-cart/latency-p50 <= 100x base, http/request-count >= 20]}}\n",
        old.url(""),
        new.url("")
    ));
    app.run(&["run"]).exits(0);
    for server in [&old, &new] {
        let carts = server
            .seen()
            .iter()
            .filter(|seen| seen.path == "/cart?id=1")
            .count();
        assert_eq!((carts, server.requests()), (10, 20));
    }
}

#[test]
fn weights_share_the_requests_out() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    numRequests: 80\n    qps: 200\n    endpoints: {{home: {{weight: 3}}, cart: {{weight: 1, method: PUT}}}}\n\
         - task: assess\n  with: {{objectives: [http/request-count >= 80, http/request-count <= 80, http-cart/request-count >= 1]}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0);
    assert_eq!(server.requests(), 80);
    let carts = server.seen().iter().filter(|seen| seen.method == "PUT").count();
    assert!((5..=38).contains(&carts), "{carts} of 80 for a quarter");
    let loads = &app.result()["insights"]["versions"][0]["loads"];
    assert_eq!(loads[0]["plan"], "75 % of 80 requests at 200/s on 4 connections");
}

#[test]
fn stages_and_random_arrivals_are_sent_and_told() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    arrivals: poisson\n    stages: [{{duration: 300ms, qps: 100}}, {{duration: 400ms, from: 100, qps: 300}}]\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0);
    let plan = "stages: 300ms at 100/s, 400ms from 100/s to 300/s at random intervals on 4 connections";
    assert!(plain(&app.read("iter8-results/report.md")).contains(plan));
    // 110 are expected.
    assert!((50..=190).contains(&server.requests()), "{}", server.requests());
}

#[test]
fn a_ramp_sends_more_at_its_end() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 1000, stages: [{{duration: 1s, from: 0, qps: 200}}]}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0);
    assert!((90..=101).contains(&server.requests()), "{}", server.requests());
}

/// Short comparisons of a server that takes `base` milliseconds with one that takes `tested`: in how many of `runs` the tested one
/// breaks the limit. Runs that say themselves that this machine was too busy for them are made again.
fn alarms(runs: usize, seconds: &str, (base, tested): (u64, u64), limit: &str) -> usize {
    let (old, new) = (taking(base), taking(tested));
    let (url, baseline) = (new.url("/"), old.url("/"));
    let run = |_| {
        let app = App::new();
        let common = ["run", "--url", &url, "--baselineURL", &baseline, "--qps", "50"];
        let output = app.run(&[&common[..], &["--duration", seconds, "--slo", limit]].concat());
        match output.code {
            Some(0) => Some(0),
            Some(1) => Some(1),
            Some(5) if output.has("the generator was the bottleneck") => None,
            _ => panic!("{output}"),
        }
    };
    let valid: Vec<usize> = (0..2 * runs + 3).filter_map(run).take(runs).collect();
    let alarms = valid.iter().sum();
    assert_eq!(
        valid.len(),
        runs,
        "this machine is too busy; alarms so far: {alarms}"
    );
    alarms
}

#[test]
fn a_slower_version_is_found_and_an_equal_one_is_not() {
    assert_eq!(alarms(1, "2s", (10, 10), "http/latency-p50 <= 1.5x base"), 0);
    assert_eq!(alarms(1, "2s", (10, 40), "http/latency-p50 <= 1.5x base"), 1);
}

/// Minutes long: `ITER8_LONG_TESTS=1 cargo test --test it versions::a_hundred`.
#[test]
fn a_hundred_comparisons_of_equal_versions_hardly_ever_alarm() {
    if Env::of_process().get("ITER8_LONG_TESTS").is_none() {
        return;
    }
    let (equal, slower) = (
        alarms(100, "3s", (10, 10), "http/latency-p95 <= 1.1x base"),
        alarms(20, "3s", (50, 60), "http/latency-p95 <= 1.1x base"),
    );
    assert!(
        equal <= 2 && slower >= 18,
        "alarms: {equal} of 100 equal versions, {slower} of 20 that are 20 % slower"
    );
}
