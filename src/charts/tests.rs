//! Tests of the charts: what values become, and where it says to stand.

use std::path::Path;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::secret::Mask;

fn render(chart: &str, values: &str) -> (String, Vec<Diagnostic>) {
    let source = SourceFile::new("v.yaml", values);
    let root = Node::parse(&source).expect("YAML");
    let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
    let chart = find(chart).map_err(|(message, _)| message).expect("a chart");
    let rendered = chart.render(&root, MetricNames::Any, &mut decoder);
    (written(&rendered.experiment), decoder.into_diagnostics())
}

fn found(chart: &str, values: &str) -> Vec<String> {
    let (_, found) = render(chart, values);
    let shown = |diagnostic: &Diagnostic| {
        let place = diagnostic
            .place
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{place}: {}", diagnostic.message)
    };
    found.iter().map(shown).collect()
}

#[test]
fn a_chart_is_known_by_its_name_or_folder() {
    for name in ["load-test-http", "./load-test-http", "charts/load-test-http/"] {
        assert_eq!(find(name).map(Chart::name).ok(), Some("load-test-http"), "{name}");
    }
    let (message, hint) = find("load-tests").map(Chart::name).expect_err("unknown");
    assert_eq!(message, "there is no chart `load-tests`");
    assert!(hint.starts_with("did you mean `load-test`?"), "{hint}");
}

#[test]
fn names_of_tasks_and_limits_keep_their_places() {
    let values = "tasks: [http, asess]\nhttp: {url: http://h}\n";
    assert_eq!(found("iter8", values), ["v.yaml:1:15: unknown task `asess`"]);
    let values = "tasks: [http, assess]\nhttp: {url: http://h}\nassess:\n  SLOs:\n    upper:\n      http/latency-p97: {5: 40}\n";
    assert_eq!(
        found("iter8", values),
        ["v.yaml:6:7: the limit of `http/latency-p97` is a map"]
    );
}

#[test]
fn values_that_change_nothing_are_said() {
    let values =
        "tasks: [http, assess]\nhttp: {url: http://h}\nready: {deploy: a}\nrunner: job\nlogLevel: debug\n";
    assert_eq!(
        found("iter8", values),
        [
            "v.yaml:3:1: `ready` is not one of `tasks`: its values change nothing",
            "v.yaml:4:1: of a run in Kubernetes, and changes nothing here: `runner`, `logLevel`",
        ]
    );
}

