//! What goes wrong in a call, under it, and before it: each fault has its outcome and is told in plain words.

use std::io::Write as _;
use std::time::Duration;

use h2::Reason;
use serde_json::{Value, json};

use crate::support::{
    ADDRESS_PROTO, Answer, App, Call, Faulty, Grpc, Output, Reflection, Reply, SHOP_PROTO, Server, each,
    example, frame, framed, free_port, judged_calls, metric, setting, speaking,
};

/// Eight calls of one method.
const LOAD: &str = "total: 8, concurrency: 4, data: {item: a, amount: 1}";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A fault of a call: what the server does, and what is to come of each of eight calls.
struct Row {
    name: &'static str,
    reply: fn(&Call) -> Reply,
    class: &'static str,
    /// The code it counts as.
    code: Option<u16>,
    says: &'static [&'static str],
    keys: &'static str,
}

impl Row {
    fn new(name: &'static str, reply: fn(&Call) -> Reply, class: &'static str, code: u16) -> Self {
        Self {
            name,
            reply,
            class,
            code: Some(code),
            says: &[],
            keys: "timeout: 10s",
        }
    }

    fn says(mut self, says: &'static [&'static str]) -> Self {
        self.says = says;
        self
    }

    fn keys(mut self, keys: &'static str) -> Self {
        self.keys = keys;
        self
    }
}

