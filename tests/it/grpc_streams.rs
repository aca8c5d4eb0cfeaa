//! The three kinds of streams: what is sent and received, when, and what is measured of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, Call, Grpc, Output, Reply, each, example, judged_calls, metric};

/// Calls one at a time, so that their order is that of their numbers.
const ALONE: &str = "concurrency: 1, timeout: 10s";

#[track_caller]
fn has(measured: &Value, values: &[(&str, u64)], output: &Output) {
    for (key, value) in values {
        assert_eq!(measured[key], *value, "{key}: {measured}\n{output}");
    }
}

fn items(call: &Call) -> Vec<&str> {
    call.messages
        .iter()
        .map(|message| message["item"].as_str().unwrap_or_default())
        .collect()
}

fn count(measured: &Value, timing: &str) -> u64 {
    measured["timings"][timing]["count"].as_u64().unwrap_or_default()
}

#[test]
fn a_stream_of_the_server_is_read_to_its_end() {
    let server = Grpc::shop();
    let keys = format!("{ALONE}, total: 4, data: {{item: a, amount: 5}}");
    let (measured, app, output) = judged_calls(&server.host(), "Watch", &keys, &[]);
    output.exits(0);
    let expected = [
        ("requests", 4),
        ("answered", 4),
        ("messagesSent", 4),
        ("messagesReceived", 20),
    ];
    has(&measured, &expected, &output);
    assert_eq!(measured["statuses"], json!({"0": 4}));
    assert_eq!(
        (
            count(&measured, "first-message"),
            count(&measured, "between-messages")
        ),
        (4, 16)
    );
    let text = app.run(&["report"]);
    text.says("first message").says("between messages");
    let calls = server.calls();
    assert!(
        calls
            .iter()
            .all(|call| call.path == "/shop.v1.Shop/Watch" && call.messages.len() == 1)
    );
}

#[test]
fn a_stream_of_many_messages_is_measured_by_what_the_server_did() {
    let gap = Duration::from_millis(30);
    let server = Grpc::answering(move |_| Reply::ok().after(Duration::from_millis(50)).pausing(gap)).start();
    let keys = format!("{ALONE}, total: 2, data: {{item: a, amount: 4}}");
    let (_, app, output) = judged_calls(&server.host(), "Watch", &keys, &[]);
    output.exits(0);
    // Nothing can be faster than the server.
    for (name, least) in [
        ("grpc/first-message/min", 50.0),
        ("grpc/between-messages/mean", 29.0),
        ("grpc/latency/min", 140.0),
    ] {
        let value = metric(&app, name);
        assert!(value >= least, "{name} is {value}");
    }
    assert!(metric(&app, "grpc/first-message/min") < metric(&app, "grpc/latency/min"));
}

#[test]
fn a_stream_without_messages_is_an_answer_too() {
    let server = Grpc::shop();
    let keys = format!("{ALONE}, total: 3, data: {{item: none}}");
    let (measured, _, output) = judged_calls(&server.host(), "Watch", &keys, &[]);
    output.exits(0);
    has(&measured, &[("answered", 3), ("messagesReceived", 0)], &output);
    assert_eq!(count(&measured, "first-message"), 0);
}

#[test]
fn a_stream_to_the_server_carries_all_elements() {
    let server = Grpc::shop();
    let keys = format!("{ALONE}, total: 3, data: [{{item: a}}, {{item: b}}, {{item: c}}]");
    let (measured, _, output) = judged_calls(&server.host(), "Upload", &keys, &[]);
    output.exits(0);
    has(
        &measured,
        &[("answered", 3), ("messagesSent", 9), ("messagesReceived", 3)],
        &output,
    );
    for call in server.calls() {
        assert_eq!(items(&call), ["a", "b", "c"]);
        assert!(call.complete);
    }

    let server = Grpc::shop();
    let keys = format!("{ALONE}, total: 3, data: {{item: single}}");
    let (measured, _, output) = judged_calls(&server.host(), "Upload", &keys, &[]);
    output.exits(0);
    has(
        &measured,
        &[("messagesSent", 3), ("messagesReceived", 3)],
        &output,
    );
    assert!(server.calls().iter().all(|call| items(call) == ["single"]));
}

#[test]
fn a_stream_in_both_directions_sends_and_receives() {
    let server = Grpc::shop();
    let keys = format!("{ALONE}, total: 5, data: [{{item: a}}, {{item: b}}]");
    let (measured, _, output) = judged_calls(&server.host(), "Chat", &keys, &[]);
    output.exits(0);
    has(
        &measured,
        &[("answered", 5), ("messagesSent", 10), ("messagesReceived", 10)],
        &output,
    );
    assert!(
        server
            .calls()
            .iter()
            .all(|call| items(call) == ["a", "b"] && call.complete)
    );
}

#[test]
fn many_streams_run_at_a_time() {
    let server = Grpc::shop();
    let rows = [("Watch", 200, 6000), ("Upload", 600, 200), ("Chat", 600, 600)];
    for (method, sent, received) in rows {
        let data = "data: [{item: a, amount: 30}, {item: b, amount: 30}, {item: c, amount: 30}]";
        let keys = format!("total: 200, concurrency: 40, connections: 2, timeout: 10s, {data}");
        let (measured, _, output) = judged_calls(&server.host(), method, &keys, &[]);
        output.exits(0);
        let expected = [
            ("answered", 200),
            ("messagesSent", sent),
            ("messagesReceived", received),
            ("connections", 2),
        ];
        has(&measured, &expected, &output);
    }
}

