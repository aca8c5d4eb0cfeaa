//! How calls are dealt out: numbers, rates, schedules, lanes and connections, endpoints and versions.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, Grpc, Output, Reply, each, judged_calls};

/// How long a call of the slow server takes.
const SLOW: Duration = Duration::from_millis(50);

/// Fails unless all went well. On a machine that is busy a load with a pace may say that it cannot be trusted.
#[track_caller]
fn went_well(output: &Output) {
    assert!(matches!(output.code, Some(0 | 5)), "{output}");
}

fn slow() -> Grpc {
    Grpc::answering(|_| Reply::ok().after(SLOW)).start()
}

#[test]
fn the_number_of_calls_is_what_was_asked_for() {
    let rows = [
        ("by default", "timeout: 10s", 200),
        ("total", "total: 37, concurrency: 5", 37),
        ("fewer than lanes", "total: 3", 3),
        ("paced", "total: 60, rps: 300, concurrency: 5", 60),
        ("a rate for a time", "duration: 1s, rps: 100, concurrency: 5", 100),
        ("total before duration", "duration: 30s, total: 40, rps: 400", 40),
        (
            "duration before total",
            "duration: 500ms, total: 100000, rps: 100",
            50,
        ),
        ("max-duration alone", "max-duration: 500ms, rps: 100", 50),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, keys, count)| {
            let server = Grpc::shop();
            let (measured, _, output) = judged_calls(&server.host(), "Quote", keys, &[]);
            went_well(&output);
            assert_eq!(
                (&measured["requests"], server.calls().len()),
                (&(*count).into(), *count),
                "{output}"
            );
            assert_eq!(
                output.has("whichever comes first"),
                name.contains("before"),
                "{output}"
            );
        },
    );
}

#[test]
fn a_duration_without_a_rate_is_filled() {
    let server = slow();
    let keys = "duration: 500ms, concurrency: 4, connections: 2";
    let (measured, _, output) = judged_calls(&server.host(), "Quote", keys, &[]);
    went_well(&output);
    // Each of four lanes can have made no more than ten calls, and those in flight at the end.
    let requests = measured["requests"].as_u64().unwrap_or_default();
    assert!((4..=44).contains(&requests), "{output}");
    assert_eq!(server.calls().len() as u64, requests);
}

