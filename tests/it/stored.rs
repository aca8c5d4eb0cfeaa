//! Commands on a stored result (`report`, `assert`) and those that need none (`validate`, `schema`, `completions`, `version`).

use std::time::{Duration, Instant};

use crate::support::{App, Server};

fn finished(slo: &str) -> App {
    let (app, server) = (App::new(), Server::ok());
    let url = server.url("/");
    app.run(&[
        "run",
        "--url",
        &url,
        "--numRequests",
        "5",
        "--qps",
        "100",
        "--slo",
        slo,
        "-l",
        "error",
    ]);
    app
}

#[test]
fn percentiles_that_were_asked_for_are_reported() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 20, qps: 200, percentiles: [33, 12.5]}}\n",
        server.url("/")
    ));
    app.run(&["run"]).exits(0);
    let csv = app.run(&["report", "-o", "csv"]).stdout;
    for metric in ["http/latency-p12.5,", "http/latency-p33,", "http/latency-p95,"] {
        assert_eq!(csv.matches(metric).count(), 1, "{metric} in {csv}");
    }
}

#[test]
fn assert_checks_what_it_is_asked_and_refuses_to_check_nothing() {
    let met = finished("http/error-rate <= 1%");
    met.run(&["assert", "-c", "completed,nofailure,slos"])
        .exits(0)
        .says("all conditions were satisfied");
    met.run(&["assert", "-c", "completed", "-c", "SLOs"]).exits(0);
    met.run(&["assert", "-c", ""]).exits(2).says("no condition");
    met.run(&["assert"]).exits(2).says("no condition");
    met.run(&["assert", "-c", "slo"])
        .exits(2)
        .says("did you mean `slos`?");
    met.run(&["assert", "-c", "slos", "--timeout", "5"]).exits(2);
    let broken = finished("http/request-count >= 6");
    broken
        .run(&["assert", "-c", "slos"])
        .exits(1)
        .says("SLOs are not satisfied");
    broken.run(&["assert", "-c", "completed,nofailure"]).exits(0);
}

#[test]
fn assert_without_objectives_is_not_a_kept_promise_that_nobody_made() {
    let (app, server) = (App::new(), Server::ok());
    app.run(&[
        "run",
        "--url",
        &server.url("/"),
        "--numRequests",
        "5",
        "--qps",
        "100",
    ])
    .exits(0);
    app.run(&["assert", "-c", "completed,nofailure"]).exits(0);
}

#[test]
fn assert_waits_for_a_result_no_longer_than_told() {
    let app = App::new();
    let started = Instant::now();
    app.run(&["assert", "-c", "completed", "--timeout", "1s"])
        .exits(2)
        .says("result.json");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn report_says_what_is_missing_and_which_formats_there_are() {
    App::new()
        .run(&["report"])
        .exits(2)
        .says("iter8-results/result.json");
    let app = finished("http/error-rate <= 1%");
    app.run(&["report", "-o", "markdwn"])
        .exits(2)
        .says("did you mean `markdown`?");
    let moved = App::new().file("iter8-results/result.json", "{\"schemaVersion\": \"7.0.0\"}");
    moved.run(&["report"]).exits(2).says("format version 7.0.0");
    let broken = App::new().file("iter8-results/result.json", "{\"schemaVersion\": \"1.0.0\"");
    broken.run(&["report"]).exits(2).says("is not a result of iter8");
}

#[test]
fn results_go_where_they_are_wanted_and_are_read_from_there() {
    let (app, server) = (App::new(), Server::ok());
    let url = server.url("/");
    let place = ["--runDir", "work", "--outputDir", "out/put"];
    let app = app.file("work/.keep", "");
    app.run(
        &[
            &["run", "--url", &url, "--numRequests", "5", "--qps", "100"],
            &place[..],
        ]
        .concat(),
    )
    .exits(0);
    assert!(app.path("work/out/put/result.json").exists());
    app.run(&[&["report"], &place[..]].concat()).exits(0);
    app.run(&["report"]).exits(2);
}

#[cfg(unix)]
#[test]
fn later_steps_of_another_user_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let app = finished("http/error-rate <= 1%");
    let mode = |name: &str| {
        app.path(name)
            .metadata()
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("iter8-results"), 0o755);
    for file in ["result.json", "report.md", "report.html"] {
        assert_eq!(mode(&format!("iter8-results/{file}")), 0o644, "{file}");
    }
}

