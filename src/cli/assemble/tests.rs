//! Flags over a file.

use super::*;
use crate::spec::{SourceFile, Value};

/// Flags as they are typed, `--` left out: fields of the load, of the verdict, `slo` and `readyTimeout`.
fn given(flags: &[(&str, &str)]) -> Given {
    let mut given = Given {
        patience: "10s",
        ..Given::default()
    };
    for (key, value) in flags {
        let (name, text, at) = ((*key).to_owned(), (*value).to_owned(), format!("flag --{key}"));
        match *key {
            "slo" => given.objectives.push((text, at)),
            "readyTimeout" => given.ready_timeout = Some((text, at)),
            "minRequests" | "onInconclusive" => given.judge.push((name, text, at)),
            _ => given.load.push((name, vec![text], at)),
        }
    }
    given
}

/// The tasks of a file with flags over it, one per line, and what is wrong with the flags.
fn over(file: &str, flags: &[(&str, &str)]) -> (String, Vec<String>) {
    let source = SourceFile::new("e.yaml", file);
    let root = Node::parse(&source).expect("yaml");
    let (mut root, found) = given(flags).over(root);
    let tasks = edit::tasks(&mut root).map(|tasks| tasks.iter().map(show).collect::<Vec<_>>());
    let found = found.iter().map(|diagnostic| {
        let place = diagnostic.place.as_ref().expect("a place");
        format!("{place}: {}", diagnostic.message)
    });
    (tasks.unwrap_or_default().join("\n"), found.collect())
}

fn tasks(file: &str, flags: &[(&str, &str)]) -> String {
    let (tasks, found) = over(file, flags);
    assert_eq!(found, Vec::<String>::new());
    tasks
}

fn show(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(text) | Value::Text(text) => text.clone(),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let shown = entries
                .iter()
                .map(|(key, node)| format!("{}: {}", key.name, show(node)));
            format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn flags_reach_keys_in_any_case() {
    assert_eq!(
        tasks(
            "Spec:\n- Task: http\n  With: {URL: http://a/, QPS: 1}\n- TASK: assess\n  with:\n",
            &[
                ("qps", "5"),
                ("slo", "http/error-rate <= 1%"),
                ("minRequests", "7")
            ],
        ),
        "{Task: http, With: {URL: http://a/, qps: 5}}\n\
         {TASK: assess, with: {minRequests: 7}}\n\
         {task: assess, with: {objectives: [http/error-rate <= 1%], minRequests: 7}}"
    );
}

#[test]
fn a_task_without_fields_gets_those_of_the_flags() {
    assert_eq!(
        tasks(
            "spec: [{task: ready, with: {url: http://a/}}, {task: http}]",
            &[("url", "http://b/")]
        ),
        "{task: ready, with: {url: http://b/}}\n{task: http, with: {url: http://b/}}"
    );
}

#[test]
fn a_flag_that_would_change_nothing_is_a_mistake() {
    let flags = [("qps", "5"), ("readyTimeout", "5s"), ("minRequests", "7")];
    let (_, found) = over("spec: [{run: echo}]", &flags);
    assert_eq!(
        found,
        [
            "flag --qps: `qps` would change nothing: the experiment has no `http` task",
            "flag --readyTimeout: `readyTimeout` would change nothing: the experiment has no `ready` task",
            "flag --minRequests: `minRequests` would change nothing: the experiment has no `assess` task",
        ]
    );
    let (_, found) = over(
        "spec: [{task: assess}, {task: http}, {task: ready, with: {url: a}}]",
        &flags,
    );
    assert!(found.is_empty(), "{found:?}");
    let alone = |flags: &[(&str, &str)]| given(flags).alone().1.len();
    assert_eq!(alone(&[("url", "http://a/"), ("onInconclusive", "fail")]), 1);
    assert_eq!(
        alone(&[
            ("url", "http://a/"),
            ("onInconclusive", "fail"),
            ("slo", "x <= 1")
        ]),
        0
    );
}
