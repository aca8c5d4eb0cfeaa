//! The ways in which Iter8 passed silently although nothing was proved, one row each: none of them passes here.
//!
//! Not rows, because they concern what is not part of this program yet: 9 (`runner: none` launches nothing), 10 as far as
//! protos go, 15 (the answer to an upload of results is not checked).

use crate::support::{Answer, App, Faulty, Grpc, Output, Reply, Server, each};

/// One of them: its number and name, and what shows that it cannot happen.
struct Row {
    name: &'static str,
    check: fn(),
}

/// Runs a file; `ADDRESS` is the server's.
fn run(server: &Server, text: &str) -> (App, Output) {
    let app = App::with(&text.replace("ADDRESS", &server.url("/")));
    let output = app.run(&["run"]);
    (app, output)
}

const FEW: &str = "numRequests: 5, qps: 100";

#[rustfmt::skip] // a table
const ROWS: &[Row] = &[
    Row { name: "1: an unreachable server counts as success", check: unreachable_server },
    Row { name: "2: NaN satisfies every objective", check: no_number },
    Row { name: "3: an endpoint that cannot be tested is left out", check: endpoint_left_out },
    Row { name: "4: errors of queries for metrics are only logged", check: provider_that_fails },
    Row { name: "5: SLOs() is true when none was assessed", check: nothing_assessed },
    Row { name: "6: a failed task does not change the exit code", check: failed_task },
    Row { name: "7: failing commands exit with 0", check: failing_commands },
    Row { name: "8: failing notifications are invisible", check: unseen_notification },
    Row { name: "10: an error page becomes the payload", check: error_page_as_payload },
    Row { name: "11: unknown keys and inputs are ignored", check: unknown_keys },
    Row { name: "12: headers are dropped", check: dropped_headers },
    Row { name: "13: an objective without data vanishes from the report", check: vanished_row },
    Row { name: "14: a small value is rounded to 0.00", check: rounded_away },
    Row { name: "16: assert without conditions passes", check: assert_nothing },
    Row { name: "17: one request satisfies any objective", check: too_few_samples },
];

#[test]
fn nothing_passes_silently() {
    each(ROWS, |row| row.name, |row| (row.check)());
}

#[test]
fn the_times_of_failures_alone_are_no_pass() {
    let refuses = Server::new(|_| Answer::status(401).body("who are you?"));
    let hangs = Faulty::silent();
    let unknown = Grpc::answering(|_| Reply::status(12, "not here")).start();
    let rows = [
        ("401", vec!["--url".to_owned(), refuses.url("/")], "http"),
        (
            "never an answer",
            vec![
                "--url".to_owned(),
                hangs.url(),
                "--timeout".into(),
                "200ms".into(),
            ],
            "http",
        ),
        (
            "UNIMPLEMENTED",
            vec![
                "--grpc".to_owned(),
                unknown.host(),
                "--call".into(),
                "shop.v1.Shop/Quote".into(),
            ],
            "grpc",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, target, kind)| {
            let count = if *kind == "grpc" {
                "--total=10"
            } else {
                "--numRequests=10"
            };
            let slo = format!("{kind}/latency-p95 <= 9s");
            let mut args: Vec<&str> = vec!["run", count, "--slo", &slo, "--readyTimeout", "2s"];
            args.extend(target.iter().map(String::as_str));
            let output = App::new().run(&args);
            assert!(matches!(output.code, Some(3 | 5)), "{name}: {output}");
            if output.code == Some(5) {
                output.says("each of 10 requests failed, and no objective limits errors");
            }
            // What always holds says nothing of failures.
            for always in ["error-count >= 0", "error-rate <= 100%"] {
                let other = format!("{kind}/{always}");
                let output = App::new().run(&[args.as_slice(), &["--slo", &other]].concat());
                assert!(matches!(output.code, Some(3 | 5)), "{name}: {output}");
            }
            let errors = format!("{kind}/error-rate <= 1%");
            args.extend(["--slo", &errors]);
            let output = App::new().run(&args);
            assert!(matches!(output.code, Some(1 | 3)), "{name}: {output}");
        },
    );
}

#[test]
fn a_load_that_counted_nothing_is_no_pass() {
    let server = Server::ok();
    let calls = Grpc::answering(|_| Reply::ok()).start();
    let host = calls.host();
    // Within a second, one of a thousand such loads sends a request.
    let few = format!(
        "spec:\n- task: http\n  with: {{url: '{}', duration: 1s, qps: 0.001, arrivals: poisson}}\n",
        server.url("/")
    );
    let skipped = format!(
        "spec:\n- task: grpc\n  with: {{host: '{host}', call: shop.v1.Shop/Quote, rps: 20, duration: 1s, skipFirst: 1000}}\n"
    );
    for (text, says) in [
        (few, "one request to `http` was counted"),
        (skipped, "one call to `grpc` was counted"),
    ] {
        let output = App::with(&text).run(&["run"]);
        output.exits(5).says(says);
    }
}

