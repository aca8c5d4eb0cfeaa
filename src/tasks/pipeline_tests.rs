//! Experiments as text, and what is said about them.

use std::path::Path;

use super::Pipeline;
use crate::diagnostic::{Diagnostic, Place};
use crate::secret::Mask;
use crate::spec::{Decoder, Experiment, Key, Node, SourceFile};

/// A checked text.
struct Checked {
    pipeline: Option<Pipeline>,
    found: Vec<Diagnostic>,
    mask: Mask,
}

fn check_in(folder: &Path, text: &str) -> Checked {
    let source = SourceFile::new("e.yaml", text);
    let root = Node::parse(&source).expect("yaml");
    check_node(&source, &root, folder)
}

fn check_node(source: &SourceFile, root: &Node, folder: &Path) -> Checked {
    let mask = Mask::default();
    let mut decoder = Decoder::new(source, folder, &|_| None, mask.clone());
    let pipeline = Experiment::read(root, &mut decoder)
        .and_then(|experiment| Pipeline::build(&experiment, &mut decoder));
    Checked {
        pipeline,
        found: decoder.into_diagnostics(),
        mask,
    }
}

/// `line:column: message` of everything that is found.
pub(in crate::tasks) fn check(text: &str) -> Vec<String> {
    lines(&check_in(Path::new("."), text).found)
}

fn lines(found: &[Diagnostic]) -> Vec<String> {
    let place = |place: &Place| match &place.span {
        Some(span) => format!("{}:{}", span.line, span.column),
        None => place.source.clone(),
    };
    found
        .iter()
        .map(|found| {
            format!(
                "{}: {}",
                found.place.as_ref().map(place).unwrap_or_default(),
                found.message
            )
        })
        .collect()
}

fn key(name: &str, source: &str) -> Key {
    Key {
        name: name.into(),
        at: Node::text(source, "").at,
    }
}

/// The diagnostics of one `http` task with these lines in its `with:`, the first of which is line 4.
fn http(fields: &str) -> Vec<String> {
    let fields = fields.replace('\n', "\n    ");
    check(&format!("spec:\n- task: http\n  with:\n    {fields}\n"))
}

/// The diagnostics of an objective on the load before it.
fn objective(text: &str) -> Vec<String> {
    check(&format!(
        "spec:\n- {{task: http, with: {{url: http://a}}}}\n- task: assess\n  with:\n    {text}\n"
    ))
}

#[test]
fn a_null_where_something_is_required_is_missing() {
    assert_eq!(
        objective("SLOs: {upper: [{metric: , limit: 5}, {metric: http/error-rate, limit: 0}]}"),
        ["5:20: a limit needs `metric`"]
    );
    assert_eq!(
        objective("objectives: [{objective: }]"),
        ["5:18: an objective needs `objective`"]
    );
    assert_eq!(
        check("spec:\n- task: ready\n  with: {url: }\n"),
        ["3:9: a `ready` task needs `url`, `grpc` or an object such as `deploy`"]
    );
}

#[test]
fn limits_and_ranges_that_cannot_be_are_refused_in_both_forms() {
    assert_eq!(
        objective(
            "SLOs: {upper: [{metric: http/error-rate, limit: 100}], lower: [{metric: http/latency-p95, limit: -1}]}"
        ),
        [
            "5:53: a limit of 100 for http/error-rate, which is at most 1",
            "5:102: a limit of -1 for http/latency-p95, which is never negative"
        ]
    );
    assert_eq!(
        objective("SLOs: {upper: [{metric: http/error-rate, limit: 1}]}"),
        ["5:53: a limit of 1 for http/error-rate is 100 %, which every load keeps"]
    );
    assert_eq!(
        objective("objectives: [http/error-rate <= 5]"),
        ["5:18: a limit of 5 for http/error-rate, which is at most 1"]
    );
    assert_eq!(
        http("url: http://a\nerrorRanges: [{lower: 4000}, {lower: 0, upper: 99}, {lower: 500}]"),
        [
            "5:27: `lower: 4000` is no status",
            "5:52: `upper: 99` is no status"
        ]
    );
}

