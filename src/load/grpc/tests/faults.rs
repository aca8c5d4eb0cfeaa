//! What goes wrong with calls, and what is said of it.

use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::grpc::code::Code;
use crate::load::h2::raw::{ACK, END_HEADERS, END_STREAM, HEADERS, Raw, SETTINGS, frame, go_away, reset};

/// Calls a method once, and says how that is counted.
async fn fault(method: &str) -> (LoadMeasurement, FailureClass, String) {
    let server = Server::start().await;
    let load = once(&call(&server, method)).await;
    assert_eq!((load.requests, load.errors), (1, 1), "{method}");
    let (class, example) = failure(&load);
    let example = example.to_owned();
    (load, class, example)
}

#[tokio::test]
async fn every_status_code_is_counted_under_its_number() {
    let server = Server::start().await;
    for code in 1..=17 {
        let load = once(&call(&server, &format!("Code{code}"))).await;
        assert_eq!(load.statuses, [(code, 1)].into());
        assert_eq!((load.answered, load.errors), (1, 1));
        let (class, example) = failure(&load);
        assert_eq!(class, FailureClass::Status);
        assert_eq!(example, format!("{}: as you wish", Code(code)));
    }
}

#[tokio::test]
async fn what_the_server_says_is_told() {
    use FailureClass::{Protocol, Reset, Status};
    for (method, code, class, example) in [
        ("Busy", 14, Status, "UNAVAILABLE: try later"),
        ("Denied", 7, Status, "PERMISSION_DENIED: not you"),
        ("Unknown", 12, Status, "UNIMPLEMENTED"),
        (
            "NoStatus",
            2,
            Protocol,
            "UNKNOWN: the answer ended without a grpc-status",
        ),
        (
            "NoTrailers",
            2,
            Protocol,
            "UNKNOWN: the answer ended without a grpc-status",
        ),
        (
            "Nothing",
            13,
            Protocol,
            "INTERNAL: the answer is OK, but has no message",
        ),
        (
            "Twice",
            13,
            Protocol,
            "INTERNAL: the answer of a method that does not stream has more than one message",
        ),
        (
            "Half",
            13,
            Protocol,
            "INTERNAL: the answer ended in the middle of a message",
        ),
        (
            "Snappy",
            13,
            Protocol,
            "INTERNAL: a message is compressed by `snappy`, which is not known",
        ),
        (
            "Undeclared",
            13,
            Protocol,
            "INTERNAL: a message is compressed, but there is no grpc-encoding",
        ),
        (
            "BadGateway",
            14,
            Protocol,
            "UNAVAILABLE: the server answered HTTP 502 Bad Gateway with content-type `text/html`, which is not gRPC",
        ),
        (
            "Page",
            2,
            Protocol,
            "UNKNOWN: the server answered HTTP 200 OK with content-type `text/html`, which is not gRPC",
        ),
        (
            "Reset",
            13,
            Reset,
            "INTERNAL: the server reset the stream: PROTOCOL_ERROR",
        ),
        (
            "Cancelled",
            1,
            Reset,
            "CANCELLED: the server reset the stream: CANCEL",
        ),
    ] {
        let (load, was, said) = fault(method).await;
        assert_eq!((was, said.as_str()), (class, example), "{method}");
        assert_eq!(load.statuses, [(code, 1)].into(), "{method}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_leaves_the_connection_alone() {
    let server = Server::start().await;
    let load = burst(&call(&server, "Reset"), 20, pool(1, 4, ms(5000))).await;
    assert_eq!((load.errors, load.connections, load.reconnects), (20, 1, 0));
}

#[tokio::test]
async fn a_refused_call_is_made_once_more() {
    let server = Server::start().await;
    let load = once(&call(&server, "Refused")).await;
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 2);
    assert_eq!(load.statuses, [(14, 1)].into());
    let (class, example) = failure(&load);
    assert_eq!(class, FailureClass::Reset);
    assert!(
        example.starts_with("UNAVAILABLE: the server reset the stream: REFUSED_STREAM"),
        "{example}"
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_the_stream_reset() {
    let server = Server::start().await;
    let mut spec = call(&server, "Large");
    assert_eq!(once(&spec).await.errors, 0);
    spec.max_recv = 69_999;
    let load = burst(&spec, 3, pool(1, 1, ms(5000))).await;
    assert_eq!((load.errors, load.connections), (3, 1));
    assert_eq!(load.statuses, [(8, 3)].into());
    let (class, example) = failure(&load);
    assert_eq!(class, FailureClass::Status);
    assert_eq!(
        example,
        "RESOURCE_EXHAUSTED: a message has 70000 bytes, at most 69999 are received"
    );
    spec.max_send = 3;
    let load = once(&spec).await;
    let (_, example) = failure(&load);
    assert_eq!(
        example,
        "RESOURCE_EXHAUSTED: the message to send has 4 bytes, at most 3 may be sent"
    );
}

#[tokio::test]
async fn a_call_that_is_not_answered_in_time_takes_at_least_its_time() {
    let server = Server::start().await;
    let load = burst(&call(&server, "Slow"), 2, pool(1, 2, ms(120))).await;
    assert_eq!((load.errors, load.connections), (2, 1));
    assert_eq!(load.statuses, [(4, 2)].into());
    let (class, _) = failure(&load);
    assert_eq!(class, FailureClass::Timeout);
    let latency = &load.timings[&Timing::Latency];
    assert_eq!(latency.count(), 2);
    let least = latency
        .statistic(crate::metrics::Statistic::Min)
        .expect("latencies");
    assert!(least >= 120.0, "{least}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let load = once(&call_at(&format!("http://{address}"), "Hello")).await;
    assert_eq!(load.statuses, [(14, 1)].into());
    assert_eq!(failure(&load), (FailureClass::Connect, "connection refused"));
}

/// A server of one connection that does `serve` after the settings.
async fn raw<F: Future<Output = ()> + Send>(serve: impl FnOnce(Raw) -> F + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut raw = Raw { stream };
        raw.preface().await;
        raw.send(&frame(SETTINGS, 0, 0, &[])).await;
        raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
        serve(raw).await;
        // The second connection is served well.
        while let Ok((stream, _)) = listener.accept().await {
            let mut raw = Raw { stream };
            raw.preface().await;
            raw.send(&frame(SETTINGS, 0, 0, &[])).await;
            raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
            while let Some(next) = raw.next().await {
                if next.kind == HEADERS {
                    raw.send(&ok(next.stream)).await;
                }
            }
        }
    });
    format!("http://{address}")
}

/// `:status: 200`, a field without a name in HPACK's table, and no more.
fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(u8::try_from(text.len()).expect("short"));
        block.extend(text.bytes());
    }
}