fn provider_that_fails() {
    let server = Server::new(|_| Answer::status(500));
    let text = "spec:\n- task: custommetrics\n  with: {prometheus: {url: ADDRESS, queries: {up: up}}}\n";
    run(&server, text).1.exits(3).says("status 500");
}

fn unseen_notification() {
    let server = Server::new(|_| Answer::status(500));
    let text = "spec:\n- task: notify\n  with: {url: ADDRESS, method: POST, softFailure: SOFT}\n";
    run(&server, &text.replace("SOFT", "false"))
        .1
        .exits(3)
        .says("status 500");
    let (app, output) = run(&server, &text.replace("SOFT", "true"));
    output.exits(0).says("status 500");
    assert!(app.read("iter8-results/report.md").contains("status 500"));
}

// Iter8 before 0.13.8: the code -1 of a failed connection was in no error range. Here: every one is an error, and not
// one connection is an outcome of its own.
fn unreachable_server() {
    let port = Server::ok().port();
    let dead = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.local_addr().expect("an address").port()
    };
    let text = "spec:\n- task: http\n  with: {url: ADDRESS, numRequests: 5, qps: 100, errorRanges: [{lower: 500}]}\n- task: assess\n  with: {objectives: [http/error-rate <= 100%]}\n";
    let dead = App::with(&text.replace("ADDRESS", &format!("http://127.0.0.1:{dead}/")));
    dead.run(&["run"]).exits(3);
    let measured = &dead.result()["insights"]["versions"][0]["loads"][0]["measurement"];
    assert_eq!(
        (&measured["errors"], &measured["answered"]),
        (&5.into(), &0.into())
    );
    let alive = App::with(&text.replace("ADDRESS", &format!("http://127.0.0.1:{port}/")));
    alive.run(&["run"]).exits(0);
}

// A mean of nothing was NaN, and NaN is not above any limit. Here: no data is invalid. Redirects answer, so the load
// itself is sound, but not one status is 4xx whose share could be asked for.
fn no_number() {
    let silent = crate::support::Faulty::bytes("");
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', {FEW}}}\n- task: assess\n  with: {{objectives: [http/latency-mean <= 10s]}}\n",
        silent.url()
    ));
    app.run(&["run"]).exits(5).says("no data");
    assert_eq!(app.result()["assessment"]["judgements"][0]["verdict"], "noData");
}

// The union hid it and its metrics were missing. Here: it is counted, judged, and an error of the run.
fn endpoint_left_out() {
    let server = Server::ok();
    let (app, output) = run(
        &server,
        &format!(
            "spec:\n- task: http\n  with:\n    {}\n    endpoints:\n      good: {{url: ADDRESS}}\n      dead: {{url: 'http://127.0.0.1:1/'}}\n- task: assess\n  with: {{objectives: [http-good/error-rate <= 1%]}}\n",
            FEW.replace(", ", "\n    ")
        ),
    );
    output.exits(3).says("http://127.0.0.1:1/");
    let loads = app.result()["insights"]["versions"][0]["loads"]
        .as_array()
        .map(Vec::len);
    assert_eq!(loads, Some(2));
}

// A typo in a key, `assess` skipped by `if`, an empty `assess`: three ways to promise nothing.
fn nothing_assessed() {
    let server = Server::ok();
    let load = format!("spec:\n- task: http\n  with: {{url: 'ADDRESS', {FEW}}}\n");
    let (_, output) = run(
        &server,
        &format!(
            "{load}- task: assess\n  with: {{SLO: {{upper: [{{metric: http/error-rate, limit: 0}}]}}}}\n"
        ),
    );
    output.exits(2).says("did you mean `SLOs`?");
    let (_, output) = run(
        &server,
        &format!("{load}- task: assess\n  with: {{SLOs: {{}}}}\n"),
    );
    output.exits(2).says("no objectives");
    let (app, output) = run(
        &server,
        &format!(
            "{load}- task: assess\n  if: Result.NumLoops > 5\n  with: {{objectives: [http/error-rate <= 1%]}}\n"
        ),
    );
    output.exits(5).says("not assessed");
    app.run(&["assert", "-c", "slos"]).exits(1);
    // What depends on kept promises does not happen before they were judged.
    let (app, _) = run(&server, "spec:\n- run: touch promoted\n  if: SLOs()\n");
    assert!(!app.path("promoted").exists());
}

