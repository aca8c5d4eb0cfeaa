//! Names of metrics, read and written.

use super::*;

fn canonical(text: &str) -> String {
    text.parse::<MetricName>().expect(text).to_string()
}

#[test]
fn both_spellings_and_number_formats_are_one_name() {
    assert_eq!(canonical("http/latency-p95"), "http/latency-p95");
    assert_eq!(canonical("http/latency/p95.0"), "http/latency-p95");
    assert_eq!(canonical("http/latency-p099.90"), "http/latency-p99.9");
    assert_eq!(canonical("grpc/latency-p99"), "grpc/latency/p99");
    assert_eq!(
        canonical("http-check-out/service-time-mean"),
        "http-check-out/service-time-mean"
    );
    assert_eq!(canonical("istio/request-count"), "istio/request-count");
}

#[test]
fn people_read_one_spelling_for_both_protocols() {
    for (text, usual) in [
        ("http/latency/p95", "http/latency-p95"),
        ("grpc-cart/latency/p99.9", "grpc-cart/latency-p99.9"),
        ("grpc/first-message/mean", "grpc/first-message-mean"),
        ("grpc/error-rate", "grpc/error-rate"),
        ("grpc/cold-start", "grpc/cold-start"),
    ] {
        let name: MetricName = text.parse().expect(text);
        assert_eq!(name.usual(), usual);
        assert_eq!(usual.parse::<MetricName>().expect(usual), name);
    }
}

#[test]
fn values_are_found_under_both_names() {
    let values = [
        ("http/latency-p95", 1.0),
        ("grpc-a-b/latency/p99.9", 2.0),
        ("grpc/service-time-mean", 3.0),
        ("http/error-rate", 4.0),
        ("istio/latency-p95", 5.0),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value)).into();
    let all = MetricName::under_all_names(values);
    let named: Vec<(&str, f64)> = all.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(
        named,
        [
            ("grpc-a-b/latency-p99.9", 2.0),
            ("grpc-a-b/latency/p99.9", 2.0),
            ("grpc/service-time-mean", 3.0),
            ("grpc/service-time/mean", 3.0),
            ("http/error-rate", 4.0),
            ("http/latency-p95", 1.0),
            ("http/latency/p95", 1.0),
            ("istio/latency-p95", 5.0),
        ]
    );
}

#[test]
fn every_plain_measure_round_trips() {
    for (name, measure) in PLAIN {
        let of_http = measure.is_of(Protocol::Http);
        let protocol = if of_http { "http" } else { "grpc" };
        assert_eq!(
            canonical(&format!("{protocol}/{name}")),
            format!("{protocol}/{name}")
        );
    }
    for code in Code::all() {
        let name = format!("grpc/status-{}", code_in_names(code));
        assert_eq!(canonical(&name), name);
    }
}

#[test]
fn each_protocol_has_its_own_statuses_and_messages() {
    assert_eq!(canonical("grpc/first-message-p95"), "grpc/first-message/p95");
    for text in [
        "http/status-unavailable",
        "http/messages-sent",
        "http/first-message-p95",
        "grpc/status-5xx",
    ] {
        assert!(text.parse::<MetricName>().is_err(), "{text}");
    }
    let error = "grpc/status-unavailible"
        .parse::<MetricName>()
        .expect_err("misspelt");
    assert_eq!(
        error.hint().as_deref(),
        Some("did you mean `grpc/status-unavailable`?")
    );
}

#[test]
fn misspelt_metrics_get_a_suggestion() {
    let hint = |text: &str| {
        text.parse::<MetricName>()
            .expect_err(text)
            .hint()
            .unwrap_or_default()
    };
    assert!(
        hint("http/latency-p9x").contains("latency-p9"),
        "{}",
        hint("http/latency-p9x")
    );
    assert_eq!(hint("http/eror-rate"), "did you mean `http/error-rate`?");
    assert_eq!(hint("http/mean-latency"), "did you mean `http/latency-mean`?");
    assert_eq!(hint("http/p95"), "did you mean `http/latency-p95`?");
    assert_eq!(hint("http/latency"), "did you mean `http/latency-p95`?");
}

#[test]
fn stored_names_that_nobody_computes_are_kept() {
    for text in ["grpc/latency/p101", "http/latency-pxx", "grpc", "a/b/c"] {
        let name: MetricName = serde_json::from_value(text.into()).expect("any name");
        assert_eq!(name.to_string(), text);
        assert_eq!(name.unit(), Unit::Plain, "{text}");
    }
}

#[test]
fn impossible_percentiles_are_refused() {
    for text in [
        "http/latency-p0",
        "http/latency-p101",
        "http/latency-p1e1",
        "http/latency-pNaN",
        "http/",
        "x",
    ] {
        assert!(text.parse::<MetricName>().is_err(), "{text}");
    }
}
