//! What looks kept and proves nothing, because requests failed: of a baseline, of a version, of an endpoint, of all.

use std::time::Duration;

use crate::support::{Answer, App, Faulty, Grpc, Output, Reply, Seen, Server};

const FEW: [&str; 4] = ["--numRequests", "60", "--qps", "120"];

/// A server that fails this many of each hundred requests.
fn failing(percent: usize) -> Server {
    Server::new(move |seen| Answer::status(if seen.number % 100 < percent { 500 } else { 200 }))
}

fn compared(new: &str, base: &str, slos: &[&str]) -> Output {
    let app = App::new();
    let mut args = vec!["run", "--url", new, "--baselineURL", base];
    args.extend(FEW);
    for slo in slos {
        args.extend(["--slo", slo]);
    }
    app.run(&args)
}

#[test]
fn a_baseline_that_failed_is_nothing_to_compare_with() {
    let ratio = "http/latency-p95 <= 100x base";
    let (good, broken) = (Server::ok(), failing(100));
    compared(
        &good.url("/"),
        &broken.url("/"),
        &[ratio, "http/error-rate <= 10%"],
    )
    .exits(5)
    .says("nothing to compare with, of the baseline each of 60 requests failed");
    let (worse, mostly) = (failing(70), failing(100));
    compared(&worse.url("/"), &mostly.url("/"), &["http/error-rate <= 1x base"])
        .exits(5)
        .says("nothing to compare with");
}

#[test]
fn a_baseline_of_grpc_that_failed_is_none_either() {
    let good = Grpc::answering(|_| Reply::ok()).start();
    let broken = Grpc::answering(|_| Reply::status(13, "broken")).start();
    let app = App::with(&format!(
        "spec:\n- task: grpc\n  with:\n    call: shop.v1.Shop/Quote\n    total: 40\n    rps: 100\n    versions:\n    \
         - {{name: old, host: '{}'}}\n    - {{name: new, host: '{}'}}\n- task: assess\n  with: {{objectives: \
         [grpc/latency-p95 <= 100x base, grpc/error-rate <= 50%]}}\n",
        broken.host(),
        good.host()
    ));
    app.run(&["run"])
        .exits(5)
        .says("of the baseline each of 40 requests failed");
}

#[test]
fn quick_answers_prove_nothing_when_most_requests_failed() {
    let server = failing(90);
    let url = server.url("/");
    let common = [&["run", "--url", &url][..], &FEW].concat();
    let fast = ["--slo", "http/latency-p95 <= 9s"];
    let app = App::new();
    app.run(&[&common[..], &fast].concat())
        .exits(5)
        .says("60 requests failed, and no objective limits errors");
    app.run(&[&common[..], &fast, &["--slo", "http/error-rate <= 1%"]].concat())
        .exits(1);
    app.run(&[&common[..], &fast, &["--slo", "http/error-rate <= 99.9%"]].concat())
        .says("latency p95");
}

#[test]
fn a_limit_on_the_errors_of_all_says_nothing_of_one_endpoint() {
    let server = Server::new(|seen| Answer::status(if seen.path == "/order" { 500 } else { 200 }));
    let file = |objectives: &str| {
        App::with(&format!(
            "spec:\n- task: http\n  with:\n    numRequests: 300\n    qps: 300\n    endpoints:\n      home: {{url: '{}', weight: 19}}\n      \
             order: {{url: '{}', weight: 1}}\n- task: assess\n  with: {{objectives: [{objectives}]}}\n",
            server.url("/"),
            server.url("/order")
        ))
    };
    let of_all = "http/error-rate <= 20%, http-order/latency-p95 <= 9s";
    file(of_all)
        .run(&["run"])
        .exits(5)
        .says("requests failed, and no objective limits errors of `order`");
    file(&format!("{of_all}, http-order/error-rate <= 1%"))
        .run(&["run"])
        .exits(1);
}

#[test]
fn a_load_that_nobody_answered_is_no_pass() {
    let silent = Faulty::silent();
    let closed = Faulty::bytes("");
    let garbage = Faulty::bytes("what?\r\n\r\n");
    for (faulty, more) in [(&silent, "200ms"), (&closed, "5s"), (&garbage, "5s")] {
        let url = faulty.url();
        // A file has no probe before its load.
        let app = App::with(&format!(
            "spec:\n- task: http\n  with: {{url: '{url}', numRequests: 5, qps: 50, timeout: {more}}}\n"
        ));
        let output = app.run(&["run"]);
        assert!(matches!(output.code, Some(3 | 5)), "{output}");
        if output.code == Some(5) {
            output
                .says("one of 5 requests to")
                .says("no request was answered");
        }
    }
    let hangs = Grpc::answering(|_| Reply::never()).start();
    let app = App::new();
    app.run(&[
        "run",
        "--grpc",
        &hangs.host(),
        "--call",
        "shop.v1.Shop/Quote",
        "--total",
        "5",
        "--timeout",
        "200ms",
    ])
    .exits(5)
    .says("one of 5 calls to");
    // Whoever answers with 500 and promised nothing passes, with a sign of doubt.
    let broken = failing(100);
    let url = broken.url("/");
    App::new()
        .run(&["run", "--url", &url, "--numRequests", "5", "--qps", "50"])
        .exits(0)
        .says("failed, and no objective was judged");
}

