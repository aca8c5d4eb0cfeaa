//! The comment on a merge request when GitLab's API fails: each fault, and what the user sees of it.

use std::time::Duration;

use crate::gitlab::{FAIL, NOTES, PASS, job, judge};
use crate::support::{Answer, App, Fault, GitLab, Output, PROJECT_TOKEN, READER, Server, each};

fn refusal(status: u16, message: &str) -> Answer {
    let body = serde_json::json!({ "message": message });
    Answer::status(status).body(body.to_string())
}

/// A row of the matrix of faults.
struct Row {
    name: &'static str,
    /// Method, path, how often, what.
    fault: Option<(&'static str, &'static str, usize, Fault)>,
    variable: Option<(&'static str, &'static str)>,
    /// Whether the note is there in the end.
    posted: bool,
    /// How often it was sent.
    posts: usize,
    /// What the user is told.
    says: &'static str,
}

/// A row in which the note is not there.
fn lost(name: &'static str, posts: usize, says: &'static str) -> Row {
    Row {
        name,
        fault: None,
        variable: None,
        posted: false,
        posts,
        says,
    }
}

/// A row in which it is.
fn posted(name: &'static str, posts: usize) -> Row {
    Row {
        posted: true,
        ..lost(name, posts, "comment created")
    }
}

impl Row {
    fn post(mut self, times: usize, fault: Fault) -> Self {
        self.fault = Some(("POST", NOTES, times, fault));
        self
    }

    fn list(mut self, times: usize, fault: Fault) -> Self {
        self.fault = Some(("GET", NOTES, times, fault));
        self
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.variable = Some((name, value));
        self
    }
}

fn matrix() -> Vec<Row> {
    let before = |status, message| Fault::Before(refusal(status, message));
    let after = |status| Fault::After(refusal(status, ""));
    let scope = "a project access token with the scope `api`";
    let limited = || Answer::status(429).body("Retry later\n");
    vec![
        lost(
            "no token",
            0,
            "there is no token; give the masked CI/CD variable ITER8_GITLAB_TOKEN",
        )
        .env("ITER8_GITLAB_TOKEN", " "),
        lost("the job's token", 0, scope).env("ITER8_GITLAB_TOKEN", "glcbt-0123456789abcdef"),
        lost("wrong token", 0, "GitLab answers 401 (401 Unauthorized)").env("ITER8_GITLAB_TOKEN", "glpat-x"),
        lost("a token that can only read", 1, "insufficient_scope").env("ITER8_GITLAB_TOKEN", READER),
        lost(
            "a role that may not write",
            1,
            "GitLab answers 403 (403 Forbidden)",
        )
        .post(9, before(403, "403 Forbidden")),
        lost("a private project", 0, "or the token may not see it")
            .list(9, before(404, "404 Project Not Found")),
        lost("conflict", 1, "GitLab refused it with 409 (Conflict)").post(9, before(409, "Conflict")),
        lost("always too long", 3, "too long for GitLab").post(9, before(400, "is too long")),
        posted("429, short", 2).post(1, Fault::Before(limited().header("retry-after", "1"))),
        lost("429, long", 1, "rate limit is reached, for another 600 s")
            .post(9, Fault::Before(limited().header("retry-after", "600"))),
        lost("429, until later", 0, "rate limit is reached, for another").list(
            9,
            Fault::Before(limited().header("ratelimit-reset", "4000000000")),
        ),
        posted("429, over by now", 1).list(1, Fault::Before(limited().header("ratelimit-reset", "1"))),
        posted("500 while listing", 1).list(2, before(500, "")),
        posted("500 before the work", 2).post(1, before(500, "")),
        posted("502 after the work", 1).post(1, after(502)),
        lost("503 for good", 3, "GitLab's API failed with 503").post(9, before(503, "")),
        posted("reset before the work", 2).post(1, Fault::Before(Answer::cut())),
        posted("reset after the work", 1).post(1, Fault::After(Answer::cut())),
        posted("time-out after the work", 1).post(1, Fault::Slow(Duration::from_secs(12))),
        lost(
            "API down for the whole run",
            0,
            "GitLab's API cannot be reached: connection refused",
        )
        .env("CI_API_V4_URL", "http://127.0.0.1:1/api/v4"),
        lost("a proxy's page", 0, "not one of GitLab's API").list(
            9,
            Fault::Before(Answer::status(200).body("<html>please log in</html>")),
        ),
        lost("a redirect to a login", 0, "GitLab refused it with 302").list(
            9,
            Fault::Before(Answer::status(302).header("location", "https://evil.example/")),
        ),
        lost("no address", 0, "CI_API_V4_URL is").env("CI_API_V4_URL", "ftp://x"),
        lost("no such file", 0, "which CI_SERVER_TLS_CA_FILE names").env("CI_SERVER_TLS_CA_FILE", "/none"),
    ]
}