/// A complete answer with an empty message.
fn ok(stream: u32) -> Vec<u8> {
    let mut head = vec![0x88];
    field(&mut head, "content-type", "application/grpc");
    let mut trailers = Vec::new();
    field(&mut trailers, "grpc-status", "0");
    let mut bytes = frame(HEADERS, END_HEADERS, stream, &head);
    bytes.extend(frame(0, 0, stream, &[0; 5]));
    bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &trailers));
    bytes
}

/// Answers every call with a head alone: `status` is the byte of HPACK's table for it.
async fn heads(status: u8, kind: &'static str, code: &'static str) -> String {
    raw(move |mut raw| async move {
        while let Some(next) = raw.next().await {
            if next.kind == HEADERS {
                let mut head = vec![status];
                field(&mut head, "content-type", kind);
                field(&mut head, "grpc-status", code);
                let end = END_HEADERS | END_STREAM;
                raw.send(&frame(HEADERS, end, next.stream, &head)).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_ok_without_a_message_or_without_grpc_is_none() {
    const STATUS_200: u8 = 0x88;
    const STATUS_500: u8 = 0x8e;
    for (status, kind, code) in [
        (STATUS_200, "application/grpc", "0"),
        (STATUS_500, "application/grpc", "0"),
        (STATUS_200, "text/html", "0"),
    ] {
        let url = heads(status, kind, code).await;
        let load = once(&call_at(&url, "Hello")).await;
        assert_eq!((load.requests, load.errors), (1, 1), "{status:x} {kind}");
        assert_eq!(failure(&load).0, FailureClass::Protocol, "{status:x} {kind}");
    }
    let url = heads(STATUS_200, "application/grpc", "0").await;
    let mut stream = call_at(&url, "Hello");
    stream.kind = CallKind::ServerStreaming;
    let load = once(&stream).await;
    assert_eq!(load.errors, 0, "a stream may be empty: {:?}", load.failures);
}

#[tokio::test]
async fn a_stream_that_is_never_answered_is_an_error_when_its_time_is_over() {
    let url = raw(|mut raw| async move { while raw.next().await.is_some() {} }).await;
    let mut spec = call_at(&url, "Hello");
    spec.kind = CallKind::ServerStreaming;
    spec.stream.call_duration = Some(ms(50));
    let load = once(&spec).await;
    assert_eq!((load.requests, load.errors, load.answered), (1, 1, 0));
    assert_eq!(failure(&load).0, FailureClass::Timeout);
}

#[tokio::test]
async fn calls_that_a_leaving_server_did_not_process_are_made_on_a_new_connection() {
    let url = raw(|mut raw| async move {
        let first = raw.wait_for(HEADERS).await.stream;
        raw.send(&go_away(0, 0)).await;
        assert_eq!(first, 1);
        while raw.next().await.is_some() {}
    })
    .await;
    let load = burst(&call_at(&url, "Hello"), 5, pool(1, 1, ms(5000))).await;
    assert_eq!((load.requests, load.errors), (5, 0), "{:?}", load.failures);
    assert_eq!((load.connections, load.reconnects), (2, 1));
    assert_eq!((load.messages_sent, load.messages_received), (5, 5));
}

#[tokio::test]
async fn calls_that_a_leaving_server_did_process_are_answered_first() {
    let url = raw(|mut raw| async move {
        let first = raw.wait_for(HEADERS).await.stream;
        raw.send(&go_away(first, 0)).await;
        raw.send(&ok(first)).await;
        while raw.next().await.is_some() {}
    })
    .await;
    let load = burst(&call_at(&url, "Hello"), 3, pool(1, 1, ms(5000))).await;
    assert_eq!((load.requests, load.errors), (3, 0), "{:?}", load.failures);
    assert_eq!(load.connections, 2);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_call_fails_that_call() {
    let url = raw(|mut raw| async move {
        raw.wait_for(HEADERS).await;
        raw.stream.shutdown().await.expect("a shutdown");
    })
    .await;
    let load = burst(&call_at(&url, "Hello"), 3, pool(1, 1, ms(5000))).await;
    assert_eq!((load.requests, load.errors), (3, 1), "{:?}", load.failures);
    assert_eq!(load.statuses, [(0, 2), (14, 1)].into());
    let (class, example) = failure(&load);
    assert_eq!(class, FailureClass::Reset);
    assert!(example.starts_with("UNAVAILABLE: "), "{example}");
}

#[tokio::test]
async fn codes_of_resets_are_those_of_the_specification() {
    for (http2, code) in [(0, 13), (2, 13), (8, 1), (11, 8), (12, 7)] {
        let url = raw(move |mut raw| async move {
            let stream = raw.wait_for(HEADERS).await.stream;
            raw.send(&reset(stream, http2)).await;
            while raw.next().await.is_some() {}
        })
        .await;
        let load = once(&call_at(&url, "Hello")).await;
        assert_eq!(load.statuses, [(code, 1)].into(), "{http2}");
        assert_eq!(failure(&load).0, FailureClass::Reset);
    }
}

#[tokio::test]
async fn tls_where_there_is_none_and_the_reverse_are_told() {
    let server = Server::start().await;
    let url = format!("https://{}", server.address);
    let load = once(&call_at(&url, "Hello")).await;
    assert_eq!(failure(&load).0, FailureClass::Tls);
    // A server that wants TLS answers anything else with an alert.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let alert = [21, 3, 1, 0, 2, 2, 10, 0, 0];
            let _ = stream.write_all(&alert).await;
            // To close with something unread is to reset the connection, which may overtake the alert.
            let _ = stream.shutdown().await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    });
    let load = once(&call_at(&url, "Hello")).await;
    let (class, example) = failure(&load);
    assert_eq!(class, FailureClass::Protocol);
    assert_eq!(
        example,
        "the server does not speak HTTP/2 without TLS: it answered with a TLS alert"
    );
}
