//! `iter8 run --grpc`: a host, a method and objectives without a file; where descriptors come from; TLS; what is reported.

use serde_json::json;

use crate::support::{
    ADDRESS_PROTO, Answer, App, Call, Certificate, Flaw, Grpc, Reflection, Reply, SHOP_PROTO, Server, each,
    example, measured, protoset,
};

/// The data of every call here.
const DATA: [&str; 4] = ["--data", r#"{"item":"book","amount":2}"#, "--total", "20"];
const OBJECTIVES: [&str; 4] = [
    "--slo",
    "grpc/error-rate <= 0",
    "--slo",
    "grpc/latency/p99 <= 20s",
];

/// With the files of `shop.proto`.
fn with_protos() -> App {
    App::new()
        .file("shop.proto", SHOP_PROTO)
        .file("shop/address.proto", ADDRESS_PROTO)
        .file("shop.protoset", protoset())
}

#[track_caller]
fn are_quotes(calls: &[Call], count: usize) {
    assert_eq!(calls.len(), count, "only what was asked for is sent");
    for call in calls {
        assert_eq!(call.path, "/shop.v1.Shop/Quote");
        assert_eq!(call.messages, [json!({"item": "book", "amount": 2})]);
        assert_eq!(call.header("content-type"), "application/grpc");
        assert_eq!(call.header("te"), "trailers");
        assert!(call.header("user-agent").starts_with("iter8/"), "{call:?}");
        assert!(call.complete && call.reset.is_none(), "{call:?}");
    }
}

#[test]
fn a_host_a_method_and_objectives_need_no_file() {
    for (method, reflection) in [
        ("shop.v1.Shop/Quote", Reflection::Both),
        ("shop.v1.Shop.Quote", Reflection::V1),
        ("shop.v1.Shop/Quote", Reflection::Alpha),
        ("shop.v1.Shop/Quote", Reflection::ServicesOnly),
        ("/shop.v1.Shop/Quote", Reflection::Both),
    ] {
        let (app, server) = (
            App::new(),
            Grpc::answering(|_| Reply::ok()).reflecting(reflection).start(),
        );
        let host = server.host();
        let args = [
            &["run", "--grpc", &host, "--call", method],
            &DATA[..],
            &OBJECTIVES[..],
        ]
        .concat();
        let run = app.run(&args);
        run.exits(0).says("all 2 objectives met");
        are_quotes(&server.calls(), 20);
        assert!(server.calls().iter().all(|call| call.authority == host));
        let measured = measured(&app);
        for (key, value) in [
            ("requests", 20),
            ("answered", 20),
            ("errors", 0),
            ("messagesSent", 20),
            ("messagesReceived", 20),
        ] {
            assert_eq!(measured[key], value, "{key} with {reflection:?}: {measured}");
        }
        assert_eq!(measured["statuses"], json!({"0": 20}));
        assert_eq!(measured["failures"], json!({}));
    }
}

#[test]
fn descriptors_come_from_files_where_they_are_given() {
    let http = Server::new(|seen| match seen.path.as_str() {
        "/shop.protoset" => Answer::status(200).body(protoset()),
        "/shop.proto" => Answer::status(200)
            .body(SHOP_PROTO.replace("import \"shop/address.proto\";", "message Address {}")),
        _ => Answer::status(404),
    });
    let (set_url, proto_url) = (http.url("/shop.protoset"), http.url("/shop.proto"));
    let rows = [
        ("a proto file", ["--proto", "shop.proto"]),
        ("a protoset", ["--protoset", "shop.protoset"]),
        ("a protoset by URL", ["--protoset", &set_url]),
        ("a proto file by URL", ["--proto", &proto_url]),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, from)| {
            let server = Grpc::answering(|_| Reply::ok())
                .reflecting(Reflection::Off)
                .start();
            let (app, host) = (with_protos(), server.host());
            let call = ["run", "--grpc", &host, "--call", "shop.v1.Shop/Quote"];
            let run = app.run(&[&call, &from[..], &DATA[..], &OBJECTIVES[..]].concat());
            run.exits(0);
            are_quotes(&server.calls(), 20);
            assert!(server.asked().is_empty());
            assert_eq!(
                server.opened(),
                2,
                "one to see that it is ready, one for the load"
            );
        },
    );
}