#[test]
fn a_task_without_objectives_is_a_mistake_whatever_else_is_wrong() {
    let found =
        check("spec:\n- task: http\n  with: {url: http://a, qps: 0}\n- task: assess\n  with: {SLOs: }\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("has no objectives"), "{found:?}");
}

#[test]
fn more_objectives_endpoints_or_tasks_than_anyone_reads_are_refused() {
    let objectives = vec!["http/error-rate <= 1%"; 1001].join(", ");
    assert_eq!(
        objective(&format!("objectives: [{objectives}]")),
        ["5:5: 1001 objectives; a task judges at most 1000"]
    );
    let tasks = "- run: \"true\"\n".repeat(1001);
    assert_eq!(
        check(&format!("spec:\n{tasks}")),
        ["1:1: 1001 tasks; an experiment has at most 1000"]
    );
}

#[test]
fn a_file_that_a_script_may_write_is_read_when_it_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("old.pem"), "left behind, no certificate").expect("written");
    let load = "- {task: http, with: {url: https://a, caCert: old.pem}}";
    let checked = check_in(folder.path(), &format!("spec:\n- run: make cert\n{load}\n"));
    assert!(checked.pipeline.is_some(), "{:?}", checked.found);
    let checked = check_in(folder.path(), &format!("spec:\n{load}\n"));
    assert!(checked.pipeline.is_none());
}

#[test]
fn a_device_is_no_payload() {
    let found = http("url: http://a\npayloadFile: /dev/zero");
    assert_eq!(found, ["5:18: cannot read /dev/zero: it is not a regular file"]);
}

#[test]
fn more_than_a_thousand_endpoints_are_refused() {
    let endpoints: Vec<String> = (0..1001).map(|n| format!("e{n}: {{}}")).collect();
    let endpoints = endpoints.join(", ");
    assert_eq!(
        http(&format!("url: http://a\nendpoints: {{{endpoints}}}")),
        ["5:5: 1001 endpoints; a task has at most 1000"]
    );
}

#[test]
fn numbers_that_no_machine_has_are_refused_and_not_clamped() {
    assert_eq!(
        http(
            "url: http://a\nconnectionWarmup: 18446744073709551615\nconnections: 100000000000\nmaxConnections: 1000001"
        ),
        [
            "5:23: `connectionWarmup: 18446744073709551615` is more than 1000000",
            "6:18: `connections: 100000000000` is more than 1000000",
            "7:21: `maxConnections: 1000001` is more than 1000000",
        ]
    );
}

#[test]
fn every_mistake_of_a_load_is_listed_at_its_field() {
    assert_eq!(
        http(
            "duration: 0s\ntimeout: 0s\nconnections: 5\nmaxConnections: 4\ncontentType: \"a\\nb\"\n\
             expect: {header: {\"b d\": x}}\nclientCert: Cargo.toml\nheaders:\n  X-A: \"a\\nb\"\nbasicAuth: u:p\nbearerToken: t"
        ),
        [
            "4:5: an `http` task needs `url`",
            "4:15: a `duration` of 0 sends nothing",
            "5:14: a `timeout` of 0 lets no request succeed",
            "7:21: `maxConnections` is below `connections`, which is 5",
            "8:18: `contentType` holds characters that HTTP does not allow",
            "9:23: `b d: x` is no header",
            "10:17: `clientCert` and `clientKey` must be given together",
            "12:12: the value of header `X-A` holds characters that HTTP does not allow",
            "14:18: give either `basicAuth` or `bearerToken`",
        ]
    );
}

#[test]
fn a_mistake_of_the_task_is_reported_once_and_not_per_endpoint() {
    assert_eq!(
        http("timeout: 0s\nurl: http://a\nendpoints:\n  a: {}\n  b: {}\n  c: {duration: 0s}"),
        [
            "4:14: a `timeout` of 0 lets no request succeed",
            "9:21: a `duration` of 0 sends nothing"
        ]
    );
}

#[test]
fn a_mistake_of_a_flag_names_the_flag_once() {
    let with = |fields: &[(&str, &str)]| {
        let entries = fields
            .iter()
            .map(|(name, text)| {
                let flag = format!("flag --{name}");
                (key(name, &flag), Node::text(flag, *text))
            })
            .collect();
        Node::map("flag --url", entries)
    };
    let task = |name: &str, with: Node| {
        let mut task = Node::text("flag --url", name);
        task.value = crate::spec::Value::String(name.into());
        Node::map(
            "flag --url",
            vec![(key("task", ""), task), (key("with", ""), with)],
        )
    };
    let fields = [("url", "http://a"), ("bearerToken", "a\nb"), ("timeout", "0s")];
    let tasks = vec![task("ready", with(&fields[..2])), task("http", with(&fields))];
    let mut list = Node::map("flag --url", Vec::new());
    list.value = crate::spec::Value::List(tasks);
    let root = Node::map("flag --url", vec![(key("spec", ""), list)]);
    let checked = check_node(&SourceFile::new("flags", ""), &root, Path::new("."));
    assert_eq!(
        lines(&checked.found),
        [
            "flag --bearerToken: the token or password holds characters that HTTP does not allow",
            "flag --timeout: a `timeout` of 0 lets no request succeed"
        ]
    );
}

