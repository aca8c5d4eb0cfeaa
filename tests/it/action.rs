//! `iter8 action` as GitHub starts it: inputs in; outputs, summary, annotations and an exit code out.

use std::time::Duration;

use serde_json::json;

use crate::support::{Answer, App, Output, Seen, Server, commands, each, outputs, plain};

/// Names and values of inputs.
pub(crate) type Given<'a> = &'a [(&'a str, &'a str)];

/// A workspace with the runner's variables and files.
pub(crate) fn step(inputs: Given<'_>) -> App {
    let app = App::new().file("runner/output", "").file("runner/summary", "");
    let path = |name: &str| app.path(name).display().to_string();
    let (output, summary) = (path("runner/output"), path("runner/summary"));
    let app = app
        .env("GITHUB_ACTIONS", "true")
        .env("CI", "true")
        .env("GITHUB_OUTPUT", output)
        .env("GITHUB_STEP_SUMMARY", summary)
        .env("GITHUB_EVENT_NAME", "push")
        .env("INPUT_SUMMARY", "true")
        .env("INPUT_VALIDATESLOS", "true")
        .env("INPUT_LOGLEVEL", "info");
    inputs.iter().fold(app, |app, (name, value)| {
        app.env(&format!("INPUT_{}", name.to_uppercase()), *value)
    })
}

/// A step that sends a few requests.
pub(crate) fn short(server: &Server, inputs: Given<'_>) -> App {
    let url = server.url("/");
    step(
        &[
            &[("url", url.as_str()), ("numRequests", "20"), ("qps", "200")],
            inputs,
        ]
        .concat(),
    )
}

const NAMES: [&str; 17] = [
    "outcome",
    "passed",
    "reason",
    "metrics",
    "requests",
    "errorRate",
    "latencyMean",
    "latencyP50",
    "latencyP95",
    "latencyP99",
    "winner",
    "weights",
    "resultFile",
    "reportFile",
    "commentURL",
    "pullRequestURL",
    "pullRequestNumber",
];

#[test]
fn a_passing_step_writes_every_output_and_a_summary() {
    let server = Server::ok();
    let app = short(
        &server,
        &[
            ("slos", "http/latency-p95 <= 5s\n  http/error-rate <= 1%\n\n"),
            ("headers", "x-a: 1\nx-b: two: parts"),
            ("reports", "junit, csv"),
        ],
    );
    let output = app.run(&["action"]);
    output.exits(0);
    let outputs = outputs(&app);
    assert_eq!(
        outputs
            .keys()
            .map(String::as_str)
            .collect::<std::collections::BTreeSet<_>>(),
        NAMES.into()
    );
    assert_eq!(
        (outputs["outcome"].as_str(), outputs["passed"].as_str()),
        ("pass", "true")
    );
    assert_eq!(
        (outputs["requests"].as_str(), outputs["errorRate"].as_str()),
        ("20", "0")
    );
    for name in ["latencyMean", "latencyP50", "latencyP95", "latencyP99"] {
        assert!(
            outputs[name].parse::<f64>().is_ok_and(|msec| msec > 0.0),
            "{name}: {}",
            outputs[name]
        );
    }
    let metrics: serde_json::Value = serde_json::from_str(&outputs["metrics"]).expect("metrics are JSON");
    assert_eq!(metrics["http/request-count"], 20.0);
    assert!(metrics["http/latency-p95"].is_number(), "{metrics}");
    assert_eq!(metrics["http/latency/p95"], metrics["http/latency-p95"]);
    assert_eq!(outputs["reason"].lines().count(), 1);
    for name in [
        "winner",
        "weights",
        "commentURL",
        "pullRequestURL",
        "pullRequestNumber",
    ] {
        assert_eq!(outputs[name], "");
    }
    assert_eq!(outputs["resultFile"], "iter8-results/result.json");
    assert!(app.path(&outputs["resultFile"]).exists() && app.path(&outputs["reportFile"]).exists());
    assert!(app.path("iter8-results/junit.xml").exists() && app.path("iter8-results/report.csv").exists());
    let summary = app.read("runner/summary");
    assert!(
        summary.starts_with("## ") && plain(&summary).contains("all 2 objectives met"),
        "{summary}"
    );
    let load: Vec<Seen> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.header("x-b") == "two: parts")
        .collect();
    assert!(load.len() >= 20 && load.iter().all(|seen| seen.header("x-a") == "1"));
    let commands = commands(&output);
    assert!(
        commands
            .iter()
            .all(|line| line.starts_with("::group::") || line == "::endgroup::"),
        "{commands:?}"
    );
    let count = |name: &str| commands.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!(count("::group::"), count("::endgroup::"));
}

