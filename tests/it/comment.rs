//! `comment`: one comment per key on the pull request, whatever happens on the way.

use std::time::Duration;

use serde_json::json;

use crate::action::{Given, short};
use crate::support::{Answer, App, Fault, GitHub, HEAD, Output, Server, commands, each, outputs, plain};

pub(crate) const PASS: (&str, &str) = ("slos", "http/request-count >= 20");
pub(crate) const FAIL: (&str, &str) = ("slos", "http/request-count >= 21");
pub(crate) const ALWAYS: (&str, &str) = ("comment", "always");
pub(crate) const COMMENTS: &str = "/issues/7/comments";
pub(crate) const ONE: &str = "/issues/comments/";

/// A step of run `run` for the pull request.
pub(crate) fn step(github: &GitHub, target: &Server, run: &str, inputs: Given<'_>) -> App {
    github.step(short(target, inputs)).env("GITHUB_RUN_ID", run)
}

/// Annotations of a level, as the runner sees them.
pub(crate) fn annotations(output: &Output, level: &str) -> Vec<String> {
    let start = format!("::{level} ");
    commands(output)
        .into_iter()
        .filter(|line| line.starts_with(&start))
        .collect()
}

#[test]
fn a_comment_is_created_once_and_then_kept_up_to_date_in_place() {
    let (github, target) = (GitHub::new(), Server::ok());
    let app = step(&github, &target, "100", &[FAIL, ALWAYS]);
    app.run(&["action"]).exits(1).says("comment created");
    let first = github.comment();
    assert!(
        first.body.starts_with("<!-- iter8:comment key="),
        "{}",
        first.body
    );
    for part in [
        "\n## ❌ iter8: 1 of 1 objective not met",
        "| Objective |",
        "<details>",
        "<sub>preview / slo</sub>",
    ] {
        assert!(
            plain(&first.body).contains(&plain(part)),
            "{part}\n{}",
            first.body
        );
    }
    assert!(first.body.contains(HEAD), "the commit is the head");
    let url = format!("https://ghe.example/acme/shop/pull/7#issuecomment-{}", first.id);
    assert_eq!(outputs(&app)["commentURL"], url);

    let app = step(&github, &target, "101", &[PASS, ALWAYS]);
    app.run(&["action"]).exits(0).says("comment updated");
    let second = github.comment();
    assert_eq!(second.id, first.id);
    assert!(
        second.body.contains("\n## ✅") && !second.body.contains('❌'),
        "{}",
        second.body
    );
    assert_eq!(outputs(&app)["commentURL"], url);
    github.was_asked_well();
}

#[test]
fn when_a_comment_is_written() {
    // What is there before, when, what the run is like, and how many writes follow.
    type Row<'a> = (&'a str, Option<Given<'a>>, &'a str, (&'a str, &'a str), usize);
    let rows: [Row<'_>; 9] = [
        ("never", None, "never", FAIL, 0),
        ("on-fail creates after a failure", None, "on-fail", FAIL, 1),
        ("on-fail creates none after a pass", None, "on-fail", PASS, 0),
        (
            "on-fail updates after a pass",
            Some(&[FAIL, ALWAYS]),
            "on-fail",
            PASS,
            1,
        ),
        ("on-change creates", None, "on-change", PASS, 1),
        (
            "on-change leaves the same alone",
            Some(&[PASS, ALWAYS]),
            "on-change",
            PASS,
            0,
        ),
        (
            "on-change sees a change",
            Some(&[PASS, ALWAYS]),
            "on-change",
            FAIL,
            1,
        ),
        (
            "on-change sees another objective",
            Some(&[PASS, ALWAYS]),
            "on-change",
            ("slos", "http/request-count >= 19"),
            1,
        ),
        ("always", Some(&[PASS, ALWAYS]), "always", PASS, 1),
    ];
    let target = Server::ok();
    each(
        &rows,
        |row| row.0,
        |(_, before, when, slos, writes)| {
            let github = GitHub::new();
            if let Some(inputs) = before {
                step(&github, &target, "100", inputs).run(&["action"]);
                assert_eq!(github.comments().len(), 1);
            }
            let done = github.count("POST", COMMENTS) + github.count("PATCH", ONE);
            let app = step(&github, &target, "101", &[*slos, ("comment", when)]);
            app.run(&["action"]);
            let after = github.count("POST", COMMENTS) + github.count("PATCH", ONE);
            assert_eq!(after - done, *writes);
            let url = !github.comments().is_empty();
            assert_eq!(!outputs(&app)["commentURL"].is_empty(), url);
            github.was_asked_well();
        },
    );
}