#[test]
fn a_stream_can_be_told_how_many_messages_and_how_often() {
    let rows = [
        (
            "Upload",
            "stream-call-count: 5, data: [{item: a}, {item: b}]",
            vec!["a", "b", "a", "b", "a"],
        ),
        (
            "Chat",
            "stream-call-count: 3, data: {item: a}",
            vec!["a", "a", "a"],
        ),
        (
            "Chat",
            "stream-call-count: 1, data: [{item: a}, {item: b}]",
            vec!["a"],
        ),
        (
            "Upload",
            "stream-interval: 40ms, data: [{item: a}, {item: b}, {item: c}]",
            vec!["a", "b", "c"],
        ),
        (
            "Chat",
            "stream-interval: 40ms, data: [{item: a}, {item: b}, {item: c}]",
            vec!["a", "b", "c"],
        ),
    ];
    each(
        &rows,
        |row| row.1,
        |(method, keys, sent)| {
            let server = Grpc::shop();
            let keys = format!("{ALONE}, total: 2, {keys}");
            let (measured, app, output) = judged_calls(&server.host(), method, &keys, &[]);
            output.exits(0);
            let messages = u64::try_from(2 * sent.len()).expect("few");
            has(&measured, &[("answered", 2), ("messagesSent", messages)], &output);
            assert!(
                server.calls().iter().all(|call| &items(call) == sent),
                "{:?}",
                server.calls()
            );
            if keys.contains("interval") {
                let fastest = metric(&app, "grpc/latency/min");
                assert!(fastest >= 80.0, "{fastest} ms for two pauses of 40 ms");
            }
        },
    );
}

#[test]
fn a_stream_of_the_server_is_ended_when_enough_has_come() {
    let gap = Duration::from_millis(5);
    let rows = [
        ("by count", "stream-call-count: 3"),
        ("by duration", "stream-call-duration: 200ms"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, keys)| {
            let server = Grpc::answering(move |_| Reply::ok().pausing(gap)).start();
            let keys = format!("{ALONE}, total: 2, data: {{item: a, amount: 1000}}, {keys}");
            let (measured, _, output) = judged_calls(&server.host(), "Watch", &keys, &[]);
            output.exits(0);
            has(&measured, &[("requests", 2), ("errors", 0)], &output);
            let received = measured["messagesReceived"].as_u64().unwrap_or_default();
            assert!((6..1000).contains(&received), "{received} messages");
            std::thread::sleep(Duration::from_millis(50));
            // CANCEL: the server is told, and stops.
            assert!(
                server.calls().iter().all(|call| call.reset == Some(8)),
                "{:?}",
                server.calls()
            );
        },
    );
}

#[test]
fn a_stream_to_the_server_is_ended_after_its_duration() {
    for method in ["Upload", "Chat"] {
        let server = Grpc::shop();
        let keys = format!(
            "{ALONE}, total: 2, data: {{item: a}}, stream-call-count: 100000, stream-interval: 10ms, stream-call-duration: 200ms"
        );
        let (measured, _, output) = judged_calls(&server.host(), method, &keys, &[]);
        output.exits(0);
        has(
            &measured,
            &[("requests", 2), ("answered", 2), ("errors", 0)],
            &output,
        );
        for call in server.calls() {
            assert!(call.complete, "{call:?}");
            assert!((1..100).contains(&call.messages.len()), "{}", call.messages.len());
        }
    }
}

#[test]
fn messages_are_rendered_anew_where_that_is_asked_for() {
    let data = r#"[{"item":"{{.RequestNumber}} {{newUUID}}"}]"#;
    let rows = [
        ("stream-dynamic-messages: true", true),
        ("stream-dynamic-messages: false", false),
    ];
    for (key, differ) in rows {
        let server = Grpc::shop();
        let keys = format!("{ALONE}, total: 3, stream-call-count: 4, data: '{data}', {key}");
        let (_, _, output) = judged_calls(&server.host(), "Upload", &keys, &[]);
        output.exits(0);
        for call in server.calls() {
            let mut items = items(&call);
            assert_eq!(items.len(), 4);
            assert!(
                items
                    .iter()
                    .all(|item| item.starts_with(&format!("{} ", call.number))),
                "{items:?}"
            );
            items.sort_unstable();
            items.dedup();
            assert_eq!(items.len(), if differ { 4 } else { 1 }, "{items:?}");
        }
    }
}

#[test]
fn a_stream_that_fails_in_the_middle_counts_what_came() {
    let server = Grpc::answering(|_| Reply::status(10, "enough")).start();
    let keys = format!("{ALONE}, total: 4, data: {{item: a, amount: 3}}");
    let (measured, app, output) = judged_calls(&server.host(), "Watch", &keys, &[]);
    output.exits(1).says("ABORTED");
    assert_eq!(example(&measured, "status"), "ABORTED: enough");
    has(
        &measured,
        &[("answered", 4), ("errors", 4), ("messagesReceived", 12)],
        &output,
    );
    assert_eq!(measured["statuses"], json!({"10": 4}));
    assert_eq!(
        count(&measured, "first-message"),
        4,
        "{}",
        App::read(&app, "iter8-results/report.md")
    );
}
