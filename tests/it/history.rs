//! The last result of the base branch beside this one: it informs, it may warn, it fails nothing.

use std::time::Duration;

use serde_json::Value;

use crate::action::{short, step};
use crate::comment::{ALWAYS, PASS, annotations};
use crate::support::{Answer, App, GitHub, Server, each, outputs, plain};

const SLOW: Duration = Duration::from_millis(60);

/// The result of a run, as it is downloaded later.
fn earlier() -> Value {
    let target = Server::ok();
    let app = short(&target, &[PASS])
        .env("GITHUB_SHA", "d".repeat(40))
        .env("GITHUB_REPOSITORY", "acme/shop");
    app.run(&["action"]).exits(0);
    app.result()
}

fn later(target: &Server, before: &str) -> App {
    short(target, &[PASS, ("history", "history"), ("reports", "text, json")])
        .file("history/result.json", before)
}

#[test]
fn the_last_result_stands_beside_this_one_everywhere() {
    let (github, target) = (GitHub::new(), Server::ok());
    let app = short(
        &target,
        &[PASS, ALWAYS, ("history", "history"), ("reports", "text")],
    );
    let app = github
        .step(app)
        .file("history/result.json", earlier().to_string());
    let output = app.run(&["action"]);
    output.exits(0);
    let texts = [
        app.read("runner/summary"),
        github.comment().body,
        app.read("iter8-results/report.txt"),
        app.read("iter8-results/report.html"),
        output.stdout.clone(),
    ];
    for text in texts {
        let text = plain(&text);
        for part in [
            "Beside the last result of the base: p95 was",
            "ddddddd",
            "ended with pass",
            "fails nothing",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
    let history = &app.result()["history"];
    assert_eq!(history["commit"], "d".repeat(40));
    assert!(
        history["changes"]
            .as_array()
            .is_some_and(|changes| changes.len() >= 4),
        "{history}"
    );
    assert_eq!(history["differences"], serde_json::json!([]));
    // What is rendered again later says it, too.
    app.run(&["report"])
        .exits(0)
        .says("Beside the last result of the base");
}

#[test]
fn what_became_much_worse_is_a_warning_and_no_failure() {
    let target = Server::new(|_| Answer::status(200).after(SLOW));
    let app = later(&target, &earlier().to_string());
    let output = app.run(&["action"]);
    output.exits(0).says("No objective depends on it");
    assert_eq!(outputs(&app)["outcome"], "pass");
    let warnings = annotations(&output, "warning");
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("p95 is") && line.contains("and was")),
        "{warnings:?}"
    );
}

#[test]
fn what_was_not_measured_alike_is_named_and_warns_of_nothing() {
    let mut before = earlier();
    let environment = &mut before["environment"];
    environment["processors"] = 96.into();
    environment["processor"] = "Abacus 9000".into();
    environment["system"] = "plan9 mips".into();
    before["insights"]["versions"][0]["loads"][0]["plan"] = "as fast as it goes".into();
    let target = Server::new(|_| Answer::status(200).after(SLOW));
    let app = later(&target, &before.to_string());
    let output = app.run(&["action"]);
    output.exits(0);
    output.says_all(&[
        "processors: 96 then",
        "processor: Abacus 9000 then",
        "system: plan9 mips then",
        "load: as fast as it goes then",
    ]);
    assert!(!output.has("No objective depends on it"), "{output}");
}

#[test]
fn a_history_that_cannot_be_read_is_a_warning() {
    let good = earlier().to_string();
    let rows = [
        ("empty", ""),
        ("no JSON", "<html>"),
        ("no result", "{}"),
        ("cut", &good[..good.len() / 2]),
        ("later version", r#"{"schemaVersion": "9.0.0"}"#),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, text)| {
            let target = Server::ok();
            let app = later(&target, text);
            let output = app.run(&["action"]);
            output.exits(0).says("no earlier result is shown beside this one");
            assert_eq!(annotations(&output, "warning").len(), 1, "{output}");
            assert_eq!(app.result().get("history"), None);
        },
    );
    let target = Server::ok();
    let url = target.url("/");
    let app = step(&[
        ("url", &url),
        ("numRequests", "5"),
        ("qps", "100"),
        ("history", "none"),
    ]);
    app.run(&["action"]).exits(0).says("cannot read the result none");
}

#[test]
fn a_history_of_other_metrics_or_none_is_no_trouble() {
    let mut before = earlier();
    before["insights"]["versions"] = serde_json::json!([]);
    let target = Server::ok();
    let app = later(&target, &before.to_string());
    app.run(&["action"]).exits(0);
    assert_eq!(app.result()["history"]["changes"], serde_json::json!([]));
    // At the terminal a file will do.
    let app = App::new().file("old.json", earlier().to_string());
    let url = target.url("/");
    let args = [
        "run",
        "--url",
        &url,
        "--numRequests",
        "20",
        "--qps",
        "200",
        "--history",
        "old.json",
    ];
    app.run(&args).exits(0).says("Beside the last result");
}
