//! `comment`: one comment per key on the pull request, whatever happens on the way.

use std::time::Duration;

use serde_json::json;

use crate::action::{Given, short};
use crate::support::{
    Answer, App, Fault, GitHub, HEAD, Output, Server, TOKEN, commands, each, outputs, plain,
};

const PASS: (&str, &str) = ("slos", "http/request-count >= 20");
const FAIL: (&str, &str) = ("slos", "http/request-count >= 21");
const ALWAYS: (&str, &str) = ("comment", "always");
const COMMENTS: &str = "/issues/7/comments";
const ONE: &str = "/issues/comments/";

/// A step of run `run` for the pull request.
fn step(github: &GitHub, target: &Server, run: &str, inputs: Given<'_>) -> App {
    github.step(short(target, inputs)).env("GITHUB_RUN_ID", run)
}

/// Annotations of a level, as the runner sees them.
fn annotations(output: &Output, level: &str) -> Vec<String> {
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
    let rows: [(&str, Option<Given<'_>>, &str, (&str, &str), usize); 9] = [
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
fn two_jobs_at_once_leave_one_comment() {
    let (github, target) = (GitHub::new(), Server::ok());
    // Both look before either writes.
    github.fault("GET", COMMENTS, 2, Fault::Slow(Duration::from_millis(1500)));
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
    let target = Server::ok();
    let name = "x".repeat(180);
    let endpoints: String = (0..100)
        .map(|n| format!("      e{n}-{name}: {{url: '{}'}}\n", target.url("/")))
        .collect();
    let objectives: String = (0..100)
        .map(|n| format!("    - http-e{n}-{name}/error-count <= 0\n"))
        .collect();
    let experiment = format!(
        "spec:\n- task: http\n  with:\n    numRequests: 1\n    qps: max\n    endpoints:\n{endpoints}- task: assess\n  with:\n    objectives:\n{objectives}"
    );
    each(
        &[("github.com", 65_536), ("one that stores less", 20_000)],
        |row| row.0,
        |(_, longest)| {
            let github = GitHub::new();
            github.longest(*longest);
            let app = crate::action::step(&[("experiment", "e.yaml"), ALWAYS]);
            let app = github.step(app.file("e.yaml", &experiment));
            let output = app.run(&["action"]);
            output.exits(0);
            let body = github.comment().body;
            assert!(
                body.chars().count() <= *longest && body.trim_end().ends_with("</sub>"),
                "{body}"
            );
            assert_eq!(
                body.matches("<details").count(),
                body.matches("</details>").count()
            );
            assert!(app.read("runner/summary").len() > 65_536, "nothing had to go");
            assert_eq!(annotations(&output, "warning"), Vec::<String>::new());
        },
    );
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

fn refusal(status: u16, message: &str) -> Answer {
    Answer::status(status).body(json!({ "message": message }).to_string())
}

/// A row of the matrix of faults.
struct Row {
    name: &'static str,
    /// Method, path, how often, what.
    faults: Vec<(&'static str, &'static str, usize, Fault)>,
    variables: Vec<(&'static str, String)>,
    /// Whether the comment is there in the end.
    posted: bool,
    /// How often it was sent, at most.
    posts: usize,
    /// What the user is told.
    says: &'static str,
}

impl Row {
    fn new(name: &'static str, says: &'static str) -> Self {
        Self {
            name,
            faults: Vec::new(),
            variables: Vec::new(),
            posted: false,
            posts: 0,
            says,
        }
    }

    fn post(mut self, times: usize, fault: Fault) -> Self {
        self.faults.push(("POST", COMMENTS, times, fault));
        self.posts = 1;
        self
    }

    fn list(mut self, times: usize, fault: Fault) -> Self {
        self.faults.push(("GET", COMMENTS, times, fault));
        self
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// The comment is there after so many attempts.
    fn posted(mut self, posts: usize) -> Self {
        self.posted = true;
        self.posts = posts;
        self
    }

    fn posts(mut self, posts: usize) -> Self {
        self.posts = posts;
        self
    }
}

fn matrix() -> Vec<Row> {
    let before = |status, message| Fault::Before(refusal(status, message));
    let after = |status, message| Fault::After(refusal(status, message));
    let secondary = || refusal(403, "You have exceeded a secondary rate limit.");
    let read_only = || before(403, "Resource not accessible by integration");
    let used = Answer::status(403)
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "4000000000");
    let updated = "comment created";
    vec![
        Row::new("no token", "there is no token").env("INPUT_TOKEN", " "),
        Row::new(
            "expired token",
            "GitHub does not accept the token (Bad credentials)",
        )
        .env("INPUT_TOKEN", "ghs_9999999999999999"),
        Row::new("read-only token", "pull-requests: write").post(9, read_only()),
        Row::new("private repository", "or the token may not see it").list(9, before(404, "Not Found")),
        Row::new("conflict", "GitHub refused it with 409 (Conflict)").post(9, before(409, "Conflict")),
        Row::new("gone", "the conversation is locked").post(9, before(410, "Issues are disabled")),
        Row::new("locked", "the conversation is locked").post(
            9,
            before(403, "Unable to create comment because issue is locked."),
        ),
        Row::new("invalid", "GitHub refused it with 422 (Validation Failed)")
            .post(9, before(422, "Validation Failed")),
        Row::new("always too long", "too long for GitHub")
            .post(9, before(422, "Body is too long"))
            .posts(3),
        Row::new("secondary limit, short", updated)
            .post(1, Fault::Before(secondary().header("retry-after", "1")))
            .posted(2),
        Row::new(
            "secondary limit, long",
            "rate limit is reached, for another 600 s",
        )
        .post(9, Fault::Before(secondary().header("retry-after", "600"))),
        Row::new("secondary limit, unsaid", "rate limit is reached").post(9, Fault::Before(secondary())),
        Row::new("rate limit used up", "rate limit is reached, for another").list(9, Fault::Before(used)),
        Row::new("429", updated)
            .list(1, Fault::Before(Answer::status(429).header("retry-after", "1")))
            .posted(1),
        Row::new("500 while listing", updated)
            .list(2, before(500, ""))
            .posted(1),
        Row::new("500 before the work", updated)
            .post(1, before(500, ""))
            .posted(2),
        Row::new("502 after the work", updated)
            .post(1, after(502, ""))
            .posted(1),
        Row::new("503 for good", "GitHub's API failed with 503")
            .post(9, before(503, ""))
            .posts(3),
        Row::new("reset before the work", updated)
            .post(1, Fault::Before(Answer::cut()))
            .posted(2),
        Row::new("reset after the work", updated)
            .post(1, Fault::After(Answer::cut()))
            .posted(1),
        Row::new("time-out after the work", updated)
            .post(1, Fault::Slow(Duration::from_secs(12)))
            .posted(1),
        Row::new(
            "API down for the whole run",
            "GitHub's API cannot be reached: connection refused",
        )
        .env("GITHUB_API_URL", "http://127.0.0.1:1/api/v3"),
        Row::new("a proxy's page", "not one of GitHub's API").list(
            9,
            Fault::Before(Answer::status(200).body("<html>please log in</html>")),
        ),
        Row::new("no address", "GITHUB_API_URL is").env("GITHUB_API_URL", "ftp://x"),
        Row::new("no repository", "GITHUB_REPOSITORY is").env("GITHUB_REPOSITORY", ""),
    ]
}

#[test]
fn no_fault_of_the_api_spoils_a_run_or_doubles_a_comment() {
    let target = Server::ok();
    each(
        &matrix(),
        |row| row.name,
        |row| {
            let github = GitHub::new();
            for (method, path, times, fault) in &row.faults {
                github.fault(method, path, *times, fault.clone());
            }
            let app = step(&github, &target, "100", &[PASS, ALWAYS]);
            let app = row
                .variables
                .iter()
                .fold(app, |app, (name, value)| app.env(name, value.as_str()));
            let output = app.run(&["action"]);
            output.exits(0).says(row.says);
            assert_eq!(outputs(&app)["outcome"], "pass");
            assert_eq!(github.comments().len(), usize::from(row.posted), "{output}");
            assert_eq!(!outputs(&app)["commentURL"].is_empty(), row.posted);
            assert_eq!(github.count("POST", COMMENTS), row.posts, "{output}");
            let warnings = annotations(&output, "warning");
            assert_eq!(warnings.len(), usize::from(!row.posted), "{output}");
            let everything =
                format!("{}{}", output.stdout, output.stderr).replace(&format!("::add-mask::{TOKEN}"), "");
            assert!(!everything.contains(TOKEN), "{output}");
        },
    );
}

#[test]
fn an_update_is_sent_again_after_a_failure() {
    let (github, target) = (GitHub::new(), Server::ok());
    step(&github, &target, "100", &[PASS, ALWAYS])
        .run(&["action"])
        .exits(0);
    github.fault("PATCH", ONE, 2, Fault::After(Answer::status(502)));
    step(&github, &target, "101", &[FAIL, ALWAYS])
        .run(&["action"])
        .exits(1)
        .says("comment updated");
    assert_eq!(github.count("PATCH", ONE), 3);
    assert!(github.comment().body.contains('❌'));
}

#[test]
fn in_forks_a_missing_permission_is_no_warning() {
    let (github, target) = (GitHub::new(), Server::ok());
    let read_only = refusal(403, "Resource not accessible by integration");
    github.fault("POST", "/", 99, Fault::Before(read_only));
    let event = json!({
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": { "sha": HEAD, "repo": { "full_name": "mallory/shop", "fork": true } },
            "base": { "repo": { "full_name": "acme/shop" } },
        },
    });
    let inputs = [PASS, ALWAYS, ("status", "iter8/slo")];
    let output = github
        .step_of(short(&target, &inputs), "pull_request", &event)
        .run(&["action"]);
    output.exits(0);
    assert_eq!(annotations(&output, "warning"), Vec::<String>::new());
    let notices = annotations(&output, "notice");
    assert_eq!(notices.len(), 1, "{output}");
    assert!(
        notices[0].contains("no comment and no status: the pull request is from a fork"),
        "{notices:?}"
    );
}
