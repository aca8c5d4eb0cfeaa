//! Whatever starts a run: URL, commit and pull request are found by themselves, from a payload of GitHub's own shape.

use serde_json::{Value, json};

use crate::action::{Given, step};
use crate::support::{Answer, App, GitHub, HEAD, MERGE, Output, Server, each, outputs};

const STATUS: (&str, &str) = ("status", "iter8/slo");
const ALWAYS: (&str, &str) = ("comment", "always");
/// A load of no time.
pub(crate) const FEW: Given<'static> = &[("numRequests", "5"), ("qps", "100")];
/// Head of the default branch.
pub(crate) const MAIN: &str = "cccccccccccccccccccccccccccccccccccccccc";

/// A step without a URL of its own.
fn start(github: &GitHub, name: &str, event: &Value, sha: &str, inputs: Given<'_>) -> App {
    let app = step(&[FEW, inputs].concat());
    github.step_of(app, name, event).env("GITHUB_SHA", sha)
}

fn repository() -> Value {
    json!({ "full_name": "acme/shop", "name": "shop", "default_branch": "main", "owner": { "login": "acme" } })
}

fn pull_request(head: &str, fork: bool) -> Value {
    let owner = if fork { "mallory" } else { "acme" };
    json!({
        "number": 7,
        "state": "open",
        "draft": false,
        "title": "::error::<img src=x> @everyone",
        "merge_commit_sha": MERGE,
        "head": {
            "label": format!("{owner}:topic"),
            "ref": "topic",
            "sha": head,
            "repo": { "full_name": format!("{owner}/shop"), "fork": fork },
        },
        "base": { "ref": "main", "sha": MAIN, "repo": repository() },
    })
}

/// Somebody pushed to a pull request.
pub(crate) fn on_pull_request(head: &str, fork: bool) -> Value {
    json!({
        "action": "synchronize",
        "number": 7,
        "pull_request": pull_request(head, fork),
        "repository": repository(),
        "sender": { "login": "ann" },
    })
}

/// As Vercel's app writes it.
fn on_deployment(state: &str, url: &str) -> Value {
    json!({
        "action": "created",
        "deployment_status": {
            "id": 9,
            "state": state,
            "environment": "Preview",
            "environment_url": url,
            "target_url": url,
            "log_url": "https://vercel.com/acme/shop/9",
            "creator": { "login": "vercel[bot]" },
        },
        "deployment": {
            "id": 500,
            "sha": HEAD,
            "ref": HEAD,
            "task": "deploy",
            "environment": "Preview",
            "payload": {},
        },
        "repository": repository(),
    })
}

/// As vercel/repository-dispatch documents it.
fn on_vercel(state: &str, url: &str) -> Value {
    json!({
        "action": format!("vercel.deployment.{state}"),
        "branch": "main",
        "client_payload": {
            "id": "dpl_9",
            "environment": "preview",
            "url": url,
            "state": { "type": state },
            "project": { "id": "prj_1", "name": "shop" },
            "git": { "ref": "topic", "sha": HEAD, "shortSha": &HEAD[..7] },
        },
        "repository": repository(),
    })
}

fn on_workflow_run() -> Value {
    json!({
        "action": "completed",
        "workflow_run": {
            "id": 99,
            "event": "pull_request",
            "head_sha": HEAD,
            "head_branch": "topic",
            "conclusion": "success",
            "head_repository": { "full_name": "acme/shop" },
            "pull_requests": [],
        },
        "repository": repository(),
    })
}