#[test]
fn objectives_that_nobody_judges_are_a_mistake() {
    let errors = |assess: &str| {
        let values = format!("tasks: [http]\nhttp: {{url: http://h}}\n{assess}\n");
        let (_, found) = render("iter8", &values);
        let wrong = found.into_iter().filter(Diagnostic::is_error);
        wrong
            .map(|wrong| (wrong.message, wrong.hint.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    for assess in [
        "assess: {SLOs: {upper: {http/error-rate: 0}}}",
        "assess: {objectives: [http/error-rate <= 0]}",
        "Assess: {rewards: {max: [a/b]}}",
    ] {
        let found = errors(assess);
        let [(message, hint)] = &found[..] else {
            panic!("{assess}: {found:?}")
        };
        assert!(
            message.contains("is not one of `tasks`: its values change nothing"),
            "{message}"
        );
        assert!(hint.contains("--set \"tasks={http,assess}\""), "{hint}");
    }
    for assess in ["assess: null", "assess: {}", "assess: {SLOs: {upper: {}}}"] {
        assert_eq!(errors(assess), [], "{assess}");
    }
}

#[test]
fn lists_of_tasks_are_needed() {
    for (values, expected) in [
        ("http: {url: a}", "v.yaml:1:1: the values have no `tasks`"),
        ("tasks: []", "v.yaml:1:8: `tasks` is empty"),
        ("tasks: ['']", "v.yaml:1:8: `tasks` is empty"),
        ("tasks: http", "v.yaml:1:8: `tasks` is a string, and no list"),
        (
            "tasks: [1]",
            "v.yaml:1:9: expected the name of a task, found a number",
        ),
        (
            "tasks: [http]",
            "v.yaml:1:9: `http` is one of `tasks` and has no values",
        ),
    ] {
        assert_eq!(found("iter8", values), [expected], "{values}");
    }
}

#[test]
fn tasks_of_today_are_handed_on() {
    let (text, found) = render(
        "iter8",
        "tasks: [http, comment]\nhttp: {url: http://h}\ncomment: {body: done}\n",
    );
    assert_eq!(found, []);
    assert!(
        text.ends_with("  - task: comment\n    with:\n      body: done\n"),
        "{text}"
    );
}

#[test]
fn more_kinds_of_objects_can_be_waited_for() {
    let values = "tasks: [ready]\nready: {rollout: a, timeout: 5s, url: http://h/health}\nresourceTypes:\n  \
                  rollout: {Group: argoproj.io, Version: v1alpha1, Resource: rollouts, conditions: [Healthy, Paused]}\n";
    let (text, found) = render("iter8", values);
    assert_eq!(found, []);
    assert_eq!(
        text,
        "spec:\n  - task: ready\n    with:\n      name: a\n      group: argoproj.io\n      version: v1alpha1\n      resource: rollouts\n      \
         conditions:\n        - Healthy\n        - Paused\n      timeout: \"5s\"\n  - task: ready\n    with:\n      timeout: \"5s\"\n      url: http://h/health\n"
    );
}

#[test]
fn values_at_the_wrong_level_are_refused() {
    assert_eq!(
        found(
            "slo-validation-istio",
            "destination_workload: w\nproviders: [istio, other]\n"
        ),
        [
            "v.yaml:1:1: `destination_workload` stands at the wrong level",
            "v.yaml:1:1: the values name no workload",
            "v.yaml:2:20: this chart asks `istio` only",
        ]
    );
}

#[test]
fn an_address_that_prometheus_cannot_have_is_refused() {
    let said = |values: &str| {
        let version = "versionInfo: {destination_workload: w}";
        found("slo-validation-istio", &format!("{values}\n{version}\n"))
    };
    let scheme = "Prometheus is asked by a URL that begins with http:// or https://";
    for (values, message) in [
        ("providerURL: notaurl", scheme),
        ("providerURL: prometheus:9090/api/v1/query", scheme),
        (
            "providerURL: http://prometheus:9090",
            "the URL of Prometheus has no path: queries have one",
        ),
        ("endpoint: prometheus:9090", scheme),
    ] {
        let place = values.find(' ').map_or(0, |at| at + 2);
        assert_eq!(said(values), [format!("v.yaml:1:{place}: {message}")]);
    }
    for values in [
        "providerURL: http://prometheus:9090/api/v1/query",
        "providerURL: ${PROMETHEUS}",
        "endpoint: http://prometheus:9090/",
    ] {
        assert_eq!(said(values), Vec::<String>::new(), "{values}");
    }
}

#[test]
fn values_are_told_from_experiments() {
    let is = |text: &str| is_values(&Node::parse(&SourceFile::new("e.yaml", text)).expect("YAML"));
    assert!(is("tasks: [http]\nhttp: {}\n"));
    assert!(!is("spec: []\ntasks: [http]\n"));
    assert!(!is("- task: http\n"));
    assert!(!is("tasks: http\n"));
}

#[test]
fn any_values_are_rendered_without_a_panic() {
    let pieces = [
        "1",
        "null",
        "[]",
        "{}",
        "text",
        "{a: {b: [1]}}",
        "[{a: null}]",
        "true",
        "1.5",
    ];
    for chart in CHARTS {
        let schema = chart.schema();
        let names: Vec<&String> = schema["properties"]
            .as_object()
            .expect("properties")
            .keys()
            .collect();
        for piece in pieces {
            let values: String = names
                .iter()
                .flat_map(|name| [name.as_str(), ": ", piece, "\n"])
                .collect();
            let (text, _) = render(chart.name(), &format!("{values}x: 1\n"));
            assert!(text.starts_with("spec:"), "{text}");
        }
        let (text, found) = render(chart.name(), "7");
        assert!(text.starts_with("spec:") && !found.is_empty(), "{text}");
    }
}
