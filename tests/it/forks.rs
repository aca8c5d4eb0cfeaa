//! Runs of forks, whose token can only read, and the workflow that publishes what they leave behind: hostile, all of it.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::action::{Given, short, step};
use crate::comment::{FAIL, PASS, annotations};
use crate::support::{Answer, App, Fault, GitHub, HEAD, Output, Server, commands, each, outputs};

const STATUS: (&str, &str) = ("status", "iter8/slo");
const ALWAYS: (&str, &str) = ("comment", "always");
const PUBLISH: Given<'static> = &[("mode", "publish"), ("artifact", "artifact"), STATUS, ALWAYS];

/// What GitHub tells a workflow of a run that a pull request from a fork started.
fn run_of_a_fork() -> Value {
    json!({
        "action": "completed",
        "workflow_run": {
            "id": 99,
            "run_attempt": 1,
            "run_started_at": "2026-01-02T03:04:05Z",
            "event": "pull_request",
            "head_sha": HEAD,
            "head_branch": "topic",
            "conclusion": "success",
            "head_repository": { "full_name": "mallory/shop" },
            "pull_requests": [],
        },
    })
}

fn read_only() -> Fault {
    Fault::Before(
        Answer::status(403).body(json!({ "message": "Resource not accessible by integration" }).to_string()),
    )
}

/// The result of a run for a pull request from a fork, with whatever it asks for refused.
fn left_behind(slos: (&str, &str)) -> Value {
    let (github, target) = (GitHub::new(), Server::ok());
    github.fault("POST", "/", 99, read_only());
    let event = json!({
        "number": 7,
        "pull_request": {
            "number": 7,
            "head": { "sha": HEAD, "repo": { "full_name": "mallory/shop", "fork": true } },
            "base": { "repo": { "full_name": "acme/shop" } },
        },
    });
    let app = github.step_of(short(&target, &[slos, STATUS, ALWAYS]), "pull_request", &event);
    let output = app.run(&["action"]);
    output.exits(i32::from(slos != PASS));
    assert_eq!(annotations(&output, "warning"), Vec::<String>::new());
    let notices = annotations(&output, "notice");
    assert!(
        notices.len() == 1 && notices[0].contains("a second workflow can publish it"),
        "{notices:?}"
    );
    app.result()
}

/// GitHub as it is for a fork: its commit leads to no pull request, its branch does.
fn with_fork() -> GitHub {
    let github = GitHub::new();
    github.fault(
        "GET",
        "/commits/",
        99,
        Fault::Before(Answer::status(200).body("[]")),
    );
    github.fork("mallory:topic", 7, HEAD);
    github
}

fn publishing(github: &GitHub, event: &Value, inputs: Given<'_>, artifact: &Value) -> App {
    github
        .step_of(step(inputs), "workflow_run", event)
        .env("GITHUB_RUN_ID", "200")
        .file("artifact/result.json", artifact.to_string())
}

fn harmless(output: &Output) {
    for line in commands(output) {
        let ours = [
            "::group::",
            "::endgroup::",
            "::add-mask::",
            "::error title=iter8::",
            "::warning title=iter8::",
        ];
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
    }
}

#[test]
fn what_a_fork_measured_is_published_by_a_second_workflow() {
    for (slos, word, state) in [(PASS, "pass", "success"), (FAIL, "fail", "failure")] {
        let github = with_fork();
        let app = publishing(&github, &run_of_a_fork(), PUBLISH, &left_behind(slos));
        let output = app.run(&["action"]);
        // Whatever was measured: to publish is what was asked for.
        output.exits(0);
        harmless(&output);
        let comment = github.comment().body;
        for part in [
            "`mallory/shop`, whose author decides what it reports",
            &format!("(https://ghe.example/acme/shop/commit/{HEAD})"),
            "(https://ghe.example/acme/shop/actions/runs/99)",
            "run=99 attempt=1 started=1767323045",
        ] {
            assert!(comment.contains(part), "{part}\n{comment}");
        }
        assert!(!comment.contains("Reproduce"), "{comment}");
        let (sha, status) = github.statuses().pop().expect("a status");
        assert_eq!((sha.as_str(), status["state"].as_str()), (HEAD, Some(state)));
        assert_eq!(
            status["target_url"],
            "https://ghe.example/acme/shop/actions/runs/99"
        );
        let outputs = outputs(&app);
        assert_eq!(outputs["outcome"], word);
        assert!(outputs["commentURL"].contains("/pull/7#"));
        assert_eq!(
            (outputs["reason"].as_str(), outputs["metrics"].as_str()),
            ("", "")
        );
        assert!(app.read("runner/summary").contains("mallory/shop"));
        assert!(!app.path("iter8-results").exists());
        assert!(app.path("artifact/result.json").exists());
        github.was_asked_well();
    }
}

