//! Experiment files of every era of Iter8 run unchanged, and are printed in the current format.

use super::support::{Answer, App, Server, each};

/// A file of an era, with `URL` for where its requests go.
struct Old {
    era: &'static str,
    file: &'static str,
}

const FILES: &[Old] = &[
    Old {
        era: "the unreleased format of 2021",
        file: "
- task: collect-fortio-metrics
  with: {numQueries: 6, qps: 200, versionInfo: [{url: URL}]}
- task: assess-versions
  with:
    criteria:
      requestCount: iter8-fortio/request-count
      objectives:
      - {metric: iter8-fortio/error-rate, upperLimit: 0.5}
      - {metric: iter8-fortio/p95.0, upperLimit: 5000}
      - {metric: iter8-fortio/request-count, lowerLimit: 6}
",
    },
    Old {
        era: "Iter8 0.8",
        file: "
- task: gen-load-and-collect-metrics
  with: {numRequests: 6, qps: 200, versionInfo: [{url: URL, headers: {x: y}}]}
- task: assess-app-versions
  with:
    SLOs:
    - {metric: built-in/error-rate, upperLimit: 0.5}
    - {metric: built-in/mean-latency, upperLimit: 5000}
    - {metric: built-in/request-count, lowerLimit: 6, upperLimit: 6}
",
    },
    Old {
        era: "Iter8 0.8.29 to 0.9",
        file: "
- task: gen-load-and-collect-metrics-http
  with: {numRequests: 6, qps: 200, errorsAbove: 400, versionInfo: [{url: URL}]}
- task: assess-app-versions
  with:
    SLOs: [{metric: http/error-rate, upperLimit: 0.5}, {metric: http/latency-p97.5, upperLimit: 5000}]
",
    },
    Old {
        era: "Iter8 0.9 to 0.10",
        file: "
- run: echo ready
- task: gen-load-and-collect-metrics-http
  with: {url: URL, numRequests: 6, qps: 200, iter8lib: {runner: none}, SLOs: {http/error-rate: 0}}
- task: assess-app-versions
  if: not Completed()
  with:
    SLOs: [{metric: http/error-rate, upperLimit: 0.5}]
",
    },
    Old {
        era: "Iter8 0.11 to 0.15",
        file: "
Spec:
- task: http
  name: load
  with: {URL: URL, numrequests: 6, qps: 200, warmupNumRequests: 3}
- task: assess
  with:
    SLOs: {upper: [{metric: http/error-rate, limit: 0.5}], lower: [{metric: http/request-count, limit: 6}]}
result: {startTime: '2023-05-01T10:00:00Z', numCompletedTasks: 9, failure: true, iter8Version: v0.13}
",
    },
    Old {
        era: "Iter8 0.16 to 1.1",
        file: "
metadata: {name: app, namespace: default}
spec:
- task: http
  with: {url: URL, numRequests: 6, qps: 200}
- task: assess
  with: {SLOs: {upper: [{metric: http/error-rate, limit: 0.5}]}}
",
    },
];

/// Requests, errors and verdicts of a stored result.
fn outcome(app: &App) -> String {
    let result = app.result();
    let load = &result["insights"]["versions"][0]["loads"][0]["measurement"];
    let verdicts: Vec<String> = result["assessment"]["judgements"]
        .as_array()
        .expect("judgements")
        .iter()
        .map(|judgement| format!("{} {}", judgement["objective"], judgement["verdict"]))
        .collect();
    format!("{} {} {verdicts:?}", load["requests"], load["errors"])
}

#[test]
fn files_of_every_era_run_unchanged_and_so_do_their_upgrades() {
    each(
        FILES,
        |old| old.era,
        |old| {
            let server = Server::new(|seen| Answer::status(if seen.number % 3 == 0 { 404 } else { 200 }));
            let app = App::with(
                &old.file
                    .replace("URL}", &format!("'{}'}}", server.url("/get")))
                    .replace("URL,", &format!("'{}',", server.url("/get"))),
            );
            app.run(&["run"]).exits(0);
            assert_eq!(server.requests(), 6);
            let before = outcome(&app);
            assert!(before.starts_with("6 2 "), "{before}");
            app.run(&["validate"]).exits(0).says(old.era).says("--upgrade");
            let upgraded = app.run(&["validate", "--upgrade"]);
            upgraded.exits(0);
            let app = app.file("upgraded.yaml", &upgraded.stdout);
            let again = app.run(&["validate", "upgraded.yaml"]);
            again.exits(0).says("the current format");
            assert!(
                !again.stderr.contains("error") && !again.stderr.contains("unknown"),
                "{again}"
            );
            app.run(&["run", "upgraded.yaml"]).exits(0);
            assert_eq!(outcome(&app), before, "{}", upgraded.stdout);
        },
    );
}

