//! Servers that nobody of this project wrote: those of Go's and Python's libraries, of tonic, and nginx in front of one.

use std::net::SocketAddr;

use serde_json::json;
use tonic::transport::server::TcpIncoming;

use crate::support::{App, Certificate, Flaw, Grpc, Known, Nginx, SHOP_PROTO, each, example, judged_calls};

/// Calls of a method, and how many messages each of 30 calls receives.
struct Row {
    method: &'static str,
    data: &'static str,
    received: u64,
}

const ROWS: &[Row] = &[
    Row {
        method: "EmptyCall",
        data: "{}",
        received: 1,
    },
    Row {
        method: "UnaryCall",
        data: "{payload: {body: aGVsbG8=}, response_size: 100}",
        received: 1,
    },
    Row {
        method: "StreamingOutputCall",
        data: "{response_parameters: [{size: 10}, {size: 20}, {size: 30}]}",
        received: 3,
    },
    Row {
        method: "StreamingInputCall",
        data: "[{payload: {body: aGVsbG8=}}, {payload: {body: aGk=}}]",
        received: 1,
    },
    Row {
        method: "FullDuplexCall",
        data: "[{response_parameters: [{size: 10}, {size: 20}]}, {response_parameters: [{size: 30}]}]",
        received: 3,
    },
];

#[track_caller]
fn all_kinds(host: &str, service: &str, keys: &str, files: &[(&str, &[u8])]) {
    each(
        ROWS,
        |row| row.method,
        |row| {
            let call = format!("{service}/{}", row.method);
            let keys = format!(
                "total: 30, concurrency: 5, connections: 2, timeout: 10s, data: {}, {keys}",
                row.data
            );
            let (measured, _, output) = judged_calls(host, &call, &keys, files);
            output.exits(0);
            assert_eq!(measured["statuses"], json!({"0": 30}), "{output}");
            assert_eq!(measured["messagesReceived"], 30 * row.received, "{output}");
        },
    );
}

#[test]
fn the_test_server_of_grpcurl_takes_every_kind_of_call() {
    let Some(known) = Known::here() else { return };
    let server = known.start("grpc-testserver", &["-p", "PORT", "-q"]);
    all_kinds(&server.host(), "testing.TestService", "name: reflection", &[]);
    let (_, _, output) = judged_calls(
        &server.host(),
        "testing.UnimplementedService/UnimplementedCall",
        "total: 5",
        &[],
    );
    output.exits(1).says("UNIMPLEMENTED");

    let server = known.start("grpc-testserver", &["-p", "PORT", "-q", "-noreflect"]);
    let (_, _, output) = judged_calls(&server.host(), "testing.TestService/EmptyCall", "total: 5", &[]);
    output.exits(3).says("reflection");
    let proto = known.proto("testserver.proto");
    let files = [("test.proto", proto.as_bytes())];
    all_kinds(&server.host(), "testing.TestService", "proto: test.proto", &files);
    let keys = "total: 6, concurrency: 2, proto: test.proto";
    let (measured, _, output) = judged_calls(
        &server.host(),
        "testing.UnimplementedService/UnimplementedCall",
        keys,
        &files,
    );
    output.exits(1).says("UNIMPLEMENTED");
    assert_eq!(measured["statuses"], json!({"12": 6}));
}

#[test]
fn the_test_server_of_grpcurl_is_called_over_tls() {
    let Some(known) = Known::here() else { return };
    let certificate = Certificate::new(Flaw::None);
    let app = App::new()
        .file("ca.pem", &certificate.authority)
        .file("chain.pem", &certificate.chain)
        .file("key.pem", &certificate.key);
    let path = |name: &str| app.path(name).display().to_string();
    let (ca, chain, key) = (path("ca.pem"), path("chain.pem"), path("key.pem"));
    let files = [
        ("ca.pem", certificate.authority.as_bytes()),
        ("chain.pem", certificate.chain.as_bytes()),
        ("key.pem", certificate.key.as_bytes()),
    ];
    let own = ["-p", "PORT", "-q", "-cert", &chain, "-key", &key];
    let server = known.start("grpc-testserver", &own);
    all_kinds(&server.host(), "testing.TestService", "cacert: ca.pem", &files);
    all_kinds(&server.host(), "testing.TestService", "skipTLS: true", &[]);

    let server = known.start(
        "grpc-testserver",
        &[&own[..], &["-cacert", &ca, "-requirecert"]].concat(),
    );
    let mutual = "cacert: ca.pem, cert: chain.pem, key: key.pem";
    all_kinds(&server.host(), "testing.TestService", mutual, &files);
    let (_, _, output) = judged_calls(
        &server.host(),
        "testing.TestService/EmptyCall",
        "total: 5, cacert: ca.pem",
        &files,
    );
    output.exits(3).says("refused the TLS handshake");
}