#[test]
fn as_many_calls_run_at_a_time_as_there_are_lanes() {
    for (concurrency, connections) in [(1, 1), (10, 1), (10, 10), (12, 5), (60, 3)] {
        let server = slow();
        let keys = format!("total: 120, concurrency: {concurrency}, connections: {connections}");
        let (measured, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
        output.exits(0);
        assert_eq!(
            (server.connections(), server.most_at_once()),
            (connections, concurrency),
            "{output}"
        );
        assert_eq!(measured["connections"], connections);
        let mut shares: BTreeMap<usize, usize> = BTreeMap::new();
        for call in server.calls() {
            *shares.entry(call.connection).or_default() += 1;
        }
        // Lane l sends on connection l % connections, and every lane sends.
        assert_eq!(shares.len(), connections, "{shares:?}");
        let least = shares.values().min().copied().unwrap_or_default();
        assert!(least >= concurrency / connections, "{shares:?}");
    }
}

#[test]
fn calls_that_are_due_wait_for_a_lane_or_do_not() {
    let answer = |_: &crate::support::Call| Reply::ok().after(Duration::from_millis(300));
    let load = "total: 60, rps: 300, concurrency: 2, timeout: 10s";
    let waiting = Grpc::answering(answer).start();
    let (measured, _, output) = judged_calls(&waiting.host(), "Quote", load, &[]);
    went_well(&output);
    assert_eq!(waiting.most_at_once(), 2);
    assert!(
        measured["waited"].as_u64().is_some_and(|waited| waited > 50),
        "{measured}"
    );

    let free = Grpc::answering(answer).start();
    let keys = format!("{load}, async: true");
    let (measured, _, output) = judged_calls(&free.host(), "Quote", &keys, &[]);
    went_well(&output);
    assert!(free.most_at_once() > 30, "{} at a time", free.most_at_once());
    assert_eq!((free.calls().len(), free.connections()), (60, 1));
    assert_eq!(measured["waited"], 0, "{measured}");
}

#[test]
fn connections_are_open_before_the_first_call() {
    let server = slow();
    let (measured, _, output) = judged_calls(
        &server.host(),
        "Quote",
        "total: 5, rps: 10, concurrency: 5, connections: 4",
        &[],
    );
    went_well(&output);
    // One call at a time needs one connection; the others are for those that come during a stall.
    assert_eq!((server.calls().len(), server.connections()), (5, 1));
    assert!(server.opened() >= 4, "{} connections", server.opened());
    assert_eq!(
        (&measured["connections"], &measured["reconnects"]),
        (&4.into(), &0.into()),
        "{measured}"
    );
}

#[test]
fn the_first_calls_can_be_left_out() {
    let server = Grpc::answering(|call| Reply::status(if call.number < 5 { 14 } else { 0 }, "cold")).start();
    let keys = "total: 30, concurrency: 1, skipFirst: 5";
    let (measured, _, output) = judged_calls(&server.host(), "Quote", keys, &[]);
    output.exits(0);
    assert_eq!(server.calls().len(), 30);
    assert_eq!(
        (&measured["requests"], &measured["statuses"]),
        (&25.into(), &json!({"0": 25}))
    );
}

#[test]
fn a_rate_can_change() {
    // The area under each curve.
    let rows = [
        (
            "steps up",
            "load-schedule: step, load-start: 20, load-step: 20, load-step-duration: 500ms, load-end: 60, duration: 1500ms",
            60,
        ),
        (
            "steps down",
            "load-schedule: step, load-start: 60, load-step: -20, load-step-duration: 500ms, load-end: 20, duration: 1500ms",
            60,
        ),
        (
            "a step that stays",
            "load-schedule: step, load-start: 40, load-step: 40, load-step-duration: 500ms, load-end: 80, duration: 2s",
            140,
        ),
        ("const", "load-schedule: const, rps: 50, duration: 1s", 50),
        // A line is a step each second, as in ghz.
        (
            "a line",
            "load-schedule: line, load-start: 40, load-step: 20, load-end: 60, duration: 2s",
            100,
        ),
        (
            "a line that ends",
            "load-schedule: line, load-start: 40, load-step: 20, load-max-duration: 1s, rps: 30, duration: 2s",
            100,
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, keys, count)| {
            let server = Grpc::shop();
            let keys = format!("concurrency: 10, {keys}");
            let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
            went_well(&output);
            let calls = server.calls().len();
            let off = calls.abs_diff(*count);
            assert!(off <= 3, "{calls} calls for an area of {count}\n{output}");
        },
    );
}

#[test]
fn the_number_of_lanes_can_change() {
    let rows = [
        (
            "steps",
            "concurrency-schedule: step, concurrency-start: 2, concurrency-step: 2, concurrency-step-duration: 300ms, concurrency-end: 6",
            6,
        ),
        (
            "a line",
            "concurrency-schedule: line, concurrency-start: 1, concurrency-step: 3, concurrency-end: 4, concurrency-max-duration: 1s",
            4,
        ),
        (
            "down",
            "concurrency-schedule: step, concurrency-start: 6, concurrency-step: -2, concurrency-step-duration: 300ms, concurrency-end: 2",
            6,
        ),
        ("const", "concurrency-schedule: const, concurrency: 5", 5),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, keys, most)| {
            let server = slow();
            let keys = format!("duration: 1500ms, {keys}");
            let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
            went_well(&output);
            assert!(
                server.most_at_once() <= *most,
                "{name}: {}",
                server.most_at_once()
            );
            assert!(
                server.most_at_once() + 1 >= *most,
                "{name}: {}",
                server.most_at_once()
            );
            assert_eq!(server.connections(), 1);
        },
    );
}

#[test]
fn calls_in_flight_at_the_end_are_waited_for_closed_or_ignored() {
    let server = || Grpc::answering(|_| Reply::ok().after(Duration::from_millis(650))).start();
    let load = "duration: 1s, concurrency: 4, timeout: 5s";
    for (keys, code) in [
        ("name: default", 0),
        ("duration-stop: wait", 0),
        ("duration-stop: ignore", 0),
        ("duration-stop: close", 1),
    ] {
        let server = server();
        let (measured, _, output) = judged_calls(&server.host(), "Quote", &format!("{load}, {keys}"), &[]);
        output.exits(code);
        let (sent, counted) = (
            server.calls().len() as u64,
            measured["requests"].as_u64().unwrap_or_default(),
        );
        assert_eq!(sent, 8, "two calls in each lane: {output}");
        assert_eq!(
            counted,
            if keys.ends_with("ignore") { 4 } else { 8 },
            "{keys}: {output}"
        );
        assert_eq!(
            measured["errors"],
            if code == 1 { 4 } else { 0 },
            "{keys}: {output}"
        );
        let reset = server.calls().iter().filter(|call| call.reset == Some(8)).count();
        assert_eq!(
            reset,
            if code == 1 || keys.ends_with("ignore") {
                4
            } else {
                0
            },
            "{keys}"
        );
    }
}

