//! Waiting for health (`grpc.health.v1`), the demo's service, and the inputs of the action.

use std::time::Duration;

use serde_json::json;

use crate::support::{App, Certificate, Flaw, Grpc, Known, Output, Reply, each, outputs};

/// An experiment that waits, and then calls.
fn waiting(host: &str, keys: &str) -> App {
    App::with(&format!(
        "spec:
- task: ready
  with: {{grpc: '{host}', {keys}}}
- task: grpc
  with: {{host: '{host}', call: shop.v1.Shop/Quote, total: 4, {}}}
",
        if keys.contains("caCert") {
            "cacert: ca.pem"
        } else {
            "timeout: 10s"
        }
    ))
}

#[test]
fn a_server_that_serves_is_ready() {
    for keys in ["timeout: 20s", "service: shop.v1.Shop", "service: ''"] {
        let server = Grpc::answering(|_| Reply::ok()).serving(true).start();
        waiting(&server.host(), keys).run(&["run"]).exits(0);
        let checks = server
            .asked()
            .iter()
            .filter(|asked| asked.path == "/grpc.health.v1.Health/Check")
            .count();
        assert_eq!((checks, server.calls().len()), (1, 4), "{keys}");
    }
}

#[test]
fn a_server_that_will_serve_is_waited_for() {
    let server = Grpc::answering(|_| Reply::ok()).serving(false).start();
    let running = waiting(&server.host(), "service: shop.v1.Shop, timeout: 30s");
    let running = (running.start(&["run"]), running);
    while server.asked().is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.calls().is_empty());
    server.serve(true);
    running.0.finish().exits(0);
    assert_eq!(server.calls().len(), 4);
}

#[test]
fn what_does_not_get_ready_is_an_error_with_the_last_answer() {
    let never = Grpc::answering(|_| Reply::ok()).serving(false).start();
    let unknown = Grpc::answering(|_| Reply::ok()).serving(true).start();
    let without = Grpc::shop();
    let certificate = Certificate::new(Flaw::None).speaking(&["h2"]);
    let tls = Grpc::answering(|_| Reply::ok())
        .serving(true)
        .tls(&certificate)
        .start();
    let closed = format!("127.0.0.1:{}", crate::support::free_port());
    let rows = [
        (
            "not serving",
            never.host(),
            "service: shop.v1.Shop",
            "NOT_SERVING",
        ),
        ("unknown service", unknown.host(), "service: other", "NOT_FOUND"),
        (
            "no health service",
            without.host(),
            "service: shop.v1.Shop",
            "UNIMPLEMENTED",
        ),
        ("refused", closed, "service: ''", "connection refused"),
        ("TLS", tls.host(), "service: ''", "TLS"),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, host, keys, says)| {
            let app = waiting(host, &format!("{keys}, timeout: 2s"));
            app.run(&["run"]).exits(3).says(says);
            assert_eq!(app.result()["outcome"], "error");
        },
    );
    assert!(never.calls().is_empty() && unknown.calls().is_empty() && without.calls().is_empty());
}

#[test]
fn health_is_asked_over_tls_too() {
    let certificate = Certificate::new(Flaw::None).speaking(&["h2"]);
    let server = Grpc::answering(|_| Reply::ok())
        .serving(true)
        .tls(&certificate)
        .start();
    let app = waiting(&server.host(), "caCert: ca.pem").file("ca.pem", &certificate.authority);
    app.run(&["run"]).exits(0);
    assert_eq!(server.calls().len(), 4);
}

#[test]
fn the_probe_of_others_agrees_with_a_server_that_changes_its_mind() {
    let Some(known) = Known::here() else { return };
    let server = known.start("health-server", &["-port", "PORT", "-sleep", "1s"]);
    let app = App::with(&format!(
        "spec:\n- task: ready\n  with: {{grpc: '{}', service: '', timeout: 20s}}\n- run: 'true'\n",
        server.host()
    ));
    app.run(&["run"]).exits(0);
    let python = Known::with_python();
    if let Some(python) = python {
        let proto = app.path("shop.proto");
        std::fs::write(
            &proto,
            crate::support::SHOP_PROTO.replace("import \"shop/address.proto\";", "message Address {}"),
        )
        .expect("a file");
        let server = python.python(&[&proto]);
        let probe = |service: &str| {
            python
                .run(
                    "grpc-health-probe",
                    &["-addr", &server.host(), "-service", service],
                )
                .0
        };
        for service in ["shop.v1.Shop", "other.Service"] {
            let file = format!(
                "spec:\n- task: ready\n  with: {{grpc: '{}', service: {service}, timeout: 2s}}\n",
                server.host()
            );
            let code = if probe(service) { 0 } else { 3 };
            App::with(&file).run(&["run"]).exits(code);
        }
    }
}

