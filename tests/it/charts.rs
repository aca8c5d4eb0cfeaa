//! `iter8 launch`, `iter8 gen`, files of values, and the action's inputs for charts.

use crate::action::step;
use crate::support::{App, Grpc, Server, outputs};

fn values(server: &Server, more: &str) -> String {
    format!("url: {}\nnumRequests: 10\nqps: 200\n{more}", server.url("/get"))
}

#[test]
fn a_launch_runs_and_reports_like_a_run() {
    let server = Server::ok();
    let url = format!("http.url={}", server.url("/get"));
    let app = App::new();
    let output = app.run(&[
        "launch",
        "--set",
        "tasks={http,assess}",
        "--set",
        &url,
        "--set",
        "http.numRequests=10,http.qps=200.5",
        "--set",
        "http.headers.x-number=1",
        "--set",
        r"assess.SLOs.upper.http/latency-p97\.5=5000,assess.SLOs.upper.http/error-count=0",
    ]);
    output.exits(0);
    assert!(output.stdout.contains("latency p97.5"), "{}", output.stdout);
    assert_eq!(server.requests(), 10);
    assert_eq!(server.seen()[0].header("x-number"), "1");
    let result = app.result();
    assert_eq!(result["experiment"]["name"], "chart iter8");
    let reproduce = result["environment"]["reproduce"].as_str().expect("a command");
    assert!(
        reproduce.starts_with("iter8 launch -c iter8 --set 'tasks={http,assess}'"),
        "{reproduce}"
    );
    assert!(!reproduce.contains("x-number=1"), "{reproduce}");
    assert!(
        !app.path("experiment.yaml").exists(),
        "a launch that runs writes no experiment"
    );
    app.run(&["assert", "-c", "completed,nofailure,slos"]).exits(0);
}

#[test]
fn a_broken_limit_fails_a_launch() {
    let server = Server::new(|_| crate::support::Answer::status(500));
    let app = App::new().file("v.yaml", values(&server, "SLOs: {http/error-rate: 0.25}\n"));
    app.run(&["launch", "-c", "load-test-http", "-f", "v.yaml"])
        .exits(1);
}

#[test]
fn a_launch_of_grpc_calls() {
    let server = Grpc::shop();
    let app = App::new();
    let host = format!(
        "host={},call=shop.v1.Shop.Quote,total=5,data.item=book,data.amount=7",
        server.host()
    );
    let args = [
        "launch",
        "-c",
        "load-test-grpc",
        "--set",
        &host,
        "--set",
        "SLOs.grpc/error-rate=0",
    ];
    app.run(&args).exits(0);
    let calls = server.calls();
    assert_eq!((calls.len(), &calls[0].messages[0]["amount"]), (5, &7.into()));
}

