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

/// As GitHub tells it: `target_url` is whatever `log_url` was set to.
fn on_deployment(state: &str, url: &str) -> Value {
    json!({
        "action": "created",
        "deployment_status": {
            "id": 9,
            "state": state,
            "environment": "Preview",
            "environment_url": url,
            "target_url": "https://ghe.example/acme/shop/actions/runs/9/job/1",
            "log_url": "https://ghe.example/acme/shop/actions/runs/9/job/1",
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
                &[STATUS, ALWAYS, ("slos", "http/error-rate <= 100%")],
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
fn the_log_of_a_deployment_is_not_its_preview() {
    let log = Server::ok();
    let mut event = on_deployment("success", "");
    for name in ["target_url", "log_url"] {
        event["deployment_status"][name] = log.url("/job").into();
    }
    let secret = ("vercelBypass", "bypass-0123456789");
    let github = GitHub::new();
    let (_, output) = refused(&github, "deployment_status", &event, &[secret], 2);
    output.says("no usable URL");
    assert_eq!(log.requests(), 0);
    // An application of old names it so, and no log.
    event["deployment_status"]["log_url"] = "".into();
    start(&GitHub::new(), "deployment_status", &event, HEAD, &[])
        .run(&["action"])
        .exits(0);
    assert_eq!(log.requests(), 6);
}

#[test]
fn the_experiment_file_wins_over_the_deployment() {
    let (target, deployed) = (Server::ok(), Server::ok());
    let file = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n- task: assess\n  with: {{objectives: [http/error-rate >= 50%]}}\n",
        target.url("/")
    );
    let url = deployed.url("/");
    for (name, event) in [
        ("deployment_status", on_deployment("success", &url)),
        ("repository_dispatch", on_vercel("success", &url)),
    ] {
        let app = start(&GitHub::new(), name, &event, HEAD, &[]).file("experiment.yaml", file.as_str());
        app.run(&["action"])
            .exits(1)
            .says("`./experiment.yaml` says what is tested, not the deployment");
    }
    assert_eq!((target.requests(), deployed.requests()), (10, 0));
}

#[test]
fn no_other_environment_is_tested_than_the_one_that_is_asked_for() {
    let target = Server::ok();
    let url = target.url("/");
    let mut production = on_deployment("success", &url);
    production["deployment"]["environment"] = "Production".into();
    let failed = on_deployment("failure", "");
    let asks = ("environment", "Production");
    #[rustfmt::skip] // a table
    let rows: [(&str, &str, &Value, Given<'_>); 4] = [
        ("of another", "deployment_status", &production, &[("environment", "Preview")]),
        ("of another, and a URL", "deployment_status", &production, &[("environment", "Preview"), ("url", &url)]),
        ("Vercel's", "repository_dispatch", &on_vercel("success", &url), &[asks]),
        ("another that failed", "deployment_status", &failed, &[asks]),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, name, event, inputs)| {
            let github = GitHub::new();
            let (_, output) = refused(&github, name, event, inputs, 2);
            output.says("not this one: the deployment is of `");
            // The run of the right one has the word.
            assert_eq!((github.statuses().len(), github.comments().len()), (0, 0));
        },
    );
    assert_eq!(target.requests(), 0);
    start(
        &GitHub::new(),
        "deployment_status",
        &production,
        HEAD,
        &[("environment", "production")],
    )
    .run(&["action"])
    .exits(0);
    let pushed = json!({ "after": HEAD });
    let inputs: Given<'_> = &[asks, ("url", &url)];
    refused(&GitHub::new(), "push", &pushed, inputs, 2)
        .1
        .says("`environment` would change nothing: `url` says what is tested");
}

#[test]
fn an_old_deployment_does_not_speak_for_a_commit_that_failed_to_deploy() {
    let old = Server::ok();
    let url = old.url("/");
    for (state, said) in [("failure", "error"), ("in_progress", "pending")] {
        let github = GitHub::new();
        let event = on_deployment(state, "");
        refused(&github, "deployment_status", &event, &[("url", &url)], 3);
        let (_, status) = github.statuses().pop().expect("a status");
        assert_eq!(status["state"], said);
    }
    assert_eq!(old.requests(), 0);
}

#[test]
fn a_deployment_that_failed_beside_a_good_one_is_a_question() {
    let (github, target) = (GitHub::new(), Server::ok());
    github.deploy(HEAD, "shop", &[("failure", "")]);
    github.deploy(HEAD, "docs", &[("success", &target.url("/"))]);
    let pushed = json!({ "after": HEAD });
    refused(&github, "push", &pushed, &[], 2)
        .1
        .says("several deployments: `docs`, `shop`");
    let many = GitHub::new();
    for n in 0..11 {
        many.deploy(HEAD, &format!("shard {n}"), &[("success", &target.url("/"))]);
    }
    refused(&many, "push", &pushed, &[], 2)
        .1
        .says("several deployments: ");
    assert_eq!(target.requests(), 0);
}

#[test]
fn a_run_is_not_about_the_pull_request_of_another_repository() {
    let target = Server::ok();
    let of = |number: u64, repository: u64, head: &str| json!({ "number": number, "head": { "sha": head }, "base": { "repo": { "id": repository } } });
    let mut event = on_workflow_run();
    event["repository"]["id"] = 1.into();
    event["workflow_run"]["pull_requests"] = json!([of(8, 2, HEAD), of(9, 1, MERGE)]);
    let github = GitHub::new();
    let app = start(
        &github,
        "workflow_run",
        &event,
        MAIN,
        &[ALWAYS, ("url", &target.url("/"))],
    );
    app.run(&["action"]).exits(0);
    assert_eq!(app.result()["environment"]["pullRequest"], Value::Null);
    assert!(outputs(&app)["commentURL"].contains("/pull/7#"));
    github.was_asked_well();
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