#[test]
fn the_demo_tests_its_grpc_service_too() {
    let app = App::new();
    app.run_undisturbed(&["demo"]).exits(0).says("gRPC latency p95");
    let result = app.result();
    let loads = result["insights"]["versions"][0]["loads"]
        .as_array()
        .expect("loads");
    let grpc = loads
        .iter()
        .map(|load| &load["measurement"])
        .find(|measured| measured["statuses"]["0"].is_u64());
    let grpc = grpc.unwrap_or_else(|| panic!("no load with gRPC's OK in {loads:?}"));
    assert_eq!(grpc["requests"], grpc["statuses"]["0"]);
    assert_eq!(grpc["messagesReceived"], grpc["requests"]);
}

#[test]
fn the_action_takes_a_host_and_a_method() {
    let server = Grpc::answering(|call| Reply::status(if call.number == 3 { 5 } else { 0 }, "no")).start();
    let app = App::new().file("runner/output", "").file("runner/summary", "");
    let app = app
        .env("GITHUB_ACTIONS", "true")
        .env("INPUT_HOST", server.host())
        .env("INPUT_CALL", "shop.v1.Shop/Quote")
        .env("INPUT_NUMREQUESTS", "40")
        .env("INPUT_SLOS", "grpc/error-rate <= 10%\ngrpc/latency/p99 <= 20s");
    let (output, summary) = (app.path("runner/output"), app.path("runner/summary"));
    let app = app
        .env("GITHUB_OUTPUT", output.display().to_string())
        .env("GITHUB_STEP_SUMMARY", summary.display().to_string());
    app.run(&["action"]).exits(0);
    assert_eq!(server.calls().len(), 40);
    let outputs = outputs(&app);
    for (name, value) in [("outcome", "pass"), ("requests", "40"), ("errorRate", "0.025")] {
        assert_eq!(outputs[name], value, "{name}");
    }
    assert!(!outputs["latencyP95"].is_empty());
    let statuses = &app.result()["insights"]["versions"][0]["loads"][0]["measurement"]["statuses"];
    assert_eq!(statuses, &json!({"0": 39, "5": 1}));
    assert!(app.read("runner/summary").contains("NOT_FOUND"));
}

/// Waits until a server was asked for its health, lets it serve, and waits for the end of the run.
fn served_late(app: &App, server: &Grpc, args: &[&str]) -> Output {
    let running = app.start(args);
    let asked = || server.asked().iter().any(|asked| asked.path.ends_with("/Check"));
    for _ in 0..3000 {
        if asked() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    server.serve(true);
    running.finish()
}

/// A server that is not serving yet.
fn late() -> Grpc {
    Grpc::answering(|_| Reply::ok()).serving(false).start()
}

#[test]
fn a_server_that_goes_by_another_name_is_waited_for_by_that_name() {
    let server = late();
    let host = server.host();
    #[rustfmt::skip] // pairs
    let args = [
        "run", "--grpc", &host, "--call", "shop.v1.Shop/Quote", "--total", "4", "--authority", "shop.example",
        "--readyTimeout", "30s",
    ];
    served_late(&App::new(), &server, &args).exits(0);
    let asked = server.asked();
    let health = asked.iter().filter(|asked| asked.path.ends_with("/Check"));
    let names: Vec<&str> = health.map(|asked| asked.authority.as_str()).collect();
    assert!(
        names.len() > 1 && names.iter().all(|name| *name == "shop.example"),
        "{names:?}"
    );
    assert!(server.calls().iter().all(|call| call.authority == "shop.example"));

    let certificate = Certificate::new(Flaw::OtherName).speaking(&["h2"]);
    let server = Grpc::answering(|_| Reply::ok())
        .serving(true)
        .tls(&certificate)
        .start();
    let (host, app) = (server.host(), App::new().file("ca.pem", &certificate.authority));
    #[rustfmt::skip] // pairs
    let args = [
        "run", "--grpc", &host, "--call", "shop.v1.Shop/Quote", "--total", "4", "--cname", "other.example",
        "--cacert", "ca.pem",
    ];
    app.run(&args).exits(0);
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .any(|asked| asked.path.ends_with("/Check") && asked.authority == "other.example")
    );
    let app = App::with(&format!(
        "spec:\n- task: ready\n  with: {{grpc: '{host}', service: '', cacert: ca.pem, cname: NAME, timeout: 2s}}\n- run: 'true'\n"
    ));
    let app = app.file("ca.pem", &certificate.authority);
    for (name, code) in [("other.example", 0), ("wrong.example", 3)] {
        let file = app.read("experiment.yaml").replace("NAME", name);
        let app = App::with(&file).file("ca.pem", &certificate.authority);
        app.run(&["run"]).exits(code);
    }
}

