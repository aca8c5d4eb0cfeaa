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
fn check(text: &str) -> Vec<String> {
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

/// The diagnostics of one `http` task with these lines in its `with:`, the first of which is line 4.
fn http(fields: &str) -> Vec<String> {
    let fields: String = fields.lines().map(|line| format!("    {}\n", line)).collect();
    check(&format!("spec:\n- task: http\n  with:\n{fields}"))
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
        ["3:10: a `ready` task needs `url`"]
    );
}

#[test]
fn limits_and_ranges_that_cannot_be_are_refused_in_both_forms() {
    assert_eq!(
        objective("SLOs: {upper: [{metric: http/error-rate, limit: 100}], lower: [{metric: http/latency-p95, limit: -1}]}"),
        [
            "5:53: a limit of 100 for http/error-rate, which is at most 1",
            "5:102: a limit of -1 for http/latency-p95, which is never negative"
        ]
    );
    assert_eq!(
        objective("objectives: [http/error-rate <= 5]"),
        ["5:18: a limit of 5 for http/error-rate, which is at most 1"]
    );
    assert_eq!(
        http("url: http://a\nerrorRanges: [{lower: 4000}, {lower: 0, upper: 99}, {lower: 500}]"),
        [
            "5:27: `lower: 4000` is no status",
            "5:53: `upper: 99` is no status"
        ]
    );
}

#[test]
fn a_task_without_objectives_is_a_mistake_whatever_else_is_wrong() {
    let found = check("spec:\n- task: http\n  with: {url: http://a, qps: 0}\n- task: assess\n  with: {SLOs: }\n");
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