#[test]
fn only_a_load_that_cannot_be_read_hides_what_is_measured() {
    let judge = "- {task: assess, with: {objectives: [http-cart/error-rate <= 1%]}}";
    let found = check(&format!(
        "spec:\n- {{task: ready, with: {{url: http://a, timeout: 0s}}}}\n- {{task: http, with: {{url: http://a}}}}\n{judge}\n"
    ));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[1].contains("no task measures http-cart/error-rate"),
        "{found:?}"
    );
    let found = check(&format!(
        "spec:\n- {{task: http, with: {{endpoints: {{cart: 5}}}}}}\n{judge}\n"
    ));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_header_without_a_colon_is_not_shown() {
    let checked = check_in(
        Path::new("."),
        "spec:\n- task: http\n  with:\n    url: http://a\n    headers: {\"Authorization=Bearer hunter2hunter2\": x}\n",
    );
    assert_eq!(lines(&checked.found), ["5:5: a header needs `name: value`"]);
    assert_eq!(checked.mask.apply("hunter2hunter2"), "***");
}

#[test]
fn users_and_passwords_of_urls_and_proxies_are_masked() {
    let load = "{url: \"http://someone:pass%2Dword@a\", proxy: \"http://proxyuser:proxypass@p:1\"}";
    let checked = check_in(Path::new("."), &format!("spec:\n- task: http\n  with: {load}\n"));
    assert!(checked.pipeline.is_some(), "{:?}", checked.found);
    for secret in ["someone", "pass%2Dword", "pass-word", "proxyuser", "proxypass"] {
        assert_eq!(checked.mask.apply(secret), "***", "{secret}");
    }
}

#[test]
fn a_secret_that_is_written_with_escapes_is_masked_as_it_is_written() {
    for fields in [
        r#"bearerToken: "ab\u0063defgh""#,
        r#"basicAuth: {username: u, password: "ab\u0063defgh"}"#,
        r#"headers: {Authorization: "Bearer ab\u0063defgh"}"#,
        r#"headers: {X-Other: &t "ab\u0063defgh", X-Token: *t}"#,
        r#"bearerToken: &t "ab\u0063defgh""#,
        r#"proxy: "http://user:ab\u0063defgh@p:1""#,
    ] {
        let text = format!("spec:\n- task: http\n  with:\n    url: http://a\n    {fields}\n");
        let checked = check_in(Path::new("."), &text);
        assert!(checked.pipeline.is_some(), "{:?}", checked.found);
        let shown = checked.mask.apply(&text);
        assert!(!shown.contains("defgh"), "{shown}");
        assert_eq!(checked.mask.apply("abcdefgh"), "***");
    }
    let plain = check_in(
        Path::new("."),
        "spec:\n- {task: http, with: {url: http://a, bearerToken: \"${T:-fallback}\"}}\n",
    );
    assert_eq!(plain.mask.apply("${T:-other}"), "${T:-other}");
}

pub(in crate::tasks) const RELATIVE: &str =
    "- {task: assess, with: {objectives: [http/latency-p95 <= 1.1x base]}}\n";
pub(in crate::tasks) const SIDE_BY_SIDE: &str =
    "- {task: http, with: {url: http://a, baselineURL: http://b}}\n";

#[test]
fn a_load_of_another_version_replaces_nothing() {
    let load = |version: &str| format!("- {{task: http, with: {{url: http://a, version: {version}}}}}\n");
    let found = check(&format!("spec:\n{}{}", load("a"), load("b")));
    assert_eq!(found, Vec::<String>::new());
    let found = check(&format!("spec:\n{}{}{}", load("a"), load("b"), load("a")));
    assert_eq!(
        found,
        ["4:3: this load replaces the measurements of task 1, which nothing has judged"]
    );
}

#[test]
fn a_load_behind_the_last_verdict_is_not_left_unjudged() {
    let load = |more: &str| format!("- {{task: http, with: {{url: http://a{more}}}}}\n");
    let judge = |metric: &str| format!("- {{task: assess, with: {{objectives: [{metric} <= 1]}}}}\n");
    let all = judge("http/error-count");
    let unjudged = "4:3: no `assess` task judges what this load measures, as one judges an earlier load";
    for (last, expected) in [
        (load(""), vec![unjudged]),
        (load(", version: b"), vec![unjudged]),
        (load(", warmup: true"), vec![]),
        (load("") + &all, vec![]),
        (load("") + &judge("db/errors"), vec![unjudged]),
        (
            "- {task: grpc, with: {host: \"a:1\", call: a.B/C}}\n".to_owned(),
            vec![],
        ),
    ] {
        let provider = "- {task: custommetrics, with: {templates: {db: http://a/db.tpl}}}\n";
        let last = if last.contains("db/") {
            last.replace("- {task: assess", &format!("{provider}- {{task: assess"))
        } else {
            last
        };
        let found = check(&format!("spec:\n{}{all}{last}", load("")));
        assert_eq!(found, expected, "{last}");
    }
    // A load on its own is a load on its own.
    assert_eq!(check(&format!("spec:\n{}", load(""))), Vec::<String>::new());
}