#[test]
fn jobs_with_other_keys_have_comments_of_their_own() {
    let (github, target) = (GitHub::new(), Server::ok());
    for key in [
        "ci / load / 0",
        "ci / load / 1",
        "ci / load / 10",
        "ci / load / 0",
    ] {
        let app = step(&github, &target, "100", &[PASS, ALWAYS, ("commentKey", key)]);
        app.run(&["action"]).exits(0);
    }
    assert_eq!(github.comments().len(), 3);
    let action = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/action.yml")).expect("a file");
    assert!(
        action.contains("${{ strategy.job-index }}"),
        "by default they differ"
    );
}

#[test]
fn a_mark_that_somebody_else_pasted_is_left_alone() {
    let (github, target) = (GitHub::new(), Server::ok());
    step(&github, &target, "100", &[PASS, ALWAYS])
        .run(&["action"])
        .exits(0);
    let other = GitHub::new();
    let pasted = other.write("mallory", &github.comment().body);
    step(&other, &target, "101", &[FAIL, ALWAYS])
        .run(&["action"])
        .exits(1);
    let comments = other.comments();
    assert_eq!(comments.len(), 2);
    assert!(
        comments
            .iter()
            .any(|one| one.id == pasted && one.body == github.comment().body)
    );
    assert!(other.comment().body.contains('❌'));
}

#[test]
fn the_comment_is_found_behind_three_thousand_others() {
    let (github, target) = (GitHub::new(), Server::ok());
    for n in 0..2_990 {
        github.write("people", &format!("comment {n}"));
    }
    step(&github, &target, "100", &[FAIL, ALWAYS])
        .run(&["action"])
        .exits(1);
    let id = github.comment().id;
    for n in 0..10 {
        github.write("people", &format!("later {n}"));
    }
    step(&github, &target, "101", &[PASS, ALWAYS])
        .run(&["action"])
        .exits(0);
    assert_eq!(github.comment().id, id);
    assert!(github.comment().body.contains('✅'));
    github.was_asked_well();
}

#[test]
fn a_run_of_an_older_commit_or_of_an_earlier_time_overwrites_nothing() {
    let target = Server::ok();
    let newer = "b".repeat(40);
    // The commit that the comment is about and its run; commit and run of the step that comes now; who wins.
    let rows = [
        ("a later run", HEAD, "100", HEAD, "101", true),
        ("an earlier run", HEAD, "101", HEAD, "100", false),
        ("the same run again", HEAD, "100", HEAD, "100", true),
        ("a new head", HEAD, "101", newer.as_str(), "100", true),
        (
            "a commit that is no longer the head",
            newer.as_str(),
            "100",
            HEAD,
            "101",
            false,
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, before, earlier, now, run, wins)| {
            let github = GitHub::new();
            github.push(before);
            step(&github, &target, earlier, &[PASS, ALWAYS])
                .run(&["action"])
                .exits(0);
            let old = github.comment().body;
            github.push(now);
            let app = step(&github, &target, run, &[FAIL, ALWAYS]);
            let head = if *now == HEAD && *before != HEAD {
                before
            } else {
                now
            };
            github.push(head);
            let output = app.run(&["action"]);
            output.exits(1);
            assert_eq!(github.comment().body != old, *wins, "{output}");
            assert!(!outputs(&app)["commentURL"].is_empty());
        },
    );
}

#[test]
fn a_slow_run_of_an_older_commit_leaves_what_on_change_kept_for_the_head() {
    let (github, target) = (GitHub::new(), Server::ok());
    let (slow, head) = ("b".repeat(40), "c".repeat(40));
    let of = |commit: &str, run: &str, slos: (&'static str, &'static str)| {
        github.push(commit);
        step(&github, &target, run, &[slos, ("comment", "on-change")])
    };
    of(HEAD, "100", PASS).run(&["action"]).exits(0);
    let late = of(&slow, "101", FAIL);
    of(&head, "102", PASS)
        .run(&["action"])
        .exits(0)
        .says("nothing changed");
    late.run(&["action"]).exits(1);
    assert!(github.comment().body.contains("## ✅"));
}

#[test]
fn two_jobs_at_once_leave_one_comment() {
    let (github, target) = (GitHub::new(), Server::ok());
    // Both look before either writes.
    github.fault("GET", COMMENTS, 2, Fault::Slow(Duration::from_secs(4)));
    let apps = [PASS, FAIL].map(|slos| step(&github, &target, "100", &[slos, ALWAYS]));
    let running = [apps[0].start(&["action"]), apps[1].start(&["action"])];
    for job in running {
        job.finish();
    }
    assert_eq!(github.count("POST", COMMENTS), 2, "the jobs did not meet");
    let url = format!(
        "https://ghe.example/acme/shop/pull/7#issuecomment-{}",
        github.comment().id
    );
    for app in &apps {
        assert!(!outputs(app)["commentURL"].is_empty());
    }
    assert!(apps.iter().any(|app| outputs(app)["commentURL"] == url));
    // Doubles of earlier days go too.
    let double = github.write("github-actions[bot]", &github.comment().body);
    step(&github, &target, "101", &[PASS, ALWAYS])
        .run(&["action"])
        .exits(0);
    assert!(github.comment().id < double && github.comment().body.contains('✅'));
    github.was_asked_well();
}

