//! `iter8 run`: a URL and objectives without a file, a file with tasks and conditions, flags over a file, `${NAME}`.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Answer, App, Server, find};

/// What a short load needs.
const SHORT: [&str; 4] = ["--numRequests", "20", "--qps", "200"];

fn load(result: &Value, index: usize) -> &Value {
    &result["insights"]["versions"][0]["loads"][index]["measurement"]
}

fn status(result: &Value, task: usize) -> &str {
    result["tasks"][task]["status"].as_str().unwrap_or_else(|| {
        panic!(
            "task {task} has no plain status: {}",
            result["tasks"][task]["status"]
        )
    })
}

#[test]
fn a_url_and_objectives_need_no_file() {
    let (app, server) = (App::new(), Server::ok());
    let url = server.url("/shop?token=x");
    let slos = [
        "--slo",
        "http/latency-p95 <= 2s",
        "--slo",
        "http/error-rate <= 1%",
    ];
    let run = app.run(&[&["run", "--url", &url], &SHORT[..], &slos].concat());
    run.exits(0).says("all 2 objectives met");
    // The number that was asked for, and one probe.
    assert_eq!(server.requests(), 21);
    assert!(
        server.connections() <= 5,
        "{} connections for a pool of 4",
        server.connections()
    );
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.path == "/shop?token=x" && seen.method == "GET")
    );
    let result = app.result();
    assert_eq!(load(&result, 0)["requests"], 20);
    assert_eq!(load(&result, 0)["answered"], 20);
    assert_eq!(load(&result, 0)["errors"], 0);
}

#[test]
fn a_broken_objective_is_exit_1_and_named() {
    let app = App::new();
    let server = Server::new(|_| Answer::status(200).after(Duration::from_millis(30)));
    let run = app.run(
        &[
            &["run", "--url", &server.url("/")],
            &SHORT[..],
            &["--slo", "http/latency-p50 <= 5ms"],
        ]
        .concat(),
    );
    run.exits(1).says("latency p50");
    assert_eq!(app.result()["outcome"], "fail");
}

#[test]
fn nginx_is_a_target_like_any_other() {
    let Some(program) = find("nginx") else { return };
    let app = App::new().file("html/index.html", "<h1>shop</h1>");
    let nginx = Nginx::start(&program, &app);
    let url = format!("http://127.0.0.1:{}/", nginx.port);
    let slos = [
        "--slo",
        "http/latency-p95 <= 2s",
        "--slo",
        "http/error-rate <= 1%",
    ];
    app.run(&[&["run", "--url", &url], &SHORT[..], &slos].concat())
        .exits(0);
    let result = app.result();
    assert_eq!(load(&result, 0)["statuses"]["200"], 20);
    let connections = load(&result, 0)["connections"].as_u64();
    assert!(
        connections.is_some_and(|opened| opened <= 4),
        "{connections:?} connections for a pool of 4"
    );
}

/// nginx in the foreground, ended with the test.
struct Nginx {
    child: Child,
    port: u16,
}