fn failed_task() {
    let server = Server::ok();
    let (app, output) = run(
        &server,
        "spec:\n- run: exit 7\n- task: http\n  with: {url: 'ADDRESS'}\n",
    );
    output.exits(3).says("exit status: 7");
    assert_eq!(server.requests(), 0, "later tasks do not run");
    assert_eq!(app.result()["tasks"][1]["status"], "notRun");
    app.run(&["assert", "-c", "nofailure"]).exits(1);
    app.run(&["assert", "-c", "completed"]).exits(1);
}

fn failing_commands() {
    let app = App::new();
    for command in [
        &["run"][..],
        &["run", "none.yaml"],
        &["validate", "none.yaml"],
        &["report"],
        &["assert", "-c", "completed", "--timeout", "0s"],
        &["report", "-o", "pdf"],
        &["action"],
    ] {
        app.run(command).exits(2);
    }
}

// curl without -f. Here: the status is checked, and nothing is sent with the wrong body.
fn error_page_as_payload() {
    let server = Server::new(|seen| Answer::status(if seen.path == "/body" { 404 } else { 200 }));
    let (_, output) = run(
        &server,
        &format!("spec:\n- task: http\n  with: {{url: 'ADDRESS', payloadURL: 'ADDRESSbody', {FEW}}}\n"),
    );
    output.exits(3).says("cannot download the payload").says("404");
    assert!(server.seen().iter().all(|seen| seen.path == "/body"));
}

fn unknown_keys() {
    let server = Server::ok();
    let (_, output) = run(
        &server,
        "spec:\n- task: http\n  with: {url: 'ADDRESS', numRequest: 5}\n",
    );
    output.exits(2).says("did you mean `numRequests`?");
    let misspelt = App::new()
        .env("GITHUB_ACTIONS", "true")
        .env("INPUT_URL", server.url("/"))
        .env("INPUT_SLO", "http/error-rate <= 1%");
    misspelt.run(&["action"]).exits(2).says("did you mean `slos`?");
    let app = App::new();
    app.run(&[
        "run",
        "--url",
        &server.url("/"),
        "--slos",
        "http/error-rate <= 1%",
    ])
    .exits(2);
    assert_eq!(server.requests(), 0);
}

fn dropped_headers() {
    let server = Server::ok();
    let (_, output) = run(
        &server,
        &format!(
            "spec:\n- task: http\n  with: {{{FEW}, headers: {{x-all: a}}, endpoints: {{one: {{url: 'ADDRESS', headers: {{x-one: b}}}}}}}}\n"
        ),
    );
    output.exits(0);
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("x-all") == "a" && seen.header("x-one") == "b")
    );
}

fn vanished_row() {
    let silent = crate::support::Faulty::bytes("");
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', {FEW}}}\n- task: assess\n  with: {{objectives: [http/latency-p95 <= 10s]}}\n",
        silent.url()
    ));
    app.run(&["run"]).exits(5);
    for format in ["text", "markdown", "html", "junit", "json"] {
        let report = app.run(&["report", "-o", format]);
        report.says("latency p95").says("no data");
    }
}

// 1 of 300 is 0.0033: two decimals say 0.00, next to a limit of 0 that it broke.
fn rounded_away() {
    let server = Server::new(|seen| Answer::status(if seen.number == 7 { 500 } else { 200 }));
    let (app, output) = run(
        &server,
        "spec:\n- task: http\n  with: {url: 'ADDRESS', numRequests: 300, qps: max}\n- task: assess\n  with: {SLOs: {upper: [{metric: http/error-rate, limit: 0}]}}\n",
    );
    output.exits(1).says("0.333 %");
    for format in ["text", "markdown", "html"] {
        let report = app.run(&["report", "-o", format]);
        report.says("0.333 %");
        assert!(!report.has("0.00 %"), "{report}");
    }
}

fn assert_nothing() {
    let server = Server::ok();
    let (app, output) = run(
        &server,
        &format!("spec:\n- task: http\n  with: {{url: 'ADDRESS', {FEW}}}\n"),
    );
    output.exits(0);
    for none in [
        &["assert"][..],
        &["assert", "-c", ""],
        &["assert", "-c", ","],
        &["assert", "-c", " "],
    ] {
        app.run(none).exits(2).says("no condition");
    }
}

// One request may still pass by default, as in Iter8, but never silently: the report says how unsure that is, and both
// a policy and a minimum turn it into another outcome.
fn too_few_samples() {
    let server = Server::ok();
    let judged = |more: &str| {
        run(&server, &format!("spec:\n- task: http\n  with: {{url: 'ADDRESS', numRequests: 1}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 1%]{more}}}\n")).1
    };
    judged("").exits(0).says("not sure");
    judged(", onInconclusive: fail").exits(4);
    judged(", minRequests: 2").exits(5);
}