#[test]
fn the_interop_server_takes_every_kind_of_call() {
    let Some(known) = Known::here() else { return };
    // The same service in the package of its own.
    let proto = known
        .proto("testserver.proto")
        .replace("package testing;", "package grpc.testing;");
    let files = [("test.proto", proto.as_bytes())];
    let server = known.start("grpc-interop-server", &["-port", "PORT"]);
    let keys = "proto: test.proto";
    all_kinds(&server.host(), "grpc.testing.TestService", keys, &files);
    let compressed =
        "total: 5, proto: test.proto, enable-compression: true, data: {payload: {body: aGVsbG8=}}";
    let (measured, _, output) = judged_calls(
        &server.host(),
        "grpc.testing.TestService/UnaryCall",
        compressed,
        &files,
    );
    output.exits(1);
    assert!(
        example(&measured, "status").contains("Decompressor is not installed"),
        "{output}"
    );
    assert_eq!(measured["statuses"], json!({"12": 5}));
    for (code, name) in [(2, "UNKNOWN"), (7, "PERMISSION_DENIED"), (16, "UNAUTHENTICATED")] {
        let keys =
            format!("total: 5, {keys}, data: {{response_status: {{code: {code}, message: 'on purpose'}}}}");
        let (measured, _, output) = judged_calls(
            &server.host(),
            "grpc.testing.TestService/UnaryCall",
            &keys,
            &files,
        );
        output.exits(1).says(name);
        assert_eq!(example(&measured, "status"), format!("{name}: on purpose"));
        assert_eq!(measured["statuses"], json!({code.to_string(): 5}));
    }
    let metadata = "metadata: {x-grpc-test-echo-initial: hello, x-grpc-test-echo-trailing-bin: AP8B}";
    let keys = format!("total: 5, {keys}, {metadata}");
    let (_, _, output) = judged_calls(
        &server.host(),
        "grpc.testing.TestService/UnaryCall",
        &keys,
        &files,
    );
    output.exits(0);
}

#[test]
fn the_examples_that_everyone_knows_are_called() {
    let Some(known) = Known::here() else { return };
    let greeter = known.start("greeter-server", &["-port", "PORT"]);
    let proto = known.proto("helloworld.proto");
    let app = App::new().file("helloworld.proto", proto);
    let host = greeter.host();
    #[rustfmt::skip] // pairs
    let run = app.run(&[
        "run", "--grpc", &host, "--call", "helloworld.Greeter/SayHello", "--data", r#"{"name":"x"}"#,
        "--proto", "helloworld.proto", "--total", "50", "--slo", "grpc/error-rate <= 0", "--slo", "grpc/latency/p99 <= 20s",
    ]);
    run.exits(0).says("all 2 objectives met");

    let routes = known.start("route-guide-server", &["-port", "PORT"]);
    let set = std::fs::read(known.path("proto/route_guide.protoset"));
    let text = known.proto("route_guide.proto");
    let files = [
        ("route_guide.protoset", set.unwrap_or_default()),
        ("route_guide.proto", text.into_bytes()),
    ];
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    let (_, _, output) = judged_calls(
        &routes.host(),
        "routeguide.RouteGuide/GetFeature",
        "total: 5, proto: route_guide.proto",
        &files,
    );
    // An edition: either read, or refused in plain words.
    if output.code != Some(0) {
        output.says("edition").says("protoset");
    }
    if Known::with_python().is_none() {
        return;
    }
    let data = [
        ("GetFeature", "{latitude: 409146138, longitude: -746188906}", 1),
        (
            "ListFeatures",
            "{lo: {latitude: 400000000, longitude: -750000000}, hi: {latitude: 420000000, longitude: -730000000}}",
            100,
        ),
        ("RecordRoute", "[{latitude: 1}, {latitude: 2}]", 1),
    ];
    for (method, data, received) in data {
        let keys = format!("total: 10, concurrency: 2, protoset: route_guide.protoset, data: {data}");
        let call = format!("routeguide.RouteGuide/{method}");
        let (measured, _, output) = judged_calls(&routes.host(), &call, &keys, &files);
        output.exits(0);
        assert_eq!(measured["messagesReceived"], 10 * received, "{output}");
    }
}