#[test]
fn every_event_finds_url_commit_and_pull_request() {
    // Name, event, payload, GITHUB_SHA, the commit that the deployment in the API is of, and the commit of the status.
    type Row<'a> = (&'a str, &'a str, Value, &'a str, Option<&'a str>, &'a str);
    let target = Server::ok();
    let url = target.url("/");
    let dispatched = json!({ "inputs": {}, "ref": "refs/heads/topic", "workflow": "x.yml" });
    let pushed = json!({ "ref": "refs/heads/topic", "before": MAIN, "after": HEAD, "deleted": false, "head_commit": { "id": HEAD } });
    let other = json!({ "action": "deployed", "client_payload": {} });
    #[rustfmt::skip] // a table
    let rows: [Row<'_>; 12] = [
        ("deployment_status", "deployment_status", on_deployment("success", &url), HEAD, None, HEAD),
        ("Vercel", "repository_dispatch", on_vercel("success", &url), MAIN, None, HEAD),
        ("Vercel, promoted", "repository_dispatch", on_vercel("promoted", &url), MAIN, None, HEAD),
        ("pull_request", "pull_request", on_pull_request(HEAD, false), MERGE, Some(HEAD), HEAD),
        ("its merge commit deployed", "pull_request", on_pull_request(HEAD, false), MERGE, Some(MERGE), HEAD),
        ("pull_request of a fork", "pull_request", on_pull_request(HEAD, true), MERGE, Some(HEAD), HEAD),
        ("pull_request_target", "pull_request_target", on_pull_request(HEAD, true), MAIN, Some(HEAD), HEAD),
        ("workflow_run", "workflow_run", on_workflow_run(), MAIN, Some(HEAD), HEAD),
        ("workflow_dispatch", "workflow_dispatch", dispatched, HEAD, Some(HEAD), HEAD),
        ("push", "push", pushed, HEAD, Some(HEAD), HEAD),
        ("schedule", "schedule", json!({ "schedule": "0 3 * * *" }), MAIN, Some(MAIN), MAIN),
        ("other repository_dispatch", "repository_dispatch", other, MAIN, Some(MAIN), MAIN),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, name, event, sha, deployed, commit)| {
            let github = GitHub::new();
            if let Some(deployed) = deployed {
                github.deploy(deployed, "Preview", &[("success", &url)]);
            }
            let app = start(
                &github,
                name,
                event,
                sha,
                &[STATUS, ALWAYS, ("slos", "http/error-rate <= 1")],
            );
            let output = app.run(&["action"]);
            output.exits(0);
            assert_eq!(outputs(&app)["requests"], "5", "{output}");
            let commits: Vec<String> = github.statuses().into_iter().map(|(sha, _)| sha).collect();
            assert_eq!(commits, [*commit, *commit], "{output}");
            assert_eq!(app.result()["environment"]["commit"], *commit);
            let pull_request = *commit == HEAD;
            assert_eq!(github.comments().len(), usize::from(pull_request), "{output}");
            assert!(output.has(&url));
            github.was_asked_well();
        },
    );
}

fn refused(github: &GitHub, name: &str, event: &Value, inputs: Given<'_>, code: i32) -> (App, Output) {
    let app = start(github, name, event, HEAD, &[inputs, &[STATUS, ALWAYS]].concat());
    let output = app.run(&["action"]);
    output.exits(code);
    assert_eq!(outputs(&app)["outcome"], "error");
    assert!(!outputs(&app)["reason"].is_empty());
    assert!(app.read("runner/summary").contains("nothing was sent"));
    assert!(!app.path("iter8-results/result.json").exists());
    (app, output)
}