impl Nginx {
    fn start(program: &std::path::Path, app: &App) -> Self {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = app.path("").display().to_string();
        let config = format!(
            "daemon off; master_process off; pid {folder}nginx.pid; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n\
             client_body_temp_path {folder}b; proxy_temp_path {folder}p; fastcgi_temp_path {folder}f; uwsgi_temp_path {folder}u; scgi_temp_path {folder}s;\n\
             server {{ listen 127.0.0.1:{port}; root {folder}html; }} }}\n"
        );
        let file = app.path("nginx.conf");
        std::fs::write(&file, config).expect("a file");
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self { child, port };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "nginx does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const WHOLE: &str = "
spec:
  - run: |
      echo preparing ${TARGET}; echo prepared > note.txt
  - task: ready
    with: {url: '${TARGET}/health', status: 200, header: {x-commit: abc}, body: hell, timeout: 5s}
  - task: http
    with:
      numRequests: 10
      qps: ${QPS}
      headers: {x-base: base}
      endpoints:
        home: {url: '${TARGET}/'}
        cart: {url: '${TARGET}/cart', method: PUT, payloadStr: milk, headers: {x-own: own}}
  - task: assess
    with:
      SLOs:
        upper: [{metric: http-home/latency-p99, limit: 3000}, {metric: http/error-rate, limit: 0}]
        lower: [{metric: http/request-count, limit: 20}]
  - run: echo promoted > promoted.txt
    if: SLOs() && Result.NumLoops >= 0
  - run: echo rolled back > back.txt
    if: not SLOs()
";

#[test]
fn a_file_runs_every_kind_of_task_and_shows_what_was_skipped() {
    let server = Server::new(|_| Answer::status(200).header("x-commit", "abc"));
    let app = App::with(WHOLE).env("TARGET", server.url("")).env("QPS", "100");
    let run = app.run(&["run"]);
    run.exits(0)
        .says("skipped")
        .says("not SLOs()")
        .says("preparing http://127.0.0.1");
    assert_eq!(app.read("note.txt"), "prepared\n");
    assert_eq!(app.read("promoted.txt"), "promoted\n");
    assert!(!app.path("back.txt").exists());
    let result = app.result();
    let done: Vec<&str> = (0..5).map(|task| status(&result, task)).collect();
    assert_eq!(done, ["completed"; 5]);
    assert_eq!(status(&result, 5), "skipped");
    assert_eq!(result["tasks"][5]["condition"], "not SLOs()");
    assert!(app.read("iter8-results/report.md").contains("skipped"));
    let seen = server.seen();
    let of = |path: &str| seen.iter().filter(|seen| seen.path == path).collect::<Vec<_>>();
    assert_eq!(
        (of("/health").len(), of("/").len(), of("/cart").len()),
        (1, 10, 10)
    );
    assert!(
        of("/")
            .iter()
            .all(|seen| seen.header("x-base") == "base" && seen.header("x-own").is_empty())
    );
    assert!(of("/cart").iter().all(|seen| {
        seen.method == "PUT"
            && seen.body == "milk"
            && seen.header("x-base") == "base"
            && seen.header("x-own") == "own"
    }));
}

#[test]
fn an_assessment_that_a_condition_skipped_is_invalid_not_green() {
    let server = Server::ok();
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 5, qps: 100}}\n- task: assess\n  if: Result.NumLoops > 5\n  with: {{objectives: [http/error-rate <= 1%]}}\n",
        server.url("/")
    ));
    let run = app.run(&["run"]);
    run.exits(5).says("Result.NumLoops > 5");
    assert_eq!(app.result()["outcome"], "invalid");
    app.run(&["assert", "-c", "slos"]).exits(1);
}

#[test]
fn flags_override_the_file_and_objectives_are_added() {
    let (old, new) = (Server::ok(), Server::ok());
    let app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{}', numRequests: 500, qps: 1, method: DELETE}}\n- task: assess\n  with: {{objectives: [http/error-rate <= 1%]}}\n",
        old.url("/")
    ));
    let url = new.url("/");
    app.run(&[
        "run",
        "experiment.yaml",
        "--url",
        &url,
        "--num-requests",
        "12",
        "--qps",
        "200",
        "--method",
        "PATCH",
        "--headers",
        "x-a: 1",
        "--headers",
        "x-b: two: parts",
        "--slo",
        "http/request-count >= 12",
    ])
    .exits(0)
    .says("all 2 objectives met");
    assert_eq!(old.requests(), 0);
    let load: Vec<_> = new
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PATCH")
        .collect();
    assert_eq!(load.len(), 12);
    assert!(
        load.iter()
            .all(|seen| seen.header("x-a") == "1" && seen.header("x-b") == "two: parts")
    );
}

#[test]
fn names_of_the_environment_take_the_type_of_their_field_and_defaults_fill_in() {
    let server = Server::ok();
    let text = "spec:\n- task: http\n  with: {url: '${URL}', numRequests: '${N}', qps: '${RATE:-100}', payloadStr: 'price $${N}', insecureSkipVerify: '${NO:-false}'}\n- run: test \"${N}\" = 7 && test \"${UNSET:-x}\" = x\n";
    let app = App::with(text).env("URL", server.url("/a")).env("N", "7");
    app.run(&["run"]).exits(0);
    let seen = server.seen();
    assert_eq!(seen.len(), 7);
    assert!(
        seen.iter()
            .all(|seen| seen.body == "price ${N}" && seen.method == "POST")
    );
}

