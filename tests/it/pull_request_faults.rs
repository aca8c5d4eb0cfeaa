//! `pullRequest` when GitHub's API fails: each fault, what is there in the end, and what the user sees.

use std::time::Duration;

use serde_json::json;

use crate::action::short;
use crate::comment::{PASS, annotations};
use crate::pull_request::{AFTER, BRANCH, CHANGES, FILE, ON_PASS, github, run};
use crate::support::{Answer, Fault, GitHub, Server, each, outputs};

fn refusal(status: u16, message: &str) -> Answer {
    Answer::status(status).body(json!({ "message": message }).to_string())
}

const REFS: &str = "/git/refs";
const PULLS: &str = "/pulls";

struct Row {
    name: &'static str,
    faults: Vec<(&'static str, &'static str, usize, Fault)>,
    opened: bool,
    says: &'static str,
}

fn row(
    name: &'static str,
    fault: (&'static str, &'static str, usize, Fault),
    opened: bool,
    says: &'static str,
) -> Row {
    Row {
        name,
        faults: vec![fault],
        opened,
        says,
    }
}

const OPENED: &str = "pull request opened";

/// GitHub says no.
fn refusals() -> Vec<Row> {
    let before = |status, message| Fault::Before(refusal(status, message));
    let read_only = || before(403, "Resource not accessible by integration");
    vec![
        row(
            "read-only token",
            ("POST", "/git/trees", 9, read_only()),
            false,
            "contents: write",
        ),
        row(
            "no pull requests",
            ("POST", PULLS, 9, read_only()),
            false,
            "pull-requests: write",
        ),
        row(
            "a setting",
            (
                "POST",
                PULLS,
                9,
                before(
                    403,
                    "GitHub Actions is not permitted to create or approve pull requests.",
                ),
            ),
            false,
            "Allow GitHub Actions to create and approve pull requests",
        ),
        row(
            "private repository",
            ("GET", "/git/ref/", 9, before(404, "Not Found")),
            false,
            "has no branch \"main\"",
        ),
        row(
            "protected branch",
            ("POST", REFS, 9, before(422, "Repository rule violations found")),
            false,
            "rule violations",
        ),
        row(
            "500 while reading",
            ("GET", "/git/", 2, before(500, "")),
            true,
            OPENED,
        ),
    ]
}

/// Answers that do not tell whether it is done.
fn lost_answers() -> Vec<Row> {
    let before = |status, message| Fault::Before(refusal(status, message));
    let after = |status, message| Fault::After(refusal(status, message));
    vec![
        row(
            "502 after the commit",
            ("POST", "/git/commits", 1, after(502, "")),
            true,
            OPENED,
        ),
        row(
            "502 before the branch",
            ("POST", REFS, 1, before(502, "")),
            true,
            OPENED,
        ),
        row(
            "502 after the branch",
            ("POST", REFS, 1, after(502, "")),
            true,
            OPENED,
        ),
        row(
            "reset after the branch",
            ("POST", REFS, 1, Fault::After(Answer::cut())),
            true,
            OPENED,
        ),
        row(
            "500 before opening",
            ("POST", PULLS, 1, before(500, "")),
            true,
            OPENED,
        ),
        row(
            "502 after opening",
            ("POST", PULLS, 1, after(502, "")),
            true,
            OPENED,
        ),
        row(
            "reset before opening",
            ("POST", PULLS, 1, Fault::Before(Answer::cut())),
            true,
            OPENED,
        ),
        row(
            "reset after opening",
            ("POST", PULLS, 1, Fault::After(Answer::cut())),
            true,
            OPENED,
        ),
        row(
            "time-out after opening",
            ("POST", PULLS, 1, Fault::Slow(Duration::from_secs(12))),
            true,
            OPENED,
        ),
        row(
            "503 for good",
            ("POST", PULLS, 99, before(503, "")),
            false,
            "GitHub's API failed with 503",
        ),
    ]
}