#[test]
fn a_fork_cannot_say_that_broken_objectives_are_no_failure() {
    let mut lenient = left_behind(FAIL);
    lenient["validateSLOs"] = false.into();
    lenient["outcome"] = "pass".into();
    let here: Given<'_> = &[("validateSLOs", "false")];
    for (inputs, state) in [
        (PUBLISH.to_vec(), "failure"),
        ([PUBLISH, here].concat(), "success"),
    ] {
        let github = with_fork();
        let app = publishing(&github, &run_of_a_fork(), &inputs, &lenient);
        app.run(&["action"]).exits(0);
        let (_, status) = github.statuses().pop().expect("a status");
        assert_eq!(status["state"], state);
    }
}

#[test]
fn a_run_of_the_repository_itself_is_published_too() {
    let github = GitHub::new();
    github.of_the_repository();
    let mut event = run_of_a_fork();
    event["workflow_run"]["head_repository"]["full_name"] = "acme/shop".into();
    event["repository"] = json!({ "id": 1 });
    event["workflow_run"]["pull_requests"] =
        json!([{ "number": 7, "head": { "sha": HEAD }, "base": { "repo": { "id": 1 } } }]);
    publishing(&github, &event, PUBLISH, &left_behind(PASS))
        .run(&["action"])
        .exits(0);
    assert!(!github.comment().body.contains("whose author decides"));
    github.was_asked_well();
}

#[test]
fn what_was_pushed_over_meanwhile_gets_its_status_and_no_comment() {
    let github = GitHub::new();
    github.push(&"b".repeat(40));
    let app = publishing(&github, &run_of_a_fork(), PUBLISH, &left_behind(PASS));
    app.run(&["action"])
        .exits(0)
        .says("no open pull request has this commit as its head");
    assert_eq!(github.statuses().pop().expect("a status").0, HEAD);
    assert_eq!(github.comments().len(), 0);
    github.was_asked_well();
}

#[test]
fn a_pull_request_of_another_branch_with_the_same_commit_gets_no_comment() {
    let github = GitHub::new();
    let mut event = run_of_a_fork();
    event["workflow_run"]["head_repository"]["full_name"] = "eve/shop".into();
    let app = publishing(&github, &event, PUBLISH, &left_behind(PASS));
    app.run(&["action"])
        .exits(0)
        .says("no open pull request has this commit as its head");
    assert_eq!(github.statuses().pop().expect("a status").0, HEAD);
    assert_eq!(github.comments().len(), 0);
    github.was_asked_well();
}

#[test]
fn a_missing_permission_fails_the_workflow_that_is_to_publish() {
    let github = with_fork();
    github.fault("POST", "/", 99, read_only());
    let app = publishing(&github, &run_of_a_fork(), PUBLISH, &left_behind(PASS));
    let output = app.run(&["action"]);
    output
        .exits(6)
        .says("pull-requests: write")
        .says("statuses: write");
    assert_eq!(annotations(&output, "warning").len(), 1);
}

type Spoil = fn(&Path, &mut Value);