#[test]
fn what_is_wrong_with_values_is_listed_before_anything_is_sent() {
    let server = Server::ok();
    let app = App::new().file(
        "v.yaml",
        values(&server, "SLO: {http/error-rate: 0}\nconnection: 5\n"),
    );
    let output = app.run(&[
        "launch",
        "-c",
        "load-test-http",
        "-f",
        "v.yaml",
        "--set",
        "qps=abc",
    ]);
    output.exits(2).says_all(&[
        "unknown value `SLO` in the values of the chart `load-test-http`",
        "v.yaml:4:1",
        "did you mean `SLOs`?",
        "unknown value `connection`",
        "did you mean `connections`?",
        "expected a number, found `abc`",
        "flag --set qps",
        "3 mistakes; nothing was sent",
    ]);
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_dry_launch_sends_nothing_and_what_it_writes_can_be_run() {
    let server = Server::ok();
    let url = format!("url={},numRequests=5,qps=99.5,headers.n=1", server.url("/"));
    let app = App::new();
    let dry = [
        "launch",
        "--dry",
        "-c",
        "load-test-http",
        "--set",
        &url,
        "--set",
        "SLOs.http/error-rate=0",
    ];
    app.run(&dry).exits(0).says("wrote ./experiment.yaml");
    assert_eq!(server.requests(), 0);
    let first = app.read("experiment.yaml");
    assert!(
        first.starts_with("# Made by iter8 from the chart load-test-http"),
        "{first}"
    );
    // What it made it may replace.
    app.run(&dry).exits(0);
    assert_eq!(app.read("experiment.yaml"), first);
    app.run(&["validate"]).exits(0);
    app.run(&["run"]).exits(0);
    assert_eq!(server.requests(), 5);
    assert_eq!(server.seen()[0].header("n"), "1");
}

#[test]
fn a_file_that_no_chart_made_is_not_replaced() {
    let own = "spec:\n- run: 'true'\n";
    for command in [
        &["launch", "--dry", "-c", "load-test-http", "--set", "url=http://h"][..],
        &["gen", "-c", "load-test-http", "--set", "url=http://h"],
    ] {
        let app = App::with(own);
        app.run(command)
            .exits(2)
            .says("experiment.yaml is there already, and no chart made it");
        assert_eq!(app.read("experiment.yaml"), own);
    }
    let app = App::new().file("istio.metrics.yaml", "url: http://mine\n");
    let istio = "versionInfo.destination_workload=w";
    let args = [
        "gen",
        "-c",
        "slo-validation-istio",
        "--set",
        istio,
        "--runDir",
        ".",
    ];
    app.run(&args)
        .exits(2)
        .says("istio.metrics.yaml is there already");
    assert!(!app.path("experiment.yaml").exists());
}

#[test]
fn a_folder_may_be_named_for_what_is_written() {
    let app = App::new();
    let args = [
        "gen",
        "-c",
        "load-test-http",
        "--set",
        "url=http://h",
        "--runDir",
        "made/here",
    ];
    app.run(&args).exits(0);
    assert!(app.read("made/here/experiment.yaml").contains("url: http://h"));
}

#[test]
fn flags_of_every_era_are_accepted_and_said_to_change_nothing() {
    let app = App::new();
    let args = |flags: &[&'static str]| {
        let given = ["launch", "--dry", "-c", "load-test-http", "--set", "url=http://h"];
        [&given, flags].concat()
    };
    for flags in [
        &["--noDownload"][..],
        &["--noDownload=false"],
        &["--localChart"],
        &["--chartsParentDir", "."],
        &["--destDir", "."],
        &[
            "--remoteFolderURL",
            "github.com/iter8-tools/iter8.git?ref=v0.10.25//charts",
        ],
    ] {
        app.run(&args(flags)).exits(0).says(&format!(
            "{} changes nothing",
            flags[0].trim_end_matches("=false")
        ));
    }
    for flags in [
        &["--repoURL", "https://iter8-tools.github.io/hub/"][..],
        &["-r", "https://iter8-tools.github.io/iter8"],
        &["--version", "0.9.x"],
        &["-v", ">=0.8, <0.10"],
    ] {
        app.run(&args(flags)).exits(0);
    }
    app.run(&args(&["--remoteFolderURL", "github.com/me/charts.git//mine"]))
        .exits(2)
        .says("none is fetched from another folder");
    app.run(&args(&["--repoURL", "https://charts.example"]))
        .exits(2)
        .says("load-test-http, load-test-grpc");
    app.run(&args(&["--version", "0.13.x"]))
        .exits(2)
        .says("the built-in `load-test-http` does what 0.8, 0.9, 0.10 did");
}

#[test]
fn a_chart_that_was_changed_is_not_used_in_silence() {
    let app = App::new().file("charts/iter8/Chart.yaml", "name: iter8\n");
    let args = [
        "launch",
        "--dry",
        "--set",
        "tasks={http},http.url=http://h",
        "--noDownload",
    ];
    app.run(&args)
        .exits(0)
        .says("the chart in charts/iter8 is not read");
    app.run(&["gen", "--sourceDir", "charts/mine", "--set", "url=http://h"])
        .exits(2)
        .says_all(&[
            "there is no chart `charts/mine`",
            "built in are iter8, load-test-http",
        ]);
}

#[test]
fn values_come_from_urls_and_from_files_with_what_is_to_be_sent() {
    let target = Server::ok();
    let text = values(&target, "");
    let files = Server::new(move |seen| match seen.path.as_str() {
        "/v.yaml" => crate::support::Answer::status(200).body(text.clone()),
        _ => crate::support::Answer::status(404),
    });
    let app = App::new().file("body.txt", "one, two\n${three}");
    let file = files.url("/v.yaml");
    let args = [
        "launch",
        "-c",
        "load-test-http",
        "-f",
        &file,
        "--set-file",
        "payloadStr=body.txt",
    ];
    app.run(&args).exits(0);
    assert_eq!(&target.seen()[0].body[..], b"one, two\n${three}");
    let missing = files.url("/none.yaml");
    app.run(&["launch", "-c", "load-test-http", "-f", &missing])
        .exits(2)
        .says("it answers with status 404");
}

#[test]
fn a_file_of_values_is_an_experiment() {
    let server = Server::ok();
    let text = format!(
        "tasks: [ready, http, assess]\nready: {{url: {0}}}\nhttp: {{url: {0}, numRequests: 5, qps: 100}}\n\
         assess: {{SLOs: {{upper: {{http/error-rate: 0}}}}}}\n",
        server.url("/")
    );
    let app = App::new().file("values.yaml", &text);
    app.run(&["validate", "values.yaml"]).exits(0);
    assert_eq!(server.requests(), 0);
    app.run(&["run", "values.yaml", "--numRequests", "7"]).exits(0);
    assert_eq!(server.requests(), 8);
    let app = App::new().file("values.yaml", text.replace("upper", "uper").replace("qps", "qsp"));
    app.run(&["validate", "values.yaml"]).exits(2).says_all(&[
        "unknown field `qsp` in an `http` task",
        "values.yaml:3:",
        "unknown field `uper` in `SLOs`",
        "did you mean `upper`?",
    ]);
}

#[test]
fn every_chart_has_a_schema_that_its_values_fit() {
    let app = App::new();
    for (chart, fits, not) in [
        (
            "iter8",
            "tasks: [http]\nhttp: {url: http://h, warmupNumRequests: 5}\nrunner: job\n",
            "tasks: [htp]",
        ),
        (
            "load-test-http",
            "url: http://h\nnumQueries: 5\nSLOs: {error-rate: 0}\nready: {deploy: x}\n",
            "qsp: 5",
        ),
        (
            "load-test-grpc",
            "host: h:1\ncall: a.B.C\nprotoURL: http://h/p\nSLOs: {grpc/error-rate: 0}\n",
            "rsp: 5",
        ),
        ("load-test", "url: http://h\nerrorsAbove: 500\n", "url: [1]"),
        (
            "slo-validation-istio",
            "versionInfo: {destination_workload: w}\n",
            "reporter: source",
        ),
    ] {
        let output = app.run(&["schema", "chart", chart]);
        output.exits(0);
        let schema: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let parse = |text: &str| -> serde_json::Value { serde_yaml::from_str(text).expect("YAML") };
        let errors: Vec<String> = validator
            .iter_errors(&parse(fits))
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{chart}");
        assert!(!validator.is_valid(&parse(not)), "{chart}: {not}");
    }
    app.run(&["schema", "chart", "load-test-htp"])
        .exits(2)
        .says("did you mean `load-test-http`?");
    app.run(&["schema", "result", "iter8"]).exits(2);
}

#[test]
fn the_six_inputs_of_the_former_action_work() {
    let server =
        Server::new(|seen| crate::support::Answer::status(if seen.number % 2 == 0 { 200 } else { 500 }));
    let text = format!(
        "url: {}\nnumQueries: 8\nqps: 200\nSLOs:\n  http/error-rate: 0\n  http/latency-mean: 5000\n",
        server.url("/")
    );
    let inputs = [
        ("chart", "load-test-http"),
        ("valuesFile", "my values.yaml"),
        ("logLevel", "debug"),
        ("chartRepo", "https://iter8-tools.github.io/hub"),
        ("chartVersion", "0.9.x"),
    ];
    let app = step(&inputs).file("my values.yaml", &text);
    app.run(&["action"]).exits(1);
    assert_eq!(server.requests(), 8);
    assert_eq!(outputs(&app)["outcome"], "fail");
    let reproduce = app.result()["environment"]["reproduce"].clone();
    assert_eq!(reproduce, "iter8 launch -c load-test-http -f 'my values.yaml'");
    let app = step(&[&inputs[..], &[("validateSLOs", "false")]].concat()).file("my values.yaml", &text);
    app.run(&["action"]).exits(0);
    assert_eq!(server.requests(), 16);
}

#[test]
fn other_inputs_are_put_over_a_chart() {
    let (server, other) = (Server::ok(), Server::ok());
    let text = values(&server, "");
    let url = other.url("/");
    let app = step(&[
        ("chart", "load-test-http"),
        ("valuesFile", "v.yaml"),
        ("values", "numRequests: 4\nconnections: 1"),
        ("url", &url),
        ("slos", "http/error-rate <= 0"),
    ]);
    let app = app.file("v.yaml", text);
    app.run(&["action"]).exits(0);
    // The probe, and the load.
    assert_eq!((server.requests(), other.requests()), (0, 5));
    assert_eq!(outputs(&app)["requests"], "4");
}

#[test]
fn inline_values_are_an_experiment_or_values() {
    let server = Server::ok();
    let url = server.url("/");
    for text in [
        format!("spec:\n- task: http\n  with: {{url: '{url}', numRequests: 3, qps: 100}}\n"),
        format!("tasks: [http]\nhttp: {{url: '{url}', numRequests: 3, qps: 100}}\n"),
    ] {
        let app = step(&[("values", &text)]);
        app.run(&["action"]).exits(0);
        assert_eq!(outputs(&app)["requests"], "3");
    }
    let app = step(&[("values", "tasks: [http]\nhttp: {url: 'http://h', qsp: 5}\n")]);
    app.run(&["action"])
        .exits(2)
        .says_all(&["input 'values':2:", "did you mean `qps`?"]);
}

#[test]
fn inputs_that_mean_another_chart_are_refused() {
    for (inputs, why) in [
        (
            &[("chart", "load-test-ftp")][..],
            "there is no chart `load-test-ftp`",
        ),
        (
            &[
                ("chart", "load-test-http"),
                ("chartRepo", "https://charts.example/x"),
            ],
            "built-in chart: iter8, load-test-http",
        ),
        (
            &[("chart", "load-test-http"), ("chartVersion", "0.13.x")],
            "`load-test-http` is not there in version 0.13.x",
        ),
        (
            &[("chart", "load-test-http"), ("chartVersion", "newest")],
            "`newest` is no version",
        ),
        (
            &[("chart", "load-test-http"), ("valuesFile", "none.yaml")],
            "none.yaml: No such file",
        ),
        (
            &[("valuesFile", "values.yaml"), ("url", "http://h")],
            "`valuesFile` is nothing without `chart`",
        ),
        (
            &[("valuesFile", "values.yaml")],
            "`valuesFile` is nothing without `chart`",
        ),
        (
            &[("chartVersion", "0.13.x")],
            "`chartVersion` is nothing without `chart`",
        ),
        (
            &[("chart", "iter8"), ("experiment", "e.yaml")],
            "`experiment` and `chart` both say what is tested",
        ),
        (
            &[
                ("chart", "load-test-http"),
                ("values", "SLOs: {error-rate: 0}\nurl: http://h"),
            ],
            "write `http/error-rate`",
        ),
    ] {
        let app = step(inputs);
        app.run(&["action"]).exits(2).says(why);
        assert_eq!(outputs(&app)["passed"], "false", "{inputs:?}");
    }
}

#[test]
fn a_judgement_that_would_be_lost_is_refused_before_anything_is_sent() {
    let server = Server::ok();
    let http = format!("http: {{url: '{}', numRequests: 2, qps: 200}}\n", server.url("/"));
    for (assess, says) in [
        (
            "assess: {SLOs: {upper: {http/error-rate: }}}",
            "the limit of `http/error-rate` has no value",
        ),
        ("", "it would judge nothing"),
        ("assess: {}", "it would judge nothing"),
        (
            "assess: {SLOs: {upper: {built-in/http-latency-mean: 5}}}",
            "write `http/latency-mean`",
        ),
    ] {
        let app = App::new().file("v.yaml", format!("tasks: [http, assess]\n{http}{assess}\n"));
        app.run(&["launch", "-f", "v.yaml"]).exits(2).says(says);
        let dry = app.run(&["launch", "--dry", "-f", "v.yaml"]);
        let nothing = says.contains("nothing");
        dry.exits(if nothing { 0 } else { 2 }).says(says);
    }
    assert_eq!(server.requests(), 0);
    let app = App::new().file(
        "v.yaml",
        format!("tasks: [http, assess]\n{http}Assess: {{SLOs: {{upper: {{http/error-rate: 0}}, lower: {{http/request-count: 3}}}}}}\n"),
    );
    app.run(&["launch", "-f", "v.yaml"]).exits(1);
    let take = "assess.SLOs.lower.http/request-count=null";
    app.run(&[
        "launch",
        "-f",
        "v.yaml",
        "--set",
        &take.replace("assess", "Assess"),
    ])
    .exits(0);
}

#[test]
fn values_in_the_wrong_place_and_missing_ones_say_so_once() {
    let app = App::new().file("v.yaml", "url: http://127.0.0.1:1/\nSLOs: {http/error-rate: 0}\n");
    for command in [
        &["validate", "v.yaml"][..],
        &["run", "v.yaml"],
        &["launch", "-f", "v.yaml"],
    ] {
        let output = app.run(command);
        output.exits(2).says("iter8 launch -c load-test-http -f ");
        assert_eq!(output.stderr.matches("error:").count(), 1, "{output}");
    }
    app.run(&["launch", "-f", "none.yaml"])
        .exits(2)
        .says("cannot read the values file none.yaml");
}
