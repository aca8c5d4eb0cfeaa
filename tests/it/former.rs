//! What scripts, workflows and results of Iter8 meet here, good and bad.

use crate::action::step;
use crate::support::{Answer, App, Server, commands, each, outputs, plain};

#[test]
fn charts_need_no_download_and_who_asks_for_one_is_told() {
    let app = App::new();
    app.run(&["hub", "-c", "load-test-http"]).exits(2).says_all(&[
        "charts are built in: there is nothing for `hub` to download",
        "`iter8 launch -c load-test-http` runs the chart",
        "`iter8 schema chart load-test-http`",
    ]);
    for words in [
        &["hub"][..],
        &["hub", "-e", "mine"],
        &["hub", "--help"],
        &["-l", "error", "hub"],
    ] {
        app.run(words).exits(2).says("`iter8 launch -c CHART`");
    }
    assert_eq!(std::fs::read_dir(app.path(".")).expect("a folder").count(), 0);
}

#[test]
fn what_iter8_called_otherwise_leads_to_the_command_of_today() {
    for (words, tip) in [
        (
            &["run", "--set", "url=x"][..],
            "iter8 launch -c load-test-http --set",
        ),
        (&["gen", "-o", "k8s"], "iter8 k launch --dry"),
        (&["abn"], "task: assess"),
    ] {
        App::new().run(words).exits(2).says(tip);
    }
}

#[test]
fn a_missing_result_is_said_with_every_place_that_was_looked_at() {
    let app = App::new();
    let places = [
        "neither iter8-results/result.json nor result.yaml is there",
        "experiment.yaml is not there either",
        "--runDir or --outputDir",
    ];
    app.run(&["report"]).exits(2).says_all(&places);
    app.run(&["assert", "-c", "slos"]).exits(2).says_all(&places);
    app.run(&["report", "--runDir", "there", "--outputDir", "out"])
        .exits(2)
        .says("neither there/out/result.json nor there/result.yaml is there, and there/experiment.yaml");
    let app = App::with("spec: [{run: echo x}]\n");
    app.run(&["assert", "-c", "completed"])
        .exits(2)
        .says("experiment.yaml has none in it");
}

#[test]
fn a_refused_command_leaves_no_gate_open() {
    let server = Server::ok();
    let url = server.url("/");
    let gate = ["assert", "-c", "completed,nofailure,slos"];
    let run = [
        "run",
        "--url",
        &url,
        "--numRequests",
        "5",
        "--qps",
        "100",
        "--slo",
        "http/error-rate <= 0",
    ];
    // By a mistake in a flag's value, by a flag that is none, and by one of another command.
    for wrong in [
        &["run", "--qps", "much"][..],
        &["run", "--sett", "a=b"],
        &["launch", "--url", "x"],
    ] {
        let app = App::new();
        app.run(&run).exits(0);
        app.run(&gate).exits(0);
        app.run(wrong).exits(2);
        app.run(&gate).exits(2).says("there is no stored result");
        assert!(app.path("iter8-results/result.previous.json").is_file());
    }
    let app = App::new();
    let there = ["--runDir", "deep", "--outputDir=out"];
    app.run(&[&run[..], &there[..]].concat()).exits(0);
    app.run(&[&["run", "--sett", "a=b"][..], &there[..]].concat())
        .exits(2);
    app.run(&[&gate[..], &there[..]].concat()).exits(2);
    // What Iter8 left in the file is not the result of a run that was refused.
    let old = "spec: [{task: http, with: {url: 'URL', qps: QPS, numRequests: 5}}, {task: assess, with: {SLOs: {upper: [{metric: http/error-rate, limit: 0}]}}}]\nresult: {numCompletedTasks: 2, startTime: '2023-05-01T10:00:00Z', iter8Version: v0.13, insights: {numVersions: 1, nonHistMetricValues: [{http/error-rate: [0]}], SLOs: {upper: [{metric: http/error-rate, limit: 0}]}, SLOsSatisfied: {upper: [[true]]}}}\n";
    let old = |qps: &str| old.replace("URL", &url).replace("QPS", qps);
    let app = App::with(&old("0"));
    app.run(&gate).exits(0);
    app.run(&["run"]).exits(2);
    app.run(&gate).exits(2).says("the last command here was refused");
    app.file("experiment.yaml", old("100")).run(&["run"]).exits(0);
}

#[test]
fn a_gate_that_iter8_left_open_says_that_nothing_was_judged() {
    let result = "spec: [{task: http}]\nresult: {numCompletedTasks: 1, insights: {numVersions: 1}}\n";
    let output = App::with(result).run(&["assert", "-c", "slos"]);
    output
        .exits(0)
        .says("no SLO was judged, which Iter8 took for satisfied");
    App::with(result)
        .run(&["report"])
        .exits(0)
        .says("⚠️ iter8: completed, and no objective was judged");
    assert!(!output.stderr.contains("SLOs are satisfied"), "{output}");
    let judged = "spec: [{task: http}]\nresult: {numCompletedTasks: 1, insights: {numVersions: 1, nonHistMetricValues: [{http/error-rate: [0]}], SLOs: {upper: [{metric: http/error-rate, limit: 0}]}, SLOsSatisfied: {upper: [[true]]}}}\n";
    App::with(judged)
        .run(&["assert", "-c", "slos"])
        .exits(0)
        .says("SLOs are satisfied");
}