#[test]
fn every_version_of_an_old_file_is_tested_alone_and_judged() {
    let server = Server::new(|seen| Answer::status(if seen.path == "/bad" { 500 } else { 200 }));
    let file = format!(
        "- task: gen-load-and-collect-metrics-http
  with: {{numRequests: 4, qps: 200, versionInfo: [{{url: '{}'}}, {{url: '{}'}}]}}
- task: assess-app-versions
  with: {{SLOs: [{{metric: http/error-count, upperLimit: 0}}]}}
",
        server.url("/good"),
        server.url("/bad")
    );
    let app = App::with(&file);
    app.run(&["run"]).exits(1);
    let judgements = app.result()["assessment"]["judgements"].clone();
    let of = |index: usize| {
        (
            judgements[index]["version"].clone(),
            judgements[index]["verdict"].clone(),
        )
    };
    assert_eq!(of(0), ("version 0".into(), "met".into()));
    assert_eq!(of(1), ("version 1".into(), "notMet".into()));
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(
        paths,
        ["/good", "/good", "/good", "/good", "/bad", "/bad", "/bad", "/bad"]
    );
}

#[test]
fn what_charts_left_behind_is_doubtful_and_a_near_miss_is_a_mistake() {
    let app = App::with(
        "spec:
- task: http
  colour: blue
  with:
    url: http://127.0.0.1:1/
    numRequest: 9
    flavour: sweet
result: {}
",
    );
    let output = app.run(&["validate"]);
    output.exits(2).says_all(&[
        "error: unknown field `numRequest` in an `http` task",
        "experiment.yaml:6:5",
        "did you mean `numRequests`?",
        "warning: unknown field `flavour`",
        "warning: unknown field `colour`",
        "experiment.yaml:3:3",
        "1 mistake",
    ]);
}

#[test]
fn an_objective_that_nothing_measures_is_invalid_in_an_old_file_and_has_no_upgrade() {
    let server = Server::ok();
    let app = App::with(&format!(
        "- task: gen-load-and-collect-metrics-http
  with: {{url: '{}', numRequests: 2, qps: 200}}
- task: assess-app-versions
  with:
    SLOs:
    - {{metric: no/such, upperLimit: 1}}
    - {{metric: oneword, upperLimit: 1}}
    - {{metric: http/error-count, upperLimit: 0}}
",
        server.url("/")
    ));
    app.run(&["run"]).exits(5).says_all(&[
        "warning: no task measures no/such",
        "warning: `oneword` is no metric",
        "experiment.yaml:7:16",
    ]);
    assert_eq!(server.requests(), 2);
    let output = app.run(&["validate", "--upgrade"]);
    output.exits(2).says("error: no task measures no/such");
    assert_eq!(output.stdout, "");
}

#[test]
fn a_file_of_today_is_upgraded_to_itself_and_stays_strict() {
    let file = "spec: # mine\n- run: echo x\n";
    let app = App::with(file);
    let output = app.run(&["validate", "--upgrade"]);
    output.exits(0);
    assert_eq!(output.stdout, file);
    let strict = App::with("spec:\n- run: echo x\n  colour: blue\n");
    strict
        .run(&["validate"])
        .exits(2)
        .says("error: unknown field `colour`");
}

#[test]
fn downloads_that_charts_wrote_as_scripts_are_done_without_curl() {
    let server =
        Server::new(|seen| Answer::status(200).body(if seen.path == "/payload" { "hello" } else { "" }));
    let app = App::with(&format!(
        "spec:
- run: |
    curl -o payload.dat {payload}
- task: http
  with: {{url: '{url}', numRequests: 2, qps: 200, payloadFile: payload.dat, payloadURL: '{payload}', contentType: text/plain}}
result: {{iter8Version: v0.13}}
",
        payload = server.url("/payload"),
        url = server.url("/post"),
    ));
    app.run(&["run"]).exits(0);
    let seen = server.seen();
    let fetched = seen.iter().filter(|seen| seen.path == "/payload").count();
    let posted: Vec<_> = seen.iter().filter(|seen| seen.path == "/post").collect();
    assert_eq!((fetched, posted.len()), (1, 2));
    assert!(
        posted
            .iter()
            .all(|seen| seen.method == "POST" && &seen.body[..] == b"hello")
    );
    assert!(!app.path("payload.dat").exists());
}

