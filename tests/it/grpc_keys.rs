//! The keys of ghz: what each of them makes the program send.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use crate::support::{
    ADDRESS_PROTO, Answer, App, Call, Certificate, Flaw, Grpc, Reflection, Reply, SHOP_PROTO, Server, each,
    judged_calls,
};

/// Calls one at a time, so that their order is that of their numbers.
const ALONE: &str = "concurrency: 1, timeout: 10s, total: 6";

/// Keys, the files that they name, and what is to arrive because of them.
struct Row {
    name: &'static str,
    keys: &'static str,
    files: &'static [(&'static str, &'static [u8])],
    arrives: fn(&Call) -> Value,
    as_: Value,
}

impl Row {
    fn new(name: &'static str, keys: &'static str, arrives: fn(&Call) -> Value, as_: Value) -> Self {
        Self {
            name,
            keys,
            files: &[],
            arrives,
            as_,
        }
    }

    fn files(mut self, files: &'static [(&'static str, &'static [u8])]) -> Self {
        self.files = files;
        self
    }
}

fn message(call: &Call) -> Value {
    call.messages.first().cloned().unwrap_or_default()
}

fn user(call: &Call) -> Value {
    call.header("x-user").into()
}

/// Of a `-bin` header: base64, with or without its padding.
fn token(call: &Call) -> Value {
    let bytes = STANDARD_NO_PAD.decode(call.header("token-bin").trim_end_matches('='));
    bytes.expect("base64").into()
}

/// `{item: "from file", amount: 9}` on the wire, alone and after its length.
const BINARY: &[u8] = b"\x0a\x09from file\x10\x09";
const TWO_BINARIES: &[u8] = b"\x0d\x0a\x09from file\x10\x09\x03\x0a\x01b";