#[test]
fn a_file_may_import_from_other_folders() {
    for key in ["import-paths", "importPaths"] {
        let server = Grpc::answering(|_| Reply::ok())
            .reflecting(Reflection::Off)
            .start();
        let app = App::with(&format!(
            "spec:\n- task: grpc\n  with: {{host: '{}', call: shop.v1.Shop/Quote, total: 20, data: {{item: book, amount: 2}}, proto: shop.proto, {key}: [one, two]}}\n",
            server.host()
        ))
        .file("one/shop.proto", SHOP_PROTO)
        .file("two/shop/address.proto", ADDRESS_PROTO);
        app.run(&["run"]).exits(0);
        are_quotes(&server.calls(), 20);
    }
}

/// A name, what the server has, flags, and what is said of them if they do not work.
type Row<'a> = (&'a str, &'a Certificate, &'a [&'a str], &'a [&'a str]);

#[test]
fn tls_is_spoken_where_it_is_asked_for() {
    let certificate = Certificate::new(Flaw::None).speaking(&["h2"]);
    let mutual = Certificate::new(Flaw::None).for_clients().speaking(&["h2"]);
    let other = Certificate::new(Flaw::OtherName).speaking(&["h2"]);
    let rows: [Row; 8] = [
        ("an authority", &certificate, &["--cacert", "ca.pem"], &[]),
        ("no check", &certificate, &["--skipTLS=true"], &[]),
        (
            "an unknown issuer",
            &certificate,
            &["--insecure=false"],
            &["issuer"],
        ),
        (
            "a name that is told",
            &other,
            &["--cacert", "ca.pem", "--cname", "other.example"],
            &[],
        ),
        (
            "another name",
            &other,
            &["--cacert", "ca.pem"],
            &["certificate is for other.example, not for 127.0.0.1"],
        ),
        (
            "a certificate of the client",
            &mutual,
            &["--cacert", "ca.pem", "--cert", "chain.pem", "--key", "key.pem"],
            &[],
        ),
        (
            "no certificate of the client",
            &mutual,
            &["--cacert", "ca.pem"],
            &["certificate"],
        ),
        ("plaintext to TLS", &certificate, &[], &["TLS"]),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, certificate, flags, faults)| {
            let server = Grpc::answering(|_| Reply::ok()).tls(certificate).start();
            let app = with_protos()
                .file("ca.pem", &certificate.authority)
                .file("chain.pem", &certificate.chain)
                .file("key.pem", &certificate.key);
            let host = server.host();
            let call = [
                "run",
                "--grpc",
                &host,
                "--call",
                "shop.v1.Shop/Quote",
                "--timeout",
                "5s",
            ];
            let proto = ["--proto", "shop.proto"];
            for descriptors in [&proto[..], &[]] {
                let run = app.run(&[&call, descriptors, &DATA[..], flags].concat());
                if faults.is_empty() {
                    run.exits(0);
                } else {
                    run.exits(3).says_all(faults);
                    assert!(server.calls().is_empty());
                }
            }
            if faults.is_empty() {
                are_quotes(&server.calls(), 40);
            }
            if flags.contains(&"--cname") {
                let named = |call: &Call| call.server_name.as_deref() == Some("other.example");
                assert!(server.calls().iter().all(named), "{:?}", server.calls()[0]);
            }
        },
    );
}

#[test]
fn a_server_that_does_not_agree_on_http2_is_told_so() {
    let old = Certificate::new(Flaw::None).speaking(&["http/1.1"]);
    let silent = Certificate::new(Flaw::None);
    for (certificate, says) in [(&old, "h2"), (&silent, "ALPN")] {
        let server = Server::tls(certificate, |_| Answer::status(200));
        let app = with_protos().file("ca.pem", &certificate.authority);
        let host = format!("127.0.0.1:{}", server.port());
        for descriptors in [&["--proto", "shop.proto"][..], &[]] {
            let call = [
                "run",
                "--grpc",
                &host,
                "--call",
                "shop.v1.Shop/Quote",
                "--cacert",
                "ca.pem",
            ];
            let run = app.run(&[&call, descriptors, &DATA[..]].concat());
            run.exits(3).says(says);
        }
    }
}

#[test]
fn tls_to_a_plain_port_is_told_so() {
    let server = Grpc::shop();
    let app = with_protos();
    let host = server.host();
    for descriptors in [&["--proto", "shop.proto"][..], &[]] {
        let call = [
            "run",
            "--grpc",
            &host,
            "--call",
            "shop.v1.Shop/Quote",
            "--insecure=false",
        ];
        let run = app.run(&[&call, descriptors, &DATA[..]].concat());
        run.exits(3).says("does not speak TLS");
        assert!(server.calls().is_empty());
    }
}

#[test]
fn every_report_has_the_codes_by_name_and_the_messages() {
    let server = Grpc::answering(|call| match call.number % 4 {
        0 => Reply::status(14, "the shop is closed"),
        1 => Reply::status(5, "no such book"),
        _ => Reply::ok(),
    })
    .start();
    let (app, host) = (App::new(), server.host());
    let call = ["run", "--grpc", &host, "--call", "shop.v1.Shop/Quote"];
    let run = app.run(&[&call, &DATA[..], &OBJECTIVES[..]].concat());
    run.exits(1).says("UNAVAILABLE").says("gRPC error rate");
    let measured = measured(&app);
    let failed = example(&measured, "status");
    assert!(
        ["UNAVAILABLE: the shop is closed", "NOT_FOUND: no such book"].contains(&failed),
        "{failed}"
    );
    assert_eq!(measured["statuses"], json!({"0": 10, "5": 5, "14": 5}));
    assert_eq!(
        (&measured["requests"], &measured["answered"], &measured["errors"]),
        (&20.into(), &20.into(), &10.into())
    );
    assert_eq!(measured["failures"]["status"]["count"], 10);
    for format in ["text", "markdown", "html"] {
        let report = app.run(&["report", "-o", format]);
        report.exits(0);
        for name in ["UNAVAILABLE", "NOT_FOUND", "OK", "shop.v1.Shop/Quote"] {
            assert!(report.stdout.contains(name), "{name} is not in\n{report}");
        }
    }
    let metrics = app.run(&["report", "-o", "openmetrics"]);
    for (code, count) in [("OK", 10), ("NOT_FOUND", 5), ("UNAVAILABLE", 5)] {
        let line = metrics
            .stdout
            .lines()
            .find(|line| line.contains(&format!("\"{code}\"")));
        assert!(
            line.is_some_and(|line| line.contains(&format!(" {count}"))),
            "{code}: {metrics}"
        );
    }
    let csv = app.run(&["report", "-o", "csv"]);
    for metric in [
        "grpc/request-count",
        "grpc/error-rate",
        "grpc/latency/p99",
        "grpc/connect-mean",
    ] {
        assert!(csv.has(metric), "{metric} is not in\n{csv}");
    }
}

#[test]
fn names_of_the_contract_are_what_objectives_may_ask_for() {
    let server = Grpc::shop();
    let (app, host) = (App::new(), server.host());
    let mut args = vec!["run", "--grpc", &host, "--call", "shop.v1.Shop/Quote"];
    args.extend(DATA);
    let objectives = [
        "grpc/request-count >= 20",
        "grpc/error-count <= 0",
        "grpc/error-rate <= 0%",
        "grpc/latency/mean <= 20s",
        "grpc/latency-mean <= 20s",
        "grpc/latency/p97.5 <= 20s",
        "grpc/latency-p50.0 <= 20s",
        "grpc/latency/max <= 20s",
        "grpc/latency/stddev <= 20s",
        "grpc/service-time-p95 <= 20s",
        "grpc/throughput >= 0.001",
        "grpc/timeouts <= 0",
        "grpc/unsent <= 0",
    ];
    for objective in &objectives {
        args.extend(["--slo", objective]);
    }
    app.run(&args).exits(0).says("all 13 objectives met");
    for (wrong, says) in [
        ("grpc/latency/p0 <= 1", "grpc/latency"),
        ("grpc/eror-rate <= 0", "grpc/error-rate"),
    ] {
        let run = App::new().run(&[
            "run",
            "--grpc",
            &host,
            "--call",
            "shop.v1.Shop/Quote",
            "--slo",
            wrong,
        ]);
        run.exits(2).says(says);
    }
    assert_eq!(server.calls().len(), 20);
}

#[test]
fn tls_that_is_asked_for_and_refused_at_once_is_a_mistake() {
    let certificate = Certificate::new(Flaw::None);
    let app = App::new().file("ca.pem", &certificate.authority);
    #[rustfmt::skip] // pairs
    let run = app.run(&[
        "run", "--grpc", "127.0.0.1:1", "--call", "shop.v1.Shop/Quote", "--insecure=true", "--cacert", "ca.pem",
    ]);
    run.exits(2).says("insecure: true");
}
