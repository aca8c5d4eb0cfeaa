//! `plan`: what would be sent, how long it takes, and what that many requests can decide.

use crate::support::{App, Server};

#[test]
fn what_is_planned_is_what_is_sent() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with:\n    url: '{}'\n    numRequests: 15\n    qps: 100\n    endpoints: {{a: {{}}, b: {{numRequests: 5}}}}\n    \
         versions: [{{name: old}}, {{name: new}}]\n- task: assess\n  with: {{objectives: [http/error-rate <= 20%, http-b/error-rate <= 1%]}}\n",
        server.url("/")
    ));
    app.run(&["plan"]).exits(0).says_all(&[
        "http 2 endpoints of 2 versions: a, b 40 ",
        "http/error-rate <= 20% 20 16.8 % met for sure without an error",
        "http-b/error-rate <= 1% 5 52.2 % never met for sure: that takes 368 requests",
        "40 requests in 180 ms",
    ]);
    assert_eq!(server.requests(), 0, "nothing is sent");
    app.run(&["run"]).exits(0);
    assert_eq!(server.requests(), 40);
}

#[test]
fn a_pass_that_is_impossible_is_told_before_anything_is_sent() {
    let url = ["plan", "--url", "http://127.0.0.1:9/", "--numRequests", "20"];
    let slo = ["--slo", "http/latency-p99 <= 200ms"];
    let told = "a pass is impossible (onInconclusive: fail)";
    let app = App::new();
    let strict = [&url[..], &slo, &["--onInconclusive", "fail"]].concat();
    app.run(&strict).exits(0).says(told);
    assert!(!app.run(&[&url[..], &slo].concat()).exits(0).has(told));
    let enough = [
        &["plan", "--url", "http://127.0.0.1:9/", "--numRequests", "2000"],
        &slo[..],
    ];
    let enough = [&enough.concat()[..], &["--onInconclusive", "fail"]].concat();
    assert!(!app.run(&enough).exits(0).has(told));
}

#[test]
fn the_version_with_the_fewest_requests_decides() {
    let load = |name: &str, requests: u32| {
        format!(
            "- task: http\n  with: {{url: 'http://127.0.0.1:9/', numRequests: {requests}, qps: 100, version: {name}}}\n"
        )
    };
    let objectives = "- task: assess\n  with: {objectives: [http/error-rate <= 1%]}\n";
    let app = App::with(&format!(
        "spec:\n{}{}{objectives}",
        load("a", 10),
        load("b", 1000)
    ));
    app.run(&["plan"]).exits(0).says("http/error-rate <= 1% 10 ");
}

#[test]
fn flags_are_those_of_run_and_mistakes_too() {
    let app = App::new();
    let url = ["plan", "--url", "http://127.0.0.1:9/"];
    app.run(
        &[
            &url[..],
            &[
                "--duration",
                "10s",
                "--qps",
                "50",
                "--slo",
                "http/latency-p95 <= 200ms",
            ],
        ]
        .concat(),
    )
    .exits(0)
    .says_all(&[
        "500 requests in 10 s",
        "p99.2",
        "met for sure up to 15 requests above 200 ms",
    ]);
    app.run(
        &[
            &url[..],
            &[
                "--duration",
                "10s",
                "--qps",
                "max",
                "--slo",
                "http/latency-p95 <= 200ms",
            ],
        ]
        .concat(),
    )
    .exits(0)
    .says_all(&[
        "As many requests as the target answers in 10 s",
        "depends on how many requests the target answers",
    ]);
    app.run(
        &[
            &url[..],
            &["--slo", "http/error-rate <= 1%", "--minRequests", "200"],
        ]
        .concat(),
    )
    .exits(0)
    .says("no verdict: minRequests asks for 200");
    app.run(&[
        "plan",
        "--url",
        "http://127.0.0.1:9/",
        "--baselineURL",
        "http://127.0.0.1:9/b",
        "--numRequests",
        "200",
        "--slo",
        "http/latency-mean <= 1.1x base",
    ])
    .exits(0)
    .says("which is more than the objective allows");
    app.run(&[&url[..], &["--slo", "http/error-rat <= 1%"]].concat())
        .exits(2)
        .says("did you mean `http/error-rate`?");
    app.run(&["plan"]).exits(2).says("cannot read the experiment");
}
