//! HTTP/2: agreed on over TLS or by the user's word, shared connections, and servers that break its rules.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{
    Answer, Certificate, Faulty, Flaw, Nginx, Server, each, frame, judged_load, setting, speaking,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` in HPACK.
const OK: &[u8] = &[0x88];

/// A complete answer.
fn answer(stream: &mut TcpStream, id: u32) -> bool {
    let head = frame(HEADERS, END_HEADERS, id, OK);
    let body = frame(DATA, END_STREAM, id, b"ok");
    stream.write_all(&[head, body].concat()).is_ok()
}

fn go_away(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

#[test]
fn nginx_is_spoken_to_as_agreed_or_as_told() {
    let certificate = Certificate::new(Flaw::None);
    let Some(nginx) = Nginx::start(&certificate, "keepalive_requests 1000000;") else {
        return;
    };
    let rows = [
        ("auto", "caCert: ca.pem", "HTTP/2.0"),
        ("auto", "insecureSkipVerify: true", "HTTP/2.0"),
        ("2", "caCert: ca.pem", "HTTP/2.0"),
        ("'1.1'", "caCert: ca.pem", "HTTP/1.1"),
        ("auto", "caCert: ca.pem, followRedirects: true", "HTTP/1.1"),
    ];
    for (version, trust, spoken) in rows {
        let before = nginx.answered().len();
        let more = format!(
            "httpVersion: {version}, {trust}, numRequests: 40, qps: max, connections: 4, expect: {{body: 'spoken: {spoken}'}}"
        );
        let (measured, _, output) = judged_load(
            &nginx.url(),
            &more,
            &[("ca.pem", certificate.authority.as_bytes())],
        );
        output.exits(0);
        assert_eq!(
            (&measured["answered"], &measured["connections"]),
            (&40.into(), &4.into()),
            "{output}"
        );
        assert_eq!(nginx.answered()[before..], vec![format!("{spoken} 200"); 40]);
        let spoken = format!("{} over TLS", spoken.trim_end_matches(".0"));
        assert_eq!(measured["spoken"], serde_json::json!({ spoken: 4 }), "{output}");
    }
    let more = "httpVersion: 2, caCert: ca.pem, numRequests: 1000, qps: max, connections: 1, streams: 50";
    let (measured, _, output) = judged_load(
        &nginx.url(),
        more,
        &[("ca.pem", certificate.authority.as_bytes())],
    );
    output.exits(0);
    assert_eq!(
        (&measured["answered"], &measured["connections"]),
        (&1000.into(), &1.into()),
        "{output}"
    );
}

#[test]
fn nginx_ends_connections_and_no_request_is_lost_or_sent_twice() {
    let certificate = Certificate::new(Flaw::None);
    let Some(nginx) = Nginx::start(&certificate, "keepalive_requests 20;") else {
        return;
    };
    let rows = [
        "connections: 1",
        "connections: 4",
        "connections: 1, streams: 50",
        "connections: 3, streams: 7",
    ];
    for shape in rows {
        let before = nginx.answered().len();
        let more = format!("httpVersion: 2, caCert: ca.pem, numRequests: 300, qps: max, {shape}");
        let (measured, _, output) = judged_load(
            &nginx.url(),
            &more,
            &[("ca.pem", certificate.authority.as_bytes())],
        );
        output.exits(0);
        assert_eq!(measured["answered"], 300, "{output}");
        assert_eq!(nginx.answered().len() - before, 300, "{output}");
    }
}

#[test]
fn a_server_that_goes_away_after_some_requests_answers_each_once() {
    let rows = [
        (1, "connections: 1"),
        (25, "connections: 1, streams: 50"),
        (10, "connections: 50"),
        (10, "connections: 5, streams: 10"),
        (100, "connections: 2, streams: 50"),
    ];
    each(
        &rows,
        |row| row.1,
        |&(after, shape)| {
            // What it takes in behind its last request it never processes, and says so.
            let server = speaking(setting(&[]), move |stream, id, index| {
                let last = index + 1 == after;
                if last && stream.write_all(&go_away(id, 0)).is_err() {
                    return false;
                }
                answer(stream, id) && !last
            });
            let more = format!("httpVersion: h2c, numRequests: 300, qps: max, {shape}");
            let (measured, _, output) = judged_load(&server.url(), &more, &[]);
            output.exits(0);
            assert_eq!(
                (&measured["requests"], &measured["answered"]),
                (&300.into(), &300.into()),
                "{output}"
            );
            assert_eq!(server.requests(), 300, "{output}");
            assert!(server.connections() >= 300 / after, "{output}");
        },
    );
}

/// Keeps account of how many requests it has at a time.
fn busy(streams: Option<u32>) -> (Faulty, Arc<AtomicUsize>) {
    let most = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&most);
    let settings = setting(
        &streams
            .map(|streams| (3, streams))
            .into_iter()
            .collect::<Vec<_>>(),
    );
    let limit = usize::try_from(streams.unwrap_or(50)).expect("a small number");
    let waiting = std::sync::Mutex::new(Vec::new());
    // Answers when as many as may be are there: each connection here is the only one.
    let server = speaking(settings, move |stream, id, _| {
        let mut waiting = waiting.lock().expect("no panic");
        waiting.push(id);
        counted.fetch_max(waiting.len(), Ordering::SeqCst);
        waiting.len() < limit || waiting.drain(..).all(|id| answer(stream, id))
    });
    (server, most)
}

#[test]
fn a_connection_carries_as_many_requests_as_are_asked_for_and_allowed() {
    let (server, most) = busy(None);
    let more = "httpVersion: h2c, numRequests: 500, qps: max, connections: 1, streams: 50";
    let (measured, _, output) = judged_load(&server.url(), more, &[]);
    output.exits(0);
    assert_eq!(
        (&measured["answered"], &measured["connections"]),
        (&500.into(), &1.into())
    );
    assert_eq!(
        (
            server.requests(),
            server.connections(),
            most.load(Ordering::SeqCst)
        ),
        (500, 1, 50)
    );

    let (server, most) = busy(Some(3));
    let more = "httpVersion: h2c, numRequests: 300, qps: max, connections: 1, streams: 50";
    let (measured, _, output) = judged_load(&server.url(), more, &[]);
    output.exits(0).says("waited because");
    assert_eq!(
        (&measured["answered"], &measured["connections"]),
        (&300.into(), &1.into())
    );
    assert_eq!(
        (
            server.requests(),
            server.connections(),
            most.load(Ordering::SeqCst)
        ),
        (300, 1, 3)
    );
    assert!(
        measured["waited"].as_u64().is_some_and(|waited| waited > 200),
        "{output}"
    );
}

#[test]
fn warm_connections_are_those_of_the_load() {
    for (shape, connections) in [("connections: 4", 4), ("connections: 3, streams: 5", 3)] {
        for pace in ["max", "200"] {
            let server = speaking(setting(&[]), |stream, id, _| answer(stream, id));
            let more =
                format!("httpVersion: h2c, numRequests: 60, qps: {pace}, {shape}, connectionWarmup: 2");
            let (measured, _, output) = judged_load(&server.url(), &more, &[]);
            output.exits(0);
            assert_eq!(measured["answered"], 60, "{output}");
            assert_eq!(
                (server.connections(), server.requests()),
                (connections, 60 + 2 * connections),
                "{shape} {pace}"
            );
            assert_eq!(measured["spoken"]["HTTP/2"], connections, "{output}");
        }
    }
}

#[test]
fn warm_connections_of_http1_are_those_of_the_load_too() {
    for pace in ["max", "200"] {
        let server = Server::ok();
        let more = format!("numRequests: 60, qps: {pace}, connections: 4, connectionWarmup: 2");
        let (measured, _, output) = judged_load(&server.url("/"), &more, &[]);
        output.exits(0);
        assert_eq!(
            (&measured["answered"], &measured["connections"]),
            (&60.into(), &0.into()),
            "{output}"
        );
        assert_eq!((server.connections(), server.requests()), (4, 68), "{pace}");
        assert_eq!(measured["spoken"]["HTTP/1.1"], 4, "{output}");
    }
}

/// A server that breaks the rules, or the answer.
struct Row {
    name: &'static str,
    /// In answer to a request: made of the number of its stream.
    says: fn(u32) -> Vec<u8>,
    /// Sent again and again after it.
    flood: fn(u32) -> Vec<u8>,
    class: &'static str,
    words: &'static str,
}

const fn nothing(_: u32) -> Vec<u8> {
    Vec::new()
}

impl Row {
    fn new(name: &'static str, says: fn(u32) -> Vec<u8>, class: &'static str, words: &'static str) -> Self {
        Self {
            name,
            says,
            flood: nothing,
            class,
            words,
        }
    }

    fn flood(mut self, flood: fn(u32) -> Vec<u8>) -> Self {
        self.flood = flood;
        self
    }
}

#[rustfmt::skip] // a table
fn broken() -> Vec<Row> {
    vec![
        Row::new("never answers", nothing, "timeout", "no complete answer within"),
        Row::new("half an answer", |id| frame(HEADERS, END_HEADERS, id, OK), "timeout", "no complete answer within"),
        Row::new("INTERNAL_ERROR", |id| frame(RST_STREAM, 0, id, &[0, 0, 0, 2]), "reset", "INTERNAL_ERROR"),
        Row::new("CANCEL", |id| frame(RST_STREAM, 0, id, &[0, 0, 0, 8]), "reset", "CANCEL"),
        Row::new("a reset in the middle", |id| [frame(HEADERS, END_HEADERS, id, OK), frame(RST_STREAM, 0, id, &[0, 0, 0, 0])].concat(), "reset", "before the answer was complete"),
        Row::new("ENHANCE_YOUR_CALM", |id| frame(RST_STREAM, 0, id, &[0, 0, 0, 11]), "reset", "more than it is willing to take"),
        Row::new("goes away in anger and leaves", |id| go_away(id, 2), "reset", "INTERNAL_ERROR"),
        Row::new("no valid header", |id| frame(HEADERS, END_HEADERS | END_STREAM, id, &[0xff, 0xff]), "protocol", "HTTP/2"),
        Row::new("data on no stream", |_| frame(DATA, 0, 0, b"x"), "protocol", "breaks the rules of HTTP/2"),
        Row::new("flood of settings", nothing, "timeout", "no complete answer within")
            .flood(|_| setting(&[])),
        Row::new("flood of pings", nothing, "timeout", "no complete answer within")
            .flood(|_| frame(PING, 0, 0, &[7; 8])),
        Row::new("flood of resets", |id| frame(RST_STREAM, 0, id, &[0, 0, 0, 2]).repeat(20_000), "reset", "reset the stream"),
        Row::new("flood of headers", |id| frame(HEADERS, 0, id, OK), "protocol", "ENHANCE_YOUR_CALM")
            .flood(|id| frame(CONTINUATION, 0, id, b"\x00\x01a\x01b")),
        Row::new("flood of empty data", |id| frame(HEADERS, END_HEADERS, id, OK), "protocol", "ENHANCE_YOUR_CALM")
            .flood(|id| frame(DATA, 0, id, &[])),
    ]
}

#[test]
fn what_breaks_a_stream_or_its_connection_is_told_in_the_words_of_the_protocol() {
    each(
        &broken(),
        |row| row.name,
        |row| {
            let (says, flood) = (row.says, row.flood);
            let leaves = row.name.ends_with("and leaves");
            let server = speaking(setting(&[]), move |stream, id, _| {
                let mut open = stream.write_all(&says(id)).is_ok();
                let batch = flood(id).repeat(100);
                let patience = Some(std::time::Duration::from_secs(2));
                stream.set_write_timeout(patience).expect("a socket");
                while open && !batch.is_empty() {
                    open = stream.write_all(&batch).is_ok();
                }
                open && !leaves
            });
            let timeout = if row.class == "timeout" { "400ms" } else { "20s" };
            let more =
                format!("httpVersion: h2c, numRequests: 3, qps: max, connections: 3, timeout: {timeout}");
            let (measured, _, output) = judged_load(&server.url(), &more, &[]);
            output.exits(1);
            assert_eq!(
                (&measured["requests"], &measured["answered"]),
                (&3.into(), &0.into()),
                "{output}"
            );
            let failures = &measured["failures"];
            assert_eq!(failures[row.class]["count"], 3, "{failures}");
            let words = failures[row.class]["example"].as_str().unwrap_or_default();
            assert!(words.contains(row.words), "{words}");
            assert_eq!(server.requests(), 3, "nothing is sent twice");
        },
    );
}

#[test]
fn a_stream_that_fails_leaves_the_others_of_its_connection_alone() {
    let server = speaking(setting(&[]), |stream, id, index| {
        if index % 3 == 0 {
            stream.write_all(&frame(RST_STREAM, 0, id, &[0, 0, 0, 2])).is_ok()
        } else {
            answer(stream, id)
        }
    });
    let more = "httpVersion: h2c, numRequests: 300, qps: max, connections: 1, streams: 20";
    let (measured, _, output) = judged_load(&server.url(), more, &[]);
    output.exits(1);
    assert_eq!(
        (&measured["answered"], &measured["errors"]),
        (&200.into(), &100.into()),
        "{output}"
    );
    assert_eq!((server.requests(), server.connections()), (300, 1));
}

#[test]
fn a_refused_stream_is_tried_once_more() {
    let server = speaking(setting(&[]), |stream, id, index| {
        if index % 10 == 9 {
            stream.write_all(&frame(RST_STREAM, 0, id, &[0, 0, 0, 7])).is_ok()
        } else {
            answer(stream, id)
        }
    });
    let more = "httpVersion: h2c, numRequests: 90, qps: max, connections: 1";
    let (measured, _, output) = judged_load(&server.url(), more, &[]);
    output.exits(0);
    assert_eq!(
        (&measured["answered"], &measured["errors"]),
        (&90.into(), &0.into()),
        "{output}"
    );
    assert_eq!(measured["reconnects"], 0, "no connection was closed: {output}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_body_that_the_server_does_not_take_times_out() {
    // SETTINGS_INITIAL_WINDOW_SIZE.
    let server = speaking(setting(&[(4, 0)]), |_, _, _| true);
    let more = "httpVersion: h2c, numRequests: 6, qps: max, connections: 1, streams: 6, timeout: 400ms, payloadStr: hello";
    let (measured, _, output) = judged_load(&server.url(), more, &[]);
    output.exits(1).says("no complete answer within");
    assert_eq!(measured["failures"]["timeout"]["count"], 6, "{output}");
    assert_eq!((server.requests(), server.connections()), (6, 1));
}

#[test]
fn a_server_that_does_not_speak_it_is_told_so() {
    let (plain, mute) = (Server::ok(), Faulty::sockets(|_, _| {}));
    let both = Certificate::new(Flaw::None);
    let silent_on_it = Server::tls(&both, |_| Answer::status(200));
    let old = Certificate::new(Flaw::None).speaking(&["http/1.1"]);
    let old_server = Server::tls(&old, |_| Answer::status(200));
    let new = Certificate::new(Flaw::None).speaking(&["h2"]);
    let new_server = Server::tls(&new, |_| Answer::status(200));
    let rows = [
        (
            "HTTP/1.1",
            plain.url("/"),
            "h2c",
            "reset",
            "closed the connection when it was spoken to in HTTP/2",
        ),
        (
            "closes",
            mute.url(),
            "h2c",
            "reset",
            "closed the connection when it was spoken to in HTTP/2",
        ),
        (
            "TLS without a word",
            silent_on_it.url("/"),
            "2",
            "reset",
            "closed the connection when it was spoken to in HTTP/2",
        ),
        (
            "HTTP/1.1 on TLS",
            old_server.url("/"),
            "2",
            "tls",
            "speaks no version of HTTP that it was offered",
        ),
        (
            "HTTP/2 alone",
            new_server.url("/"),
            "'1.1'",
            "tls",
            "speaks no version of HTTP that it was offered",
        ),
    ];
    each(
        &rows,
        |row| row.0,
        |(_, url, version, class, words)| {
            let more = format!(
                "httpVersion: {version}, insecureSkipVerify: {}, numRequests: 4, qps: 100",
                url.starts_with("https")
            );
            let (measured, _, output) = judged_load(url, &more, &[]);
            output.exits(3).says(words);
            assert_eq!(measured["failures"][class]["count"], 4, "{output}");
        },
    );
    for server in [&plain, &silent_on_it, &old_server, &new_server] {
        assert_eq!(server.requests(), 0);
    }
}