#[test]
fn validate_describes_the_tasks_and_sends_nothing() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5}}\n- task: assess\n  if: Completed()\n  with: {{objectives: [http/error-rate <= 1%]}}\n",
        server.url("/")
    ));
    let output = app.run(&["validate", "experiment.yaml"]);
    output.exits(0).says("valid, 2 tasks").says("if Completed()");
    assert_eq!(server.requests(), 0);
    assert!(!app.path("iter8-results").exists());
}

fn schema(of: &str) -> jsonschema::Validator {
    let text = App::new().run(&["schema", of]).stdout;
    let schema = serde_json::from_str(&text).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("a validator")
}

#[test]
fn examples_validate_against_the_schema_and_mistakes_do_not() {
    let schema = schema("experiment");
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(examples).expect("examples") {
        let path = entry.expect("an entry").path();
        // The folder of workflows holds none.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let value: serde_json::Value = serde_yaml::from_str(&text).expect("YAML");
        let errors: Vec<String> = schema
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        seen += 1;
    }
    assert!(seen >= 3);
    for wrong in [
        "{}",
        "{spec: []}",
        "{spec: [{task: htpp, with: {url: 'http://a'}}]}",
        "{spec: [{task: http, with: {url: 'http://a', qsp: 1}}]}",
        "{spec: [{task: http, with: {url: 'http://a', qps: 0}}]}",
    ] {
        let value: serde_json::Value = serde_yaml::from_str(wrong).expect("YAML");
        assert!(!schema.is_valid(&value), "{wrong}");
    }
}

#[test]
fn results_validate_against_their_schema() {
    let schema = schema("result");
    for slo in ["http/error-rate <= 1%", "http/request-count >= 6"] {
        let result = finished(slo).result();
        let errors: Vec<String> = schema
            .iter_errors(&result)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let failed = App::with("spec:\n- run: exit 3\n- run: 'true'\n  if: Completed()\n");
    failed.run(&["run"]).exits(3);
    assert!(
        schema.is_valid(&failed.result()),
        "{:?}",
        schema.validate(&failed.result())
    );
    assert!(!schema.is_valid(&serde_json::json!({})));
}

#[test]
fn completions_version_and_help_answer_on_stdout() {
    let app = App::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = app.run(&["completions", shell]);
        output.exits(0);
        assert!(output.stdout.contains("numRequests"), "{shell}");
        assert_eq!(output.stderr, "", "{shell}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        app.run(&["version"]).exits(0).stdout,
        format!("iter8 {version}\n")
    );
    assert_eq!(
        app.run(&["version", "--short"]).exits(0).stdout,
        format!("v{version}\n")
    );
    assert_eq!(
        app.run(&["--version"]).exits(0).stdout,
        format!("iter8 {version}\n")
    );
    for command in [vec!["--help"], vec!["run", "--help"], vec!["docs"]] {
        let output = app.run(&command);
        output.exits(0);
        assert!(output.stdout.len() > 500 && output.stderr.is_empty(), "{output}");
    }
}

#[test]
fn wrong_usage_is_exit_2_and_nothing_on_stdout() {
    let app = App::new();
    for wrong in [
        vec![],
        vec!["rum"],
        vec!["run", "--ulr", "http://a"],
        vec!["completions", "tcl"],
        vec!["schema", "metrics"],
        vec!["run", "a.yaml", "b.yaml"],
        vec!["run", "--url"],
        vec!["demo", "--broken=maybe"],
        vec!["-l", "loud", "version"],
    ] {
        let output = app.run(&wrong);
        output.exits(2);
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{output}");
    }
}

#[test]
fn one_task_is_one_task() {
    let app = App::with("spec:\n- run: 'true'\n");
    app.run(&["validate"]).exits(0).says("valid, 1 task, ");
}
