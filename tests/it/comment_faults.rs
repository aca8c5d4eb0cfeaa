//! `comment` and `status` when GitHub's API fails: each fault, and what the user sees of it.

use std::time::Duration;

use serde_json::json;

use crate::action::short;
use crate::comment::{ALWAYS, COMMENTS, FAIL, ONE, PASS, annotations, step};
use crate::support::{Answer, Fault, GitHub, HEAD, PERSON, Server, TOKEN, each, outputs};

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
fn our_own_comment_is_known_whoever_the_token_makes_us() {
    let target = Server::ok();
    // A person's token; and one of which GitHub does not say whose it is.
    each(
        &[
            (PERSON, "ann", "PATCH", "/none"),
            (TOKEN, "github-actions[bot]", "POST", "/graphql"),
        ],
        |row| row.1,
        |(token, login, method, path)| {
            let github = GitHub::new();
            github.fault(method, path, 9, Fault::Before(Answer::status(403)));
            for (run, slos) in [("100", PASS), ("101", FAIL)] {
                let app = step(&github, &target, run, &[slos, ALWAYS]);
                app.env("INPUT_TOKEN", *token).run(&["action"]);
            }
            let comments = github.comments();
            assert_eq!(comments.len(), 1, "{comments:#?}");
            assert_eq!(comments[0].login, *login);
            assert!(comments[0].body.contains('❌'));
        },
    );
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