#[test]
fn a_baseline_url_is_compared_with_and_outputs_are_those_of_the_tested_version() {
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(60)));
    let baseline = Server::ok();
    let url = baseline.url("/");
    let app = short(
        &server,
        &[
            ("baselineURL", url.as_str()),
            ("numRequests", "80"),
            ("qps", "40"),
            ("slos", "http/latency-p50 <= 2x base"),
        ],
    );
    let output = app.run(&["action"]);
    output.exits(1);
    // A probe and the load.
    assert_eq!((server.requests(), baseline.requests()), (81, 81));
    let outputs = outputs(&app);
    let p50: f64 = outputs["latencyP50"].parse().expect("a number");
    assert!(p50 >= 60.0, "{p50}");
    assert_eq!(
        (outputs["requests"].as_str(), outputs["winner"].as_str()),
        ("80", "")
    );
    assert!(
        outputs["reason"].contains("the baseline"),
        "{}",
        outputs["reason"]
    );
    assert!(app.read("runner/summary").contains("--baselineURL"));
}

#[test]
fn what_was_in_the_files_of_the_step_stays() {
    let server = Server::ok();
    let app = short(&server, &[])
        .file("runner/output", "before=1")
        .file("runner/summary", "# Before");
    app.run(&["action"]).exits(0);
    assert_eq!(outputs(&app)["before"], "1");
    assert_eq!(outputs(&app)["outcome"], "pass");
    assert!(app.read("runner/summary").starts_with("# Before\n"));
}

#[test]
fn a_broken_objective_fails_the_step_and_is_annotated() {
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(20)));
    let app = short(
        &server,
        &[("slos", "http/latency-p50 <= 2ms\nhttp/error-rate <= 1%")],
    );
    let output = app.run(&["action"]);
    output.exits(1);
    let errors: Vec<String> = commands(&output)
        .into_iter()
        .filter(|line| line.starts_with("::error"))
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("::error title=SLO not met::") && errors[0].contains("latency-p50"),
        "{errors:?}"
    );
    assert_eq!(
        (
            outputs(&app)["outcome"].as_str(),
            outputs(&app)["passed"].as_str()
        ),
        ("fail", "false")
    );
    assert!(outputs(&app)["reason"].contains("p50"));
    assert!(app.read("runner/summary").contains("not met"));
}

#[test]
fn broken_objectives_may_be_reported_only_and_the_summary_left_out() {
    let server = Server::ok();
    let app = short(
        &server,
        &[
            ("slos", "http/request-count >= 21"),
            ("validateSLOs", "false"),
            ("summary", "false"),
        ],
    );
    let output = app.run(&["action"]);
    output.exits(0).says("::warning title=SLO not met");
    assert!(!output.has("::error"), "{output}");
    assert_eq!(app.read("runner/summary"), "");
    assert_eq!(
        (
            outputs(&app)["outcome"].as_str(),
            outputs(&app)["passed"].as_str()
        ),
        ("pass", "true")
    );
}

