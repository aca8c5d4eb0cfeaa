//! What a run has that others want: secrets that open a protected preview, and a token that can write.

use std::process::Command;

use serde_json::{Value, json};

use crate::action::{Given, step};
use crate::comment::annotations;
use crate::events::{FEW, MAIN, on_pull_request};
use crate::support::{Answer, App, GitHub, HEAD, Output, Server, each, outputs};

const SECRETS: Given<'static> = &[
    ("vercelBypass", "bypass-0123456789"),
    ("cfAccessClientId", "0123456789.access"),
    ("cfAccessClientSecret", "secret-0123456789"),
];

/// An application behind the protection of both platforms.
fn protected() -> Server {
    Server::new(|seen| {
        let opens = seen.header("x-vercel-protection-bypass") == "bypass-0123456789"
            && seen.header("cf-access-client-id") == "0123456789.access"
            && seen.header("cf-access-client-secret") == "secret-0123456789";
        if opens {
            Answer::status(200)
        } else {
            Answer::status(302).header(
                "location",
                "https://acme.cloudflareaccess.com/cdn-cgi/access/login/x",
            )
        }
    })
}

fn shows_no_secret(app: &App, output: &Output) {
    let files = [
        "runner/output",
        "runner/summary",
        "iter8-results/result.json",
        "iter8-results/report.html",
    ];
    let texts = files
        .iter()
        .map(|file| app.read(file))
        .chain([output.stdout.clone(), output.stderr.clone()]);
    for text in texts {
        let shown = |line: &&str| {
            SECRETS.iter().any(|(_, secret)| line.contains(secret)) && !line.starts_with("::add-mask::")
        };
        let line = text.lines().find(shown);
        assert_eq!(line, None);
    }
}

#[test]
fn protection_is_passed_with_secrets_that_nobody_else_gets() {
    let (target, baseline) = (protected(), Server::ok());
    let (url, other) = (target.url("/"), baseline.url("/"));
    let shut = step(&[FEW, &[("url", &url), ("readyTimeout", "1s")]].concat()).run(&["action"]);
    shut.exits(3)
        .says("Cloudflare Access wants a log-in")
        .says("cfAccessClientId");
    let alone = step(&[FEW, SECRETS, &[("url", url.as_str())]].concat());
    let output = alone.run(&["action"]);
    output.exits(0);
    shows_no_secret(&alone, &output);
    assert!(
        alone.result()["environment"]["reproduce"]
            .as_str()
            .expect("a command")
            .contains("x-vercel-protection-bypass: ***")
    );

    let compared = step(
        &[
            FEW,
            SECRETS,
            &[("url", &url), ("baselineURL", &other), ("headers", "x-own: 1")],
        ]
        .concat(),
    );
    let output = compared.run(&["action"]);
    output.exits(0);
    shows_no_secret(&compared, &output);
    assert_eq!(outputs(&compared)["errorRate"], "0");
    assert_eq!(baseline.requests(), 6);
    for seen in baseline.seen() {
        assert_eq!(seen.header("cf-access-client-secret"), "");
        assert_eq!(seen.header("x-vercel-protection-bypass"), "");
        assert_eq!(seen.header("x-own"), "1");
    }
    let same = step(
        &[
            FEW,
            SECRETS,
            &[("url", &url), ("baselineURL", &target.url("/old"))],
        ]
        .concat(),
    );
    same.run(&["action"]).exits(0);
}

#[test]
fn protection_goes_over_a_file_to_the_given_origin_only() {
    let (target, elsewhere) = (protected(), Server::ok());
    let file = format!(
        "spec:\n- task: ready\n  with: {{url: '{0}'}}\n- task: http\n  with:\n    numRequests: 5\n    qps: 100\n    versions:\n    - {{name: old, url: '{0}'}}\n    - {{name: new, url: 'http://127.0.0.1:1/x'}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 0]}}\n",
        elsewhere.url("/")
    );
    let url = target.url("/");
    let inputs = [SECRETS, &[("experiment", "x.yaml"), ("url", url.as_str())]].concat();
    let app = step(&inputs).file("x.yaml", file);
    let output = app.run(&["action"]);
    output.exits(0);
    assert!(elsewhere.requests() >= 5, "{output}");
    assert!(
        elsewhere
            .seen()
            .iter()
            .all(|seen| seen.header("x-vercel-protection-bypass").is_empty())
    );
    // Without a URL nobody can tell whose secret it is.
    let inputs = [SECRETS, &[("experiment", "x.yaml")]].concat();
    let file = format!("spec:\n- task: http\n  with: {{url: '{url}', numRequests: 5, qps: 100}}\n");
    let app = step(&inputs).file("x.yaml", file);
    app.run(&["action"])
        .exits(2)
        .says("input 'vercelBypass'")
        .says("give `url`");
}

/// Has git write down these files of a folder, in which then a commit is checked out.
fn checked_out(app: App, folder: &str, commit: &str, files: &[&str]) -> App {
    for args in [
        &["init", "--quiet", "."],
        [&["add", "--"], files].concat().as_slice(),
    ] {
        let git = Command::new("git")
            .args(args)
            .current_dir(app.path(folder))
            .status();
        assert!(git.expect("git").success());
    }
    app.file(&format!("{folder}/.git/HEAD"), commit)
}