#[test]
fn what_old_files_ask_and_nothing_can_do_is_an_error_at_its_place() {
    for (file, says) in [
        (
            "- task: k8s-object-ready\n  with: {name: a, group: apps, resource: deployments}\n",
            "an object needs `version`, that of its group, such as `v1`",
        ),
        (
            "- task: gen-load-and-collect-metrics-http\n  with: {versionInfo: [null]}\n",
            "`versionInfo` names no version to test",
        ),
        (
            "- run: echo x\n  with: {template: true}\n- task: assess-app-versions\n  with: {SLOs: [{metric: built-in/error-rate}]}\n",
            "scripts that are templates were given up by 0.8.34",
        ),
        (
            "- task: assess-app-versions\n  with: {SLOs: [{metric: http/error-rate}]}\n",
            "an objective has a `metric`, and an `upperLimit`",
        ),
        (
            "- task: assess-app-versions\n  with: {}\n",
            "it would judge nothing",
        ),
        ("- task: http\n", "an experiment is a map with `spec:`"),
        (
            "spec: [{task: abnmetrics, with: {endpoint: a}}]\nresult: {}\n",
            "`abnmetrics` asked Iter8's own service",
        ),
    ] {
        let output = App::with(file).run(&["run"]);
        output.exits(2).says(says).says("experiment.yaml:");
    }
}

#[test]
fn a_limit_or_version_that_would_be_lost_is_a_mistake_and_nothing_is_sent() {
    let server = Server::ok();
    let load = format!("with: {{url: '{}', numRequests: 2, qps: 200}}", server.url("/"));
    let of_0_10 = |assess: &str| {
        format!(
            "- task: gen-load-and-collect-metrics-http\n  {load}\n- task: assess-app-versions\n  {assess}\n"
        )
    };
    let of_0_13 = |assess: &str| {
        format!(
            "spec:\n- task: http\n  {load}\n- task: assess\n  {assess}\nresult: {{iter8Version: v0.13}}\n"
        )
    };
    let written = |beside: &str| format!("spec:\n  {beside}\n  tasks:\n  - task: http\n    {load}\n");
    let slo = "{metric: http/error-count, upperLimit: 0}";
    for (file, says) in [
        (
            of_0_10("with: {SLOs: [{metric: http/request-count, lowerLimit: 1, upperlimt: 2}]}"),
            "did you mean `upperLimit`?",
        ),
        (
            of_0_10("with: {SLOs: [{metric: http/request-count, lowerLimit: 0, max: 0}]}"),
            "unknown field `max` in an objective",
        ),
        (
            of_0_13(
                "with: {SLOs: {lower: [{metric: http/request-count, limit: 1}], upperLimits: [{metric: http/error-rate, limit: 0}]}}",
            ),
            "unknown field `upperLimits`",
        ),
        (
            of_0_13("with: {rewards: {max: [a/b]}, criteria: {objectives: []}}"),
            "unknown field `criteria`",
        ),
        (
            written(&format!("objectives: [{slo}]")),
            "unknown field `objectives`",
        ),
        (
            written(&format!("criteria: {{objectives: [{slo}]}}")),
            "unknown field `criteria`",
        ),
        (
            of_0_10(&format!("with: {{SLOs: [{slo}]}}"))
                .replace("with: {url: ", "with: {versionInfo: [null, {url: ")
                .replace(", numRequests", "}], numRequests"),
            "version 0 is `null`",
        ),
    ] {
        App::with(&file).run(&["run"]).exits(2).says(says);
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn text_that_looks_like_a_variable_is_told_in_an_old_file() {
    let text = "- task: gen-load-and-collect-metrics-http\n  with:\n    versionInfo: [{url: 'URL', headers: {x: '${HOME}'}}]\n    numRequests: 2\n    payloadStr: 'TEXT'\n";
    let server = Server::ok();
    let text = text.replace("URL", &server.url("/"));
    let app = App::with(&text.replace("TEXT", "$${HOME}")).env("HOME", "/home/me");
    app.run(&["validate"])
        .exits(0)
        .says("Iter8 took it as text")
        .says("`$${NAME}`");
    let app = App::with(&text.replace("${HOME}", "$${HOME}").replace("TEXT", "a"));
    assert!(!app.run(&["validate"]).has("took it as text"));
}

#[test]
fn a_gate_of_objectives_that_nothing_judged_is_doubtful() {
    let gate = "- run: echo promoted\n  if: SLOs()\n";
    let judged = "- task: assess\n  with: {objectives: [http/error-rate <= 1%]}\n";
    let load = "spec:\n- task: http\n  with: {url: 'http://127.0.0.1:1/', numRequests: 2}\n";
    let said = "`SLOs()` is true where nothing was judged";
    App::with(&format!("{load}{gate}"))
        .run(&["validate"])
        .exits(0)
        .says(said);
    let app = App::with(&format!("{load}{judged}{gate}"));
    assert!(!app.run(&["validate"]).has(said));
}

#[test]
fn an_object_of_the_first_releases_is_told_what_it_is() {
    App::with("apiVersion: iter8.tools/v2alpha2\nkind: Experiment\nmetadata: {name: a}\nspec: {target: a}\n")
        .run(&["run"])
        .exits(2)
        .says("an experiment of Iter8 up to 0.7")
        .says("`task: assess` judges");
}