#[test]
fn a_launch_without_objectives_passes_and_is_not_green_where_requests_fail() {
    let told = |wrong: usize| {
        let server = Server::new(move |seen| Answer::status(if seen.number < wrong { 404 } else { 200 }));
        let url = format!("url={},numRequests=8,qps=200", server.url("/"));
        let app = App::new();
        let output = app.run(&["launch", "-c", "load-test-http", "--set", &url]);
        output.exits(0);
        let markdown = app.read("iter8-results/report.md");
        let headline = markdown.lines().next().expect("a headline");
        (plain(headline), output.stdout)
    };
    let (headline, text) = told(8);
    assert_eq!(
        headline,
        "## ⚠️ iter8: 100 % of 8 requests failed, and no objective was judged"
    );
    assert!(
        plain(&text).contains("100 % of 8 requests failed, and no objective was judged"),
        "{text}"
    );
    let (headline, _) = told(2);
    assert_eq!(
        headline,
        "## ⚠️ iter8: 25 % of 8 requests failed, and no objective was judged"
    );
    let (headline, _) = told(0);
    assert_eq!(headline, "## ✅ iter8: 8 requests sent, no objectives to judge");
}

/// A mistake in values: where the chart says what it wants, the values, and what is said of them.
struct Wrong {
    name: &'static str,
    chart: &'static str,
    values: &'static str,
    says: &'static [&'static str],
}

#[rustfmt::skip] // a table
const WRONG: &[Wrong] = &[
    Wrong { name: "a number that is none", chart: "load-test-http", values: "url: URL\nnumQueries: many\n", says: &["v.yaml:2:13", "expected a whole number"] },
    Wrong { name: "a list that is none", chart: "load-test-http", values: "url: URL\npercentiles: 95\n", says: &["v.yaml:2:14", "expected a list"] },
    Wrong { name: "headers that are a list", chart: "load-test-http", values: "url: URL\nheaders: [x]\n", says: &["v.yaml:2:10", "expected a map"] },
    Wrong { name: "a URL that is a map", chart: "load-test-http", values: "url: {host: URL}\n", says: &["v.yaml:1:6"] },
    Wrong { name: "limits that are a list", chart: "load-test-http", values: "url: URL\nSLOs: [http/error-rate]\n", says: &["v.yaml:2:7", "a map from metrics to upper limits"] },
    Wrong { name: "a limit that is a word", chart: "load-test-http", values: "url: URL\nSLOs: {http/error-rate: none}\n", says: &["v.yaml:2:25", "expected a number"] },
    Wrong { name: "a limit without a number", chart: "load-test-http", values: "url: URL\nSLOs:\n  http/error-rate:\n", says: &["v.yaml:3:3", "has no value"] },
    Wrong { name: "a misspelt metric", chart: "load-test-http", values: "url: URL\nSLOs: {http/eror-rate: 0}\n", says: &["v.yaml:2:8", "did you mean"] },
    Wrong { name: "a misspelt percentile", chart: "load-test-http", values: "url: URL\nSLOs: {http/latency-95: 100}\n", says: &["v.yaml:2:8"] },
    Wrong { name: "a metric of another load", chart: "load-test-http", values: "url: URL\nSLOs: {grpc/error-rate: 0}\n", says: &["v.yaml:2:8", "no task measures grpc/error-rate"] },
    Wrong { name: "misspelt limits", chart: "load-test-http", values: "url: URL\nSLO: {http/error-rate: 0}\n", says: &["v.yaml:2:1", "did you mean `SLOs`?"] },
    Wrong { name: "misspelt sides", chart: "iter8", values: "tasks: [http, assess]\nhttp: {url: URL}\nassess: {SLOs: {uper: {http/error-rate: 0}}}\n", says: &["v.yaml:3:17", "did you mean `upper`?"] },
    Wrong { name: "limits without a side", chart: "iter8", values: "tasks: [http, assess]\nhttp: {url: URL}\nassess: {SLOs: {http/error-rate: 0}}\n", says: &["v.yaml:3:17"] },
    Wrong { name: "a misspelt task", chart: "iter8", values: "tasks: [http, asess]\nhttp: {url: URL}\n", says: &["v.yaml:1:15", "did you mean `assess`?"] },
    Wrong { name: "values that are a list", chart: "load-test-http", values: "- url: URL\n", says: &["v.yaml:1:1", "values are a map"] },
    Wrong { name: "no YAML", chart: "load-test-http", values: "url: [URL\n", says: &["v.yaml:"] },
    Wrong { name: "a key given twice", chart: "load-test-http", values: "url: URL\nqps: 1\nqps: 2\n", says: &["v.yaml:3:1", "qps"] },
];