#[test]
fn a_baseline_that_still_starts_is_waited_for() {
    let judged = Grpc::answering(|_| Reply::ok()).serving(true).start();
    let baseline = late();
    let (host, old) = (judged.host(), baseline.host());
    let versions = "spec: [{task: grpc, with: {call: shop.v1.Shop/Quote, total: 4, \
                    versions: [{name: old, host: '127.0.0.1:1', baseline: true}, {name: new, host: '127.0.0.1:1'}]}}]\n";
    for file in ["", versions] {
        baseline.serve(false);
        let before = (baseline.calls().len(), baseline.asked().len());
        let app = if file.is_empty() {
            App::new()
        } else {
            App::with(file)
        };
        #[rustfmt::skip] // pairs
        let flags = [
            "--grpc", &host, "--baselineHost", &old, "--call", "shop.v1.Shop/Quote", "--total", "4", "--rps", "50",
            "--readyTimeout", "30s",
        ];
        let args = if file.is_empty() {
            [&["run"], &flags[..]].concat()
        } else {
            [&["run", "experiment.yaml"], &flags[..]].concat()
        };
        let running = app.start(&args);
        for _ in 0..3000 {
            let asked = baseline.asked();
            if asked[before.1..]
                .iter()
                .any(|asked| asked.path.ends_with("/Check"))
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(
            baseline.calls().len(),
            before.0,
            "nothing is sent before it is there"
        );
        baseline.serve(true);
        running.finish().exits(0);
        assert_eq!(baseline.calls().len(), before.0 + 4);
        for version in app.result()["insights"]["versions"].as_array().expect("versions") {
            assert_eq!(version["loads"][0]["measurement"]["errors"], 0, "{version}");
        }
    }
    let checked = |server: &Grpc| server.asked().iter().any(|asked| asked.path.ends_with("/Check"));
    assert!(
        checked(&judged),
        "a host that went to a version is waited for, too"
    );
}

#[test]
fn flags_for_tls_go_to_a_ready_task_and_are_told_once() {
    let certificate = Certificate::new(Flaw::None).speaking(&["h2"]);
    let server = Grpc::answering(|_| Reply::ok())
        .serving(true)
        .tls(&certificate)
        .start();
    let host = server.host();
    let with_ready = "spec:\n- task: ready\n  with: {grpc: '127.0.0.1:1', insecure: true, timeout: 20s}\n\
                      - task: grpc\n  with: {host: '127.0.0.1:1', call: shop.v1.Shop/Quote, total: 4}\n";
    let without = "spec:\n- task: grpc\n  with: {host: '127.0.0.1:1', call: shop.v1.Shop/Quote, total: 4}\n";
    for (file, flags, warnings) in [
        (with_ready, &["--cacert", "ca.pem", "--insecure=false"][..], 0),
        (with_ready, &["--skipTLS", "--insecure=false"], 1),
        (without, &["--skipTLS"], 1),
    ] {
        let app = App::with(file).file("ca.pem", &certificate.authority);
        let output = app.run(&[&["run", "experiment.yaml", "--grpc", &host], flags].concat());
        output.exits(0);
        let told = output.stderr.matches("accepts any certificate").count();
        assert_eq!(told, warnings, "{output}");
        assert!(!output.stderr.contains("insecureSkipVerify"), "{output}");
    }
    assert_eq!(server.calls().len(), 12);
    let app = App::with(without).file("cert.pem", "none");
    let output = app.run(&["run", "experiment.yaml", "--grpc", &host, "--cert", "cert.pem"]);
    output.exits(2);
    assert_eq!(
        output.stderr.matches("must be given together").count(),
        1,
        "{output}"
    );
    assert!(!output.stderr.contains("clientKey"), "{output}");
}
