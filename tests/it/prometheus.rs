//! Against a real Prometheus that scrapes what Istio's proxies would show, at rates that are known.

use std::time::{Duration, Instant};

use crate::support::{Answer, App, Prometheus, Server};

/// Requests in a second, share of them answered with 503, mean of the (exponential) latency in milliseconds.
const RATE: f64 = 500.0;
const ERRORS: f64 = 0.02;
const MEAN: f64 = 80.0;
const BUCKETS: &[f64] = &[
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 250.0, 500.0, 1000.0, 2500.0, 10_000.0,
];

/// Counters of a workload that began long ago, so that totals are not what happened in a window.
pub(crate) fn proxies(workload: &'static str) -> Server {
    let start = Instant::now();
    Server::new(move |_| {
        let up = start.elapsed().as_secs_f64() + 10_000.0;
        let mut text = String::new();
        for (code, share) in [("200", 1.0 - ERRORS), ("503", ERRORS)] {
            let labels = format!(
                "destination_workload=\"{workload}\",destination_workload_namespace=\"shop\",reporter=\"destination\",response_code=\"{code}\""
            );
            let count = (up * RATE * share).floor();
            text.push_str(&format!("istio_requests_total{{{labels}}} {count}\n"));
            let name = "istio_request_duration_milliseconds";
            for bound in BUCKETS {
                let below = (count * (1.0 - (-bound / MEAN).exp())).floor();
                text.push_str(&format!("{name}_bucket{{{labels},le=\"{bound}\"}} {below}\n"));
            }
            text.push_str(&format!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {count}\n", count * MEAN));
        }
        Answer::status(200)
            .header("content-type", "text/plain; version=0.0.4")
            .body(text)
    })
}

fn template() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/providers/istio-prom.tpl");
    std::fs::read_to_string(path).expect("the template")
}

fn value(app: &App, version: usize, name: &str) -> f64 {
    let value = app.result()["insights"]["versions"][version]["values"][name]["value"].as_f64();
    value.unwrap_or_else(|| panic!("no {name}: {}", app.result()["insights"]))
}

#[track_caller]
fn near(value: f64, wanted: f64, share: f64) {
    assert!(
        (value - wanted).abs() <= wanted * share,
        "{value} is not near {wanted}"
    );
}

#[test]
fn the_template_of_istio_reads_the_window_of_a_real_server() {
    let proxies = proxies("checkout");
    let Some(prometheus) = Prometheus::scraping(&proxies) else {
        return;
    };
    prometheus.wait_for("istio_requests_total", Duration::from_secs(8));
    let start = jiff::Timestamp::now()
        .checked_sub(jiff::SignedDuration::from_secs(6))
        .expect("a time");
    let text = format!(
        "spec:\n- task: custommetrics\n  with:\n    templates: {{istio-prom: istio-prom.tpl}}\n    values:\n      istioPromURL: {0}/api/v1/query\n      latencyPercentiles: [5, 50, 99.9]\n      startingTime: '{start}'\n      labels: {{destination_workload_namespace: shop, reporter: destination}}\n    versionValues:\n    - {{name: checkout, labels: {{destination_workload: checkout}}}}\n    - {{name: nobody, labels: {{destination_workload: nobody}}}}\n- task: assess\n  with:\n    objectives: [istio-prom/error-rate <= 3%, {{objective: istio-prom/latency-mean <= 81ms, warn: true}}]\n",
        prometheus.url()
    );
    let app = App::with(&text).file("istio-prom.tpl", template());
    let output = app.run(&["run"]);
    // The version without requests has no error rate: neither 0 nor NaN.
    output
        .exits(5)
        .says("istio-prom/error-rate (version `nobody`) has no value: the query has an empty result");
    output.says("istio-prom/error-count (version `nobody`) has no value: the query has an empty result");
    let window = 6.0;
    near(value(&app, 0, "istio-prom/request-count"), RATE * window, 0.5);
    near(
        value(&app, 0, "istio-prom/error-count"),
        RATE * window * ERRORS,
        0.6,
    );
    near(value(&app, 0, "istio-prom/error-rate"), ERRORS, 0.1);
    near(value(&app, 0, "istio-prom/latency-mean"), MEAN, 0.01);
    // True quantiles are -mean·ln(1-q); buckets are interpolated.
    near(value(&app, 0, "istio-prom/latency-p5"), 4.1, 0.3);
    near(value(&app, 0, "istio-prom/latency-p50"), 55.5, 0.1);
    near(value(&app, 0, "istio-prom/latency-p99.9"), 552.6, 0.5);
    near(value(&app, 1, "istio-prom/request-count") + 1.0, 1.0, 0.0);
}

#[test]
fn queries_without_a_template_read_a_real_server() {
    let proxies = proxies("checkout");
    let Some(prometheus) = Prometheus::scraping(&proxies) else {
        return;
    };
    prometheus.wait_for("istio_requests_total", Duration::from_secs(6));
    let ask = |query: &str, objective: &str| {
        let text = format!(
            "spec:\n- task: custommetrics\n  with:\n    prometheus:\n      url: {}\n      window: 5s\n      queries: {{m: '{query}'}}\n- task: assess\n  with: {{objectives: [prometheus/m {objective}]}}\n",
            prometheus.url()
        );
        App::with(&text).run(&["run"])
    };
    let share = "sum(rate(istio_requests_total{response_code=~\"5..\"}[$window])) / sum(rate(istio_requests_total[$window]))";
    ask(share, "<= 3%").exits(0);
    ask(share, "<= 1%").exits(1);
    ask("rate(istio_requests_total[$window])", "<= 1")
        .exits(3)
        .says("2 series")
        .says("sum(");
    ask("no_such_series", "<= 1").exits(5).says("empty result");
    ask("vector(0) / vector(0)", "<= 1")
        .exits(5)
        .says("the value is NaN");
    ask("istio_requests_total[1m]", "<= 1")
        .exits(3)
        .says("avg_over_time");
    ask("sum(", "<= 1")
        .exits(3)
        .says("status 400")
        .says("the provider says")
        .says("parse error");
}

#[test]
fn the_template_of_istio_is_about_some_workload() {
    let text = "spec:\n- task: custommetrics\n  with: {templates: {istio-prom: istio-prom.tpl}, values: {latencyPercentiles: [50]}}\n";
    App::with(text)
        .file("istio-prom.tpl", template())
        .run(&["validate"])
        .exits(2)
        .says("labels: there are none");
}
