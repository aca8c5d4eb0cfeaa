//! The server of these tests is one that clients of others understand, and so what it says of a call is worth something.

use std::time::Duration;

use serde_json::json;

use crate::support::{ADDRESS_PROTO, App, Certificate, Flaw, Grpc, Known, Reflection, Reply, SHOP_PROTO};

#[test]
fn grpcurl_reads_its_reflection_and_calls_every_kind_of_method() {
    let Some(known) = Known::here() else { return };
    for reflection in [Reflection::Both, Reflection::V1, Reflection::Alpha] {
        let server = Grpc::answering(|_| Reply::ok()).reflecting(reflection).start();
        let host = server.host();
        let (done, text) = known.run(
            "grpcurl",
            &["-plaintext", &host, "describe", "shop.v1.Shop.Watch"],
        );
        assert!(
            done && text.contains("( .shop.v1.Order ) returns ( stream .shop.v1.Order )"),
            "{text}"
        );
        for (method, data, answers) in [
            ("Quote", r#"{"item":"a","cents":"5","address":{"zip":7}}"#, 1),
            ("Watch", r#"{"item":"a","amount":4}"#, 4),
            ("Chat", r#"{"item":"a"}{"item":"b"}"#, 2),
        ] {
            let path = format!("shop.v1.Shop/{method}");
            let (done, text) = known.run(
                "grpcurl",
                &["-plaintext", "-d", data, "-H", "x-user: ann", &host, &path],
            );
            assert!(done, "{text}");
            assert_eq!(text.matches("\"item\": ").count(), answers, "{text}");
        }
        let (done, text) = known.run(
            "grpcurl",
            &[
                "-plaintext",
                "-d",
                r#"{"item":"a"}{"item":"b"}"#,
                &host,
                "shop.v1.Shop/Upload",
            ],
        );
        assert!(done && text.contains("\"count\": 2"), "{text}");
        let calls = server.calls();
        assert_eq!(calls.len(), 4);
        assert_eq!(
            calls[0].messages,
            [json!({"item": "a", "cents": "5", "address": {"zip": 7}})]
        );
        assert!(
            calls
                .iter()
                .take(3)
                .all(|call| call.header("x-user") == "ann" && call.complete)
        );
        assert_eq!(calls[3].messages, [json!({"item": "a"}), json!({"item": "b"})]);
    }
}

#[test]
fn grpcurl_and_the_probe_see_its_faults_as_they_are_meant() {
    let Some(known) = Known::here() else { return };
    let app = App::new()
        .file("shop.proto", SHOP_PROTO)
        .file("shop/address.proto", ADDRESS_PROTO);
    let folder = app.path("").display().to_string();
    let server = Grpc::answering(|call| match call.item() {
        "trailers" => Reply::trailers_only(9, "größer"),
        "gateway" => Reply::http(502, "text/html", "<h1>Bad Gateway</h1>"),
        "reset" => Reply::reset(h2::Reason::ENHANCE_YOUR_CALM),
        "hang up" => Reply::hang_up(),
        "none" => Reply::without_status(true),
        "never" => Reply::never(),
        _ => Reply::status(14, "closed"),
    })
    .reflecting(Reflection::Off)
    .serving(true)
    .goes_away_after(3)
    .start();
    let host = server.host();
    for (item, says) in [
        ("status", "Code: Unavailable\n  Message: closed"),
        ("trailers", "Code: FailedPrecondition\n  Message: größer"),
        ("gateway", "502"),
        ("reset", "ENHANCE_YOUR_CALM"),
        ("hang up", "Code: Unavailable"),
        ("none", "Code: "),
        ("never", "DeadlineExceeded"),
    ] {
        let data = format!(r#"{{"item":"{item}"}}"#);
        #[rustfmt::skip] // pairs
        let (done, text) = known.run("grpcurl", &[
            "-plaintext", "-import-path", &folder, "-proto", "shop.proto", "-max-time", "2",
            "-d", &data, &host, "shop.v1.Shop/Quote",
        ]);
        assert!(!done && text.contains(says), "{item}: {text}");
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        server.calls().last().and_then(|call| call.reset),
        Some(8),
        "a deadline ends the stream"
    );
    let probe = |service: &str| known.run("grpc-health-probe", &["-addr", &host, "-service", service]);
    assert!(probe("shop.v1.Shop").0 && !probe("other").0);
    server.serve(false);
    assert!(!probe("shop.v1.Shop").0);
}

#[test]
fn grpcurl_speaks_tls_with_it_and_sends_compressed_messages() {
    let Some(known) = Known::here() else { return };
    let certificate = Certificate::new(Flaw::None).for_clients().speaking(&["h2"]);
    let app = App::new()
        .file("ca.pem", &certificate.authority)
        .file("chain.pem", &certificate.chain)
        .file("key.pem", &certificate.key);
    let file = |name: &str| app.path(name).display().to_string();
    let server = Grpc::answering(|_| Reply::ok()).tls(&certificate).start();
    let (ca, chain, key) = (file("ca.pem"), file("chain.pem"), file("key.pem"));
    let host = format!("localhost:{}", server.port());
    #[rustfmt::skip] // pairs
    let (done, text) = known.run("grpcurl", &[
        "-cacert", &ca, "-cert", &chain, "-key", &key, "-d", r#"{"item":"a"}"#, &host, "shop.v1.Shop/Quote",
    ]);
    assert!(done, "{text}");
    assert_eq!(server.calls()[0].server_name.as_deref(), Some("localhost"));

    let plain = Grpc::shop();
    #[rustfmt::skip] // pairs
    let (done, text) = known.run("ghz", &[
        "--insecure", "--call", "shop.v1.Shop/Quote", "-d", r#"{"item":"a"}"#, "-n", "6", "-c", "2",
        "--connections", "2", "-e", &plain.host(),
    ]);
    assert!(done, "{text}");
    let calls = plain.calls();
    assert_eq!((calls.len(), plain.connections()), (6, 2));
    assert!(
        calls
            .iter()
            .all(|call| call.compressed == 1 && call.item() == "a"),
        "{:?}",
        calls[0]
    );
}