#[test]
fn a_deployment_that_is_not_ready_is_no_pass_and_says_what_to_do() {
    // Event, payload, exit, state of the status, comments, and what is said.
    type Row<'a> = (&'a str, &'a str, Value, i32, &'a str, usize, &'a str);
    #[rustfmt::skip] // a table
    let rows: [Row<'_>; 7] = [
        ("pending", "deployment_status", on_deployment("pending", ""), 3, "pending", 0, "deployment_status.state == 'success'"),
        ("in_progress", "deployment_status", on_deployment("in_progress", "https://a"), 3, "pending", 0, "it is \"in_progress\""),
        ("failure", "deployment_status", on_deployment("failure", "https://a"), 3, "error", 1, "did not succeed"),
        ("error", "deployment_status", on_deployment("error", "https://a"), 3, "error", 1, "log of the deployment"),
        ("no URL", "deployment_status", on_deployment("success", ""), 2, "error", 1, "no usable URL"),
        ("no web URL", "deployment_status", on_deployment("success", "javascript:alert(1)"), 2, "error", 1, "no usable URL"),
        ("Vercel failed", "repository_dispatch", on_vercel("error", "https://a"), 3, "error", 1, "did not succeed"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, name, event, code, state, comments, says)| {
            let github = GitHub::new();
            let (_, output) = refused(&github, name, event, &[], *code);
            output.says(says);
            let (sha, last) = github.statuses().pop().expect("a status");
            assert_eq!((sha.as_str(), last["state"].as_str()), (HEAD, Some(*state)));
            assert_eq!(github.comments().len(), *comments);
            github.was_asked_well();
        },
    );
}

#[test]
fn the_api_says_why_there_is_no_url() {
    let event = json!({ "inputs": {}, "ref": "refs/heads/topic" });
    let dispatched = |github: &GitHub, inputs: Given<'_>, code| {
        refused(github, "workflow_dispatch", &event, inputs, code).1
    };
    let github = GitHub::new();
    dispatched(&github, &[], 2)
        .says("nothing to test: commit aaaaaaa has no deployment")
        .says("deployment_status");
    github.deploy(HEAD, "Preview – shop", &[("success", "http://a.example")]);
    github.deploy(HEAD, "Preview – docs", &[("success", "http://b.example")]);
    dispatched(&github, &[], 2)
        .says("several deployments: `Preview – docs`, `Preview – shop`")
        .says("`environment:`");
    dispatched(&github, &[("environment", "Production")], 2).says("no deployment to `Production`");
    let github = GitHub::new();
    github.deploy(HEAD, "Preview", &[("failure", "http://a.example")]);
    dispatched(&github, &[], 3)
        .says("did not succeed")
        .says("`Preview`");
    let github = GitHub::new();
    github.deploy(HEAD, "Preview", &[("in_progress", "")]);
    dispatched(&github, &[("readyTimeout", "1s")], 3)
        .says("not ready yet")
        .says("raise `readyTimeout`");
    let github = GitHub::new();
    github.fault(
        "GET",
        "/deployments",
        9,
        crate::support::Fault::Before(
            Answer::status(403)
                .body(json!({ "message": "Resource not accessible by integration" }).to_string()),
        ),
    );
    dispatched(&github, &[], 2)
        .says("nothing to test")
        .says("`deployments: read`");
}

#[test]
fn a_deployment_on_its_way_is_waited_for() {
    let (github, target) = (GitHub::new(), Server::ok());
    let url = target.url("/");
    github.deploy(HEAD, "Preview", &[("queued", ""), ("success", &url)]);
    let app = start(
        &github,
        "push",
        &json!({ "after": HEAD }),
        HEAD,
        &[("readyTimeout", "20s")],
    );
    app.run(&["action"])
        .exits(0)
        .says("waiting for the deployment of aaaaaaa");
    assert_eq!(outputs(&app)["requests"], "5");
    github.was_asked_well();
}

#[test]
fn of_several_deployments_the_named_one_is_tested() {
    let (github, target, other) = (GitHub::new(), Server::ok(), Server::ok());
    github.deploy(HEAD, "shop", &[("success", &target.url("/"))]);
    github.deploy(HEAD, "docs", &[("success", &other.url("/"))]);
    let app = start(
        &github,
        "push",
        &json!({ "after": HEAD }),
        HEAD,
        &[("environment", "shop")],
    );
    app.run(&["action"]).exits(0);
    assert_eq!((target.requests(), other.requests()), (6, 0));
    github.was_asked_well();
}