/// An issue's comment on a pull request.
fn on_comment(pull_request: bool) -> Value {
    let mut event = json!({ "action": "created", "issue": { "number": 7 }, "comment": { "body": "/load" } });
    if pull_request {
        event["issue"]["pull_request"] = json!({ "url": "https://ghe.example" });
    }
    event
}

/// Another run that has ended.
fn on_run(of: &str) -> Value {
    json!({ "workflow_run": { "id": 99, "event": of, "head_sha": HEAD, "pull_requests": [] } })
}

#[test]
fn with_the_secrets_of_the_base_nothing_runs_that_a_pull_request_wrote() {
    // What is in the file, the commit that is checked out, inputs, exit, and what is said.
    type Row<'a> = (&'a str, &'a str, Option<&'a str>, Given<'a>, i32, &'a str);
    let target = Server::ok();
    let url = target.url("/");
    let load = format!("- task: http\n  with: {{url: '{url}', numRequests: 5, qps: 100}}\n");
    let with =
        |more: &str| format!("- task: http\n  with: {{url: '{url}', numRequests: 5, qps: 100, {more}}}\n");
    let body = with("payloadFile: pr/body.txt");
    let hidden = with("payloadFile: '${FOLDER}/body.txt'");
    let stray = with("payloadFile: stray.txt");
    let kept = with("payloadFile: kept.txt");
    let script = format!("- run: echo hacked\n{load}");
    let experiment: Given<'_> = &[("experiment", "x.yaml")];
    let direct: Given<'_> = &[("url", &url)];
    let foreign = "pr/body.txt is of the commit aaaaaaa";
    #[rustfmt::skip] // a table
    let rows: [Row<'_>; 9] = [
        ("inputs alone", &load, Some(HEAD), direct, 0, ""),
        ("files of the base", &kept, Some(MAIN), experiment, 0, ""),
        ("a file of the head", &load, Some(HEAD), experiment, 2, "which is not the base branch's"),
        ("a file of nobody knows whom", &load, None, experiment, 2, "is in no checkout"),
        ("a script", &script, Some(MAIN), experiment, 2, "a `run` task is not allowed"),
        ("a body of the head", &body, Some(MAIN), experiment, 2, foreign),
        ("a body behind a variable", &hidden, Some(MAIN), experiment, 2, foreign),
        ("a downloaded body", &stray, Some(MAIN), experiment, 2, "stray.txt is not a file of the checkout"),
        ("a script again", &script, Some(HEAD), experiment, 2, "a `run` task is not allowed"),
    ];
    let events = [
        ("pull_request_target", on_pull_request(HEAD, true)),
        ("issue_comment", on_comment(true)),
        ("workflow_run", on_run("pull_request")),
    ];
    for (name, event) in &events {
        each(
            &rows,
            |row| row.0,
            |(_, tasks, checkout, inputs, code, says)| {
                let github = GitHub::new();
                let app = step(&[FEW, inputs].concat());
                let app = github
                    .step_of(app, name, event)
                    .env("GITHUB_SHA", MAIN)
                    .env("FOLDER", "pr")
                    .file("x.yaml", format!("spec:\n{tasks}"))
                    .file("kept.txt", "hello")
                    .file("stray.txt", "hello")
                    .file("pr/body.txt", "hello");
                let app = match checkout {
                    Some(commit) => checked_out(app, ".", commit, &["x.yaml", "kept.txt"]),
                    None => app,
                };
                let app = checked_out(app, "pr", HEAD, &["body.txt"]);
                let output = app.run(&["action"]);
                output.exits(*code).says(says);
                assert!(!output.stdout.lines().any(|line| line == "hacked"), "{output}");
                assert_eq!(annotations(&output, "error").is_empty(), *code == 0);
            },
        );
    }
}

#[test]
fn a_file_that_was_changed_after_the_checkout_is_not_the_bases() {
    let target = Server::ok();
    let load = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n",
        target.url("/")
    );
    let app = step(&[("experiment", "x.yaml")]).file("x.yaml", load.as_str());
    let app = GitHub::new()
        .step_of(app, "workflow_run", &on_run("pull_request"))
        .env("GITHUB_SHA", MAIN);
    let app = checked_out(app, ".", MAIN, &["x.yaml"]).file("x.yaml", format!("{load}# more\n"));
    app.run(&["action"])
        .exits(2)
        .says("was changed after the checkout");
    assert_eq!(target.requests(), 0);
}

#[test]
fn without_a_pull_request_files_and_scripts_are_whoevers_they_are() {
    let target = Server::ok();
    let load = format!(
        "spec:\n- run: echo hello\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n",
        target.url("/")
    );
    for (name, event) in [
        ("issue_comment", on_comment(false)),
        ("workflow_run", on_run("push")),
        ("push", json!({ "after": HEAD })),
    ] {
        let app = step(&[("experiment", "x.yaml")]).file("x.yaml", load.as_str());
        let app = GitHub::new().step_of(app, name, &event);
        app.run(&["action"]).exits(0);
    }
}