#[test]
fn an_artifact_that_lies_or_overflows_is_not_published() {
    #[rustfmt::skip] // a table
    let rows: &[(&str, Spoil, &str)] = &[
        ("another commit", |_, result| result["environment"]["commit"] = "b".repeat(40).into(), "about another commit"),
        ("no commit", |_, result| result["environment"]["commit"] = Value::Null, "about another commit"),
        ("another pull request", |_, result| result["environment"]["pullRequest"] = 8.into(), "about pull request 8, and the run is of 7"),
        ("a number that is none", |_, result| result["environment"]["pullRequest"] = "7 @x".into(), "not a result of iter8"),
        ("bad JSON", |_, result| *result = "{".into(), "not a result of iter8"),
        ("something else", |_, result| *result = json!({ "outcome": "pass" }), "not a result of iter8"),
        ("a later version", |_, result| result["schemaVersion"] = "2.0.0".into(), "format version 2.0.0"),
        ("a word that is none", |_, result| result["assessment"]["judgements"][0]["verdict"] = "great".into(), "not a result of iter8"),
        ("a bomb", |_, result| result["insights"]["versions"][0]["loads"][0]["measurement"]["timings"]["latency"]["hdr"] = BOMB.into(), "not a result of iter8"),
        ("too many loads", |_, result| result["insights"]["versions"][0]["loads"] = vec![json!({}); 101].into(), "more than 100 loads"),
        ("too large", |folder, _| sparse(&folder.join("report.html"), 1 << 30), "more than 128 MiB"),
        ("too many files", |folder, _| (0..300).for_each(|n| sparse(&folder.join(n.to_string()), 0)), "more than 200 files"),
        ("a link", |folder, _| symlink("/etc/passwd", folder.join("report.md")).expect("a link"), "neither a file nor a folder"),
        ("a link to a folder", |folder, _| symlink("/", folder.join("deep")).expect("a link"), "neither a file nor a folder"),
        ("a name with a command", |folder, _| symlink("/", folder.join("\n::error::hacked")).expect("a link"), "neither a file nor a folder"),
    ];
    let good = left_behind(PASS);
    each(
        rows,
        |row| row.0,
        |(_, spoil, says)| {
            let github = with_fork();
            let app = publishing(&github, &run_of_a_fork(), PUBLISH, &good);
            let mut result = good.clone();
            spoil(&app.path("artifact"), &mut result);
            let text = result.as_str().map_or_else(|| result.to_string(), str::to_owned);
            let app = app.file("artifact/result.json", text);
            refused(&github, &app, says);
        },
    );
    let github = with_fork();
    let app = publishing(&github, &run_of_a_fork(), PUBLISH, &good);
    let path = app.path("artifact/result.json");
    std::fs::remove_file(&path).expect("removed");
    symlink("/proc/self/environ", &path).expect("a link");
    refused(&github, &app, "neither a file nor a folder");
    let github = with_fork();
    let app = publishing(&github, &run_of_a_fork(), PUBLISH, &good);
    std::fs::remove_file(app.path("artifact/result.json")).expect("removed");
    refused(&github, &app, "result.json");
}

fn refused(github: &GitHub, app: &App, says: &str) {
    let output = app.run(&["action"]);
    output.exits(2).says(says);
    harmless(&output);
    assert_eq!(
        (github.comments().len(), github.statuses().len()),
        (0, 0),
        "{output}"
    );
    assert_eq!(outputs(app)["outcome"], "error");
    assert!(app.read("runner/summary").contains("nothing was published"));
}

fn sparse(path: &Path, length: u64) {
    let file = std::fs::File::create(path).expect("a file");
    file.set_len(length).expect("a sparse file");
}

/// A compressed histogram that announces four gigabytes.
const BOMB: &str = "HISTFAAAABt4nJNpmSz8HwgYIIAZSjNCuS/sP0BYAMvVB2E=";

#[test]
fn what_must_be_there_to_publish_is_asked_for() {
    let good = left_behind(PASS);
    let rows: [(&str, &str, Given<'_>, &str); 6] = [
        (
            "neither comment nor status",
            "workflow_run",
            &[("mode", "publish"), ("artifact", "artifact")],
            "would publish nothing",
        ),
        (
            "a pull request that a stranger's result would open",
            "workflow_run",
            &[
                ("mode", "publish"),
                ("artifact", "artifact"),
                ("pullRequest", "on-pass"),
            ],
            "`pullRequest` would change nothing",
        ),
        ("another event", "push", PUBLISH, "only `workflow_run`"),
        (
            "no artifact",
            "workflow_run",
            &[("mode", "publish"), ALWAYS],
            "needs `artifact`",
        ),
        (
            "no folder",
            "workflow_run",
            &[("mode", "publish"), ("artifact", "none"), ALWAYS],
            "cannot read none",
        ),
        (
            "a URL",
            "workflow_run",
            &[("mode", "publish"), ("artifact", "artifact"), ("url", "http://a")],
            "`url` would change nothing",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, name, inputs, says)| {
            let github = with_fork();
            let app = publishing(&github, &run_of_a_fork(), inputs, &good).env("GITHUB_EVENT_NAME", *name);
            refused(&github, &app, says);
        },
    );
    let useless = [
        ("slos", "http/latency-p95 <= 1ms"),
        ("qps", "10"),
        ("readyTimeout", "1s"),
        ("environment", "Preview"),
        ("reports", "csv"),
        ("outputDir", "x"),
        ("vercelBypass", "bypass-0123456789"),
        ("pullRequestTitle", "x"),
    ];
    for (name, value) in useless {
        let github = with_fork();
        let inputs = [PUBLISH, &[(name, value)]].concat();
        let app = publishing(&github, &run_of_a_fork(), &inputs, &good);
        refused(
            &github,
            &app,
            &format!("`{name}` would change nothing: `mode: publish`"),
        );
    }
    let target = Server::ok();
    let app = short(&target, &[("artifact", "x")]);
    app.run(&["action"])
        .exits(2)
        .says("`artifact` would change nothing");
}

const EVIL: &str = "@everyone #1 <script>alert(1)</script> <img src=x> [x](javascript:alert(1)) ![i](https://evil.example/i.png) \
    https://evil.example/ --> </details> | ` ``` **b**\n::error::hacked\r::set-output name=outcome::pass\n##[error]hacked\n# head";

/// Every text of a result that a result may have there.
fn poisoned(result: &Value) -> Value {
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) | Value::Null => found.push(at.to_owned()),
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    places(item, &format!("{at}/{n}"), found);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    places(
                        field,
                        &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                        found,
                    );
                }
            }
            Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = Vec::new();
    places(result, "", &mut all);
    let mut result = result.clone();
    for list in ["/distrust", "/because", "/tasks/0/notes"] {
        *result.pointer_mut(list).expect(list) = json!([EVIL]);
    }
    result["history"] = json!({
        "commit": EVIL,
        "commitUrl": "https://evil.example/commit",
        "started": "2026-01-02T03:04:05Z",
        "outcome": "pass",
        "changes": [{ "metric": "http/latency-p95", "now": 1, "before": 2 }],
        "differences": [EVIL],
    });
    let mut poisoned = 3;
    // Slices alone have hundreds of texts, none of which is shown.
    for at in all
        .iter()
        .filter(|at| !at.contains("/slices/") && !at.contains("/hdr"))
    {
        let place = result.pointer_mut(at).expect("a place");
        let before = std::mem::replace(place, EVIL.into());
        let parsed = iter8::results::parse(Path::new("x"), &result.to_string());
        let kept = parsed.is_ok()
            && !["/environment/commit", "/schemaVersion", "/interrupted"].contains(&at.as_str());
        if kept {
            poisoned += 1;
        } else {
            *result.pointer_mut(at).expect("a place") = before;
        }
    }
    assert!(poisoned > 15, "only {poisoned} texts");
    result
}