#[test]
fn a_comment_that_is_deleted_meanwhile_is_created_again() {
    let target = Server::ok();
    each(
        &["GET", "PATCH"],
        |method| *method,
        |method| {
            let github = GitHub::new();
            step(&github, &target, "100", &[PASS, ALWAYS])
                .run(&["action"])
                .exits(0);
            let id = github.comment().id;
            github.fault(method, ONE, 1, Fault::Vanish);
            let output = step(&github, &target, "101", &[FAIL, ALWAYS]).run(&["action"]);
            output.exits(1).says("comment created");
            assert!(github.comment().id > id && github.comment().body.contains('❌'));
            github.was_asked_well();
        },
    );
}

#[test]
fn texts_from_outside_are_inert() {
    const HOSTILE: &str = "@octocat #12 GH-1 <img src=x> https://evil.example --> | `";
    let target = Server::new(|seen| match seen.number {
        0 => Answer::status(200),
        _ => Answer::status(429).header("retry-after", HOSTILE),
    });
    let github = GitHub::new();
    let app = step(&github, &target, "100", &[ALWAYS, ("commentKey", HOSTILE)]);
    app.run(&["action"]).exits(5);
    let body = github.comment().body;
    let (mark, text) = body.split_once('\n').expect("lines");
    assert_eq!(mark.matches("--").count(), 2, "{mark}");
    assert!(
        text.matches("octocat").count() >= 2,
        "what the target said and the key\n{text}"
    );
    // GitHub looks for none of these inside of code.
    let words: String = text.split('`').step_by(2).collect();
    for live in ["@octocat", " #12", "GH-1", "<img", "https://evil"] {
        assert!(!words.contains(live), "{live}\n{text}");
    }
}

#[test]
fn a_long_report_loses_detail_and_no_end() {
    let (github, target) = (GitHub::new(), Server::ok());
    // Less than GitHub.com stores, as servers of others do.
    github.longest(10_000);
    let name = "x".repeat(180);
    let endpoints: Vec<String> = (0..30)
        .map(|n| format!("      e{n}-{name}: {{url: '{}'}}\n", target.url("/")))
        .collect();
    let experiment = format!(
        "spec:\n- task: http\n  with:\n    numRequests: 1\n    qps: max\n    endpoints:\n{}",
        endpoints.concat()
    );
    let app = crate::action::step(&[("experiment", "e.yaml"), ALWAYS]);
    let app = github.step(app.file("e.yaml", experiment));
    let output = app.run(&["action"]);
    output.exits(0);
    let body = github.comment().body;
    assert!(
        body.chars().count() <= 10_000 && body.trim_end().ends_with("</sub>"),
        "{body}"
    );
    assert_eq!(
        body.matches("<details").count(),
        body.matches("</details>").count()
    );
    assert!(app.read("runner/summary").len() > 10_000, "nothing had to go");
    assert_eq!(annotations(&output, "warning"), Vec::<String>::new());
}

#[test]
fn the_pull_request_of_a_deployment_is_found_by_its_commit() {
    let (github, target) = (GitHub::new(), Server::ok());
    let deployed = |commit: &str| {
        let event = json!({
            "deployment_status": { "state": "success", "environment_url": target.url("/") },
            "deployment": { "sha": commit },
        });
        github.step_of(short(&target, &[PASS, ALWAYS]), "deployment_status", &event)
    };
    deployed(&"c".repeat(40))
        .run(&["action"])
        .exits(0)
        .says("no open pull request has this commit as its head");
    assert_eq!(github.comments().len(), 0);
    deployed(HEAD).run(&["action"]).exits(0);
    assert!(github.comment().body.contains('✅'));
    github.was_asked_well();
}

#[test]
fn mistakes_are_commented_too() {
    let (github, target) = (GitHub::new(), Server::ok());
    let app = step(&github, &target, "100", &[("qps", "fast"), ALWAYS]);
    app.run(&["action"]).exits(2);
    let body = github.comment().body;
    assert!(
        body.contains("1 mistake, nothing was sent") && body.contains("input 'qps'"),
        "{body}"
    );
    assert!(!outputs(&app)["commentURL"].is_empty());
}