/// Limits, and what is no answer of GitHub's.
fn others() -> Vec<Row> {
    let before = |status, message| Fault::Before(refusal(status, message));
    vec![
        row(
            "secondary limit, short",
            (
                "POST",
                PULLS,
                1,
                Fault::Before(refusal(403, "secondary rate limit").header("retry-after", "1")),
            ),
            true,
            OPENED,
        ),
        row(
            "secondary limit, long",
            (
                "POST",
                PULLS,
                9,
                Fault::Before(refusal(403, "secondary rate limit").header("retry-after", "600")),
            ),
            false,
            "rate limit is reached",
        ),
        row(
            "conflict",
            ("POST", "/git/trees", 9, before(409, "Git Repository is empty.")),
            false,
            "409",
        ),
        row(
            "too long",
            (
                "POST",
                PULLS,
                1,
                before(422, "body is too long (maximum is 65536 characters)"),
            ),
            true,
            OPENED,
        ),
        row(
            "a proxy's page",
            (
                "GET",
                "/git/",
                9,
                Fault::Before(Answer::status(200).body("<html>")),
            ),
            false,
            "not one of GitHub's API",
        ),
    ]
}

#[test]
fn no_fault_of_the_api_opens_two_or_spoils_the_outcome() {
    let target = Server::ok();
    each(
        &[refusals(), lost_answers(), others()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
        |row| row.name,
        |row| {
            let github = github();
            for (method, path, times, fault) in &row.faults {
                github.fault(method, path, *times, fault.clone());
            }
            let (app, output) = run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]);
            output.exits(if row.opened { 0 } else { 6 }).says(row.says);
            assert_eq!(outputs(&app)["outcome"], "pass");
            assert_eq!(github.pulls().len(), usize::from(row.opened), "{output}");
            assert_eq!(!outputs(&app)["pullRequestURL"].is_empty(), row.opened);
            assert_eq!(
                annotations(&output, "error").len(),
                usize::from(!row.opened),
                "{output}"
            );
            if row.opened {
                assert_eq!(github.content(BRANCH, FILE).expect("a file").1, AFTER);
                github.was_asked_well();
            }
            // Once nothing fails any more, the next run makes up for it.
            github.heal();
            run(&github, &target, "101", &[PASS, ON_PASS, CHANGES]).1.exits(0);
            assert_eq!(github.pulls().len(), 1);
        },
    );
}

#[test]
fn a_branch_that_is_not_known_everywhere_yet_is_waited_for() {
    let (github, target) = (github(), Server::ok());
    github.late(2);
    run(&github, &target, "100", &[PASS, ON_PASS, CHANGES])
        .1
        .exits(0)
        .says("pull request opened");
    assert_eq!((github.pulls().len(), github.count("POST", PULLS)), (1, 3));
}

const V3: (&str, &str) = (
    "pullRequestChanges",
    "- {file: deploy/values.yaml, yaml: image.tag, value: v3}",
);

#[test]
fn what_somebody_pushes_while_the_branch_is_written_is_not_overwritten() {
    let target = Server::ok();
    let lost = Answer::status(502);
    let rows = [
        ("while the commit is made", "POST", "/git/commits", None),
        ("while the pull request tells of it", "PATCH", "/pulls/21", None),
        ("before an answer that is lost", "PATCH", REFS, Some(lost)),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, method, path, answer)| {
            let github = github();
            run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
            github.fault(method, path, 1, Fault::Pushed(BRANCH, answer.clone()));
            let (_, output) = run(&github, &target, "101", &[PASS, ON_PASS, V3]);
            output.exits(6).says("has commits that iter8 did not make");
            assert!(github.content(BRANCH, "fix.txt").is_some(), "{output}");
        },
    );
}

#[test]
fn a_branch_is_brought_on_after_an_update_that_was_lost() {
    let target = Server::ok();
    let lost = || Fault::After(Answer::status(502));
    let failed = || Fault::Before(Answer::status(503));
    for (path, times, fault) in [(REFS, 1, lost()), (REFS, 99, failed()), ("/pulls/21", 99, lost())] {
        let github = github();
        run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(0);
        github.fault("PATCH", path, times, fault);
        run(&github, &target, "101", &[PASS, ON_PASS, V3]);
        github.heal();
        github.file("main", "README.md", "the base moves");
        run(&github, &target, "102", &[PASS, ON_PASS, V3]).1.exits(0);
        let file = github.content(BRANCH, FILE).expect("a file").1;
        assert_eq!(file, AFTER.replace("v2", "v3"), "{path}");
        assert!(github.content(BRANCH, "README.md").is_some(), "{path}");
        github.was_asked_well();
    }
}