/// Markdown without what stands in code spans, where nothing is a mention or a link.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        out.push_str(&rest[..at]);
        let fence = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let inside = &rest[at + fence..];
        let ticks = "`".repeat(fence);
        let end = inside
            .match_indices(&ticks)
            .map(|(end, _)| end)
            .find(|end| !inside[end + fence..].starts_with('`') && !inside[..*end].ends_with('`'));
        let Some(end) = end else { return out };
        rest = &inside[end + fence..];
    }
    out + rest
}

#[test]
fn no_text_of_an_artifact_is_markup_a_mention_or_a_command() {
    let github = with_fork();
    let app = publishing(&github, &run_of_a_fork(), PUBLISH, &poisoned(&left_behind(FAIL)));
    let output = app.run(&["action"]);
    output.exits(0);
    harmless(&output);
    assert_eq!(outputs(&app)["outcome"], "invalid");
    let comment = github.comment().body;
    assert!(comment.contains("Beside the last result"), "{comment}");
    assert!(
        comment.contains("hacked"),
        "nothing hostile was shown at all\n{comment}"
    );
    for text in [comment, app.read("runner/summary")] {
        let plain = without_code(&text);
        for sign in [
            "@everyone",
            "<script",
            "<img",
            "![",
            "https://evil",
            " #1 ",
            "\n# head",
            "\n::",
        ] {
            assert!(!plain.contains(sign), "{sign}\n{plain}");
        }
        let links = plain.match_indices("](");
        for (at, _) in links.filter(|(at, _)| !plain[..*at].ends_with('\\')) {
            assert!(
                plain[at..].starts_with("](https://ghe.example/acme/shop/"),
                "{plain}"
            );
        }
        let (opened, closed) = (
            plain.matches("<details").count(),
            plain.matches("</details>").count(),
        );
        assert_eq!(opened, closed);
    }
    let (_, status) = github.statuses().pop().expect("a status");
    let description = status["description"].as_str().expect("a text");
    assert!(
        description.lines().count() == 1 && description.chars().count() <= 140,
        "{description}"
    );
    github.was_asked_well();
}

#[test]
fn where_several_pull_requests_have_the_commit_its_branch_decides() {
    let result = left_behind(PASS);
    // Of another's branch with the same commit, and a second one from the same branch.
    for (branch, comments) in [("eve:topic", 1), ("mallory:topic", 0)] {
        let github = with_fork();
        github.fork(branch, 8, HEAD);
        let app = publishing(&github, &run_of_a_fork(), PUBLISH, &result);
        app.run(&["action"]);
        assert_eq!(github.comments().len(), comments, "{branch}");
    }
}