#[test]
fn every_outcome_has_its_exit_code_and_writes_its_outputs() {
    let ok = Server::ok();
    let login = Server::new(|seen| match seen.number {
        0 => Answer::status(200),
        _ => Answer::status(302).header("location", "/login"),
    });
    let failing = Server::new(|_| Answer::status(500));
    let gone = Server::new(|_| Answer::status(503));
    let rows: [(&str, i32, &Server, Given<'_>); 5] = [
        ("fail", 1, &failing, &[("slos", "http/error-rate <= 1%")]),
        (
            "inconclusive",
            4,
            &ok,
            &[("slos", "http/error-rate <= 1%"), ("onInconclusive", "fail")],
        ),
        ("invalid", 5, &login, &[]),
        ("error", 3, &gone, &[("readyTimeout", "1s")]),
        ("pass", 0, &failing, &[]),
    ];
    each(
        &rows,
        |row| row.0,
        |(outcome, code, server, inputs)| {
            let app = short(server, inputs);
            let output = app.run(&["action"]);
            output.exits(*code);
            let outputs = outputs(&app);
            assert_eq!(outputs["outcome"], *outcome, "{output}");
            assert_eq!(outputs["passed"], (*code == 0).to_string());
            assert!(
                !outputs["reason"].is_empty() && outputs["reason"].lines().count() == 1,
                "{outputs:?}"
            );
            assert!(!app.read("runner/summary").is_empty());
            let errors = commands(&output)
                .iter()
                .filter(|line| line.starts_with("::error"))
                .count();
            assert_eq!(errors > 0, *code != 0, "{output}");
        },
    );
}

#[test]
fn secrets_are_registered_before_anything_else_is_said() {
    let server = Server::ok();
    let app = short(
        &server,
        &[
            ("token", "ghs_0123456789abcdef"),
            ("headers", "Authorization: Bearer tok-1122334455\nx-trace: plain"),
            ("logLevel", "debug"),
        ],
    );
    let output = app.run(&["action"]);
    output.exits(0);
    assert_eq!(
        output.stderr.lines().next(),
        Some("::add-mask::ghs_0123456789abcdef")
    );
    assert!(output.stderr.contains("::add-mask::tok-1122334455\n"), "{output}");
    for secret in ["ghs_0123456789abcdef", "tok-1122334455"] {
        let shown = |text: &str| {
            text.lines()
                .any(|line| line.contains(secret) && !line.starts_with("::add-mask::"))
        };
        assert!(!shown(&output.stderr) && !shown(&output.stdout), "{output}");
        for file in [
            "runner/output",
            "runner/summary",
            "iter8-results/result.json",
            "iter8-results/report.html",
        ] {
            assert!(!app.read(file).contains(secret), "{file}");
        }
    }
}

const HOSTILE: &str = "::error::hacked\n::set-output name=outcome::pass\r::warning::w\n##[error]hacked\n::add-mask::pass\nEOF\nghadelimiter_x\noutcome=hacked\n::stop-commands::x";

#[test]
fn text_of_the_target_issues_no_commands_and_defines_no_outputs() {
    // In a header, in the reason of a wall, and in the body that `ready` shows and `expect` refuses.
    let line = HOSTILE.replace(['\n', '\r'], " ");
    let server = Server::new(move |seen| match seen.number {
        0 => Answer::status(200),
        _ => Answer::status(429)
            .header("retry-after", line.clone())
            .body(HOSTILE),
    });
    let app = short(&server, &[("slos", "http/error-rate <= 1%")]);
    let output = app.run(&["action"]);
    output.exits(5);
    harmless(&app, &output);
    // In a header that `ready` waits for, in the names of endpoints, and in the output of a script.
    let server = Server::new(|_| Answer::status(503).header("x-commit", "::error::hacked ##[error]hacked"));
    let hostile = serde_json::to_string(HOSTILE).expect("JSON is YAML");
    let ready = format!(
        "spec:\n- task: ready\n  with: {{url: '{}', status: 503, header: {{x-commit: new}}, timeout: 1s}}\n",
        server.url("/")
    );
    let endpoint = format!(
        "spec:\n- task: http\n  with: {{numRequests: 3, qps: 100, endpoints: {{{hostile}: {{url: '{}'}}}}}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 1%]}}\n",
        server.url("/")
    );
    let script = format!(
        "spec:\n- run: printf '%s\\n' \"$TEXT\" >&2; printf '%s' \"$TEXT\"; exit 1\n- run: echo {hostile}\n"
    );
    for (experiment, code) in [(ready, 3), (endpoint, 1), (script, 3)] {
        let app = step(&[("experiment", "e.yaml")])
            .file("e.yaml", experiment)
            .env("TEXT", HOSTILE);
        let output = app.run(&["action"]);
        output.exits(code);
        harmless(&app, &output);
    }
}

/// Nothing that the target said became a command or an output.
#[track_caller]
fn harmless(app: &App, output: &Output) {
    for command in commands(output) {
        let ours = [
            "::group::",
            "::endgroup::",
            "::error title=",
            "::warning title=",
            "::notice title=",
        ];
        assert!(
            ours.iter().any(|start| command.starts_with(start)),
            "{command:?}\n{output}"
        );
    }
    let outputs = outputs(app);
    assert_eq!(outputs.len(), NAMES.len(), "{outputs:?}");
    assert!(
        ["fail", "error", "invalid"].contains(&outputs["outcome"].as_str()),
        "{outputs:?}"
    );
    assert_eq!(outputs["passed"], "false");
    // A later step may print each of them.
    let summary = app.read("runner/summary");
    let report = app.read("iter8-results/report.md");
    for text in outputs.values().chain([&summary, &report]) {
        assert!(!text.contains("##["), "{text}");
    }
}

#[test]
fn wrong_inputs_are_named_and_outputs_are_written_all_the_same() {
    let server = Server::ok();
    let url = server.url("/");
    let url = url.as_str();
    #[rustfmt::skip] // a table
    let rows: &[(&str, Given<'_>, &[&str])] = &[
        ("qps", &[("url", url), ("qps", "fast")], &["input 'qps'", "expected a number"]),
        ("qps 0", &[("url", url), ("qps", "0")], &["input 'qps'", "write `max`"]),
        ("duration", &[("url", url), ("duration", "soon")], &["input 'duration'"]),
        ("url", &[("url", "ftp://a")], &["input 'url'", "`ftp://` cannot be tested"]),
        ("slos", &[("url", url), ("slos", "http/latency-p95 < 1")], &["input 'slos'", "<="]),
        ("metric", &[("url", url), ("slos", "http/latancy-p95 <= 1s")], &["input 'slos'", "did you mean"]),
        ("summary", &[("url", url), ("summary", "yes")], &["input 'summary'", "neither `true` nor `false`"]),
        ("onInconclusive", &[("url", url), ("slos", "http/error-rate <= 1%"), ("onInconclusive", "fial")], &["input 'onInconclusive'", "did you mean `fail`?"]),
        ("reports", &[("url", url), ("reports", "pdf")], &["input 'reports'", "unknown report format `pdf`"]),
        ("comment", &[("url", url), ("comment", "on-failure")], &["input 'comment'", "did you mean `on-fail`?"]),
        ("pullRequest", &[("url", url), ("pullRequest", "on-pass")], &["input 'pullRequestChanges'", "needs changes"]),
        ("chart", &[("chart", "load-test-htp")], &["input 'chart'", "no chart `load-test-htp`", "load-test-http"]),
        ("host", &[("host", "ftp://a:50051"), ("call", "a.B/C")], &["input 'host'", "HOST:PORT"]),
        ("host without call", &[("host", "127.0.0.1:50051")], &["call"]),
        ("payload", &[("url", url), ("payload", "a"), ("payloadStr", "b")], &["input 'payload'", "both are given"]),
        ("nothing", &[], &["nothing to test", "actions/checkout"]),
        ("no file", &[("experiment", "none.yaml")], &["none.yaml"]),
    ];
    each(
        rows,
        |row| row.0,
        |(_, inputs, says)| {
            let app = step(inputs);
            let output = app.run(&["action"]);
            output.exits(2);
            output.says_all(says);
            let outputs = outputs(&app);
            assert_eq!(outputs.len(), NAMES.len(), "{outputs:?}");
            assert_eq!(
                (outputs["outcome"].as_str(), outputs["passed"].as_str()),
                ("error", "false")
            );
            assert!(!outputs["reason"].is_empty());
            assert!(
                commands(&output).iter().any(|line| line.starts_with("::error")),
                "{output}"
            );
        },
    );
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_mistake_in_a_file_is_annotated_at_its_line() {
    let app = step(&[]).file(
        "experiment.yaml",
        "spec:\n- task: http\n  with:\n    url: 'http://127.0.0.1:1/'\n    qsp: 5\n",
    );
    let output = app.run(&["action"]);
    output.exits(2);
    let errors = commands(&output);
    let expected = "::error file=experiment.yaml,line=5,endLine=5,col=5,endColumn=7";
    assert!(
        errors.iter().any(|line| line.starts_with(expected)),
        "{errors:?}\n{output}"
    );
}

#[test]
fn the_default_file_is_run_and_inputs_override_it() {
    let server = Server::ok();
    let file = format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 500, qps: 1}}\n",
        server.url("/")
    );
    let app = step(&[
        ("numRequests", "6"),
        ("qps", "200"),
        ("slos", "http/request-count >= 6"),
    ])
    .file("experiment.yaml", file);
    app.run(&["action"]).exits(0);
    assert_eq!(server.requests(), 6);
    assert_eq!(outputs(&app)["requests"], "6");
}