#[test]
fn no_branch_is_left_where_no_pull_request_may_be_opened() {
    let (github, target) = (github(), Server::ok());
    let setting = "GitHub Actions is not permitted to create or approve pull requests.";
    github.fault("POST", PULLS, 9, Fault::Before(refusal(403, setting)));
    run(&github, &target, "100", &[PASS, ON_PASS, CHANGES]).1.exits(6);
    assert_eq!(github.branches(), ["main"]);
    github.heal();
    github.file("main", "README.md", "the base moves");
    run(&github, &target, "101", &[PASS, ON_PASS, CHANGES])
        .1
        .exits(0)
        .says(OPENED);
    github.was_asked_well();
}

#[test]
fn two_jobs_at_once_open_one_pull_request() {
    let target = Server::ok();
    for path in ["/git/commits", REFS, PULLS] {
        let github = github();
        github.fault("POST", path, 2, Fault::Slow(Duration::from_millis(400)));
        let steps: Vec<_> = ["100", "101"]
            .map(|run| {
                github
                    .step(short(&target, &[PASS, ON_PASS, CHANGES]))
                    .env("GITHUB_RUN_ID", run)
            })
            .into();
        let running: Vec<_> = steps.iter().map(|app| app.start(&["action"])).collect();
        for output in running.into_iter().map(crate::support::Running::finish) {
            output.exits(0);
        }
        assert_eq!(github.pulls().len(), 1, "{path}");
        assert_eq!(github.content(BRANCH, FILE).expect("a file").1, AFTER);
    }
}

#[test]
fn a_forks_run_is_told_and_stays_green() {
    let (github, target) = (github(), Server::ok());
    let event = json!({
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": { "sha": crate::support::HEAD, "repo": { "full_name": "mallory/shop", "fork": true } },
            "base": { "repo": { "full_name": "acme/shop" } },
        },
    });
    github.fault(
        "POST",
        "/git/",
        9,
        Fault::Before(refusal(403, "Resource not accessible by integration")),
    );
    let app = github.step_of(short(&target, &[PASS, ON_PASS, CHANGES]), "pull_request", &event);
    let output = app.run(&["action"]);
    output
        .exits(0)
        .says("no pull request: the pull request is from a fork");
    assert_eq!(annotations(&output, "notice").len(), 1, "{output}");
}

#[test]
fn secrets_that_are_empty_in_a_forks_run_leave_it_green() {
    let target = Server::ok();
    let event = |repository: &str| {
        json!({
            "number": 7,
            "pull_request": {
                "number": 7,
                "head": { "sha": crate::support::HEAD, "repo": { "full_name": repository, "fork": repository != "acme/shop" } },
                "base": { "repo": { "full_name": "acme/shop" } },
            },
        })
    };
    let elsewhere = ("pullRequestRepository", "acme/deploy");
    // The token, and where.
    let rows: [(&str, &[(&str, &str)]); 4] = [
        ("", &[]),
        ("", &[elsewhere]),
        ("ghs_wrong", &[]),
        (crate::support::TOKEN, &[elsewhere]),
    ];
    for (token, inputs) in rows {
        for (repository, code, level) in [("mallory/shop", 0, "notice"), ("acme/shop", 6, "error")] {
            let github = github();
            let inputs = [&[PASS, ON_PASS, CHANGES], inputs].concat();
            let app = github.step_of(short(&target, &inputs), "pull_request", &event(repository));
            let output = app.env("INPUT_TOKEN", token).run(&["action"]);
            output.exits(code);
            assert_eq!(annotations(&output, level).len(), 1, "{token}: {output}");
        }
    }
}

#[test]
fn a_failing_run_stays_failing_whatever_becomes_of_its_pull_request() {
    let target = Server::ok();
    let github = GitHub::new();
    let inputs = [crate::comment::FAIL, ("pullRequest", "on-fail"), CHANGES];
    let (_, output) = run(&github, &target, "100", &inputs);
    output.exits(1).says("it is not there");
}