#[track_caller]
fn check(row: &Row) {
    let server = Grpc::answering(row.reply).start();
    let keys = format!("{LOAD}, {}", row.keys);
    let (measured, app, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(1);
    assert_eq!(
        (&measured["requests"], &measured["errors"]),
        (&8.into(), &8.into()),
        "{output}"
    );
    assert_eq!(
        measured["failures"][row.class]["count"], 8,
        "{}",
        measured["failures"]
    );
    if let Some(code) = row.code {
        assert_eq!(measured["statuses"], json!({code.to_string(): 8}), "{output}");
    }
    assert_eq!(server.calls().len(), 8, "nothing is sent twice");
    let example = example(&measured, row.class);
    for words in row.says {
        assert!(example.contains(words), "{words} is not in: {example}");
    }
    // What is wrong stands in every report, not only in the log; its end may be cut.
    let beginning: String = example.chars().take(40).collect();
    app.run(&["report", "-o", "markdown"]).says(&beginning);
}

#[test]
fn every_status_of_a_server_is_counted_and_named() {
    const NAMES: [&str; 16] = [
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    each(
        &NAMES,
        |name| name,
        |name| {
            let at = NAMES
                .iter()
                .position(|known| known == name)
                .expect("it is one of them");
            let code = u16::try_from(at + 1).expect("a code");
            for early in [false, true] {
                let server = Grpc::answering(move |_| {
                    let message = "größer als 100 %\nnein";
                    if early {
                        Reply::trailers_only(code, message)
                    } else {
                        Reply::status(code, message)
                    }
                })
                .start();
                let (measured, app, output) = judged_calls(&server.host(), "Quote", LOAD, &[]);
                output.exits(1).says(name);
                assert_eq!(
                    example(&measured, "status"),
                    format!("{name}: größer als 100 %\nnein")
                );
                assert_eq!(measured["statuses"], json!({code.to_string(): 8}));
                assert_eq!(
                    (&measured["answered"], &measured["errors"]),
                    (&8.into(), &8.into())
                );
                assert_eq!(measured["failures"]["status"]["count"], 8, "{output}");
                assert_eq!(
                    measured["timings"]["latency"]["count"], 8,
                    "an answer has a latency"
                );
                app.run(&["report", "-o", "markdown"]).says(name);
                assert_eq!(server.calls().len(), 8);
            }
        },
    );
}

#[rustfmt::skip] // a table
fn broken() -> Vec<Row> {
    vec![
        Row::new("a code that nobody knows", |_| Reply::status(99, "odd"), "status", 99).says(&["CODE_99: odd"]),
        Row::new("no status in the trailers", |_| Reply::without_status(true).trailer("x-other", "1"), "protocol", 2).says(&["grpc-status"]),
        Row::new("no trailers", |_| Reply::without_status(false), "protocol", 2).says(&["grpc-status"]),
        Row::new("a status that is no number", |_| Reply::without_status(true).trailer("grpc-status", "fine"), "status", 2).says(&["grpc-status"]),
        Row::new("502 of a gateway", |_| Reply::http(502, "text/html", "<h1>Bad Gateway</h1>"), "protocol", 14).says(&["502"]),
        Row::new("503 without a body", |_| Reply::http(503, "text/plain", ""), "protocol", 14).says(&["503"]),
        Row::new("404 of another server", |_| Reply::http(404, "text/plain", "not here"), "protocol", 12).says(&["404"]),
        Row::new("401", |_| Reply::http(401, "text/plain", "who are you"), "protocol", 16).says(&["401"]),
        Row::new("403", |_| Reply::http(403, "text/plain", "no"), "protocol", 7).says(&["403"]),
        Row::new("400", |_| Reply::http(400, "text/plain", "no"), "protocol", 13).says(&["400"]),
        Row::new("500", |_| Reply::http(500, "text/plain", "no"), "protocol", 2).says(&["500"]),
        Row::new("a web page", |_| Reply::http(200, "text/html", "<html>hello</html>"), "protocol", 2).says(&["text/html"]),
        Row::new("an encoding that nobody knows", |_| Reply::ok().header("grpc-encoding", "snappy").bytes(b"\x01\x00\x00\x00\x03abc".to_vec()), "protocol", 13).says(&["snappy"]),
        Row::new("compressed without an encoding", |_| Reply::ok().bytes(b"\x01\x00\x00\x00\x03abc".to_vec()), "protocol", 13).says(&["compressed"]),
        Row::new("half a message", |_| Reply::ok().bytes(b"\x00\x00\x00\x00\x64abc".to_vec()), "protocol", 13).says(&["message"]),
        Row::new("no message", |_| Reply::ok().bytes(Vec::new()), "protocol", 13).says(&["message"]),
        Row::new("two messages", |_| Reply::ok().bytes([framed(b""), framed(b"")].concat()), "protocol", 13).says(&["message"]),
        Row::new("too large a message", |_| Reply::ok().bytes(framed(&vec![0; (4 << 20) + 1])), "status", 8).says(&["at most 4194304"]),
        Row::new("a message that claims 4 GB", |_| Reply::ok().bytes(b"\x00\xff\xff\xff\xff".to_vec()), "status", 8).says(&["at most 4194304"]),
        Row::new("RST_STREAM: CANCEL", |_| Reply::reset(Reason::CANCEL), "reset", 1).says(&["CANCEL"]),
        Row::new("RST_STREAM: INTERNAL_ERROR", |_| Reply::reset(Reason::INTERNAL_ERROR), "reset", 13).says(&["INTERNAL_ERROR"]),
        Row::new("RST_STREAM: ENHANCE_YOUR_CALM", |_| Reply::reset(Reason::ENHANCE_YOUR_CALM), "reset", 8).says(&["more than it is willing to take"]),
        Row::new("never", |_| Reply::never(), "timeout", 4).says(&["no complete answer within 300ms"]).keys("timeout: 300ms"),
        Row::new("late", |_| Reply::ok().after(Duration::from_secs(5)), "timeout", 4).says(&["no complete answer within 300ms"]).keys("timeout: 300ms"),
    ]
}

#[test]
fn what_is_wrong_with_an_answer_is_told_in_the_words_of_the_protocol() {
    each(&broken(), |row| row.name, check);
}

#[test]
fn a_call_that_times_out_took_at_least_its_time() {
    let server = Grpc::answering(|_| Reply::never()).start();
    let keys = format!("{LOAD}, timeout: 300ms");
    let (measured, app, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
    output.exits(1);
    assert_eq!(measured["failures"]["timeout"]["count"], 8);
    for name in ["grpc/latency/min", "grpc/latency/p50", "grpc/latency/max"] {
        assert!(metric(&app, name) >= 300.0, "{name}");
    }
    assert_eq!(
        (metric(&app, "grpc/timeouts"), metric(&app, "grpc/error-rate")),
        (8.0, 1.0)
    );
    std::thread::sleep(Duration::from_millis(100));
    // CANCEL: a server that is told can stop.
    assert!(
        server.calls().iter().all(|call| call.reset == Some(8)),
        "{:?}",
        server.calls()
    );
    assert_eq!(server.connections(), 1, "a call that is late costs no connection");
}

#[test]
fn a_login_in_front_of_a_server_makes_the_measurement_invalid() {
    let server = Grpc::answering(|_| {
        Reply::http(302, "text/html", "").header("location", "https://login.example/oauth/authorize")
    })
    .start();
    let (_, _, output) = judged_calls(&server.host(), "Quote", LOAD, &[]);
    output.exits(5).says("login.example");
}

#[test]
fn a_connection_that_is_closed_in_the_middle_fails_the_calls_on_it_alone() {
    let server = Grpc::answering(|call| {
        if call.number == 10 {
            Reply::hang_up()
        } else {
            Reply::ok()
        }
    })
    .start();
    let keys = "total: 40, concurrency: 1, timeout: 10s";
    let (measured, _, output) = judged_calls(&server.host(), "Quote", keys, &[]);
    output.exits(1).says("connection closed in the middle");
    assert_eq!(
        (&measured["requests"], &measured["answered"]),
        (&40.into(), &39.into()),
        "{output}"
    );
    assert_eq!(measured["failures"]["reset"]["count"], 1, "{output}");
    assert_eq!((server.calls().len(), server.connections()), (40, 2));
}

#[test]
fn a_server_that_goes_away_loses_no_call() {
    for (after, load) in [
        (1, "concurrency: 1"),
        (10, "concurrency: 50"),
        (10, "concurrency: 50, connections: 5"),
        (7, "concurrency: 3, connections: 3"),
    ] {
        let server = Grpc::answering(|_| Reply::ok()).goes_away_after(after).start();
        let keys = format!("total: 200, timeout: 10s, {load}");
        let (measured, _, output) = judged_calls(&server.host(), "Quote", &keys, &[]);
        output.exits(0);
        assert_eq!(
            (&measured["answered"], server.calls().len()),
            (&200.into(), 200),
            "{load}: {output}"
        );
        assert!(
            server.connections() > 1 && measured["connections"] == server.connections(),
            "{output}"
        );
    }
}

/// A header as it is sent without any compression.
fn header(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).expect("short");
    [
        &[0, length(name)],
        name.as_bytes(),
        &[length(value)],
        value.as_bytes(),
    ]
    .concat()
}

/// An empty message and OK.
fn answer(id: u32) -> Vec<u8> {
    let head = [&[0x88][..], &header("content-type", "application/grpc")].concat();
    [
        frame(HEADERS, END_HEADERS, id, &head),
        frame(DATA, 0, id, &framed(b"")),
        frame(HEADERS, END_HEADERS | END_STREAM, id, &header("grpc-status", "0")),
    ]
    .concat()
}

#[test]
fn calls_that_a_server_did_not_take_any_more_are_made_again() {
    let proto = [
        ("shop.proto", SHOP_PROTO.as_bytes()),
        ("shop/address.proto", ADDRESS_PROTO.as_bytes()),
    ];
    let server = speaking(setting(&[]), |stream, id, index| {
        let last = index == 9;
        let away = frame(GOAWAY, 0, 0, &[id.to_be_bytes(), 0_u32.to_be_bytes()].concat());
        if last && stream.write_all(&away).is_err() {
            return false;
        }
        stream.write_all(&answer(id)).is_ok() && !last
    });
    let host = server
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let keys = "total: 100, concurrency: 20, timeout: 10s, proto: shop.proto";
    let (measured, _, output) = judged_calls(&host, "Quote", keys, &proto);
    output.exits(0);
    assert_eq!(
        (&measured["answered"], server.requests()),
        (&100.into(), 100),
        "{output}"
    );
    assert!(server.connections() >= 10);
}

/// The same load, with descriptors that are here.
fn known(host: &str, more: &str) -> (Value, App, Output) {
    let files = [
        ("shop.proto", SHOP_PROTO.as_bytes()),
        ("shop/address.proto", ADDRESS_PROTO.as_bytes()),
    ];
    judged_calls(
        host,
        "Quote",
        &format!("{LOAD}, proto: shop.proto, timeout: 2s{more}"),
        &files,
    )
}

#[test]
fn what_cannot_be_reached_is_an_error_not_a_verdict() {
    let http = Server::ok();
    let closes = Faulty::sockets(|_, _| {});
    let closed_port = format!("127.0.0.1:{}", free_port());
    let closes_at = closes
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let rows = [
        ("refused", closed_port, ["connection refused"; 2]),
        (
            "no such host",
            "no-such-host.invalid:50051".to_owned(),
            ["no-such-host.invalid"; 2],
        ),
        (
            "HTTP/1.1",
            format!("127.0.0.1:{}", http.port()),
            ["HTTP/2", "closed the connection"],
        ),
        ("closes", closes_at, ["HTTP/2", "closed the connection"]),
    ];
    each(
        &rows,
        |row| row.0,
        |(name, host, says)| {
            let (_, app, output) = known(host, "");
            output.exits(3).says(says[0]);
            assert_eq!(app.result()["outcome"], "error", "{name}");
            // The same where the descriptors are asked for.
            let (_, _, output) = judged_calls(host, "Quote", "timeout: 2s, connect-timeout: 2s", &[]);
            output.exits(3).says(says[1]);
        },
    );
    assert_eq!(http.requests(), 0);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let server = Faulty::silent();
    let host = server
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let (measured, _, output) = known(&host, ", connect-timeout: 300ms");
    assert_ne!(output.code, Some(0), "{output}");
    assert!(measured.is_null() || measured["errors"] == 8, "{measured}");
    let (_, _, output) = judged_calls(&host, "Quote", "timeout: 1s, connect-timeout: 1s", &[]);
    output.exits(3).says("within 1s");
}

#[test]
fn a_load_that_its_time_ends_before_anything_came_is_no_pass() {
    let rows = ["close", "ignore"];
    each(
        &rows,
        |row| *row,
        |stop| {
            let server = Faulty::silent();
            let host = server
                .url()
                .trim_start_matches("http://")
                .trim_end_matches('/')
                .to_owned();
            let keys =
                format!("proto: shop.proto, concurrency: 2, timeout: 0, duration: 1s, duration-stop: {stop}");
            let files = [
                ("shop.proto", SHOP_PROTO.as_bytes()),
                ("shop/address.proto", ADDRESS_PROTO.as_bytes()),
            ];
            let (_, app, output) = judged_calls(&host, "Quote", &keys, &files);
            output.exits(3).says("no connection to");
            assert_eq!(app.result()["outcome"], "error");
        },
    );
}

#[test]
fn what_reflection_cannot_tell_is_told_with_what_helps() {
    let off = Grpc::answering(|_| Reply::ok())
        .reflecting(Reflection::Off)
        .start();
    let (_, _, output) = judged_calls(&off.host(), "Quote", LOAD, &[]);
    output.exits(3).says_all(&["reflection", "`proto`", "`protoset`"]);
    let on = Grpc::shop();
    for (method, says) in [
        (
            "shop.v1.Shop/Qoute",
            &["shop.v1.Shop", "did you mean `Quote`"][..],
        ),
        (
            "shop.v1.Shop/Sell",
            &["Sell", "`Quote`, `Upload`, `Watch`, `Chat`"],
        ),
        (
            "shop.v1.Shoop/Quote",
            &["shop.v1.Shoop", "did you mean `shop.v1.Shop`"],
        ),
        ("other.Service/Quote", &["other.Service"]),
    ] {
        let (_, app, output) = judged_calls(&on.host(), method, LOAD, &[]);
        output.exits(3).says_all(says);
        assert_eq!(app.result()["outcome"], "error");
    }
    assert!(on.calls().is_empty() && off.calls().is_empty());
}

#[test]
fn a_method_may_begin_with_a_dot_and_words_of_the_server_are_cut_and_cleaned() {
    let server = Grpc::shop();
    let (_, _, output) = judged_calls(&server.host(), ".shop.v1.Shop/Quote", LOAD, &[]);
    output.exits(0);
    assert_eq!(server.calls().len(), 8);
    let rude =
        Grpc::answering(|_| Reply::status(13, &format!("\u{1b}[31mred\r\n::error::{}", "x".repeat(900))))
            .reflecting(Reflection::Off)
            .start();
    let rude = rude.host();
    // The server answers questions of reflection as it answers calls.
    let (_, _, output) = judged_calls(&rude, "Quote", LOAD, &[]);
    output.exits(3);
    assert!(
        !output.stderr.contains('\u{1b}') && !output.stderr.contains("\n::error"),
        "{output}"
    );
    assert!(!output.stderr.contains(&"x".repeat(300)), "{output}");
}

#[test]
fn descriptors_under_the_wrong_key_are_told_with_the_right_one() {
    let server = Grpc::shop();
    for (keys, name, content, says) in [
        (
            "proto: shop.protoset",
            "shop.protoset",
            crate::support::protoset(),
            "belong in `protoset`",
        ),
        (
            "protoset: shop.proto",
            "shop.proto",
            SHOP_PROTO.as_bytes().to_vec(),
            "a `.proto` file belongs in `proto`",
        ),
    ] {
        let (_, _, output) = judged_calls(
            &server.host(),
            "Quote",
            &format!("{LOAD}, {keys}"),
            &[(name, &content)],
        );
        output.exits(2).says(says);
    }
    assert!(server.calls().is_empty());
}

#[test]
fn what_files_cannot_tell_is_told_with_its_place() {
    let server = Grpc::shop();
    let missing = SHOP_PROTO.replace("shop/address.proto", "shop/adress.proto");
    let broken = SHOP_PROTO.replace("int32 amount = 2;", "int32 amount = ;");
    let twice = SHOP_PROTO.replace("int64 cents = 3;", "int64 cents = 2;");
    let rows = [
        (
            "an import that is missing",
            missing.as_str(),
            "Quote",
            &["shop/adress.proto", "name the folder"][..],
        ),
        ("a mistake", &broken, "Quote", &["shop.proto:32:"]),
        ("a number twice", &twice, "Quote", &["shop.proto:", "2"]),
        ("no such method", SHOP_PROTO, "Qoute", &["did you mean `Quote`"]),
        (
            "no such service",
            SHOP_PROTO,
            "shop.v1.Shoop/Quote",
            &["did you mean `shop.v1.Shop`"],
        ),
        ("no file", "", "Quote", &["shop.proto"]),
        (
            "an edition",
            "edition = \"2023\";\npackage shop.v1;\nmessage Order {}\n",
            "Quote",
            &["edition", "shop.proto"],
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, text, method, says)| {
            let mut files = vec![("shop/address.proto", ADDRESS_PROTO.as_bytes())];
            if !text.is_empty() {
                files.push(("shop.proto", text.as_bytes()));
            }
            let keys = format!("{LOAD}, proto: shop.proto");
            let (_, _, output) = judged_calls(&server.host(), method, &keys, &files);
            assert!(matches!(output.code, Some(2 | 3)), "{output}");
            output.says_all(says);
        },
    );
    for (name, content) in [
        ("garbage", &b"\xff\xff\xff\xff"[..]),
        ("empty", b""),
        ("text", SHOP_PROTO.as_bytes()),
    ] {
        let keys = format!("{LOAD}, protoset: shop.protoset");
        let (_, _, output) = judged_calls(&server.host(), "Quote", &keys, &[("shop.protoset", content)]);
        assert!(matches!(output.code, Some(2 | 3)), "{name}: {output}");
        output.says("shop.protoset");
    }
    let http = Server::new(|_| Answer::status(404));
    let url = http.url("/shop.protoset");
    let (_, _, output) = judged_calls(
        &server.host(),
        "Quote",
        &format!("{LOAD}, protoset: '{url}'"),
        &[],
    );
    output.exits(3).says("404");
    assert!(server.calls().is_empty());
}

#[test]
fn a_run_that_is_stopped_says_what_came_until_then() {
    let server = Grpc::answering(|_| Reply::ok().after(Duration::from_millis(20))).start();
    let app = App::with(&format!(
        "spec:\n- task: grpc\n  with: {{host: '{}', call: shop.v1.Shop/Quote, duration: 30s, concurrency: 2}}\n",
        server.host()
    ));
    let running = app.start(&["run"]);
    let since = std::time::Instant::now();
    while server.calls().len() < 10 && since.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal(rustix::process::Signal::TERM);
    let output = running.finish();
    output.exits(143);
    let measured = crate::support::measured(&app);
    assert!(
        measured["answered"]
            .as_u64()
            .is_some_and(|answered| answered >= 8),
        "{output}"
    );
}