/// How many warnings there are.
fn warnings(output: &Output) -> usize {
    output
        .stderr
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .count()
}

#[test]
fn no_fault_of_the_api_spoils_a_run_or_doubles_a_comment() {
    let target = Server::ok();
    each(
        &matrix(),
        |row| row.name,
        |row| {
            let gitlab = GitLab::new();
            if let Some((method, path, times, fault)) = &row.fault {
                gitlab.fault(method, path, *times, fault.clone());
            }
            let app = job(&gitlab, 100, "always");
            let app = row
                .variable
                .iter()
                .fold(app, |app, (name, value)| app.env(name, *value));
            let output = judge(&app, &target, PASS);
            output.exits(0).says(row.says);
            assert_eq!(app.result()["outcome"], "pass");
            assert_eq!(gitlab.notes().len(), usize::from(row.posted), "{output}");
            assert_eq!(gitlab.count("POST", NOTES), row.posts, "{output}");
            assert_eq!(warnings(&output), usize::from(!row.posted), "{output}");
            for token in [PROJECT_TOKEN, READER] {
                assert!(!output.has(token), "{output}");
            }
        },
    );
}

#[test]
fn an_update_is_sent_again_after_a_failure() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    judge(&job(&gitlab, 100, "always"), &target, PASS).exits(0);
    gitlab.fault("PUT", NOTES, 2, Fault::After(Answer::status(502)));
    judge(&job(&gitlab, 101, "always"), &target, FAIL)
        .exits(1)
        .says("comment updated");
    assert_eq!(gitlab.count("PUT", NOTES), 3);
    assert!(gitlab.note().body.contains('❌'));
}

#[test]
fn who_we_are_is_no_guess() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    judge(&job(&gitlab, 100, "always"), &target, PASS).exits(0);
    let known = gitlab.note().body;
    gitlab.fault("GET", "/user", 9, Fault::Before(refusal(403, "403 Forbidden")));
    let output = judge(&job(&gitlab, 101, "always"), &target, FAIL);
    output.exits(1).says("warning: no comment: GitLab answers 403");
    assert_eq!(gitlab.note().body, known);
}

#[test]
fn in_forks_a_missing_token_is_no_warning() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    let app = gitlab
        .job(App::new())
        .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "9")
        .env("CI_PROJECT_ID", "9")
        .env("ITER8_GITLAB_TOKEN", "")
        .env("ITER8_COMMENT", "always");
    let output = judge(&app, &target, PASS);
    output
        .exits(0)
        .says("no comment: the merge request is from a fork");
    assert_eq!(warnings(&output), 0, "{output}");
}

#[test]
fn other_systems_write_no_note() {
    let (gitlab, target) = (GitLab::new(), Server::ok());
    let app = job(&gitlab, 100, "always").env("GITLAB_CI", "");
    judge(&app, &target, PASS).exits(0);
    assert_eq!(gitlab.count("GET", ""), 0);
}
