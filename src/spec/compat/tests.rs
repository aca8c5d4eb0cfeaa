//! What every era becomes.

use super::*;
use crate::diagnostic::Severity;
use crate::spec::to_yaml;

fn translate(text: &str) -> (String, Era, Vec<String>) {
    let source = SourceFile::new("e.yaml", text);
    let root = Node::parse(&source).expect("YAML");
    let Modern { root, era, found } = modern(root, &source);
    let found = found.iter().map(|found| {
        let place = found.place.as_ref().map(ToString::to_string).unwrap_or_default();
        let kind = if found.severity == Severity::Error {
            "error"
        } else {
            "warning"
        };
        format!("{place}: {kind}: {}", found.message)
    });
    (to_yaml(&root), era, found.collect())
}

#[track_caller]
fn becomes(old: &str, era: Era, new: &str) {
    let (written, found, notes) = translate(old);
    let (expected, ..) = translate(new);
    assert_eq!(written, expected);
    assert_eq!(found, era);
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn the_format_of_2021_becomes_todays() {
    let old = "
- task: collect-builtin-metrics
  with:
    time: 5s
    versionInfo: [{url: http://127.0.0.1/}]
- task: assess-versions
  with:
    criteria:
      SLOs:
      - {metric: built-in/error-rate, upperLimit: 0}
      - {metric: built-in/p95.0, upperLimit: 100, lowerLimit: 1}
";
    let new = "
spec:
- task: http
  with: {duration: 5s, url: http://127.0.0.1/}
- task: assess
  with:
    SLOs:
      upper:
      - {metric: http/error-rate, limit: 0}
      - {metric: http/latency-p95.0, limit: 100}
      lower:
      - {metric: http/latency-p95.0, limit: 1}
";
    becomes(old, Era::Y2021, new);
}

#[test]
fn october_2021_kept_its_tasks_in_a_map() {
    let old = "
spec:
  versions: [a]
  tasks:
  - task: collect-fortio-metrics
    with: {numQueries: 5, versionInfo: [{url: u}]}
  - task: assess-versions
    with:
      criteria:
        requestCount: iter8-fortio/request-count
        objectives: [{metric: iter8-fortio/mean-latency, upperLimit: 5}]
result: {}
";
    let (written, era, notes) = translate(old);
    assert_eq!(era, Era::Y2021);
    for part in ["task: http", "numRequests: 5", "metric: http/latency-mean"] {
        assert!(written.contains(part), "{written}");
    }
    assert_eq!(
        notes,
        [
            "e.yaml:3:3: warning: `versions` changes nothing: nothing reads it",
            "e.yaml:10:9: warning: `requestCount` changes nothing: nothing ever read it",
        ]
    );
}

#[test]
fn versions_of_0_8_become_a_load_each() {
    let old = "
- task: gen-load-and-collect-metrics-http
  if: Result.Insights.NonHistMetricValues[0][\"built-in/http-error-count\"] == nil
  with:
    qps: 5
    versionInfo:
    - {url: a}
    - {url: b, headers: {x: y}}
- task: assess-app-versions
  with:
    SLOs: [{metric: built-in/http-latency-p97.5, upperLimit: 9}, {metric: built-in/grpc-latency/mean, lowerLimit: 1}]
";
    let new = "
spec:
- task: http
  if: Result.Insights.NonHistMetricValues[0][\"http/error-count\"] == nil
  with: {qps: 5, url: a, version: version 0}
- task: http
  if: Result.Insights.NonHistMetricValues[0][\"http/error-count\"] == nil
  with: {qps: 5, url: b, headers: {x: y}, version: version 1}
- task: assess
  with:
    SLOs: {upper: [{metric: http/latency-p97.5, limit: 9}], lower: [{metric: grpc/latency/mean, limit: 1}]}
";
    becomes(old, Era::V0_8, new);
}

#[test]
fn databases_of_0_10_become_custom_metrics() {
    let old = "
- task: collect-metrics-database
  with:
    providers: [shop]
    versionInfo:
    - {app: hello, startingTime: 'Feb 3, 2026 at 4:05pm (UTC)'}
    - {app: world}
";
    let new = "
spec:
- task: custommetrics
  with:
    providers: [shop]
    versionValues:
    - {app: hello, startingTime: 'Feb 3, 2026 at 4:05pm (UTC)'}
    - {app: world}
";
    becomes(old, Era::V0_10, new);
}

#[test]
fn downloads_of_charts_become_urls() {
    let old = "
spec:
- run: |
    curl -o /tmp/payload.dat http://h/x.json?a=1&b=2
- task: http
  with: {url: u, payloadFile: /tmp/payload.dat, payloadURL: http://h/x.json?a=1&b=2}
- run: |
    curl -o ghz.proto https://h/a.proto
    curl -o data.json https://h/a.json
- task: grpc
  with: {proto: ghz.proto, protoURL: https://h/a.proto, data-file: data.json, dataURL: https://h/a.json}
- run: curl -o kept https://h/other
- task: http
  with: {url: u, payloadFile: another}
result: {iter8Version: v0.13}
";
    let (written, era, notes) = translate(old);
    let (expected, ..) = translate(
        "
spec:
- task: http
  with: {url: u, payloadURL: http://h/x.json?a=1&b=2}
- task: grpc
  with: {proto: https://h/a.proto, data-file: https://h/a.json}
- run: curl -o kept https://h/other
- task: http
  with: {url: u, payloadFile: another}
",
    );
    assert_eq!((written, era), (expected, Era::V0_11));
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn every_load_until_the_next_download_gets_the_url() {
    let read = "- {task: http, with: {url: u, payloadFile: f.dat}}\n";
    let old = format!(
        "spec:\n- run: curl -o f.dat http://h/1\n{read}{read}- run: curl -o f.dat http://h/2\n{read}result: {{}}\n"
    );
    let url = |number: u8| format!("- {{task: http, with: {{url: u, payloadURL: 'http://h/{number}'}}}}\n");
    becomes(
        &old,
        Era::V0_11,
        &format!("spec:\n{}{}{}", url(1), url(1), url(2)),
    );
    // A script that uses the file, too, needs it.
    let used = format!("spec:\n- run: curl -o f.dat http://h/1\n{read}- run: cat f.dat\n");
    becomes(&format!("{used}result: {{}}\n"), Era::V0_11, &used);
}

#[test]
fn keys_that_charts_left_behind_are_named_where_they_stand() {
    let (written, era, notes) = translate(
        "- task: gen-load-and-collect-metrics-http\n  with:\n    url: u\n    iter8lib: {runner: none}\n    SLOs: {http/error-rate: 0}\n",
    );
    assert_eq!(era, Era::V0_10);
    assert!(
        !written.contains("SLOs") && !written.contains("iter8lib"),
        "{written}"
    );
    assert_eq!(
        notes,
        [
            "e.yaml:4:5: warning: `iter8lib` changes nothing: a chart of Iter8 left it here",
            "e.yaml:5:5: warning: `SLOs` changes nothing: a chart of Iter8 left it here",
        ]
    );
}

#[test]
fn a_file_of_today_is_left_alone() {
    for text in [
        "spec:\n  - task: http\n    with:\n      url: u\n",
        "- task: http\n",
        "[]\n",
        "spec: null\n",
        "- 1\n",
        "null\n",
    ] {
        let (written, era, notes) = translate(text);
        let source = SourceFile::new("e.yaml", text);
        assert_eq!(written, to_yaml(&Node::parse(&source).expect("YAML")));
        assert_eq!((era, notes.len()), (Era::Current, 0));
    }
}

#[test]
fn eras_are_told_by_what_only_they_wrote() {
    for (text, era) in [
        ("- run: echo x\n", Era::V0_10),
        (
            "- {task: gen-load-and-collect-metrics, with: {versionInfo: [{url: u}]}}\n",
            Era::V0_8,
        ),
        (
            "- {task: gen-load-and-collect-metrics-http, with: {versionInfo: [{url: u}]}}\n",
            Era::V0_9,
        ),
        (
            "- {task: gen-load-and-collect-metrics-http, with: {url: u}}\n",
            Era::V0_10,
        ),
        (
            "- {task: collect-metrics-database, with: {versionInfo: [{a: b}]}}\n",
            Era::V0_9,
        ),
        ("Spec: [{run: x}]\nResult: {}\n", Era::V0_11),
        ("metadata: {name: a}\nspec: [{run: x}]\n", Era::V0_16),
        (
            "metadata: {name: a, iter8Version: v0.13}\nspec: [{run: x}]\n",
            Era::V0_11,
        ),
        (
            "metadata: {name: a}\nspec: [{run: x}]\nresult: {iter8Version: v0.13.2}\n",
            Era::V0_11,
        ),
        ("spec: [{run: x}]\nresult: {iter8Version: v1.1}\n", Era::V0_16),
        ("spec: [{run: x}]\nresult: {iter8Version: soon}\n", Era::V0_11),
        ("spec: [{task: assess-app-versions, with: {}}]\n", Era::V0_10),
    ] {
        assert_eq!(translate(text).1, era, "{text}");
    }
}

#[test]
fn a_metric_of_one_word_is_judged_as_one_that_nothing_measures() {
    let (written, _, notes) = translate(
        "spec: [{task: assess, with: {SLOs: {upper: [{metric: oneword, limit: 1}]}}}]\nresult: {}\n",
    );
    assert!(written.contains("metric: unknown/oneword"), "{written}");
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn hostile_shapes_are_left_to_those_who_read_them() {
    for text in [
        "- task: gen-load-and-collect-metrics-http\n  with: 5\n",
        "- task: gen-load-and-collect-metrics-http\n  with: {versionInfo: 5}\n",
        "- task: gen-load-and-collect-metrics-http\n  with: {versionInfo: [5, [], a, null]}\n",
        "- task: gen-load-and-collect-metrics-grpc\n  with: {versionInfo: []}\n",
        "- task: assess-app-versions\n  with: {SLOs: {a: b}}\n",
        "- task: assess-app-versions\n  with: {SLOs: [1, {}, {upperLimit: 1}]}\n",
        "- task: assess-versions\n  with: {criteria: 4}\n",
        "- task: collect-metrics-database\n  with: {providers: 1, versionInfo: {a: b}}\n",
        "- task: collect-metrics-database\n  with: {versionInfo: [{StartingTime: 99999999999999999999}, 1]}\n",
        "- task: collect-metrics-database\n  with: {providers: [[]], versionInfo: [{startingTime: 'soon (x)'}]}\n",
        "- task: assess-app-versions\n  if: \"a 'b\"\n",
        "spec: {tasks: 4}\n",
        "spec: 4\nresult: 4\n",
    ] {
        let _ = translate(text);
    }
}