fn load<'a>(result: &'a Value, version: usize, endpoint: &str) -> &'a Value {
    let loads = result["insights"]["versions"][version]["loads"]
        .as_array()
        .expect("loads");
    loads
        .iter()
        .find(|load| load["stream"].to_string().contains(endpoint) || load["endpoint"] == endpoint)
        .unwrap_or_else(|| panic!("no {endpoint} in {result}"))
}

#[test]
fn endpoints_are_loads_of_their_own() {
    let server = Grpc::shop();
    let app = App::with(&format!(
        "spec:
- task: grpc
  with:
    host: '{}'
    call: shop.v1.Shop/Quote
    total: 20
    concurrency: 4
    data: {{item: a, amount: 3}}
    endpoints:
      quote: {{}}
      watch: {{call: shop.v1.Shop/Watch, total: 10}}
      other: {{data: {{item: b}}, metadata: {{x-user: ann}}}}
- task: assess
  with:
    objectives: [grpc-quote/error-rate <= 0, grpc-watch/error-count <= 0, grpc-other/latency/p99 <= 20s, grpc/request-count >= 50]
",
        server.host()
    ));
    let output = app.run(&["run"]);
    output.exits(0).says("all 4 objectives met");
    let result = app.result();
    for (endpoint, requests) in [("quote", 20), ("watch", 10), ("other", 20)] {
        assert_eq!(
            load(&result, 0, endpoint)["measurement"]["requests"],
            requests,
            "{endpoint}"
        );
    }
    let count =
        |check: fn(&crate::support::Call) -> bool| server.calls().iter().filter(|call| check(call)).count();
    assert_eq!(count(|call| call.path.ends_with("/Watch")), 10);
    assert_eq!(
        count(|call| call.item() == "b" && call.header("x-user") == "ann"),
        20
    );
    assert_eq!(
        count(|call| call.item() == "a" && call.path.ends_with("/Quote")),
        20
    );
    app.run(&["report"]).says_all(&["quote", "watch", "other"]);
}

#[test]
fn an_endpoint_that_cannot_be_called_is_an_error_not_a_line_in_the_log() {
    let server = Grpc::shop();
    let app = App::with(&format!(
        "spec:\n- task: grpc\n  with: {{host: '{}', call: shop.v1.Shop/Quote, total: 4, concurrency: 2, endpoints: {{quote: {{}}, bad: {{call: shop.v1.Shop/Sell}}}}}}\n",
        server.host()
    ));
    app.run(&["run"]).exits(3).says("no method `Sell`");
    assert!(
        server.calls().is_empty(),
        "nothing is sent before every method is known"
    );
}

#[test]
fn versions_are_measured_side_by_side() {
    let (old, new) = (
        Grpc::shop(),
        Grpc::answering(|call| Reply::status(if call.number.is_multiple_of(2) { 13 } else { 0 }, "oops"))
            .start(),
    );
    let app = App::with(&format!(
        "spec:
- task: grpc
  with:
    call: shop.v1.Shop/Quote
    total: 40
    rps: 400
    concurrency: 4
    versions:
    - {{name: old, host: '{}', metadata: {{x-user: one}}}}
    - {{name: new, host: '{}', metadata: {{x-user: two}}}}
- task: assess
  with: {{objectives: [grpc/error-rate <= 10%]}}
",
        old.host(),
        new.host()
    ));
    let output = app.run(&["run"]);
    output.exits(1);
    assert_eq!((old.calls().len(), new.calls().len()), (40, 40));
    assert!(old.calls().iter().all(|call| call.header("x-user") == "one"));
    assert!(new.calls().iter().all(|call| call.header("x-user") == "two"));
    let result = app.result();
    let statuses = |version: usize| {
        result["insights"]["versions"][version]["loads"][0]["measurement"]["statuses"].clone()
    };
    assert_eq!(
        (statuses(0), statuses(1)),
        (json!({"0": 40}), json!({"0": 20, "13": 20}))
    );
    app.run(&["report"]).says_all(&["old", "new", "INTERNAL"]);
}
