//! What `iter8 assert` says beside its conditions: what a reader should doubt, and what was not judged.

use crate::support::{Answer, App, Output, Server};

const BOTH: &str = "completed,nofailure";
const ALL: &str = "completed,nofailure,slos";
const SATISFIED: &str = "all conditions were satisfied";

/// Runs five requests and an assess task with such objectives, if any, and asserts.
fn gate(answer: fn() -> Answer, objectives: &str, conditions: &str) -> Output {
    let server = Server::new(move |_| answer());
    let assess = if objectives.is_empty() {
        String::new()
    } else {
        format!("- task: assess\n  with: {{objectives: [{objectives}]}}\n")
    };
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n{assess}",
        server.url("/")
    ));
    app.run(&["run", "-l", "error"]);
    app.run(&["assert", "-c", conditions])
}

/// Where a text stands in what was said.
fn place(output: &Output, text: &str) -> usize {
    let found = output.stderr.find(text);
    found.unwrap_or_else(|| panic!("not said: {text}\n{output}"))
}

#[test]
fn what_the_report_warns_of_stands_before_the_conclusion() {
    let output = gate(|| Answer::status(500), "http/request-count >= 5", ALL);
    let warned = place(&output, "warning: 5 of 5 requests (100 %) failed");
    assert!(warned < place(output.exits(0), SATISFIED), "{output}");
    let redirect = || Answer::status(302).header("location", "/elsewhere");
    let output = gate(redirect, "http/request-count >= 5", ALL);
    let warned = place(&output, "warning: Every answer");
    assert!(warned < place(output.exits(0), SATISFIED), "{output}");
    // Who is well is warned of nothing.
    let output = gate(|| Answer::status(200), "http/error-rate <= 100%", ALL);
    output.exits(0).says("SLOs are satisfied");
    assert!(!output.has("warning"), "{output}");
}

#[test]
fn loops_that_failed_before_the_last_one_are_warned_of() {
    let server = Server::new(|seen| Answer::status(if seen.number < 6 { 500 } else { 200 }));
    let app = App::with(&format!(
        "loop: {{times: 2}}\nspec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100, warmup: false}}\n- task: assess\n  with: {{objectives: [http/error-count <= 0]}}\n",
        server.url("/")
    ));
    app.run(&["run", "-l", "error"]);
    let result = app.result();
    assert_eq!(result["past"].as_array().map(Vec::len), Some(1), "{result}");
    let output = app.run(&["assert", "-c", "completed"]);
    output.says("loops failed: ").says("warning: ");
}

#[test]
fn what_was_not_judged_is_told_as_such() {
    let unjudged = "no objective was judged: the result says nothing of SLOs";
    let output = gate(|| Answer::status(200), "", BOTH);
    assert!(
        place(&output, unjudged) < place(output.exits(0), SATISFIED),
        "{output}"
    );
    let output = gate(|| Answer::status(200), "http/error-rate <= 100%", BOTH);
    assert!(!output.exits(0).has(unjudged), "{output}");
    // What only warns is no SLO that is satisfied.
    let warns = "{objective: http/request-count >= 6, warn: true}";
    let output = gate(|| Answer::status(200), warns, ALL);
    output
        .exits(0)
        .says("no objective can fail this run; of those that only warn, 1 not met");
    assert!(!output.has("SLOs are satisfied"), "{output}");
    let both = format!("{warns}, http/error-rate <= 100%");
    gate(|| Answer::status(200), &both, ALL)
        .exits(0)
        .says("SLOs are satisfied; of those that only warn, 1 not met");
}

#[test]
fn what_nobody_answered_is_invalid_whatever_is_judged_met() {
    let why = "none of 5 requests to ";
    // A count is met by requests that nobody answered.
    let output = gate(Answer::cut, "http/request-count >= 5", ALL);
    output.exits(1).says(&format!("SLOs are not satisfied: {why}"));
    let output = gate(Answer::cut, "http/request-count >= 5", BOTH);
    let warned = place(&output, &format!("warning: the outcome is invalid: {why}"));
    assert!(warned < place(output.exits(0), SATISFIED), "{output}");
}

#[test]
fn the_reason_of_several_conditions_is_told_once() {
    let app = App::with("spec:\n- run: exit 7\n");
    app.run(&["run"]).exits(3);
    let output = app.run(&["assert", "-c", ALL]);
    output
        .exits(1)
        .says("experiment did not complete: task 1 (run) failed: ")
        .says("experiment failed\nSLOs are not satisfied\nnot all conditions were satisfied");
    assert_eq!(output.stderr.matches("task 1").count(), 1, "{output}");
}
