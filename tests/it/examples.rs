//! The examples are what people copy: each is valid and runs against a real server.

use crate::promote::{DEPLOYMENT, images};
use crate::support::{Answer, App, Grpc, Reply, Server, cluster, each};
use crate::traffic::ROUTE;

/// The example of gRPC: its target is no URL.
const GRPC: &str = "grpc.yaml";
/// The example that needs a cluster.
const TRAFFIC: &str = "traffic.yaml";
/// What `iter8 demo` runs on servers of its own.
const DEMO: &str = "demo.yaml";

fn examples() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("examples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a file");
            (
                path.file_name().expect("a name").to_string_lossy().into_owned(),
                text,
            )
        })
        .collect();
    all.sort();
    all
}

/// What the Prometheus of the shop says to every query.
const FEW: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.001"]}]}}"#;

/// A folder with an example and all that it needs.
fn app(name: &str, text: &str, server: &Server) -> App {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/providers");
    let mut app = App::new()
        .file(name, text)
        .env("TARGET_URL", server.url(""))
        .env("PROMETHEUS_URL", server.url(""))
        .env("WEBHOOK_URL", server.url("/incident"))
        .env("SLACK_WEBHOOK_URL", server.url("/services/hook"))
        .env("GITHUB_API_URL", server.url(""))
        .env("API_TOKEN", "a-token-of-the-shop");
    for entry in std::fs::read_dir(folder).expect("providers") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        app = app.file(
            &format!("providers/{name}"),
            std::fs::read(&path).expect("a file"),
        );
    }
    app
}

/// A shop that every example can be run on.
fn shop() -> Server {
    Server::new(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("POST", "/orders") => Answer::status(201).body(seen.body.clone()),
        (_, path) if path.starts_with("/api/v1/query") => Answer::status(200).body(FEW),
        _ => Answer::status(200),
    })
}

#[test]
fn every_example_is_valid_and_passes_on_a_server_that_keeps_its_promises() {
    let examples: Vec<_> = examples()
        .into_iter()
        .filter(|(name, _)| ![GRPC, DEMO, TRAFFIC].contains(&name.as_str()))
        .collect();
    assert!(examples.len() >= 2, "{examples:?}");
    each(
        &examples,
        |(name, _)| name,
        |(name, text)| {
            let server = shop();
            let app = app(name, text, &server);
            app.run(&["validate", name]).exits(0);
            assert_eq!(server.connections(), 0);
            // Shorter than people run it, and without a wait between requests.
            let file = app.run_undisturbed(&[
                "run",
                name,
                "--numRequests",
                "100",
                "--duration",
                "5s",
                "--qps",
                "200",
            ]);
            // Where no job of GitHub runs, a pull request that is asked for cannot be opened.
            let opens = text.contains("task: pullrequest");
            file.exits(if opens { 6 } else { 0 });
            assert!(server.requests() >= 100, "{file}");
            let broken = Server::new(|_| Answer::status(500));
            let is_error = text.contains("task: ready") || text.contains("task: custommetrics");
            // A competition without a version that works has no data.
            let competes = text.contains("rewards:");
            let code = match (is_error, competes) {
                (true, _) => 3,
                (false, true) => 5,
                (false, false) => 1,
            };
            // Waiting for a broken server is not worth a minute of test.
            let text = text
                .replace("timeout: 30s", "timeout: 1s")
                .replace("timeout: 10s", "timeout: 1s");
            let app = self::app(name, &text, &broken);
            app.run(&[
                "run",
                name,
                "--numRequests",
                "100",
                "--duration",
                "5s",
                "--qps",
                "200",
            ])
            .exits(code);
        },
    );
}

#[test]
fn the_example_of_grpc_passes_on_a_server_that_keeps_its_promises() {
    let text = examples()
        .into_iter()
        .find(|(name, _)| name == GRPC)
        .expect("an example")
        .1;
    let run = |server: &Grpc| {
        let app = App::new()
            .file(GRPC, text.clone())
            .env("GRPC_HOST", server.host());
        app.run_undisturbed(&["run", GRPC, "--total", "100", "--rps", "200"])
    };
    let good = Grpc::shop();
    run(&good).exits(0);
    let calls = good.calls();
    assert!(!calls.is_empty() && calls.len().is_multiple_of(100));
    assert!(
        calls
            .iter()
            .all(|call| call.header("x-user") == "ci" && call.item().starts_with("book "))
    );
    let broken = Grpc::answering(|_| Reply::status(14, "closed")).start();
    run(&broken).exits(1).says("UNAVAILABLE");
}

#[test]
fn the_example_of_traffic_moves_it_and_takes_it_back() {
    let Some(cluster) = cluster() else { return };
    let here = cluster.namespace("example-traffic");
    let mut all = examples().into_iter();
    let text = all.find(|(name, _)| name == TRAFFIC).expect("an example").1;
    for (status, code, weights) in [(500, 1, [100, 0]), (200, 0, [0, 100])] {
        here.apply(ROUTE);
        here.apply(DEPLOYMENT);
        let server = Server::new(move |_| Answer::status(status));
        let app = cluster.app(&text).env("TARGET_URL", server.url(""));
        app.run(&[
            "run",
            "-n",
            "example-traffic",
            "--numRequests",
            "20",
            "--qps",
            "200",
        ])
        .exits(code);
        assert_eq!(crate::traffic::weights(&here), weights);
        assert_eq!(images(&here)[1] != "shop:v1", code == 0);
    }
}

#[test]
fn names_that_an_example_needs_are_asked_for() {
    for (name, text) in examples() {
        let app = App::new().file(&name, text);
        app.run(&["validate", &name])
            .exits(2)
            .says("the environment has no");
    }
}