#[test]
fn an_experiment_has_one_baseline() {
    let judge = "- {task: assess, with: {objectives: [http/error-rate <= 1%]}}\n";
    let other = "- {task: http, with: {url: http://a, versions: [{name: old}, {name: new}]}}\n";
    let found = check(&format!("spec:\n{SIDE_BY_SIDE}{judge}{other}{judge}"));
    assert_eq!(
        found,
        ["4:3: the baseline is `old` here, and `baseline` in task 1"]
    );
    let judged = "- {task: http, with: {url: http://a, version: baseline}}\n";
    let found = check(&format!("spec:\n{judged}{judge}{SIDE_BY_SIDE}{judge}"));
    assert_eq!(
        found,
        ["2:3: `baseline` is to be judged here, and is the baseline in task 3"]
    );
}

#[test]
fn what_lies_ahead_of_a_load_are_the_objectives_that_are_sure_to_be_judged_on_it() {
    let text = format!(
        "spec:\n- {{task: ready, with: {{url: http://a}}}}\n{SIDE_BY_SIDE}\
         - {{task: assess, with: {{minRequests: 7, objectives: [http/error-rate <= 1%, http/latency-p50 <= 900ms]}}}}\n\
         - {{task: assess, if: SLOs(), with: {{objectives: [http/latency-p99 <= 9s]}}}}\n\
         {SIDE_BY_SIDE}{RELATIVE}"
    );
    let pipeline = check_in(Path::new("."), &text).pipeline.expect("a pipeline");
    let ahead = |step: usize| -> Vec<String> {
        let ahead = pipeline.ahead(&pipeline.steps[step]);
        let told = ahead
            .iter()
            .map(|ahead| format!("{} {:?}", ahead.objective, ahead.min_requests));
        told.collect()
    };
    assert_eq!(ahead(0), Vec::<String>::new());
    assert_eq!(
        ahead(1),
        [
            "http/error-rate <= 1% Some(7)",
            "http/latency-p50 <= 900ms Some(7)"
        ]
    );
    assert_eq!(ahead(4), ["http/latency-p95 <= 1.1x base None"]);
}

#[test]
fn an_early_end_is_promised_only_where_a_verdict_is_sure_to_follow() {
    const ABORT: &str = "spec:\n- {task: http, with: {url: http://a, abort: true}}\n";
    let judged = |more: &str| format!("{ABORT}- {{task: assess, {more}}}\n");
    let nothing = "2:45: `abort` changes nothing: no objective behind this load is sure to fail the run";
    for (text, expected) in [
        (ABORT.to_owned(), Some(nothing)),
        (judged("with: {objectives: [http/error-rate <= 1%]}"), None),
        (
            judged("if: NoFailure(), with: {objectives: [http/error-rate <= 1%]}"),
            Some(nothing),
        ),
        (
            judged("with: {objectives: [{objective: http/error-rate <= 1%, warn: true}]}"),
            Some(nothing),
        ),
        (
            ABORT.replace("abort", "warmup: true, abort"),
            Some("2:59: `abort` changes nothing: a warm-up is not judged"),
        ),
    ] {
        let Checked { pipeline, found, .. } = check_in(Path::new("."), &text);
        assert_eq!(lines(&found), expected.into_iter().collect::<Vec<_>>(), "{text}");
        let pipeline = pipeline.expect("a pipeline");
        let promised = pipeline.about(&pipeline.steps[0]).contains("ended early");
        assert_eq!(promised, expected.is_none(), "{text}");
    }
}

#[test]
fn an_objective_on_something_else_does_not_judge_a_load() {
    let load = "- {task: http, with: {url: http://a}}\n";
    let provider = "- {task: custommetrics, with: {templates: {db: http://a/db.tpl}}}\n";
    let judge = |metric: &str| format!("- {{task: assess, with: {{objectives: [{metric} <= 1]}}}}\n");
    let found = check(&format!(
        "spec:\n{load}{provider}{}{load}{}",
        judge("db/errors"),
        judge("http/error-count")
    ));
    assert_eq!(
        found,
        ["5:3: this load replaces the measurements of task 1, which nothing has judged"]
    );
}