#[test]
fn what_a_server_answered_is_told_not_the_attempt_that_the_end_cut_short() {
    let busy = Server::new(|_| Answer::status(503).after(Duration::from_millis(250)));
    let url = busy.url("/?id=1");
    let output = App::new().run(&["run", "--url", &url, "--readyTimeout", "2s"]);
    output.exits(3).says("status 503");
    assert!(!output.has("did not answer within"), "{output}");
}

#[test]
fn a_command_to_reproduce_shows_that_a_query_was_left_out() {
    let server = Server::ok();
    let url = server.url("/x?ms=5&fail=0.1");
    let app = App::new();
    app.run(&["run", "--url", &url, "--numRequests", "5", "--qps", "100"])
        .exits(0);
    app.run(&["report", "-o", "text"])
        .says(&format!("--url '{}?***'", server.url("/x")));
}

#[test]
fn gives_grpc_the_spelling_of_the_readme() {
    let server = Grpc::shop();
    let output = App::new().run(&[
        "plan",
        "--grpc",
        &server.host(),
        "--call",
        "shop.v1.Shop/Quote",
        "--slo",
        "grpc/latency-p95 <= 1s",
    ]);
    output.exits(0).says("grpc/latency-p95");
    assert!(!output.has("latency/p95"), "{output}");
}

/// A load of a path, and an objective.
fn load(path: &str) -> String {
    format!("- task: http\n  with: {{url: 'ADDRESS/{path}', numRequests: 20, qps: 100}}\n")
}

fn judge(objective: &str) -> String {
    format!("- task: assess\n  with: {{objectives: [{objective}]}}\n")
}

#[test]
fn a_load_behind_the_verdict_is_not_left_unjudged() {
    let server = Server::new(|seen| Answer::status(if seen.path == "/bad" { 500 } else { 200 }));
    let run = |text: String| {
        let app = App::with(&format!("spec:\n{text}").replace("ADDRESS", &server.url("")));
        let output = app.run(&["run", "--reports", "junit,json"]);
        (app, output)
    };
    let errors = judge("http/error-rate <= 1%");
    let (_, output) = run(load("good") + &errors + &load("bad"));
    output
        .exits(2)
        .says("no `assess` task judges what this load measures");
    assert_eq!(server.requests(), 0);

    // Each is judged on its own, and nobody is told that one is the other.
    let (app, output) = run(load("bad") + &errors + &load("good") + &errors);
    output
        .exits(1)
        .says("Task 2 judged an earlier load than the one shown here: task 1, 20 requests at 100/s")
        .says("/bad.");
    let junit = app.read("iter8-results/junit.xml");
    for task in ["(task 2)", "(task 4)"] {
        assert_eq!(
            junit.matches(&format!("{task}\" classname")).count(),
            1,
            "{junit}"
        );
    }

    // A limit on the errors of the first says nothing of those of the second.
    let slow = judge("http/latency-p95 <= 9s");
    let (_, output) = run(load("good") + &errors + &load("bad") + &slow);
    output.exits(5).says("each of 20 requests failed");
}

#[test]
fn where_all_time_out_nothing_is_said_of_phases() {
    let hangs = Faulty::silent();
    let url = hangs.url();
    let load =
        format!("spec:\n- task: http\n  with: {{url: '{url}', numRequests: 4, qps: 40, timeout: 200ms}}\n");
    let judged = judge("http/latency-p95 <= 50ms, http/error-rate <= 1%");
    let output = App::with(&(load + &judged)).run(&["run"]);
    output.exits(1).says("4 of 4 errors");
    assert!(!output.stdout.contains("The time is spent"), "{output}");
}

#[test]
fn half_of_a_load_that_was_never_sent_is_no_pass_by_the_errors_of_the_other() {
    // It answers for a while, and then nobody.
    let answer = |seen: &Seen| {
        let good = Answer::status(200);
        if seen.number < 200 {
            good
        } else {
            good.after(Duration::from_secs(20))
        }
    };
    let run = |objectives: &str| {
        let server = Server::new(answer);
        let load = format!(
            "spec:\n- task: http\n  with: {{url: '{}', duration: 2s, qps: 200, connections: 2, timeout: 1s}}\n",
            server.url("/")
        );
        App::with(&(load + &judge(objectives))).run(&["run"])
    };
    run("http/error-rate <= 40%")
        .exits(5)
        .says("were never sent, and no objective counts them");
    // What they waited is in the latency.
    run("http/error-rate <= 40%, http/latency-p99 <= 30s").exits(0);
}

#[test]
fn a_protocol_that_nobody_asked_for_is_no_answer() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let server = Faulty::bytes(switch);
    for more in ["", ", followRedirects: true"] {
        let url = server.url();
        let load = format!("spec:\n- task: http\n  with: {{url: '{url}', numRequests: 4, qps: 40{more}}}\n");
        let output = App::with(&(load + &judge("http/error-rate <= 1%"))).run(&["run"]);
        output.exits(1).says("error rate is 100 %");
    }
}
