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