#[test]
fn a_payload_comes_from_a_file_or_an_address_and_holds_fresh_ids() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/body" => Answer::status(302).header("location", "/moved"),
        "/moved" => Answer::status(200).body("downloaded {uuid}"),
        _ => Answer::status(201),
    });
    let url = server.url("/orders");
    let app = App::new().file("body.json", "{\"id\": \"{uuid}\"}");
    let file = ["--payloadFile", "body.json", "--contentType", "application/json"];
    app.run(&[&["run", "--url", &url], &SHORT[..], &file].concat())
        .exits(0);
    let posts: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "POST")
        .collect();
    assert_eq!(posts.len(), 20);
    let bodies: std::collections::HashSet<_> = posts.iter().map(|seen| seen.body.clone()).collect();
    assert_eq!(bodies.len(), 20, "every request has an id of its own");
    assert!(
        posts
            .iter()
            .all(|seen| seen.header("content-type") == "application/json" && seen.body.len() == 46)
    );
    let download = server.url("/body");
    app.run(&[&["run", "--url", &url], &SHORT[..], &["--payloadURL", &download]].concat())
        .exits(0);
    let last = server.seen().pop().expect("a request");
    assert!(
        last.body.starts_with(b"downloaded ") && last.body.len() == 47,
        "{last:?}"
    );
}

#[test]
fn credentials_are_sent_as_the_fields_say() {
    let server = Server::ok();
    let url = server.url("/");
    let app = App::new();
    app.run(
        &[
            &["run", "--url", &url],
            &SHORT[..],
            &["--basicAuth", "ann:secret-word"],
        ]
        .concat(),
    )
    .exits(0);
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("authorization") == "Basic YW5uOnNlY3JldC13b3Jk")
    );
    app.run(
        &[
            &["run", "--url", &url],
            &SHORT[..],
            &["--bearerToken", "token-of-ann"],
        ]
        .concat(),
    )
    .exits(0);
    assert_eq!(
        server.seen().pop().expect("a request").header("authorization"),
        "Bearer token-of-ann"
    );
}

#[test]
fn a_duration_alone_runs_to_its_end_and_both_end_at_the_first() {
    let server = Server::ok();
    let url = server.url("/");
    let app = App::new();
    app.run(&[
        "run",
        "--url",
        &url,
        "--duration",
        "600ms",
        "--qps",
        "300",
        "--connections",
        "2",
    ])
    .exits(0);
    let sent = app.result()["insights"]["versions"][0]["loads"][0]["measurement"]["requests"].as_u64();
    assert!(sent.is_some_and(|sent| (150..=181).contains(&sent)), "{sent:?}");
    let both = ["--duration", "20s", "--numRequests", "10", "--qps", "200"];
    let run = app.run(&[&["run", "--url", &url], &both[..]].concat());
    run.exits(0).says("whichever comes first");
    assert_eq!(load(&app.result(), 0)["requests"], 10);
    let both = ["--duration", "300ms", "--numRequests", "100000", "--qps", "100"];
    app.run(&[&["run", "--url", &url], &both[..]].concat()).exits(0);
    let sent = load(&app.result(), 0)["requests"].as_u64();
    assert!(sent.is_some_and(|sent| sent <= 31), "{sent:?}");
}

#[test]
fn as_fast_as_possible_uses_no_more_connections_than_given() {
    let server = Server::ok();
    let args = [
        "run",
        "--url",
        &server.url("/"),
        "--qps",
        "max",
        "--numRequests",
        "500",
        "--connections",
        "3",
    ];
    let app = App::new();
    app.run(&args).exits(0);
    assert_eq!(load(&app.result(), 0)["requests"], 500);
    assert!(
        server.connections() <= 4,
        "3 and the probe's, not {}",
        server.connections()
    );
}