fn rows() -> Vec<Row> {
    let from_file = json!({"item": "from file", "amount": 9});
    vec![
        Row::new("no data at all", "name: a", message, json!({})),
        Row::new(
            "data as YAML",
            "data: {item: x, amount: 3}",
            message,
            json!({"item": "x", "amount": 3}),
        ),
        Row::new(
            "data as text",
            r#"data: '{"item":"x"}'"#,
            message,
            json!({"item": "x"}),
        ),
        Row::new("data-file", "data-file: data.json", message, from_file.clone())
            .files(&[("data.json", br#"{"item": "from file", "amount": 9}"#)]),
        Row::new("binary-file", "binary-file: data.bin", message, from_file).files(&[("data.bin", BINARY)]),
        Row::new("metadata", "metadata: {x-user: ann}", user, "ann".into()),
        Row::new(
            "metadata as text",
            r#"metadata: '{"x-user":"ann"}'"#,
            user,
            "ann".into(),
        ),
        Row::new(
            "metadata with capitals",
            "metadata: {X-User: ann}",
            user,
            "ann".into(),
        ),
        Row::new("metadata-file", "metadata-file: meta.json", user, "file".into())
            .files(&[("meta.json", br#"{"x-user": "file"}"#)]),
        Row::new(
            "binary metadata",
            "metadata: {token-bin: AP8B}",
            token,
            json!([0, 255, 1]),
        ),
        Row::new(
            "authority",
            "authority: shop.example",
            |call| call.authority.clone().into(),
            "shop.example".into(),
        ),
        Row::new(
            "no compression",
            "name: a",
            |call| json!([call.compressed, call.header("grpc-encoding")]),
            json!([0, ""]),
        ),
        Row::new(
            "compression",
            "enable-compression: true, data: {item: x}",
            |call| json!([call.compressed, call.header("grpc-encoding"), call.item()]),
            json!([1, "gzip", "x"]),
        ),
        Row::new(
            "answers may be compressed",
            "name: a",
            |call| call.header("grpc-accept-encoding").contains("gzip").into(),
            true.into(),
        ),
        Row::new(
            "what only ghz needs",
            "name: shop, tags: {env: staging}, debug: /dev/null, cpus: 2, format: summary, output: out.txt, count-errors: true",
            message,
            json!({}),
        ),
        Row::new(
            "how connections are opened",
            "connect-timeout: 5s, keepalive: 10s, lb-strategy: round_robin",
            message,
            json!({}),
        ),
        Row::new(
            "no templates",
            "disable-template-data: true, data: {item: '{{.RequestNumber}}'}",
            message,
            json!({"item": "{{.RequestNumber}}"}),
        ),
        Row::new(
            "functions of templates are not needed",
            "disable-template-functions: true",
            message,
            json!({}),
        ),
    ]
}

#[test]
fn each_key_does_what_it_does_in_ghz() {
    each(
        &rows(),
        |row| row.name,
        |row| {
            let server = Grpc::shop();
            let (_, _, output) = judged_calls(
                &server.host(),
                "Quote",
                &format!("{ALONE}, {}", row.keys),
                row.files,
            );
            output.exits(0);
            let calls = server.calls();
            assert_eq!(calls.len(), 6, "{output}");
            for call in &calls {
                assert_eq!((row.arrives)(call), row.as_, "{call:?}");
            }
        },
    );
}

#[test]
fn elements_are_sent_in_turn() {
    for (keys, files) in [
        ("data: [{item: a}, {item: b}, {item: c}, {item: d}]", &[][..]),
        (
            "data-file: list.json",
            &[(
                "list.json",
                &br#"[{"item":"a"},{"item":"b"},{"item":"c"},{"item":"d"}]"#[..],
            )][..],
        ),
    ] {
        let server = Grpc::shop();
        let (_, _, output) = judged_calls(&server.host(), "Quote", &format!("{ALONE}, {keys}"), files);
        output.exits(0);
        let items: Vec<_> = server.calls().iter().map(|call| call.item().to_owned()).collect();
        assert_eq!(items, ["a", "b", "c", "d", "a", "b"]);
    }
    let server = Grpc::shop();
    let keys = format!("{ALONE}, binary-file: data.bin");
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[("data.bin", TWO_BINARIES)]);
    output.exits(0);
    let items: Vec<_> = server.calls().iter().map(|call| call.item().to_owned()).collect();
    assert_eq!(items, ["from file", "b", "from file", "b", "from file", "b"]);
}

#[test]
fn data_may_come_from_a_url() {
    let http = Server::new(|seen| {
        Answer::status(200).body(match seen.path.as_str() {
            "/meta.json" => r#"{"x-user": "web"}"#,
            _ => r#"{"item": "from the web"}"#,
        })
    });
    let server = Grpc::shop();
    let (data, metadata) = (http.url("/data.json"), http.url("/meta.json"));
    let keys = format!("{ALONE}, data-file: '{data}', metadata-file: '{metadata}'");
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(0);
    for call in server.calls() {
        assert_eq!((call.item(), call.header("x-user")), ("from the web", "web"));
    }
    assert_eq!(http.requests(), 2, "once for a load");
}

#[test]
fn metadata_of_reflection_goes_to_reflection_alone() {
    let server = Grpc::shop();
    let keys = format!("{ALONE}, reflect-metadata: {{authorization: Bearer abc}}, metadata: {{x-user: ann}}");
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(0);
    assert!(!server.asked().is_empty());
    for asked in server.asked() {
        assert_eq!(asked.headers["authorization"], "Bearer abc", "{asked:?}");
    }
    for call in server.calls() {
        assert_eq!((call.header("authorization"), call.header("x-user")), ("", "ann"));
    }
}

/// `20S` and the like as time.
fn read_timeout(text: &str) -> Duration {
    assert!(text.len() <= 9, "the specification allows eight digits: {text}");
    let (digits, unit) = text.split_at(text.len() - 1);
    let number: u64 = digits.parse().expect("digits");
    match unit {
        "H" => Duration::from_hours(number),
        "M" => Duration::from_mins(number),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => panic!("no unit: {text}"),
    }
}

#[test]
fn the_time_that_a_call_has_is_told_to_the_server() {
    for (key, most) in [("timeout: 7s", 7), ("timeout: 90m", 5400), ("name: default", 20)] {
        let server = Grpc::shop();
        let keys = format!("concurrency: 2, total: 10, {key}");
        let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
        output.exits(0);
        for call in server.calls() {
            let told = read_timeout(call.header("grpc-timeout"));
            let most = Duration::from_secs(most);
            assert!(told <= most && told * 2 > most, "{told:?} of {most:?}");
        }
    }
}

#[test]
fn messages_larger_than_allowed_are_errors_of_their_own() {
    let big = "x".repeat(5 << 20);
    let answer = move |call: &Call| match call.item() {
        // More than the 4 MiB that ghz takes if nothing is said.
        "big" => Reply::ok().bytes(crate::support::framed(&vec![0x7a; (4 << 20) + 1])),
        _ => Reply::ok(),
    };
    let data = format!("data: {{item: '{big}'}}");
    let rows = [
        ("received, by default", "data: {item: big}".to_owned(), 1),
        (
            "received, told",
            "max-recv-message-size: 4B, data: {item: longer}".to_owned(),
            1,
        ),
        (
            "sent, told",
            "max-send-message-size: 4B, data: {item: longer}".to_owned(),
            1,
        ),
        (
            "sent, as much as one wants",
            format!("max-recv-message-size: 8MB, {data}"),
            0,
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, keys, code)| {
            let server = Grpc::answering(answer).start();
            let keys = format!("{ALONE}, {keys}");
            let (measured, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
            output.exits(*code);
            if *code == 1 {
                assert_eq!(
                    measured["statuses"],
                    json!({"8": 6}),
                    "RESOURCE_EXHAUSTED: {output}"
                );
                let example = measured["failures"].to_string();
                assert!(
                    example.contains("RESOURCE_EXHAUSTED") && example.contains("at most 4"),
                    "{example}"
                );
            }
            if name.starts_with("sent, told") {
                assert!(server.calls().iter().all(|call| call.messages.is_empty()));
            }
        },
    );
}

#[test]
fn a_name_for_tls_is_asked_for_and_checked() {
    let certificate = Certificate::new(Flaw::OtherName).speaking(&["h2"]);
    let server = Grpc::answering(|_| Reply::ok()).tls(&certificate).start();
    let keys = format!("{ALONE}, cacert: ca.pem, cname: other.example");
    let files = [("ca.pem", certificate.authority.as_bytes())];
    let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &files);
    output.exits(0);
    for call in server.calls() {
        assert_eq!(call.server_name.as_deref(), Some("other.example"));
        assert_eq!(call.authority, "other.example");
    }
}

#[test]
fn keys_are_flags_of_the_same_spelling() {
    let server = Grpc::answering(|_| Reply::ok().after(Duration::from_millis(20)))
        .reflecting(Reflection::Off)
        .start();
    let app = App::new()
        .file("one/shop.proto", SHOP_PROTO)
        .file("two/shop/address.proto", ADDRESS_PROTO);
    let host = server.host();
    #[rustfmt::skip] // pairs
    let run = app.run(&[
        "run", "--grpc", &host, "--call", "shop.v1.Shop/Quote", "--proto", "shop.proto",
        "--import-paths", "one,two", "--data", r#"{"item":"x"}"#, "--metadata", r#"{"x-user":"ann"}"#,
        "--total", "30", "--concurrency", "3", "--connections", "3", "--rps", "300", "--timeout", "9s",
        "--authority", "shop.example", "--enable-compression=true", "--slo", "grpc/error-count <= 0",
    ]);
    run.exits(0);
    let calls = server.calls();
    assert_eq!((calls.len(), server.connections()), (30, 3));
    for call in &calls {
        assert_eq!(
            (
                call.item(),
                call.header("x-user"),
                call.authority.as_str(),
                call.compressed
            ),
            ("x", "ann", "shop.example", 1)
        );
    }
}

#[test]
fn mistakes_in_keys_are_all_told_before_anything_is_sent() {
    let server = Grpc::shop();
    let host = server.host();
    let rows = [
        ("call is missing", format!("host: '{host}'"), "`call`"),
        ("host is missing", "call: shop.v1.Shop/Quote".to_owned(), "`host`"),
        (
            "no method",
            format!("host: '{host}', call: Quote"),
            "Service/Method",
        ),
        (
            "connections",
            format!("host: '{host}', call: shop.v1.Shop/Quote, concurrency: 2, connections: 5"),
            "`connections`",
        ),
        (
            "default concurrency",
            format!("host: '{host}', call: shop.v1.Shop/Quote, connections: 51"),
            "50",
        ),
        (
            "a near miss",
            format!("host: '{host}', call: shop.v1.Shop/Quote, concurency: 2"),
            "did you mean `concurrency`",
        ),
        (
            "two sources of data",
            format!("host: '{host}', call: shop.v1.Shop/Quote, data: {{}}, data-file: a.json"),
            "`data-file`",
        ),
        (
            "two sources of descriptors",
            format!("host: '{host}', call: shop.v1.Shop/Quote, proto: a.proto, protoset: a.protoset"),
            "`protoset`",
        ),
        (
            "a schedule that is none",
            format!("host: '{host}', call: shop.v1.Shop/Quote, load-schedule: linear"),
            "`line`",
        ),
        (
            "a scheme",
            format!("host: 'ftp://{host}', call: shop.v1.Shop/Quote"),
            "HOST:PORT",
        ),
        (
            "no port",
            "host: 127.0.0.1, call: shop.v1.Shop/Quote".to_owned(),
            "shop.example:443 with `insecure: false`",
        ),
        (
            "no port, but a scheme of gRPC's",
            "host: 'dns:///localhost', call: shop.v1.Shop/Quote".to_owned(),
            "the host has no port",
        ),
        (
            "steps of a load without its schedule",
            format!("host: '{host}', call: shop.v1.Shop/Quote, load-start: 5, load-step: 5, load-end: 20"),
            "`load-start` changes nothing without `load-schedule`",
        ),
        (
            "steps of a load that is constant",
            format!("host: '{host}', call: shop.v1.Shop/Quote, load-schedule: const, load-step-duration: 1s"),
            "write `load-schedule: step`",
        ),
        (
            "steps of concurrency without their schedule",
            format!("host: '{host}', call: shop.v1.Shop/Quote, concurrency-end: 20"),
            "`concurrency-end` changes nothing without `concurrency-schedule`",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, keys, says)| {
            let app = App::with(&format!("spec:\n- task: grpc\n  with: {{{keys}}}\n"));
            for command in [&["run"][..], &["validate", "experiment.yaml"]] {
                app.run(command).exits(2).says(says).says("experiment.yaml:");
            }
        },
    );
    assert!(server.calls().is_empty() && server.asked().is_empty());
    let bad = App::with("spec:\n- task: grpc\n  with: {totl: 3, rsp: 4}\n");
    bad.run(&["run"])
        .exits(2)
        .says_all(&["`total`", "`rps`", "`host`", "`call`"]);
}

#[test]
fn a_scheme_before_the_host_is_read_as_what_it_means() {
    let server = Grpc::shop();
    let (_, _, output) = judged_calls(&format!("http://{}", server.host()), "Quote", ALONE, &[]);
    output.exits(0).says("without TLS");
    assert_eq!(server.calls().len(), 6);
}

#[test]
fn keys_that_change_nothing_are_told() {
    let files = [
        ("shop.proto", SHOP_PROTO.as_bytes()),
        ("shop/address.proto", ADDRESS_PROTO.as_bytes()),
    ];
    let unary = "`stream-interval`, `stream-call-count` change nothing: the method streams nothing";
    let rows = [
        (
            "of streams, known",
            "Quote",
            "proto: shop.proto, stream-interval: 5ms, stream-call-count: 3",
            unary,
        ),
        (
            "of streams, by reflection",
            "Quote",
            "stream-interval: 5ms, stream-call-count: 3",
            unary,
        ),
        (
            "of streams of the client",
            "Watch",
            "proto: shop.proto, stream-interval: 5ms, stream-call-count: 3",
            "`stream-interval` changes nothing: only the server streams",
        ),
        (
            "of reflection",
            "Quote",
            "proto: shop.proto, connect-timeout: 5s",
            "`connect-timeout` changes nothing beside `proto`",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, method, keys, says)| {
            let server = Grpc::shop();
            let (_, _, output) = judged_calls(&server.host(), method, &format!("{ALONE}, {keys}"), &files);
            output.exits(0).says(says);
            let told = output.stderr.matches("change nothing").count()
                + output.stderr.matches("changes nothing").count();
            assert_eq!(told, 1, "{output}");
        },
    );
    let server = Grpc::shop();
    let quiet =
        "proto: shop.proto, connect-timeout: 10s, stream-interval: 0s, stream-dynamic-messages: false";
    let (_, _, output) = judged_calls(&server.host(), "Quote", &format!("{ALONE}, {quiet}"), &files);
    output.exits(0);
    assert!(!output.stderr.contains(" nothing"), "{output}");
}

#[test]
fn a_rate_that_is_given_takes_the_place_of_a_schedule_with_its_steps() {
    let server = Grpc::shop();
    let app = App::with(&format!(
        "spec:\n- task: grpc\n  with: {{host: '{}', call: shop.v1.Shop/Quote, total: 10, load-schedule: step, load-start: 1, \
         load-step: 1, load-step-duration: 1s, load-end: 3, concurrency-schedule: line, concurrency-step: 1, concurrency-end: 9}}\n",
        server.host()
    ));
    let output = app.run(&["run", "experiment.yaml", "--rps", "200", "--concurrency", "2"]);
    output.exits(0).says("10 calls at 200/s, at most 2 at a time");
    assert_eq!(server.calls().len(), 10);
}