#[test]
fn the_url_comes_from_a_deployment_that_succeeded() {
    let server = Server::ok();
    let event = |state: &str| {
        json!({
            "deployment_status": { "state": state, "environment_url": server.url("/preview"), "target_url": "https://logs.example/" },
            "deployment": { "sha": "a".repeat(40), "environment": "Preview" },
        })
        .to_string()
    };
    let deployed = |state: &str| {
        let app = step(&[("numRequests", "5"), ("qps", "100")]).file("runner/event.json", event(state));
        let path = app.path("runner/event.json").display().to_string();
        app.env("GITHUB_EVENT_PATH", path)
            .env("GITHUB_EVENT_NAME", "deployment_status")
    };
    deployed("success").run(&["action"]).exits(0);
    assert!(server.requests() >= 5 && server.seen().iter().all(|seen| seen.path == "/preview"));
    let before = server.requests();
    deployed("failure").run(&["action"]).exits(3).says("failure");
    assert_eq!(server.requests(), before);
}

#[test]
fn outputs_that_cannot_be_written_are_exit_6_after_a_pass() {
    let server = Server::ok();
    let app = short(&server, &[]).env("GITHUB_OUTPUT", "/nowhere/output");
    app.run(&["action"]).exits(6).says("/nowhere/output");
    let app = short(&server, &[("slos", "http/request-count >= 21")])
        .env("GITHUB_STEP_SUMMARY", "/nowhere/summary");
    app.run(&["action"]).exits(1).says("/nowhere/summary");
    assert_eq!(outputs(&app)["outcome"], "fail");
}

#[test]
fn localhost_in_a_container_is_explained() {
    let app = step(&[("url", "http://localhost:1/"), ("readyTimeout", "1s")]);
    app.run(&["action"])
        .exits(3)
        .says("inside a container `localhost` is the container itself")
        .says("172.17.0.1");
    let file = "spec:\n- task: ready\n  with: {grpc: 'localhost:1', timeout: 1s}\n";
    let app = step(&[]).file("experiment.yaml", file);
    app.run(&["action"])
        .exits(3)
        .says("localhost:1 is not ready after 1 s: connection refused")
        .says("inside a container `localhost` is the container itself");
}