#[test]
fn the_server_of_python_is_called_by_reflection() {
    let Some(known) = Known::with_python() else { return };
    let app = App::new().file(
        "shop.proto",
        SHOP_PROTO.replace(
            "import \"shop/address.proto\";",
            "message Address { int32 zip = 1; }",
        ),
    );
    let shop = app.path("shop.proto");
    let server = known.python(&[&shop]);
    for (method, received) in [("Quote", 20), ("Watch", 60), ("Upload", 20), ("Chat", 20)] {
        let keys = "total: 20, concurrency: 4, timeout: 10s, data: {item: a, address: {zip: 3}}";
        let (measured, _, output) = judged_calls(&server.host(), method, keys, &[]);
        output.exits(0);
        assert_eq!(
            (&measured["messagesSent"], &measured["messagesReceived"]),
            (&20.into(), &received.into()),
            "{output}"
        );
    }
    let (_, _, output) = judged_calls(&server.host(), "Qoute", "total: 20", &[]);
    output.exits(3).says("did you mean `Quote`");

    // Its reflection sends an edition.
    let route_guide = known.path("proto/route_guide.proto");
    let server = known.python(&[&route_guide]);
    let keys = "total: 20, concurrency: 4, data: {latitude: 3}";
    let (measured, _, output) = judged_calls(&server.host(), "routeguide.RouteGuide/GetFeature", keys, &[]);
    output.exits(0);
    assert_eq!(measured["statuses"], json!({"0": 20}));
}

/// A server of tonic with its health service and its reflection.
fn tonic_server() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a listener");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let (_reporter, health) = tonic_health::server::health_reporter();
            let reflection = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .build_v1()
                .expect("valid descriptors");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let server = tonic::transport::Server::builder()
                .add_service(health)
                .add_service(reflection);
            server
                .serve_with_incoming(TcpIncoming::from(listener))
                .await
                .expect("it serves");
        });
    });
    address
}

#[test]
fn a_server_of_tonic_is_called_by_reflection() {
    let host = tonic_server().to_string();
    let keys = "total: 200, concurrency: 20, connections: 4, timeout: 10s";
    let (measured, _, output) = judged_calls(&host, "grpc.health.v1.Health/Check", keys, &[]);
    output.exits(0);
    assert_eq!(measured["statuses"], json!({"0": 200}));
    let keys = "total: 10, timeout: 10s, data: {service: unknown}";
    let (measured, _, output) = judged_calls(&host, "grpc.health.v1.Health/Check", keys, &[]);
    output.exits(1).says("NOT_FOUND");
    assert_eq!(measured["statuses"], json!({"5": 10}));
    let app = App::with(&format!(
        "spec:\n- task: ready\n  with: {{grpc: '{host}', timeout: 10s}}\n"
    ));
    app.run(&["run"]).exits(0);
}

#[test]
fn nginx_in_front_of_a_server_is_called_over_tls() {
    let certificate = Certificate::new(Flaw::None);
    let server = Grpc::shop();
    let Some(nginx) = Nginx::before(&server.host(), &certificate) else {
        return;
    };
    let files = [("ca.pem", certificate.authority.as_bytes())];
    for (method, messages) in [("Quote", 1), ("Watch", 3), ("Upload", 1), ("Chat", 1)] {
        let before = server.calls().len();
        let keys = "total: 40, concurrency: 10, connections: 2, timeout: 10s, cacert: ca.pem, data: {item: a, amount: 3}";
        let (measured, _, output) = judged_calls(&nginx.host(), method, keys, &files);
        output.exits(0);
        assert_eq!(measured["messagesReceived"], 40 * messages, "{output}");
        assert_eq!(
            (&measured["connections"], server.calls().len() - before),
            (&2.into(), 40),
            "{output}"
        );
    }
}

#[test]
fn nginx_without_its_server_is_an_error_of_each_call() {
    let certificate = Certificate::new(Flaw::None);
    let gone = format!("127.0.0.1:{}", crate::support::free_port());
    let Some(nginx) = Nginx::before(&gone, &certificate) else {
        return;
    };
    let proto = SHOP_PROTO.replace("import \"shop/address.proto\";", "message Address {}");
    let files = [
        ("ca.pem", certificate.authority.as_bytes()),
        ("shop.proto", proto.as_bytes()),
    ];
    let keys = "total: 10, concurrency: 2, timeout: 10s, cacert: ca.pem, proto: shop.proto";
    let (measured, _, output) = judged_calls(&nginx.host(), "Quote", keys, &files);
    // nginx answers in gRPC's own words, or with its page.
    assert!(matches!(output.code, Some(1 | 5)), "{output}");
    output.says("502");
    assert_eq!(
        (&measured["requests"], &measured["errors"]),
        (&10.into(), &10.into()),
        "{output}"
    );
}
