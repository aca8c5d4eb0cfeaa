//! `status`: pending at the start, then what came of it, on the head commit.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::action::{Given, short};
use crate::support::{
    Answer, Certificate, Fault, Flaw, GitHub, HEAD, MERGE, Server, commands, each, outputs,
};

const STATUS: (&str, &str) = ("status", "iter8/slo");
const PASS: (&str, &str) = ("slos", "http/request-count >= 20");

#[test]
fn a_status_is_pending_and_then_a_success_on_the_head() {
    let (github, target) = (GitHub::new(), Server::ok());
    github
        .step(short(&target, &[PASS, STATUS]))
        .run(&["action"])
        .exits(0);
    let statuses = github.statuses();
    let states: Vec<(&str, &str)> = statuses
        .iter()
        .map(|(sha, body)| (sha.as_str(), body["state"].as_str().expect("a state")))
        .collect();
    assert_eq!(states, [(HEAD, "pending"), (HEAD, "success")]);
    let last = &statuses[1].1;
    assert_eq!(last["context"], "iter8/slo");
    assert_eq!(
        last["target_url"],
        "https://ghe.example/acme/shop/actions/runs/100"
    );
    let description = last["description"].as_str().expect("a description");
    assert!(
        description.contains("met") && description.chars().count() <= 140,
        "{description}"
    );
    github.was_asked_well();
}

#[test]
fn every_outcome_has_its_state() {
    let ok = Server::ok();
    let failing = Server::new(|_| Answer::status(500));
    let gone = Server::new(|_| Answer::status(503));
    let rows: [(&str, &Server, Given<'_>, &str); 6] = [
        ("fail", &failing, &[("slos", "http/error-rate <= 1%")], "failure"),
        (
            "inconclusive",
            &ok,
            &[("slos", "http/error-rate <= 1%"), ("onInconclusive", "fail")],
            "failure",
        ),
        ("error", &gone, &[("readyTimeout", "1s")], "error"),
        ("mistakes", &ok, &[("qps", "fast")], "error"),
        (
            "reported only",
            &failing,
            &[("slos", "http/error-rate <= 1%"), ("validateSLOs", "false")],
            "success",
        ),
        ("pass", &ok, &[PASS], "success"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, target, inputs, state)| {
            let github = GitHub::new();
            let app = github.step(short(target, &[*inputs, &[STATUS]].concat()));
            app.run(&["action"]);
            let (sha, last) = github.statuses().pop().expect("a status");
            assert_eq!(
                (sha.as_str(), last["state"].as_str()),
                (HEAD, Some(*state)),
                "{last}"
            );
            github.was_asked_well();
        },
    );
}

#[test]
fn a_run_that_is_cancelled_does_not_stay_pending() {
    let (github, target) = (GitHub::new(), Server::ok());
    let inputs = [
        STATUS,
        ("comment", "always"),
        ("numRequests", "10000"),
        ("qps", "20"),
    ];
    let app = github.step(short(&target, &inputs));
    let running = app.start(&["action"]);
    while target.requests() < 5 {
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal(Signal::TERM);
    running.finish().exits(143);
    let (_, last) = github.statuses().pop().expect("a status");
    assert_eq!(last["state"], "error");
    assert_eq!(github.comments().len(), 0);
}

#[test]
fn missing_permissions_are_one_warning_with_every_line() {
    let (github, target) = (GitHub::new(), Server::ok());
    let read_only =
        Answer::status(403).body(json!({ "message": "Resource not accessible by integration" }).to_string());
    github.fault("POST", "/", 99, Fault::Before(read_only));
    let inputs = [PASS, STATUS, ("comment", "always")];
    let app = github.step(short(&target, &inputs));
    let output = app.run(&["action"]);
    output.exits(0);
    let warnings: Vec<String> = commands(&output)
        .into_iter()
        .filter(|line| line.starts_with("::warning"))
        .collect();
    assert_eq!(warnings.len(), 1, "{output}");
    let lines = "permissions:%0A  pull-requests: write%0A  statuses: write";
    assert!(warnings[0].contains(lines), "{warnings:?}");
    assert_eq!(outputs(&app)["commentURL"], "");
}

#[test]
fn a_status_is_set_again_after_a_failure() {
    let (github, target) = (GitHub::new(), Server::ok());
    github.fault("POST", "/statuses/", 1, Fault::Before(Answer::status(502)));
    github.fault("POST", "/statuses/", 1, Fault::After(Answer::cut()));
    github
        .step(short(&target, &[PASS, STATUS]))
        .run(&["action"])
        .exits(0);
    let (_, last) = github.statuses().pop().expect("a status");
    assert_eq!(last["state"], "success");
}

#[test]
fn without_a_pull_request_it_is_the_commit_of_the_event() {
    let (github, target) = (GitHub::new(), Server::ok());
    let app = github.step_of(
        short(&target, &[PASS, STATUS]),
        "push",
        &json!({ "after": MERGE }),
    );
    app.run(&["action"]).exits(0);
    assert!(github.statuses().iter().all(|(sha, _)| sha == MERGE));
    // A comment on a pull request starts a run of the default branch; the status belongs to the pull request.
    let event = json!({ "issue": { "number": 7, "pull_request": {} } });
    let app = github.step_of(short(&target, &[PASS, STATUS]), "issue_comment", &event);
    app.run(&["action"]).exits(0);
    assert_eq!(github.statuses().pop().expect("a status").0, HEAD);
    github.was_asked_well();
}

#[test]
fn a_private_authority_is_trusted_when_the_system_does() {
    let certificate = Certificate::new(Flaw::None);
    let (github, target) = (GitHub::tls(&certificate), Server::ok());
    let app = github
        .step(short(&target, &[PASS, STATUS]))
        .file("ca.pem", &certificate.authority);
    let output = app.run(&["action"]);
    output
        .exits(0)
        .says("the server's certificate is from an unknown issuer");
    assert_eq!(github.statuses().len(), 0);
    let path = app.path("ca.pem").display().to_string();
    app.env("SSL_CERT_FILE", path).run(&["action"]).exits(0);
    assert_eq!(github.statuses().len(), 2);
    github.was_asked_well();
}