#[test]
fn what_is_wrong_with_values_is_told_in_its_place_by_flags_and_inputs_alike() {
    let server = Server::ok();
    each(
        WRONG,
        |wrong| wrong.name,
        |wrong| {
            let values = wrong.values.replace("URL", &format!("'{}'", server.url("/")));
            let app = App::new().file("v.yaml", &values);
            app.run(&["launch", "-c", wrong.chart, "-f", "v.yaml"])
                .exits(2)
                .says_all(wrong.says);
            assert!(!app.path("iter8-results").exists(), "{}", wrong.name);
            let app = step(&[("chart", wrong.chart), ("valuesFile", "v.yaml")]).file("v.yaml", &values);
            let output = app.run(&["action"]);
            output.exits(2).says_all(wrong.says);
            let outputs = outputs(&app);
            assert_eq!(outputs["passed"], "false");
            assert!(outputs["reason"].contains("v.yaml"), "{outputs:?}");
            let annotated = commands(&output);
            assert!(
                annotated
                    .iter()
                    .any(|line| line.starts_with("::error") && line.contains("v.yaml")),
                "{annotated:?}"
            );
        },
    );
    assert_eq!(server.requests(), 0);
}

#[test]
fn charts_from_elsewhere_are_refused_by_flags_and_inputs_alike() {
    for (flag, input, value, says) in [
        (
            "--repoURL",
            "chartRepo",
            "https://charts.example/mine",
            "built-in chart: iter8, load-test-http",
        ),
        (
            "--repoURL",
            "chartRepo",
            "oci://registry.example/mine",
            "built-in chart: iter8, load-test-http",
        ),
        ("--version", "chartVersion", "7.x", "is not there in version 7.x"),
        ("--version", "chartVersion", "latest", "`latest` is no version"),
    ] {
        let app = App::new();
        let args = [
            "launch",
            "-c",
            "load-test-http",
            "--set",
            "url=http://h",
            flag,
            value,
        ];
        app.run(&args).exits(2).says_all(&[flag, says]);
        let app = step(&[("chart", "load-test-http"), (input, value)]);
        app.run(&["action"]).exits(2).says_all(&[input, says]);
    }
}

#[test]
fn the_log_level_of_the_action_is_heard() {
    let server = Server::ok();
    let text = format!(
        "url: {}\nnumQueries: 3\nqps: 200\nSLOs: {{http/error-rate: 0}}\n",
        server.url("/")
    );
    for (level, told) in [
        ("info", true),
        ("debug", true),
        ("ERROR", false),
        ("panic", false),
    ] {
        let app = step(&[
            ("chart", "load-test-http"),
            ("valuesFile", "v.yaml"),
            ("logLevel", level),
        ]);
        let app = app.file("v.yaml", &text);
        let output = app.run(&["action"]);
        output.exits(0);
        assert_eq!(
            output.stderr.contains("task 1: http: completed"),
            told,
            "{output}"
        );
        assert_eq!(output.stderr.contains("::group::"), told, "{output}");
        // What others read is not the log.
        assert!(output.stdout.contains("the objective is met"), "{output}");
        assert_eq!(outputs(&app)["passed"], "true");
        assert!(!app.read("runner/summary").is_empty());
    }
    step(&[("chart", "load-test-http"), ("logLevel", "loud")])
        .run(&["action"])
        .exits(2)
        .says("unknown value \"loud\"");
}

#[test]
fn a_command_that_would_not_repeat_the_step_is_not_shown() {
    let server = Server::ok();
    let values = format!("url: {}\nnumQueries: 3\nqps: 200\n", server.url("/"));
    let chart = [("chart", "load-test-http"), ("valuesFile", "v.yaml")];
    let reproduce = |more: &[(&str, &str)]| {
        let app = step(&[&chart[..], more].concat()).file("v.yaml", &values);
        app.run(&["action"]).exits(0);
        app.result()["environment"]["reproduce"].clone()
    };
    assert_eq!(reproduce(&[]), "iter8 launch -c load-test-http -f v.yaml");
    assert_eq!(
        reproduce(&[("slos", "http/error-rate <= 1%")]),
        serde_json::Value::Null
    );
    assert_eq!(reproduce(&[("numRequests", "2")]), serde_json::Value::Null);
}

#[test]
fn secrets_in_values_are_masked_where_their_quotes_are_escaped() {
    let server = Server::ok();
    let text = format!(
        "url: {}\nnumQueries: 2\nqps: 200\nheaders: {{Authorization: 'Bearer to\"ken\\1122334455'}}\n",
        server.url("/")
    );
    let app = App::new().file("v.yaml", text);
    let output = app.run(&["launch", "-c", "load-test-http", "-f", "v.yaml"]);
    output.exits(0);
    assert_eq!(
        server.seen()[0].header("authorization"),
        "Bearer to\"ken\\1122334455"
    );
    for text in [
        output.stderr.clone(),
        output.stdout.clone(),
        app.read("iter8-results/result.json"),
        app.read("iter8-results/report.html"),
        app.read("iter8-results/report.md"),
    ] {
        assert!(!text.contains("1122334455"), "{text}");
    }
}
